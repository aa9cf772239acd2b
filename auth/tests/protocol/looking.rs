//! What a look into the ledger makes of it, whatever is under way in the page.

use auth::{Contract, Custody, EndReason, Error, Platform as _, State};
use futures_util::future::{join, join_all};

use crate::world::{Broken, CHANNEL, Fault, LedgerFault, World, me, signed_in, watch};

#[test]
fn a_look_that_comes_before_the_restore_ends_what_was_logged_out_of() {
    let (world, _tab, _client) = World::signed_in();
    let second = world.tab().client(Contract::default(), Custody::default());
    // The restore's own read.
    world.next_transactions([LedgerFault::Hangs]);
    second.start();
    world.idle();
    second.logout();
    let seen = watch(&second);
    assert!(world.run(second.recheck()));
    world.settle();
    assert_eq!(seen.take(), [State::SignedOut(Some(EndReason::LoggedOut))]);
    assert_eq!(world.count("POST /logout 204"), 1);
}

#[test]
fn a_clock_that_is_set_meanwhile_does_not_end_a_starts_wait_for_the_ledger() {
    let (world, _tab, _client) = World::signed_in();
    world.next_transactions([LedgerFault::Aborts; 3]);
    let stranger = world.tab().open();
    world.set_clock_by(86_400_000);
    world.pass(100);
    assert_eq!(stranger.state(), State::Restoring);
    world.settle();
    assert_eq!(stranger.state(), signed_in("ann"));
}

#[test]
fn looks_at_the_same_time_are_one() {
    let (world, _tab, client) = World::signed_in();
    let before = world.transactions();
    world.next_transactions([LedgerFault::HeardLate(50)]);
    let looks: Vec<bool> = world.run(join_all((0..20).map(|_| client.recheck())));
    assert!(looks.iter().all(|seen| *seen));
    // The second reading is for those who came during the first.
    assert_eq!(world.transactions() - before, 2);
}

#[test]
fn a_logout_before_a_slow_ledger_has_answered_waits_for_it() {
    let (world, _tab, _client) = World::signed_in();
    let second = world.tab().client(Contract::default(), Custody::default());
    world.next_transactions([LedgerFault::Hangs; 10]);
    second.start();
    second.logout();
    world.settle();
    assert_eq!(world.count("POST /logout 204"), 1);
}

#[test]
fn a_page_that_signs_in_names_nobody_else_meanwhile() {
    let (world, _tab, client) = World::signed_in();
    let other = world.tab().open();
    world.settle();
    world.next("/token", [Fault::Slow(0, 3_000)]);
    let seen = watch(&client);
    let elsewhere = async {
        world.timer(500).await;
        other.login("bob", "secret").await
    };
    assert_eq!(world.run(join(client.login("ann", "secret"), elsewhere)), (Ok(()), Ok(())));
    assert_eq!(seen.take(), [State::SignedOut(Some(EndReason::ReplacedElsewhere)), signed_in("ann")]);
}

#[test]
fn a_page_that_signs_in_takes_up_no_other_login_meanwhile() {
    let world = World::new();
    let (here, there) = (world.tab().open(), world.tab().open());
    world.next("/token", [Fault::Slow(0, 3_000)]);
    let seen = watch(&here);
    let elsewhere = async {
        world.timer(500).await;
        there.login("bob", "secret").await
    };
    assert_eq!(world.run(join(here.login("ann", "secret"), elsewhere)), (Ok(()), Ok(())));
    assert_eq!(seen.take(), [signed_in("ann")]);
}

#[test]
fn a_look_that_finds_the_pages_own_login_shows_nothing_until_the_page_has_heard_of_it() {
    let (world, _tab, client) = World::signed_in();
    world.next_transactions_after(1, LedgerFault::HeardLate(1_500));
    let seen = watch(&client);
    let look = async {
        world.timer(500).await;
        client.recheck().await
    };
    assert_eq!(world.run(join(client.login("ann", "secret"), look)), (Ok(()), false));
    assert_eq!((seen.take(), client.state()), (vec![], signed_in("ann")));
}

