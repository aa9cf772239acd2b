//! What a login replaces, and what nobody uses any more, is ended at the server, whatever storage did meanwhile.

mod token_only;

use auth::{AccessCustody, Carrier, Client, Contract, Custody, Endpoint, Error, RefreshCustody, State};
use futures_util::future::{join, select};

use crate::custody_change::{DATABASE, LOCAL};
use crate::taken_over::{CRM, open};
use crate::world::{Broken, EARLIER, Fault, LedgerFault, World, earlier_name, me};

/// The bodies of the logouts that were sent.
fn told(world: &World) -> Vec<String> {
    let calls = world.sent().into_iter().filter(|request| request.url.ends_with("/logout"));
    calls.map(|request| String::from_utf8(request.body.unwrap_or_default()).unwrap()).collect()
}

#[test]
fn a_login_without_the_ledger_tells_the_server_with_the_token_that_was_not_written() {
    for custody in [LOCAL, DATABASE] {
        let (world, _tab, client) = World::new().sign_in_with(custody);
        world.pass(900_000);
        world.next_transactions_after(1, LedgerFault::Fills);
        world.next_transactions([LedgerFault::Fills; 3]);
        assert_eq!(world.run(client.send(&me())).unwrap().status, 200);
        world.break_ledger();
        world.run(client.login("bob", "secret")).unwrap();
        world.settle();
        let told = told(&world);
        assert!(told.iter().any(|body| body.contains("refresh-2")), "{:?}: {told:?}", custody.refresh);
    }
}

#[test]
fn what_was_not_written_before_another_tabs_logout_is_revoked_when_a_look_sees_that_first() {
    let (world, _tab, client) = World::new().sign_in_with(DATABASE);
    let sibling = world.tab().open_with(Contract::default(), DATABASE);
    world.settle();
    world.pass(900_000);
    world.run(client.send(&me())).unwrap();
    world.pass(900_000);
    world.next_transactions_after(1, LedgerFault::Aborts);
    world.next_transactions([LedgerFault::Aborts; 3]);
    assert_eq!(world.run(client.send(&me())).unwrap().status, 200);
    let newest = world.server(|server| server.current().to_owned());
    sibling.logout();
    world.settle();
    let told = told(&world);
    assert!(told.iter().any(|body| body.contains(&newest)), "{told:?}");
}

#[test]
fn a_login_that_was_committed_unheard_and_not_stored_tells_of_the_session_that_it_replaced() {
    let world = World::new();
    let client = world.tab().open();
    world.settle();
    world.without_messages();
    let ann = world.tab().open();
    world.settle();
    world.run(ann.login("ann", "secret")).unwrap();
    world.settle();
    assert_eq!(client.state(), State::SignedOut(None));
    world.break_storage(Broken::FULL);
    world.next_transactions_after(1, LedgerFault::CommitsUnheard);
    world.run(client.login("bob", "secret")).unwrap();
    world.break_storage(Broken::NOTHING);
    world.settle();
    assert_eq!(world.server(|server| server.alive()), 1, "{:?} {}", world.take_log(), world.ledger());
}

