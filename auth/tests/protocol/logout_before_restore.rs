//! A logout in a page that does not know its session yet.

use auth::{AccessCustody, Client, Contract, Custody, State};

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

/// Ann signs in, and `reload` loads a page while the ledger is silent. She logs out there. The ledger names her session two
/// minutes later.
fn named_late(reload: impl Fn(&World, Tab) -> Client) -> (World, Client) {
    let custody = Custody { access: AccessCustody::Memory, ..Custody::default() };
    let (world, tab, _client) = World::new().sign_in_with(custody);
    world.next_transactions([LedgerFault::Hangs; 100]);
    tab.close();
    let client = reload(&world, tab);
    client.logout();
    world.pass(130_000);
    world.unblock_ledger();
    assert!(world.run(client.recheck()));
    (world, client)
}

#[test]
fn the_tabs_own_session_that_a_silent_ledger_names_after_a_logout_is_logged_out() {
    let custody = Custody { access: AccessCustody::Memory, ..Custody::default() };
    let (world, client) = named_late(|_, tab| tab.open_with(Contract::default(), custody));
    world.settle();
    assert_eq!((client.state(), world.server(|server| server.alive())), (LOGGED_OUT, 0));
}

#[test]
fn a_session_that_a_silent_ledger_names_after_a_logout_is_asked_about() {
    let (world, client) = named_late(|world, _| world.tab().open());
    assert_eq!(client.state(), State::SignedInElsewhere { user: "ann".into() });
    client.start();
    world.settle();
    assert!(matches!(client.state(), State::SignedIn { .. }), "the person agreed to go on");
}
