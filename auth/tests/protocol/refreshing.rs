//! One refresh: who shares it, what it stores, and when.

use std::cell::Cell;
use std::rc::Rc;

use auth::{EndReason, Error, State};
use futures_util::future::{join, join_all};

use crate::server::Rotation;
use crate::world::{Fault, World, me, signed_in, watch};

#[test]
fn a_failed_refresh_is_the_answer_of_everyone_who_waited_for_it() {
    let (world, _tab, client) = World::signed_in();
    world.pass(900_000);
    world.always("/refresh", Fault::says(503, ""));
    let answers = world.run(join_all((0..50).map(|_| async { client.send(&me()).await.err() })));
    assert_eq!(answers, vec![Some(Error::ServerError { status: 503 }); 50]);
    world.heal();
    world.pass(30_000);
    assert_eq!(world.run(client.send(&me())).unwrap().status, 200);
}

#[test]
fn a_new_refresh_token_replaces_the_spent_one() {
    let (world, tab, client) = World::signed_in();
    for n in 2..6 {
        world.pass(900_000);
        world.run(client.send(&me())).unwrap();
        let stored = world.profile();
        assert_eq!(stored.len(), 1);
        assert!(stored.values().all(|record| record.contains(&format!("\"refresh-{n}\""))), "{stored:?}");
        assert!(tab.records().values().all(|record| record.contains(&format!("\"access-{n}\""))));
    }
    assert_eq!(world.server(|server| server.reuses), 0);
}

#[test]
fn an_answer_without_a_new_refresh_token_keeps_the_old() {
    for rotation in [Rotation::Absent, Rotation::Null, Rotation::Same] {
        let (world, tab, client) = World::with(|server| server.rotation = rotation).sign_in();
        for _ in 0..3 {
            world.pass(900_000);
            assert_eq!(world.run(client.send(&me())).unwrap().status, 200);
            assert!(world.profile().values().all(|record| record.contains("\"refresh-1\"")));
        }
        let again = tab.open();
        world.pass(900_000);
        assert_eq!(world.run(again.send(&me())).unwrap().status, 200);
    }
}

#[test]
fn the_token_is_stored_before_anyone_who_waits_is_released() {
    let (world, tab, client) = World::signed_in();
    world.pass(900_000);
    let seen = Rc::new(Cell::new(0));
    let (sink, storage) = (seen.clone(), tab.clone());
    let _watch = client.subscribe(move |_| {
        assert!(storage.stored().contains("refresh-2"));
        sink.set(sink.get() + 1);
    });
    world.always("/me", Fault::Lost);
    // What goes out after the refresh goes out after the store.
    let sends = join_all((0..10).map(|_| async {
        let _ = client.send(&me()).await;
        assert!(tab.stored().contains("refresh-2"));
    }));
    world.run(sends);
    assert!(seen.get() > 0);
    assert!(!tab.stored().contains("refresh-1"));
}

#[test]
fn a_refresh_that_failed_is_repeated_while_the_caller_waits() {
    let (world, _tab, client) = World::signed_in();
    world.pass(900_000);
    world.next("/refresh", [Fault::Lost, Fault::says(503, ""), Fault::says(200, "<html>")]);
    assert_eq!(world.run(client.send(&me())).unwrap().status, 200);
    assert_eq!(world.count("POST /refresh"), 4);
    assert_eq!(client.state(), signed_in("ann"));
}

#[test]
fn a_refresh_begins_anew_after_one_that_failed() {
    let (world, _tab, client) = World::signed_in();
    world.pass(900_000);
    world.go_offline();
    for _ in 0..3 {
        assert_eq!(world.run(client.send(&me())).err(), Some(Error::Unreachable));
    }
    world.heal();
    world.pass(30_000);
    assert_eq!(world.run(client.send(&me())).unwrap().status, 200);
    assert_eq!(client.state(), signed_in("ann"));
}

#[test]
fn a_request_refused_while_a_refresh_is_out_waits_for_that_refresh() {
    let (world, _tab, client) = World::signed_in();
    world.server(|server| server.expire_access());
    world.next("/refresh", [Fault::Slow(0, 3_000)]);
    world.next("/me", [Fault::None, Fault::Slow(0, 1_000), Fault::Slow(0, 2_000)]);
    let answers = world.run(join_all((0..3).map(|_| async { client.send(&me()).await.unwrap().status })));
    assert_eq!(answers, [200, 200, 200]);
    assert_eq!(world.count("POST /refresh"), 1);
}

#[test]
fn two_tabs_that_refresh_in_turn_use_each_token_once() {
    let (world, tab, client) = World::signed_in();
    let other = world.tab();
    let second = other.open();
    world.settle();
    assert!(matches!(second.state(), State::SignedIn { .. }));
    for _ in 0..5 {
        world.pass(900_000);
        for client in [&client, &second] {
            assert_eq!(world.run(client.send(&me())).unwrap().status, 200);
        }
    }
    assert_eq!(world.server(|server| server.reuses), 0);
    drop(tab);
}

