//! An answer that could not be committed: the only copy of the next refresh token is in the page.

use auth::{AccessCustody, Client, Contract, Custody, Error, RefreshCustody};
use futures_util::future::join;

use crate::world::{Fault, LedgerFault, World, me, signed_in};

const IN_ROWS: Custody = Custody { refresh: RefreshCustody::Database, access: AccessCustody::Session };

/// Ann's page, whose last refresh the ledger did not take, at a strict server; and a sibling.
fn unwritten(custody: Custody) -> (World, Client, Client) {
    let (world, _tab, client) = World::new().sign_in_with(custody);
    let sibling = world.tab().open_with(Contract::default(), custody);
    world.settle();
    world.pass(900_000);
    world.run(client.send(&me())).unwrap();
    world.pass(900_000);
    world.take_log();
    world.next_transactions_after(1, LedgerFault::Aborts);
    world.next_transactions([LedgerFault::Aborts; 3]);
    assert_eq!(world.run(client.send(&me())).unwrap().status, 200);
    assert_eq!(world.take_log(), ["POST /refresh 200", "GET /me 200"]);
    (world, client, sibling)
}

#[test]
fn what_the_ledger_refused_is_written_as_soon_as_it_takes_it() {
    let (world, client, sibling) = unwritten(Custody::default());
    world.settle();
    assert_eq!(client.state(), signed_in("ann"), "the notice is gone");
    world.pass(900_000);
    assert_eq!(world.run(sibling.send(&me())).unwrap().status, 200);
    assert_eq!(world.run(client.send(&me())).unwrap().status, 200);
    assert_eq!(world.server(|server| server.reuses), 0);
}

#[test]
fn a_look_before_the_answer_is_written_does_not_end_the_session() {
    let (world, client, _sibling) = unwritten(Custody::default());
    assert!(world.run(client.recheck()));
    world.settle();
    assert_eq!((client.state(), world.count("POST /logout")), (signed_in("ann"), 0));
}

#[test]
fn what_is_just_being_written_is_not_sent_for_want_of_it() {
    let (world, client, _sibling) = unwritten(Custody::default());
    // The next try is under way when the page needs another token.
    world.next_transactions([LedgerFault::Hangs]);
    world.pass(1_600);
    world.server(|server| server.expire_access());
    assert_eq!(world.run(client.send(&me())).unwrap().status, 200);
    assert_eq!(world.server(|server| server.reuses), 0);
}

#[test]
fn a_logout_sends_the_token_that_was_not_written() {
    let (world, client, _sibling) = unwritten(IN_ROWS);
    client.logout();
    world.settle();
    let sent = world.sent();
    let of = |path: &str| sent.iter().rev().find(|request| request.url.ends_with(path)).unwrap().body.clone();
    assert_ne!(of("/logout"), of("/refresh"), "the spent token");
    assert_eq!(world.count("POST /logout 204"), 1);
}

#[test]
fn what_was_not_written_before_another_tabs_logout_is_revoked() {
    let (world, _client, sibling) = unwritten(Custody::default());
    world.without_messages();
    sibling.logout();
    world.settle();
    assert_eq!(world.count("POST /logout"), 2, "with the token of each");
}

#[test]
fn a_logout_that_the_ledger_confirms_late_is_told_the_server_all_the_same() {
    let (world, _tab, client) = World::new().sign_in_with(IN_ROWS);
    world.next_transactions([LedgerFault::HeardLate(2_500)]);
    client.logout();
    world.settle();
    assert_eq!(world.count("POST /logout 204"), 1);
}

#[test]
fn what_cannot_be_written_for_long_leaves_no_timer() {
    let (world, client, _sibling) = unwritten(Custody::default());
    world.next_transactions([LedgerFault::Aborts; 200]);
    world.pass(600_000);
    assert_eq!(world.timers(), 0);
    world.unblock_ledger();
    world.next("/refresh", [Fault::None]);
    world.pass(300_000);
    assert_eq!(world.run(client.send(&me())).unwrap().status, 200);
    assert_eq!(world.server(|server| server.reuses), 0);
}

#[test]
fn a_logout_while_it_is_being_written_is_told_the_server_once() {
    let (world, client, _sibling) = unwritten(Custody::default());
    // Aborted, it is tried once more in a moment; the logout comes first.
    let before = world.transactions();
    world.next_transactions([LedgerFault::Aborts]);
    while world.transactions() == before {
        world.pass(10);
    }
    client.logout();
    world.settle();
    assert_eq!(world.count("POST /logout"), 1);
}

#[test]
fn the_next_sessions_logout_sends_its_own_token() {
    let (world, client, _sibling) = unwritten(Custody::default());
    world.run(client.login("bob", "secret")).unwrap();
    client.logout();
    world.settle();
    assert_eq!(world.server(|server| server.alive()), 0);
}

#[test]
fn what_another_session_could_not_write_does_not_push_out_what_this_one_has_still_to_write() {
    let (world, _tab, client) = World::signed_in();
    world.next("/refresh", [Fault::Slow(0, 8_000)]);
    world.server(|server| server.expire_access());
    let (older, ()) = world.run(join(client.send(&me()), async {
        world.timer(1_000).await;
        client.login("bob", "secret").await.unwrap();
        world.server(|server| server.expire_access());
        // Both answers' commits are refused, as often as they are tried.
        world.next_transactions_after(1, LedgerFault::Aborts);
        world.next_transactions([LedgerFault::Aborts; 60]);
        client.send(&me()).await.unwrap();
        world.timer(9_000).await;
        world.unblock_ledger();
    }));
    assert_eq!(older.err(), Some(Error::SessionChanged));
    world.settle();
    world.pass(900_000);
    assert_eq!(world.run(client.send(&me())).unwrap().json(), Ok(r#"{"user":"bob"}"#.into()));
    assert_eq!(world.server(|server| server.reuses), 0);
}