#[test]
fn the_next_session_shares_no_flight_with_the_last_one() {
    let (world, _tab, client) = World::signed_in();
    world.pass(900_000);
    world.next("/refresh", [Fault::Slow(0, 5_000)]);
    let request = me();
    let next = async {
        world.timer(500).await;
        client.login("bob", "secret").await.unwrap();
        world.server(|server| server.expire_access());
        client.send(&request).await
    };
    let (_, answer) = world.run(join(client.send(&request), next));
    assert_eq!(answer.unwrap().status, 200);
}

#[test]
fn a_flight_that_ends_late_leaves_the_next_sessions_flight_alone() {
    let (world, _tab, client) = World::signed_in();
    world.pass(900_000);
    world.next("/refresh", [Fault::Slow(0, 3_000), Fault::Slow(0, 5_000)]);
    let request = me();
    let next = async {
        world.timer(500).await;
        client.login("bob", "secret").await.unwrap();
        world.server(|server| server.expire_access());
        let later = async {
            world.timer(4_000).await;
            client.send(&request).await
        };
        join(client.send(&request), later).await
    };
    let (_, (first, second)) = world.run(join(client.send(&request), next));
    assert_eq!((first.unwrap().status, second.unwrap().status), (200, 200));
    assert_eq!(world.count("POST /refresh"), 2, "one for each session");
}

#[test]
fn a_restore_that_a_login_and_its_logout_overtook_shows_nothing() {
    let (world, tab, _before) = World::signed_in();
    let client = tab.client(Contract::default(), Custody::default());
    // It has read the session, and sweeps.
    world.next_transactions_after(2, LedgerFault::Hangs);
    client.start();
    world.pass(50);
    world.run(client.login("ann", "secret")).unwrap();
    client.logout();
    world.settle();
    assert_eq!(client.state(), State::SignedOut(Some(EndReason::LoggedOut)));
    assert_eq!(world.run(client.send(&me())).err(), Some(Error::NotSignedIn));
}

#[test]
fn a_look_ends_however_often_another_one_is_asked_for() {
    let (world, tab, client) = World::signed_in();
    let sibling = tab.duplicate();
    world.next_transactions([LedgerFault::HeardLate(500); 200]);
    let asking = async {
        for _ in 0..100 {
            world.timer(300).await;
            sibling.post(CHANNEL, r#"{"v":1,"say":"Changed"}"#, false);
        }
    };
    let looking = async {
        client.recheck().await;
        world.time()
    };
    let began = world.time();
    let (ended, ()) = world.run(join(looking, asking));
    assert!(ended - began < 15_000, "{}", ended - began);
}

#[test]
fn a_login_elsewhere_that_storage_has_no_room_for_is_what_ended_the_session() {
    let (world, _tab, client) = World::signed_in();
    let other = world.tab().open();
    world.settle();
    world.break_storage(Broken::FULL);
    world.run(other.login("bob", "secret")).unwrap();
    world.settle();
    assert_eq!(client.state(), State::SignedOut(Some(EndReason::ReplacedElsewhere)));
}

#[test]
fn a_look_while_a_login_is_taken_back_tells_nobody_of_a_logout_elsewhere() {
    use LedgerFault::{Aborts, CommitsUnheard, Hangs, None as Good};
    let (world, _tab, client) = World::signed_in();
    let seen = watch(&client);
    world.next_transactions([Good, CommitsUnheard, Aborts, Aborts, Aborts, Aborts, Hangs]);
    world.run(client.login("bob", "secret")).unwrap_err();
    world.pass(10);
    assert!(world.run(client.recheck()));
    world.settle();
    assert_eq!(seen.take(), [State::SignedOut(Some(EndReason::Revoked))]);
}
