//! A logout, or a login, in a page that does not know its session yet.

use auth::{AccessCustody, Client, Contract, Custody, RefreshCustody, State};

use crate::logout::LOGGED_OUT;
use crate::world::{LedgerFault, Tab, World};

#[test]
fn a_logout_while_the_page_restores_its_session_holds() {
    let (world, tab, _) = World::signed_in();
    world.pass(900_000);
    let client = tab.open();
    assert_eq!(client.state(), State::Restoring);
    world.pass(5);
    client.logout();
    assert!(tab.is_wiped());
    world.settle();
    assert_eq!(client.state(), LOGGED_OUT);
    assert!(tab.is_wiped());
    assert_eq!(world.server(|server| server.alive()), 0);
}

const IN_MEMORY: Custody = Custody { access: AccessCustody::Memory, refresh: RefreshCustody::Local };

/// Ann signs in. A page that is loaded in `tab`, if not in another one, meets a silent ledger, and she logs out there. The ledger
/// answers two minutes later.
fn named_late(tab: impl Fn(&World, Tab) -> Tab) -> (World, Tab, Client) {
    let (world, first, _client) = World::new().sign_in_with(IN_MEMORY);
    world.next_transactions([LedgerFault::Hangs; 100]);
    first.close();
    let tab = tab(&world, first);
    let client = tab.open_with(Contract::default(), IN_MEMORY);
    client.logout();
    world.pass(125_000);
    world.unblock_ledger();
    (world, tab, client)
}

#[test]
fn the_tabs_own_session_that_a_silent_ledger_names_after_a_logout_is_logged_out() {
    let (world, _tab, client) = named_late(|_, tab| tab);
    world.settle();
    assert_eq!((client.state(), world.server(|server| server.alive())), (State::SignedOut(None), 0));
}

#[test]
fn a_logout_holds_although_the_page_goes_before_the_ledger_answers() {
    for custody in [Custody::default(), IN_MEMORY] {
        for waits in [0, 10_000, 130_000] {
            let (world, tab, _client) = World::new().sign_in_with(custody);
            tab.close();
            world.next_transactions([LedgerFault::Hangs; 100]);
            tab.open_with(Contract::default(), custody).logout();
            world.pass(waits);
            tab.close();
            world.unblock_ledger();
            let client = tab.open_with(Contract::default(), custody);
            world.settle();
            let signed_out = matches!(client.state(), State::SignedOut(_));
            assert!(signed_out && world.server(|server| server.alive()) == 0, "{custody:?} {waits}");
        }
    }
}

#[test]
fn a_logout_that_the_ledger_does_not_answer_ends_what_the_tab_itself_keeps() {
    let (world, tab, _client) = World::signed_in();
    tab.close();
    world.next_transactions([LedgerFault::Hangs; 100]);
    let client = tab.open();
    client.logout();
    // The page waits for two minutes.
    world.pass(125_000);
    assert_eq!((client.state(), world.server(|server| server.alive())), (LOGGED_OUT, 0));
}

#[test]
fn a_session_that_a_silent_ledger_names_after_a_logout_is_asked_about() {
    let (world, _tab, client) = named_late(|world, _| world.tab());
    for _ in 0..3 {
        assert!(world.run(client.recheck()));
        assert_eq!(client.state(), State::SignedInElsewhere { user: "ann".into() });
    }
    client.start();
    world.settle();
    assert!(matches!(client.state(), State::SignedIn { .. }), "the person agreed to go on");
}

/// Ann's page is loaded again with a broken database. After `waits` milliseconds bob logs in there.
fn not_stored(custody: Custody, waits: u64, logs_out: bool) -> (World, Client) {
    let (world, tab, _client) = World::new().sign_in_with(custody);
    tab.close();
    world.break_ledger();
    let client = tab.open_with(Contract::default(), custody);
    if logs_out {
        client.logout();
    }
    world.pass(waits);
    world.run(client.login("bob", "secret")).unwrap();
    (world, client)
}

#[test]
fn a_login_that_is_not_stored_ends_the_session_that_the_page_was_restoring() {
    for custody in [Custody::default(), IN_MEMORY] {
        for waits in [0, 20_000] {
            let (world, client) = not_stored(custody, waits, false);
            world.mend_ledger();
            world.settle();
            // After 15 s a page that keeps an access token shows the session that the ledger does not name.
            assert_eq!(world.server(|server| server.alive_users()), ["bob"], "{custody:?} {waits}");
            client.logout();
            world.settle();
            assert!(world.run(client.recheck()));
            assert_eq!(client.state(), LOGGED_OUT, "ann's session is not taken up");
        }
    }
}

#[test]
fn a_logout_holds_although_a_login_that_is_not_stored_follows_and_the_ledger_answers_much_later() {
    let (world, client) = not_stored(IN_MEMORY, 0, true);
    world.pass(200_000);
    client.logout();
    world.mend_ledger();
    world.settle();
    assert!(world.run(client.recheck()));
    world.settle();
    assert_eq!((client.state(), world.server(|server| server.alive())), (LOGGED_OUT, 0));
}
