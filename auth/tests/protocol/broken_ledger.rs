//! The browser's database does not open. A transaction fails as broken after a while, and has committed
//! nothing.

use auth::{Contract, Custody, Error, RefreshCustody, State};

use crate::world::{LedgerFault, UNCONFIRMED, World, me, signed_in};

/// The platform gives up its two tries to open the database after 1.6 s.
const GIVEN_UP: LedgerFault = LedgerFault::BreaksLate(1_600);

const IN_MEMORY: State = State::SignedIn { user: None, degraded: None, kept: false };

fn in_memory(user: &str) -> State {
    State::SignedIn { user: Some(user.into()), degraded: None, kept: false }
}

#[test]
fn whoever_cannot_sign_in_for_want_of_storage_is_told_to_reload_the_page() {
    assert_eq!(
        Error::StorageSilent.message(),
        "Signing in did not work, because this browser's storage gave no answer. Reload the page and try again."
    );
}

// The tests below assert behaviour that must not change.

#[test]
fn a_login_where_the_database_does_not_open_goes_on_in_memory_with_the_notice() {
    let world = World::new();
    let client = world.tab().open();
    world.settle();
    world.next_transactions([GIVEN_UP; 100]);
    let started = world.time();
    world.run(client.login("ann", "secret")).unwrap();
    assert!(world.time() - started < 10_000, "{}", world.time() - started);
    assert_eq!(client.state(), in_memory("ann"));
    assert!(world.profile().is_empty() && !world.ledger().contains("row:"));
    for _ in 0..2 {
        world.pass(900_000);
        assert_eq!(world.run(client.send(&me())).unwrap().status, 200);
        assert_eq!(client.state(), in_memory("ann"));
    }
    client.logout();
    world.settle();
    assert_eq!(world.server(|server| (server.alive(), server.reuses)), (0, 0));
}

#[test]
fn a_login_in_memory_outlives_a_reload_as_long_as_its_access_token_is_good() {
    let world = World::new();
    let tab = world.tab();
    let client = tab.open();
    world.settle();
    world.next_transactions([GIVEN_UP; 400]);
    world.run(client.login("ann", "secret")).unwrap();
    let again = tab.open();
    world.pass(60_000);
    assert_eq!(again.state(), IN_MEMORY);
    assert_eq!(world.run(again.send(&me())).unwrap().status, 200);
}

#[test]
fn a_login_whose_token_is_to_lie_in_the_database_goes_on_in_memory_too() {
    let custody = Custody { refresh: RefreshCustody::Database, ..Custody::default() };
    let world = World::new();
    let client = world.tab().open_with(Contract::default(), custody);
    world.settle();
    world.next_transactions([GIVEN_UP; 100]);
    world.run(client.login("ann", "secret")).unwrap();
    assert_eq!(client.state(), in_memory("ann"));
}

#[test]
fn a_database_that_opens_at_the_next_try_keeps_the_login() {
    let world = World::new();
    let tab = world.tab();
    let client = tab.open();
    world.settle();
    world.next_transactions([GIVEN_UP; 2]);
    world.run(client.login("ann", "secret")).unwrap();
    assert_eq!(client.state(), signed_in("ann"));
    let again = tab.open();
    assert_eq!(again.state(), UNCONFIRMED);
}

#[test]
fn a_running_session_sees_try_again_and_is_kept() {
    let (world, tab, client) = World::signed_in();
    let before = tab.stored();
    world.next_transactions([GIVEN_UP; 1_000]);
    assert!(!world.run(client.recheck()));
    assert_eq!(world.run(client.send(&me())).unwrap().status, 200, "its access token is good");
    world.pass(900_000);
    for _ in 0..2 {
        let started = world.time();
        assert_eq!(world.run(client.send(&me())).err(), Some(Error::Unavailable));
        assert!(world.time() - started <= 15_000);
    }
    assert_eq!((client.state(), tab.stored()), (signed_in("ann"), before));
    world.unblock_ledger();
    assert_eq!(world.run(client.send(&me())).unwrap().status, 200);
    assert_eq!(world.server(|server| (server.reuses, server.alive())), (0, 1));
}

#[test]
fn a_page_whose_database_does_not_open_shows_what_its_tab_knows() {
    let (world, tab, _client) = World::signed_in();
    world.next_transactions([GIVEN_UP; 1_000]);
    let (again, stranger) = (tab.open(), world.tab().open());
    world.pass(20_000);
    assert_eq!((again.state(), stranger.state()), (UNCONFIRMED, State::SignedOut(None)));
    world.unblock_ledger();
    world.pass(60_000);
    assert_eq!(again.state(), UNCONFIRMED);
    assert!(matches!(stranger.state(), State::SignedIn { .. }), "it looks until it is told");
}

#[test]
fn a_logout_holds_although_the_database_does_not_open() {
    let (world, tab, client) = World::signed_in();
    world.next_transactions([GIVEN_UP; 1_000]);
    client.logout();
    assert!(tab.is_wiped());
    world.pass(3_000);
    assert_eq!(world.take_log(), ["POST /logout 204"]);
    world.settle();
    assert!(matches!(client.state(), State::SignedOut(Some(_))));
}
