//! Several tabs of one session refresh once, and no token is used twice.

use auth::{Client, Custody};
use futures_util::future::{join, join_all};

use crate::server::Rotation;
use crate::tabs::DATABASE;
use crate::world::{Fault, Tab, World, me, signed_in};

/// Five tabs of one session, each with an access token of the same generation.
fn five(world: &World, custody: Custody) -> Vec<Client> {
    let first = world.tab();
    let client = first.open_with(Default::default(), custody);
    world.run(client.login("ann", "secret")).unwrap();
    let copies = (0..4).map(|_| first.duplicate().open_with(Default::default(), custody));
    std::iter::once(client).chain(copies.collect::<Vec<_>>()).collect()
}

#[test]
fn five_tabs_whose_token_expires_together_refresh_once() {
    for rotation in [Rotation::Strict, Rotation::Idempotent, Rotation::Absent] {
        for custody in [Custody::default(), DATABASE] {
            for locks in [true, false] {
                let world = World::with(|server| server.rotation = rotation);
                if !locks {
                    world.without_locks();
                }
                let tabs = five(&world, custody);
                world.pass(900_000);
                world.take_log();
                let answers = world.run(join_all(tabs.iter().map(|tab| async { tab.send(&me()).await })));
                assert!(answers.iter().all(|answer| answer.as_ref().is_ok_and(|a| a.status == 200)));
                let refreshes = world.count("POST /refresh");
                assert_eq!(refreshes, 1, "locks: {locks}");
                assert_eq!(world.server(|server| (server.reuses, server.alive())), (0, 1));
            }
        }
    }
}

#[test]
fn tabs_on_a_busy_machine_wait_for_a_sibling_that_is_slow_to_answer() {
    for locks in [true, false] {
        let world = World::new();
        if !locks {
            world.without_locks();
        }
        let tabs = five(&world, Custody::default());
        world.pass(900_000);
        world.take_log();
        world.with_late_messages(400);
        let answers = world.run(join_all(tabs.iter().map(|tab| async { tab.send(&me()).await })));
        assert!(answers.iter().all(|answer| answer.as_ref().is_ok_and(|a| a.status == 200)));
        assert_eq!(world.count("POST /refresh"), 1, "locks: {locks}");
    }
}

#[test]
fn a_sibling_that_did_not_hear_the_question_is_asked_again() {
    let (world, tab, client) = World::signed_in();
    let copy = tab.duplicate().open();
    world.pass(900_000);
    assert_eq!(world.run(client.send(&me())).unwrap().status, 200);
    world.take_log();
    world.without_messages();
    let request = me();
    let (answer, ()) = world.run(join(copy.send(&request), async {
        world.timer(100).await;
        world.with_late_messages(0);
    }));
    assert_eq!(answer.unwrap().status, 200);
    assert_eq!(world.take_log(), ["GET /me 200"]);
}

#[test]
fn a_sibling_whose_token_is_as_old_says_so_at_once() {
    let (world, tab, client) = World::signed_in();
    let copy = tab.duplicate().open();
    world.pass(900_000);
    assert_eq!(world.run(client.send(&me())).unwrap().status, 200);
    world.sleep(3_600_000);
    world.take_log();
    let began = world.time();
    assert_eq!(world.run(copy.send(&me())).unwrap().status, 200);
    assert_eq!(world.take_log(), ["POST /refresh 200", "GET /me 200"]);
    assert_eq!(world.time() - began, 40, "two calls, and no wait");
}

#[test]
fn without_locks_a_slow_flight_is_waited_for_briefly_where_a_repetition_does_no_harm() {
    let world = World::with(|server| server.rotation = Rotation::Idempotent);
    world.without_locks();
    let tabs = five(&world, Custody::default());
    world.pass(900_000);
    world.take_log();
    // Whoever began it may be gone, and no lock would tell.
    world.next("/refresh", [Fault::SilentAfter, Fault::None]);
    let began = world.time();
    let (_first, second) = world
        .run(async { join(tabs[0].send(&me()), async { (tabs[1].send(&me()).await, world.time()) }).await });
    assert!(second.0.is_ok_and(|answer| answer.status == 200));
    assert!((2_000..4_000).contains(&(second.1 - began)), "{}", second.1 - began);
    assert_eq!(world.server(|server| (server.reuses, server.alive())), (0, 1));
}

#[test]
fn without_messages_each_tab_refreshes_in_turn_and_no_token_is_used_twice() {
    let world = World::new();
    world.without_messages();
    let tabs = five(&world, Custody::default());
    world.pass(900_000);
    world.take_log();
    let answers = world.run(join_all(tabs.iter().map(|tab| async { tab.send(&me()).await.unwrap().status })));
    assert_eq!(answers, [200; 5]);
    assert_eq!((world.count("POST /refresh 200"), world.server(|server| server.reuses)), (5, 0));
}

#[test]
fn twenty_tabs_restored_at_once_refresh_once() {
    let (world, tab, _client) = World::signed_in();
    world.pass(900_000);
    let copies: Vec<_> = (0..20).map(|_| tab.duplicate()).collect();
    let tabs: Vec<_> = copies.iter().map(Tab::open).collect();
    world.settle();
    assert!(tabs.iter().all(|client| client.state() == signed_in("ann")));
    assert_eq!(world.take_log(), ["POST /refresh 200"]);
}

#[test]
fn a_wedged_lock_holder_costs_an_idempotent_session_its_bound_only() {
    let (world, _tab, client) = World::signed_in_idempotently();
    let sid = world.profile().into_keys().next().unwrap();
    let sid = sid.split(':').nth_back(1).unwrap().to_owned();
    let _held = world.hold_lock(&sid);
    world.pass(900_000);
    let started = world.time();
    assert_eq!(world.run(client.send(&me())).unwrap().status, 200);
    assert!((12_000..13_000).contains(&(world.time() - started)));
}

#[test]
fn a_duplicated_tab_adopts_what_its_original_fetched() {
    let (world, tab, client) = World::signed_in();
    let copy = tab.duplicate().open();
    world.pass(900_000);
    assert_eq!(world.run(client.send(&me())).unwrap().status, 200);
    world.take_log();
    assert_eq!(world.run(copy.send(&me())).unwrap().status, 200);
    assert_eq!(world.take_log(), ["GET /me 200"]);
}
