//! The ledger refuses, or its word is late.

use std::future::Future as _;

use auth::{AccessCustody, Custody, EndReason, Error, RefreshCustody, State};

use crate::world::{Broken, EPOCH, Fault, LedgerFault, UNCONFIRMED, World, me, signed_in, watch};

#[test]
fn a_broken_ledger_ends_no_session() {
    let (world, tab, client) = World::signed_in();
    world.break_ledger();
    assert!(!world.run(client.recheck()));
    let client = tab.open();
    world.pass(60_000);
    assert_eq!(client.state(), UNCONFIRMED);
    world.pass(900_000);
    assert_eq!(world.run(client.send(&me())).err(), Some(Error::StorageStuck));
    world.mend_ledger();
    assert_eq!(world.run(client.send(&me())).unwrap().status, 200);
    assert_eq!(client.state(), signed_in("ann"));
}

#[test]
fn a_login_over_a_session_in_memory_revokes_it() {
    let custody = Custody { access: AccessCustody::Session, refresh: RefreshCustody::Memory };
    let (world, _tab, client) = World::new().sign_in_with(custody);
    world.run(client.login("bob", "secret")).unwrap();
    world.settle();
    assert_eq!(world.take_log(), ["POST /token 200", "POST /logout 204"]);
    assert_eq!((client.state(), world.server(|server| server.alive())), (signed_in("bob"), 1));
}

#[test]
fn a_logout_does_not_fear_for_a_token_that_lies_in_the_ledger() {
    let custody = Custody { access: AccessCustody::Session, refresh: RefreshCustody::Database };
    let (world, _tab, client) = World::new().sign_in_with(custody);
    let seen = watch(&client);
    client.logout();
    world.settle();
    assert_eq!(seen.take(), [State::SignedOut(Some(EndReason::LoggedOut))]);
    assert_eq!(world.server(|server| server.alive()), 0);
}

#[test]
fn a_page_that_keeps_everything_in_memory_takes_up_no_session_of_others() {
    let world = World::new();
    let custody = Custody { access: AccessCustody::Memory, refresh: RefreshCustody::Memory };
    let client = world.tab().open_with(Default::default(), custody);
    let other = world.tab().open();
    world.run(other.login("ann", "secret")).unwrap();
    assert!(world.run(client.recheck()));
    world.settle();
    assert_eq!(client.state(), State::SignedOut(None));
}

#[test]
fn a_page_that_heard_nothing_finds_out_how_its_session_ended() {
    // Another session came after it and was logged out, or the ledger was wiped.
    for (wiped, reason) in [(false, EndReason::LoggedOutElsewhere), (true, EndReason::Lost)] {
        let (world, _tab, client) = World::signed_in();
        let other = world.tab().open();
        world.settle();
        client.pause();
        if wiped {
            world.edit_ledger(|_| String::new());
        } else {
            world.run(other.login("ann", "secret")).unwrap();
            other.logout();
        }
        world.settle();
        assert_eq!(client.state(), signed_in("ann"));
        assert!(world.run(client.recheck()));
        assert_eq!(client.state(), State::SignedOut(Some(reason)));
    }
}

#[test]
fn a_page_whose_row_alone_is_gone_says_that_the_session_was_lost() {
    let (world, _tab, client) = World::signed_in();
    let row = world.entries().into_keys().find(|name| name.contains(":row:")).unwrap();
    world.put_entry(&row, "");
    assert!(world.run(client.recheck()));
    assert_eq!(client.state(), State::SignedOut(Some(EndReason::Lost)));
}

#[test]
fn an_answer_that_could_not_be_written_is_written_before_the_next_attempt() {
    let (world, tab, client) = World::signed_in_idempotently();
    world.break_storage(Broken::FULL);
    world.pass(900_000);
    assert_eq!(world.run(client.send(&me())).unwrap().status, 200);
    world.break_storage(Broken::NOTHING);
    world.pass(900_000);
    assert_eq!(world.run(client.send(&me())).unwrap().status, 200);
    let refreshes = world.sent().into_iter().filter(|request| request.url.ends_with("/refresh"));
    let bodies: Vec<_> = refreshes.map(|r| String::from_utf8(r.body.unwrap()).unwrap()).collect();
    assert_eq!(bodies, [r#"{"refresh_token":"refresh-1"}"#, r#"{"refresh_token":"refresh-2"}"#]);
    assert!(tab.stored().contains("refresh-3"));
}

#[test]
fn a_flight_that_may_run_out_before_its_attempt_is_entered_anew() {
    // The page is frozen between its decision and the attempt.
    for (frozen, anew) in [(0, false), (5_000, true)] {
        let (world, _tab, client) = World::signed_in();
        world.pass(900_000);
        world.next_transactions([LedgerFault::HeardLate(500), LedgerFault::HeardLate(500)]);
        world.next("/refresh", [Fault::Silent]);
        let request = me();
        let mut sending = std::pin::pin!(client.send(&request));
        let context = &mut std::task::Context::from_waker(std::task::Waker::noop());
        assert!(sending.as_mut().poll(context).is_pending());
        world.pass(100);
        let decided = world.time() - 100;
        world.sleep(frozen);
        world.pass(2_000);
        assert_eq!(world.count("POST /refresh silent"), 1);
        let flight = |at: u64| world.ledger().contains(&format!(r#"since\":{}"#, EPOCH + at));
        assert_eq!((flight(decided), anew), (!anew, anew));
    }
}

#[test]
fn a_slow_ledger_does_not_keep_a_tab_from_sending_what_it_decided() {
    let (world, tab, client) = World::signed_in();
    let sibling = tab.duplicate().open();
    world.pass(900_000);
    world.run(sibling.send(&me())).unwrap();
    sibling.pause();
    world.server(|server| server.expire_access());
    world.next_transactions([LedgerFault::HeardLate(900); 60]);
    assert_eq!(world.run(client.send(&me())).unwrap().status, 200);
}

#[test]
fn without_a_ledger_the_session_lives_in_memory_with_a_notice() {
    let world = World::new();
    world.deny_ledger();
    let tab = world.tab();
    let client = tab.open();
    assert_eq!(client.state(), State::SignedOut(None));
    world.run(client.login("ann", "secret")).unwrap();
    for _ in 0..3 {
        assert!(matches!(client.state(), State::SignedIn { kept: false, .. }));
        assert!(world.profile().is_empty());
        world.pass(900_000);
        assert_eq!(world.run(client.send(&me())).unwrap().status, 200);
    }
    client.logout();
    world.settle();
    assert_eq!(world.server(|server| (server.alive(), server.reuses)), (0, 0));
}

#[test]
fn a_login_that_is_not_stored_leaves_no_row_for_ever() {
    let (world, _tab, client) = World::signed_in();
    world.break_storage(Broken::FULL);
    world.run(client.login("bob", "secret")).unwrap();
    world.break_storage(Broken::NOTHING);
    for user in ["cid", "dan"] {
        world.run(client.login(user, "secret")).unwrap();
        world.settle();
    }
    let left = world.entries();
    assert_eq!(left.len(), 3, "`now`, cid's row and dan's: {left:?}");
}