#[test]
fn a_login_that_two_later_ones_outran_tells_of_the_session_that_it_had_replaced() {
    let world = World::new();
    world.without_messages();
    let tabs: Vec<_> = (0..4).map(|_| world.tab().open()).collect();
    world.settle();
    world.run(tabs[0].login("ann", "secret")).unwrap();
    // The page hears nothing of its commit, and waits for 200 ms.
    world.next_transactions_after(1, LedgerFault::CommitsUnheard);
    let (taken_back, ()) = world.run(join(tabs[1].login("bob", "secret"), async {
        world.timer(50).await;
        tabs[2].login("carl", "secret").await.unwrap();
        tabs[3].login("dora", "secret").await.unwrap();
    }));
    assert_eq!(taken_back, Err(Error::StorageSilent));
    world.settle();
    assert!(told(&world).iter().any(|body| body.contains(r#""refresh-1""#)), "{:?}", told(&world));
    assert_eq!(world.server(|server| server.alive()), 1);
}

#[test]
fn a_login_while_storage_cannot_be_read_tells_of_the_session_before() {
    for aborted in [0, 1] {
        let (world, _tab, client) = World::signed_in();
        world.break_storage(Broken { read: true, ..Broken::NOTHING });
        let first = std::iter::repeat_n([LedgerFault::None, LedgerFault::Aborts], aborted);
        world.next_transactions(first.flatten());
        world.run(client.login("bob", "secret")).unwrap();
        world.settle();
        assert_eq!((aborted, world.server(|server| server.alive())), (aborted, 1));
    }
}

#[test]
fn a_login_before_the_ledger_has_heard_of_a_logout_tells_the_server_of_that_session() {
    for custody in [LOCAL, DATABASE] {
        let (world, _tab, client) = World::new().sign_in_with(custody);
        // The logout's first try gets no answer for two seconds. The login comes a moment later.
        world.next_transactions([LedgerFault::Hangs]);
        client.logout();
        world.pass(100);
        world.run(client.login("bob", "secret")).unwrap();
        world.settle();
        assert_eq!(world.server(|server| server.alive()), 1, "{:?} {:?}", custody.refresh, world.take_log());
    }
}

#[test]
fn an_earlier_session_that_is_ended_is_told_of_with_the_token_of_its_last_refresh() {
    let world = World::new();
    world.server_at(CRM, |_| {});
    // The app has had a session under its own names.
    let own = open(&world.tab(), CRM);
    world.run(own.login("bob", "secret")).unwrap();
    world.settle();
    let earlier = world.leave_earlier_in_row(CRM);
    // A tab of the earlier build is refreshing: it holds the lock, and commits within a second.
    let held = world.hold_lock(EARLIER);
    let client = earlier.tab.client_at(CRM, Contract::default(), Custody::default());
    client.start();
    world.pass(500);
    let row = earlier_name(&format!("row:{EARLIER}"));
    let newer = world.entries()[&row]
        .replace(&earlier.refresh, "the-newest")
        .replace(r#""generation":0"#, r#""generation":1"#);
    world.put_entry(&row, &newer);
    drop(held);
    world.settle();
    let told = told(&world);
    assert!(told.iter().any(|body| body.contains("the-newest")), "{told:?}");
}

#[test]
fn a_login_whose_caller_goes_away_leaves_no_session() {
    let world = World::new();
    let client = world.tab().open();
    world.settle();
    world.next("/token", [Fault::Slow(0, 5_000)]);
    let waits = world.timer(1_000);
    world.run(async {
        let login = std::pin::pin!(client.login("ann", "secret"));
        select(login, std::pin::pin!(waits)).await;
    });
    world.settle();
    let shown = matches!(client.state(), State::SignedIn { .. });
    assert!(
        shown || world.server(|server| server.alive()) == 0,
        "{:?} {:?}",
        client.state(),
        world.take_log()
    );
}

/// A contract whose logout takes the access token alone.
fn by_access() -> Contract {
    let logout = Endpoint::post("/logout").access_token(Carrier::Authorization);
    Contract { logout: Some(logout), ..Contract::default() }
}

#[test]
fn a_login_over_a_session_in_memory_that_was_loaded_again_ends_that_at_the_server() {
    let world = World::with(|server| server.dialect.ends_by_access = true);
    let custody = Custody { refresh: RefreshCustody::Memory, access: AccessCustody::Session };
    let tab = world.tab();
    world.run(tab.open_with(by_access(), custody).login("ann", "secret")).unwrap();
    tab.close();
    let client = tab.open_with(by_access(), custody);
    assert!(matches!(client.state(), State::SignedIn { .. }));
    world.run(client.login("bob", "secret")).unwrap();
    world.settle();
    assert_eq!(world.server(|server| server.alive()), 1, "{:?}", world.take_log());
}

/// Bob's login is committed, but the page does not hear of it, so it takes the login back.
fn is_taken_back(world: &World, client: &Client) {
    world.next_transactions_after(1, LedgerFault::CommitsUnheard);
    world.next_transactions([LedgerFault::Hangs; 4]);
    assert_eq!(world.run(client.login("bob", "secret")), Err(Error::StorageSilent));
    world.settle();
}

#[test]
fn a_session_that_a_login_without_room_had_replaced_is_ended_when_that_is_taken_back() {
    let (world, _tab, client) = World::signed_in();
    world.break_storage(Broken::FULL);
    is_taken_back(&world, &client);
    assert_eq!(world.server(|server| server.alive()), 0);
}

#[test]
fn a_session_that_a_login_has_not_replaced_lives_on_when_that_is_taken_back() {
    let world = World::new();
    world.without_messages();
    let (client, other) = (world.tab().open(), world.tab().open());
    world.settle();
    world.run(other.login("ann", "secret")).unwrap();
    // The page knows nothing of ann's login, and none of its tries is committed.
    world.next_transactions([LedgerFault::None, LedgerFault::Aborts].repeat(5));
    assert_eq!(world.run(client.login("bob", "secret")), Err(Error::StorageSilent));
    world.settle();
    world.pass(900_000);
    assert_eq!(world.run(other.send(&me())).unwrap().body, br#"{"user":"ann"}"#);
}
