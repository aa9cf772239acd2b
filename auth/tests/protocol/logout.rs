//! Logging out: here at once, at the server as soon as possible, and for good.

use auth::{AccessCustody, Contract, Custody, EndReason, Error, RefreshCustody, State};

use crate::world::{Broken, Fault, LedgerFault, World, me, watch};

pub(crate) const LOGGED_OUT: State = State::SignedOut(Some(EndReason::LoggedOut));
const HERE_ONLY: State = State::SignedOut(Some(EndReason::LoggedOutHereOnly));

#[test]
fn logout_wipes_storage_before_it_returns_and_tells_the_server_with_the_last_token() {
    let (world, tab, client) = World::signed_in();
    world.pass(900_000);
    world.run(client.send(&me())).unwrap();
    world.take_log();
    let seen = watch(&client);
    client.logout();
    assert!(tab.is_wiped());
    assert_eq!(seen.take(), [LOGGED_OUT]);
    world.settle();
    assert_eq!(world.take_log(), ["POST /logout 204"]);
    let told = world.sent().pop().unwrap();
    assert_eq!(told.body.as_deref().unwrap(), br#"{"refresh_token":"refresh-2"}"#);
    assert!(told.outlives_page);
    assert_eq!(world.server(|server| server.alive()), 0);
    assert_eq!(seen.take(), []);
    assert_eq!(world.run(client.send(&me())).err(), Some(Error::NotSignedIn));
}

#[test]
fn only_a_logout_outlives_the_page() {
    let (world, _tab, client) = World::signed_in();
    world.pass(900_000);
    world.run(client.send(&me())).unwrap();
    client.logout();
    world.settle();
    let kept: Vec<_> = world.sent().iter().filter(|r| r.outlives_page).map(|r| r.url.clone()).collect();
    assert_eq!(kept, ["http://localhost:8000/logout"]);
}

#[test]
fn logout_works_offline_and_a_reload_is_signed_out() {
    let (world, tab, client) = World::signed_in();
    world.go_offline();
    client.logout();
    assert!(tab.is_wiped());
    assert_eq!(client.state(), LOGGED_OUT);
    world.settle();
    assert_eq!(client.state(), HERE_ONLY);
    let again = tab.open();
    world.settle();
    assert_eq!(again.state(), State::SignedOut(None));
    assert!(world.take_log().iter().all(|entry| entry == "POST /logout lost"));
}

#[test]
fn logout_works_with_an_expired_access_token() {
    let (world, tab, client) = World::signed_in();
    world.pass(2_000_000);
    client.logout();
    world.settle();
    assert!(tab.is_wiped());
    assert_eq!(world.take_log(), ["POST /logout 204"]);
}

#[test]
fn what_the_server_says_to_a_logout_never_brings_the_session_back() {
    for (fault, state) in [
        (Fault::says(200, ""), LOGGED_OUT),
        (Fault::says(200, "{}"), LOGGED_OUT),
        (Fault::says(204, ""), LOGGED_OUT),
        (Fault::says(200, "OK"), LOGGED_OUT),
        (Fault::says(401, r#"{"error":"invalid_grant"}"#), LOGGED_OUT),
        (Fault::says(401, r#"{"detail":"Token has been revoked"}"#), LOGGED_OUT),
        (Fault::says(422, r#"{"detail":"Signature has expired"}"#), LOGGED_OUT),
        // The server asks for another token, or has no such address: it does not say that the session is over.
        (Fault::says(401, "{}"), HERE_ONLY),
        (Fault::says(401, r#"{"error":"invalid_client"}"#), HERE_ONLY),
        (Fault::says(404, "<html>"), HERE_ONLY),
        (Fault::says(405, ""), HERE_ONLY),
        (Fault::says(429, ""), HERE_ONLY),
        (Fault::says(500, ""), HERE_ONLY),
        (Fault::says(503, ""), HERE_ONLY),
        (Fault::Lost, HERE_ONLY),
        (Fault::Silent, HERE_ONLY),
        (Fault::SilentAfter, HERE_ONLY),
        (Fault::Redirects, HERE_ONLY),
    ] {
        let (world, tab, client) = World::signed_in();
        world.always("/logout", fault);
        let seen = watch(&client);
        client.logout();
        world.settle();
        assert_eq!(client.state(), state);
        assert!(seen.take().iter().all(|state| matches!(state, State::SignedOut(_))));
        assert_eq!(world.count("POST /refresh"), 0, "a logout that takes no access token needs none");
        assert!(tab.is_wiped());
    }
}

#[test]
fn a_logout_that_the_server_did_not_take_is_repeated_only_if_that_may_help() {
    for (fault, times) in [
        (Fault::says(404, ""), 1),
        (Fault::says(422, r#"{"detail":"field required"}"#), 1),
        (Fault::Redirects, 1),
        (Fault::says(503, ""), 8),
        (Fault::Lost, 8),
    ] {
        let (world, _tab, client) = World::signed_in();
        world.always("/logout", fault);
        client.logout();
        world.settle();
        assert_eq!((client.state(), world.count("POST /logout")), (HERE_ONLY, times));
    }
}

#[test]
fn a_captive_portals_answer_to_a_logout_is_not_the_servers() {
    let (world, _tab, client) = World::signed_in();
    world.always("/logout", Fault::says(200, "<html>hotel</html>"));
    client.logout();
    world.settle();
    assert_eq!(client.state(), HERE_ONLY);
}

#[test]
fn a_server_without_logout_is_not_called() {
    let world = World::new();
    let tab = world.tab();
    let client = tab.open_with(Contract { logout: None, ..Contract::default() }, Default::default());
    world.run(client.login("ann", "secret")).unwrap();
    world.take_log();
    client.logout();
    world.settle();
    assert_eq!((client.state(), world.take_log()), (LOGGED_OUT, vec![]));
    assert!(tab.is_wiped());
}

#[test]
fn a_logout_that_finds_no_token_to_end_says_so_unless_nobody_is_to_be_told() {
    let without_logout = || Contract { logout: None, ..Contract::default() };
    let without_refresh = || Contract { refresh: None, ..Contract::default() };
    for (custody, contract, states) in [
        (RefreshCustody::Local, Contract::default(), vec![LOGGED_OUT, HERE_ONLY]),
        (RefreshCustody::Local, without_logout(), vec![LOGGED_OUT]),
        (RefreshCustody::Memory, without_logout(), vec![LOGGED_OUT]),
        (RefreshCustody::Memory, without_refresh(), vec![LOGGED_OUT]),
    ] {
        let custody = Custody { access: AccessCustody::Session, refresh: custody };
        let world = World::new();
        let tab = world.tab();
        let client = tab.open_with(contract.clone(), custody);
        world.run(client.login("ann", "secret")).unwrap();
        // Somebody clears the shared storage and loads the page again.
        world.edit_profile_to(Default::default());
        let client = tab.open_with(contract, custody);
        world.take_log();
        let seen = watch(&client);
        client.logout();
        world.settle();
        assert_eq!((seen.take(), world.take_log()), (states, vec![]));
    }
}

#[test]
fn a_session_that_lost_its_refresh_token_to_a_reload_cannot_tell_the_server_and_says_so() {
    let custody = Custody { access: AccessCustody::Session, refresh: RefreshCustody::Memory };
    let (world, tab, _before_the_reload) = World::new().sign_in_with(custody);
    let client = tab.open_with(Contract::default(), custody);
    let seen = watch(&client);
    client.logout();
    world.settle();
    assert_eq!((seen.take(), world.take_log()), (vec![HERE_ONLY], vec![]));
    assert!(tab.is_wiped());
}

#[test]
fn a_second_logout_does_nothing() {
    let (world, _tab, client) = World::signed_in();
    let seen = watch(&client);
    client.logout();
    client.logout();
    world.settle();
    client.logout();
    world.settle();
    assert_eq!(world.take_log(), ["POST /logout 204"]);
    assert_eq!(seen.take(), [LOGGED_OUT]);
}

#[test]
fn a_record_that_cannot_be_read_at_logout_does_not_bring_the_session_back() {
    let (world, tab, client) = World::signed_in();
    world.break_storage(Broken { read: true, ..Broken::NOTHING });
    client.logout();
    world.settle();
    assert_eq!(world.take_log(), ["POST /logout 204"], "the token is known all the same");
    world.break_storage(Broken::NOTHING);
    assert!(tab.is_wiped());
}

#[test]
fn a_record_that_cannot_be_removed_at_logout_is_overwritten() {
    let (world, tab, client) = World::signed_in();
    world.break_storage(Broken { remove: true, ..Broken::NOTHING });
    world.go_offline();
    client.logout();
    world.settle();
    assert!(!tab.stored().contains("refresh-1") && !tab.stored().contains("access-1"));
    world.break_storage(Broken::NOTHING);
    assert_eq!(tab.open().state(), State::SignedOut(None));
}

#[test]
fn a_spent_record_that_could_not_be_removed_goes_at_logout() {
    let (world, tab, client) = World::signed_in();
    world.pass(900_000);
    world.break_storage(Broken::EVERYTHING_BUT_READING);
    world.run(client.send(&me())).unwrap();
    assert!(tab.stored().contains("refresh-1"), "nothing could be done about it");
    world.break_storage(Broken::NOTHING);
    client.logout();
    assert!(!tab.stored().contains("refresh-1"));
    world.settle();
    assert!(tab.is_wiped(), "nor is it noted that the ledger is still to hear of it");
    assert_eq!(world.sent().pop().unwrap().body.as_deref().unwrap(), br#"{"refresh_token":"refresh-2"}"#);
}

#[test]
fn a_logout_offline_reaches_the_server_when_the_network_is_back() {
    let (world, _tab, client) = World::signed_in();
    world.go_offline();
    client.logout();
    world.pass(2_000);
    assert_eq!(client.state(), HERE_ONLY);
    assert!(!world.ledger().contains("refresh-1"), "{}", world.ledger());
    world.heal();
    world.settle();
    assert_eq!((client.state(), world.server(|server| server.alive())), (LOGGED_OUT, 0));
}

#[test]
fn a_ledger_that_is_silent_holds_up_neither_the_servers_news_of_a_logout_nor_the_other_tabs() {
    let (world, _tab, client) = World::signed_in();
    world.next_transactions([LedgerFault::Hangs; 8]);
    client.logout();
    world.pass(3_000);
    assert_eq!(world.take_log(), ["POST /logout 204"]);
    world.settle();
    assert_eq!((client.state(), world.take_log()), (LOGGED_OUT, vec![]), "it is told once");
}

#[test]
fn a_token_that_storage_does_not_give_up_is_told_once() {
    let (world, _tab, client) = World::signed_in();
    world.break_storage(Broken::EVERYTHING_BUT_READING);
    world.next_transactions([LedgerFault::Hangs]);
    client.logout();
    world.settle();
    assert_eq!((client.state(), world.take_log()), (LOGGED_OUT, vec!["POST /logout 204".to_owned()]));
}
