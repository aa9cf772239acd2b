//! What another tab did, and how this one learns of it although something comes in between.

use auth::{Contract, Custody, EndReason, Error, State};
use futures_util::future::join;

use crate::world::{Fault, LedgerFault, World, me, signed_in};

#[test]
fn a_logout_elsewhere_is_seen_although_the_look_was_aborted() {
    let (world, _tab, client) = World::signed_in();
    let second = world.tab().open();
    world.settle();
    // The first is the logout's own.
    world.next_transactions_after(1, LedgerFault::Aborts);
    client.logout();
    world.pass(3_000);
    assert_eq!(second.state(), State::SignedOut(Some(EndReason::LoggedOutElsewhere)));
}

#[test]
fn a_ledger_that_gives_no_answer_is_asked_at_longer_and_longer_intervals() {
    let (world, _tab, client) = World::signed_in();
    let second = world.tab().open();
    world.settle();
    world.next_transactions_after(1, LedgerFault::Aborts);
    world.next_transactions([LedgerFault::Aborts; 6]);
    client.logout();
    world.pass(14_000);
    assert!(matches!(second.state(), State::SignedIn { .. }), "{:?}", second.state());
    world.pass(20_000);
    assert_eq!(second.state(), State::SignedOut(Some(EndReason::LoggedOutElsewhere)));
}

#[test]
fn a_login_that_fails_does_not_hide_one_that_went_well_elsewhere() {
    let world = World::new();
    let (here, there) = (world.tab().open(), world.tab().open());
    world.next("/token", [Fault::Slow(0, 3_000)]);
    let elsewhere = async {
        world.timer(500).await;
        there.login("ann", "secret").await
    };
    let (failed, done) = world.run(join(here.login("ann", "wrong"), elsewhere));
    assert_eq!((failed, done), (Err(Error::WrongCredentials), Ok(())));
    world.settle();
    assert!(matches!(here.state(), State::SignedIn { .. }), "{:?}", here.state());
}

#[test]
fn a_login_heard_of_late_leaves_the_session_that_replaced_it_alone() {
    let world = World::new();
    let there = world.tab().open();
    let here = world.tab().client(Contract::default(), Custody::default());
    world.next_transactions_after(1, LedgerFault::HeardLate(4_000));
    let elsewhere = async {
        world.timer(1_000).await;
        let outcome = there.login("ann", "secret").await;
        // The page finds that session, while its own login still waits for the ledger's word.
        here.start();
        outcome
    };
    let (_heard_late, done) = world.run(join(here.login("ann", "secret"), elsewhere));
    done.unwrap();
    world.settle();
    world.pass(900_000);
    assert_eq!(world.run(there.send(&me())).unwrap().status, 200);
    assert_eq!(there.state(), signed_in("ann"));
}

#[test]
fn a_login_that_two_others_have_overtaken_is_not_made_once_more() {
    let world = World::new();
    let (here, there) = (world.tab().open(), world.tab().open());
    world.settle();
    // Committed, and swept by the time that it is tried again.
    world.next_transactions_after(1, LedgerFault::HeardLate(4_000));
    let elsewhere = async {
        for _ in 0..2 {
            world.timer(500).await;
            there.login("bob", "secret").await.unwrap();
        }
    };
    let (overtaken, ()) = world.run(join(here.login("ann", "secret"), elsewhere));
    assert_eq!(overtaken, Err(Error::StorageSilent));
    world.settle();
    assert_eq!((there.state(), world.server(|server| server.alive())), (signed_in("bob"), 1));
    world.pass(900_000);
    assert_eq!(world.run(there.send(&me())).unwrap().json(), Ok(r#"{"user":"bob"}"#.into()));
}

#[test]
fn a_session_that_another_users_login_replaced_ends_although_the_look_is_aborted() {
    let (world, _tab, client) = World::signed_in();
    let other = world.tab().open();
    world.settle();
    world.without_messages();
    world.run(other.login("bob", "secret")).unwrap();
    world.pass(900_000);
    // After the refresh's own decision.
    world.next_transactions_after(1, LedgerFault::Aborts);
    assert_eq!(world.run(client.send(&me())).err(), Some(Error::SessionEnded(EndReason::ReplacedElsewhere)));
    assert_eq!(client.state(), State::SignedOut(Some(EndReason::ReplacedElsewhere)));
}
