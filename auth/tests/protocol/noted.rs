//! A logout that the ledger has not heard of when its page goes: what notes it, and who settles it.

use auth::{AccessCustody, Client, Contract, Custody, EndReason, RefreshCustody, State};

use crate::world::{Broken, Fault, LedgerFault, Tab, UNCONFIRMED, World, me};

const IN_THE_ROW: Custody = Custody { access: AccessCustody::Session, refresh: RefreshCustody::Database };

/// A world with ann's page, whose token is in the row, and a tab of a sibling; the ledger will not answer a logout.
fn in_the_row() -> (World, Tab, [Client; 2]) {
    let (world, tab, client) = World::new().sign_in_with(IN_THE_ROW);
    let sibling = world.tab().open_with(Contract::default(), IN_THE_ROW);
    world.settle();
    world.take_log();
    world.next_transactions([LedgerFault::Hangs]);
    (world, tab, [client, sibling])
}

#[test]
fn a_logout_holds_although_the_page_went_before_the_ledger_heard_of_it() {
    let (world, tab, [client, _sibling]) = in_the_row();
    client.logout();
    assert!(!tab.stored().contains("access-") && !tab.stored().contains("refresh-"));
    // The page is loaded again before it can ask the ledger once more.
    let again = tab.open_with(Contract::default(), IN_THE_ROW);
    world.pass(500);
    assert_eq!(again.state(), State::SignedOut(None));
    assert_eq!(world.take_log(), ["POST /logout 204"]);
    world.settle();
    assert!(tab.is_wiped());
}

#[test]
fn another_tab_settles_a_logout_whose_page_went_before_the_ledger_heard_of_it() {
    let (world, tab, [client, sibling]) = in_the_row();
    client.logout();
    world.pass(10);
    assert!(world.run(sibling.recheck()));
    assert_eq!(sibling.state(), State::SignedOut(Some(EndReason::LoggedOutElsewhere)));
    world.pass(500);
    assert_eq!(world.take_log(), ["POST /logout 204"]);
    world.settle();
    assert!(tab.is_wiped());
}

#[test]
fn a_logout_that_a_denied_ledger_never_heard_of_holds_when_it_can_be_had_again() {
    let (world, tab, [client, _sibling]) = in_the_row();
    world.unblock_ledger();
    world.deny_ledger();
    client.logout();
    world.settle();
    assert!(!tab.is_wiped(), "who may open the ledger later has to know");
    world.mend_ledger();
    let again = tab.open_with(Contract::default(), IN_THE_ROW);
    world.settle();
    assert_eq!((again.state(), world.server(|server| server.alive())), (State::SignedOut(None), 0));
    assert!(tab.is_wiped());
}

#[test]
fn what_notes_a_logout_goes_with_the_next_login() {
    let (world, tab, client) = World::new().sign_in_with(IN_THE_ROW);
    // Eight tries, and one at striking out what the server was told.
    world.next_transactions([LedgerFault::Aborts; 9]);
    client.logout();
    world.settle();
    assert!(!tab.is_wiped());
    world.run(client.login("bob", "secret")).unwrap();
    let again = tab.open_with(Contract::default(), IN_THE_ROW);
    world.settle();
    assert_eq!(again.state(), UNCONFIRMED);
    assert!(world.profile().is_empty(), "bob's token is in the row");
}

#[test]
fn a_tab_that_is_loaded_while_the_ledger_is_silent_shows_nothing_of_a_logout_that_is_noted() {
    let (world, tab, client) = World::new().sign_in_with(IN_THE_ROW);
    let duplicate = tab.duplicate();
    world.next_transactions([LedgerFault::Aborts; 400]);
    client.logout();
    let again = duplicate.open_with(Contract::default(), IN_THE_ROW);
    world.pass(20_000);
    assert_eq!(again.state(), State::SignedOut(None));
    world.unblock_ledger();
    world.settle();
    assert_eq!((again.state(), world.server(|server| server.alive())), (State::SignedOut(None), 0));
}

#[test]
fn a_logout_holds_where_the_token_is_in_the_row_for_want_of_a_vault() {
    let (world, tab, client) = World::signed_in();
    world.pass(900_000);
    world.break_storage(Broken::EVERYTHING_BUT_READING);
    world.run(client.send(&me())).unwrap();
    world.break_storage(Broken::NOTHING);
    world.take_log();
    world.next_transactions([LedgerFault::Hangs]);
    client.logout();
    let again = tab.open();
    world.pass(500);
    assert_eq!(again.state(), State::SignedOut(None));
    assert_eq!(world.take_log(), ["POST /logout 204"]);
}

#[test]
fn a_ledger_that_refuses_a_logout_is_asked_again_after_a_pause() {
    let (world, _tab, client) = World::signed_in();
    world.next_transactions([LedgerFault::Aborts; 9]);
    let before = world.transactions();
    client.logout();
    world.pass(400);
    assert_eq!(world.transactions() - before, 1);
}

#[test]
fn an_earlier_logouts_success_is_no_word_on_a_later_one() {
    let (world, _tab, client) = World::signed_in();
    world.next("/logout", [Fault::says(503, ""), Fault::says(403, "")]);
    client.logout();
    world.pass(100);
    assert_eq!(client.state(), State::SignedOut(Some(EndReason::LoggedOutHereOnly)));
    world.run(client.login("bob", "secret")).unwrap();
    client.logout();
    world.pass(100);
    assert_eq!(client.state(), State::SignedOut(Some(EndReason::LoggedOutHereOnly)));
    world.settle();
    assert_eq!(world.server(|server| server.alive()), 1, "the server knows nothing of bob's logout");
    assert_eq!(
        client.state(),
        State::SignedOut(Some(EndReason::LoggedOutHereOnly)),
        "{:?}",
        world.take_log()
    );
}