#[test]
fn a_terminal_answer_or_409_after_another_tab_stored_a_successor_is_no_end() {
    for status in [401, 409] {
        let (world, tab, client) = World::signed_in_idempotently();
        world.without_locks();
        let second = world.tab().open();
        world.settle();
        world.pass(900_000);
        let seen = watch(&client);
        // The first tab's attempt is held up until the second one, tired of waiting, has rotated.
        world.next("/refresh", [Fault::SaysLate(4_000, status, "{}"), Fault::None]);
        let (first, second) = world.run(async { join(client.send(&me()), second.send(&me())).await });
        assert_eq!((first.unwrap().status, second.unwrap().status), (200, 200));
        assert!(seen.take().iter().all(|state| matches!(state, State::SignedIn { .. })));
        assert_eq!(world.server(|server| (server.reuses, server.alive())), (0, 1));
        assert!(tab.stored().contains("refresh-3"));
    }
}

#[test]
fn a_late_success_does_not_overwrite_what_another_tab_committed() {
    let (world, _tab, client) = World::signed_in_idempotently();
    world.without_locks();
    world.without_messages();
    let second = world.tab().open();
    world.settle();
    world.pass(900_000);
    let answer = r#"{"access_token":"access-late","refresh_token":"refresh-late"}"#;
    world.next("/refresh", [Fault::SaysLate(4_000, 200, answer), Fault::None]);
    let (first, second) = world.run(async { join(client.send(&me()), second.send(&me())).await });
    // The first asked its siblings in vain, so the second was quicker. The late access token is used
    // (and unknown to this server), the refresh token dropped.
    assert_eq!((first.unwrap().status, second.unwrap().status), (200, 401));
    assert!(world.profile().values().all(|record| record.contains("refresh-3")));
    world.settle();
    assert_eq!(world.count("POST /logout"), 0, "it may be the current one: nothing is revoked");
}

#[test]
fn a_session_that_another_tab_ended_ends_here_at_the_next_refresh() {
    let (world, _tab, client) = World::signed_in();
    world.without_messages();
    let second = world.tab().open();
    second.logout();
    world.settle();
    world.pass(900_000);
    world.take_log();
    let error = world.run(client.send(&me())).unwrap_err();
    assert_eq!(error, Error::SessionEnded(EndReason::LoggedOutElsewhere));
    assert_eq!(client.state(), State::SignedOut(Some(EndReason::LoggedOutElsewhere)));
    assert_eq!(world.take_log(), [""; 0]);
}

#[test]
fn a_login_in_another_tab_is_not_adopted_silently() {
    let (world, tab, client) = World::signed_in();
    world.without_messages();
    let second = world.tab().open();
    world.run(second.login("bob", "secret")).unwrap();
    world.settle();
    world.pass(900_000);
    world.take_log();
    let error = world.run(client.send(&me())).unwrap_err();
    assert_eq!(error, Error::SessionEnded(EndReason::ReplacedElsewhere));
    assert_eq!(client.state(), State::SignedInElsewhere { user: "bob".into() });
    assert_eq!(world.take_log(), [""; 0]);
    assert!(!tab.stored().contains("access-1") && !world.profile().is_empty(), "bob's is not ann's to wipe");
    assert_eq!(world.run(second.send(&me())).unwrap().json(), Ok(r#"{"user":"bob"}"#.into()));
}

#[test]
fn a_refresh_answer_that_finds_the_session_gone_from_the_ledger_is_revoked() {
    let (world, _tab, client) = World::signed_in();
    world.without_messages();
    let second = world.tab().open();
    world.settle();
    world.pass(900_000);
    world.next("/refresh", [Fault::Slow(0, 1_000)]);
    let (error, ()) = world.run(async {
        join(client.send(&me()), async {
            second.logout();
        })
        .await
    });
    assert_eq!(error.unwrap_err(), Error::SessionEnded(EndReason::LoggedOutElsewhere));
    world.settle();
    assert_eq!(world.server(|server| server.alive()), 0);
    assert!(world.profile().is_empty());
}

#[test]
fn a_token_that_the_server_keeps_is_not_lost_with_its_newest_entry() {
    for rotation in [Rotation::Absent, Rotation::Same, Rotation::Null] {
        let (world, tab, client) = World::with(|server| server.rotation = rotation).sign_in();
        let older = world.profile();
        for _ in 0..2 {
            world.pass(900_000);
            world.run(client.send(&me())).unwrap();
        }
        world.edit_profile_to(older);
        let again = tab.open();
        world.pass(900_000);
        assert_eq!(world.run(again.send(&me())).unwrap().status, 200);
    }
}
