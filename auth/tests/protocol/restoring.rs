//! A reload: what the page shows and sends before the server has answered.

use auth::{AccessCustody, Contract, Custody, Degraded, EndReason, RefreshCustody, State};

use crate::world::{Fault, LedgerFault, UNCONFIRMED, World, me, signed_in, watch};

#[test]
fn without_a_stored_session_the_page_is_signed_out_at_once() {
    let world = World::new();
    let tab = world.tab();
    let client = tab.client(Contract::default(), Custody::default());
    assert_eq!(client.state(), State::Restoring);
    let seen = watch(&client);
    client.start();
    world.idle();
    assert_eq!(seen.take(), [State::SignedOut(None)]);
    world.settle();
    assert!(world.sent().is_empty());
}

#[test]
fn a_fresh_stored_token_causes_no_traffic_and_shows_no_name_before_the_server_answered() {
    let (world, tab, _) = World::signed_in();
    let client = tab.open();
    assert_eq!(client.state(), UNCONFIRMED);
    world.settle();
    assert_eq!(world.take_log(), [""; 0]);
    let seen = watch(&client);
    world.next("/me", [Fault::says(500, "")]);
    world.run(client.send(&me())).unwrap();
    assert_eq!(client.state(), UNCONFIRMED, "a 500 vouches for nobody");
    world.run(client.send(&me())).unwrap();
    assert_eq!(seen.take(), [signed_in("ann")]);
    assert_eq!(world.take_log(), ["GET /me 500", "GET /me 200"]);
}

#[test]
fn a_stale_stored_token_is_refreshed_before_anything_is_shown() {
    let (world, tab, _) = World::signed_in();
    world.pass(900_000);
    let client = tab.client(Contract::default(), Custody::default());
    let seen = watch(&client);
    client.start();
    assert_eq!(client.state(), State::Restoring);
    world.settle();
    assert_eq!(seen.take(), [signed_in("ann")]);
    assert_eq!(world.take_log(), ["POST /refresh 200"]);
    world.run(client.send(&me())).unwrap();
    assert_eq!(world.take_log(), ["GET /me 200"]);
}

#[test]
fn a_request_during_the_restoring_shares_its_refresh() {
    let (world, tab, _) = World::signed_in();
    world.pass(900_000);
    let client = tab.open();
    assert_eq!(world.run(client.send(&me())).unwrap().status, 200);
    assert_eq!(world.take_log(), ["POST /refresh 200", "GET /me 200"]);
}

#[test]
fn a_start_without_a_server_ends_signed_in_and_degraded() {
    for (fault, degraded) in [
        (Fault::Lost, Some(Degraded::Unreachable)),
        (Fault::Silent, Some(Degraded::Unreachable)),
        (Fault::says(503, "<html>"), Some(Degraded::ServerUnavailable)),
        (Fault::says(200, "<html>hotel"), None),
        (Fault::says(200, "{}"), Some(Degraded::NotRenewed)),
        (Fault::says(429, ""), None),
    ] {
        let (world, tab, _) = World::signed_in_idempotently();
        world.pass(900_000);
        let stored = tab.stored();
        world.always("/refresh", fault);
        let client = tab.open();
        world.pass(15_000);
        assert_eq!(client.state(), State::SignedIn { user: None, degraded, kept: true });
        assert_eq!(tab.stored(), stored);
        world.heal();
        world.pass(60_000);
        assert_eq!(client.state(), signed_in("ann"), "without a click");
    }
}

#[test]
fn a_terminal_answer_at_the_start_signs_out_with_the_reason() {
    let (world, tab, _) = World::signed_in();
    world.pass(900_000);
    world.next("/refresh", [Fault::says(401, r#"{"error":"invalid_grant","reason":"password_changed"}"#)]);
    let client = tab.open();
    let seen = watch(&client);
    world.settle();
    assert_eq!(seen.take(), [State::SignedOut(Some(EndReason::PasswordChanged))]);
    assert!(tab.is_wiped());
}

#[test]
fn a_reload_survives_any_number_of_times() {
    let (world, tab, _) = World::signed_in();
    for _ in 0..5 {
        world.pass(600_000);
        let client = tab.open();
        world.settle();
        assert_eq!(world.run(client.send(&me())).unwrap().status, 200);
        assert_eq!(client.state(), signed_in("ann"));
    }
    assert_eq!(world.server(|server| server.reuses), 0);
}

#[test]
fn a_new_tab_takes_up_the_profiles_session_with_one_refresh() {
    let (world, _tab, _) = World::signed_in();
    let second = world.tab().open();
    assert_eq!(second.state(), State::Restoring);
    world.settle();
    assert_eq!(second.state(), signed_in("ann"));
    assert_eq!(world.take_log(), ["POST /refresh 200"]);
}

#[test]
fn an_access_token_in_memory_costs_a_reload_one_refresh() {
    let custody = Custody { access: AccessCustody::Memory, refresh: RefreshCustody::Local };
    let (world, tab, _before_the_reload) = World::new().sign_in_with(custody);
    let client = tab.open_with(Contract::default(), custody);
    world.settle();
    assert_eq!((client.state(), world.take_log()), (signed_in("ann"), vec!["POST /refresh 200".to_owned()]));
}

#[test]
fn a_refresh_token_in_memory_leaves_a_reload_the_access_token() {
    let custody = Custody { access: AccessCustody::Session, refresh: RefreshCustody::Memory };
    let (world, tab, before_the_reload) = World::new().sign_in_with(custody);
    world.pass(900_000);
    world.run(before_the_reload.send(&me())).unwrap();
    world.take_log();
    for _ in 0..2 {
        let client = tab.open_with(Contract::default(), custody);
        assert_eq!(client.state(), UNCONFIRMED);
        assert_eq!(world.run(client.send(&me())).unwrap().status, 200);
        assert_eq!(world.take_log(), ["GET /me 200"]);
    }
    world.pass(900_000);
    let client = tab.open_with(Contract::default(), custody);
    // No clock knows whether its time is up; nothing is waited for that was never in storage.
    world.pass(10);
    assert_eq!((client.state(), world.take_log()), (UNCONFIRMED, vec![]));
    assert!(world.run(client.send(&me())).is_err());
    assert_eq!(client.state(), State::SignedOut(Some(EndReason::Expired)));
    assert!(tab.is_wiped());
    assert_eq!(world.take_log(), ["GET /me 401"]);
}

#[test]
fn an_older_generations_access_token_in_the_tab_is_not_used() {
    let (world, tab, client) = World::signed_in();
    let old = tab.records().into_values().next().unwrap();
    world.server(|server| server.expire_access());
    world.run(client.send(&me())).unwrap();
    tab.edit(&old);
    world.take_log();
    let client = tab.open();
    world.settle();
    assert_eq!((client.state(), world.take_log()), (signed_in("ann"), vec!["POST /refresh 200".to_owned()]));
}

#[test]
fn a_duplicated_tab_is_harmless() {
    let (world, tab, client) = World::signed_in();
    let copy = tab.duplicate();
    let second = copy.open();
    for _ in 0..3 {
        for client in [&client, &second] {
            assert_eq!(world.run(client.send(&me())).unwrap().status, 200);
        }
        world.pass(900_000);
    }
    assert_eq!(world.server(|server| server.reuses), 0);
}

#[test]
fn sessions_of_two_apis_in_one_profile_do_not_meet() {
    let (world, tab, _) = World::signed_in();
    let other = auth::Client::new(
        tab.clone(),
        "http://localhost:9000".parse().unwrap(),
        Contract::default(),
        Custody::default(),
    );
    other.start();
    world.settle();
    assert_eq!(other.state(), State::SignedOut(None));
    assert!(!tab.is_wiped());
}

#[test]
fn a_logout_before_the_page_knows_its_session_is_none_of_the_login_that_follows() {
    use LedgerFault::{Aborts, HeardLate, None as Good};
    let world = World::new();
    // The restore's first look fails, and its second comes while nobody has heard of the login's commit.
    world.next_transactions([Aborts, Good, HeardLate(2_500)]);
    let client = world.tab().open();
    client.logout();
    world.run(client.login("ann", "secret")).unwrap();
    world.settle();
    assert_eq!((client.state(), world.server(|server| server.alive())), (signed_in("ann"), 1));
}

#[test]
fn a_logout_before_the_page_knows_its_session_ends_it_although_a_login_that_cannot_be_stored_follows() {
    let (world, tab, _client) = World::signed_in();
    world.break_ledger();
    let client = tab.open();
    client.logout();
    world.run(client.login("ann", "secret")).unwrap();
    assert_eq!(client.state(), State::SignedIn { user: Some("ann".into()), degraded: None, kept: false });
    world.pass(110_000);
    world.mend_ledger();
    world.pass(1_000);
    assert_eq!(world.row()["ended"]["reason"], "logged_out");
    // The login's session goes on, and no look takes up the other one after it.
    assert_eq!(world.server(|server| server.alive()), 1);
    client.logout();
    world.settle();
    assert!(world.run(client.recheck()));
    assert_eq!(client.state(), State::SignedOut(Some(EndReason::LoggedOut)));
    assert_eq!(world.server(|server| server.alive()), 0);
}

#[test]
fn a_login_that_cannot_be_stored_leaves_alone_what_another_tab_has_begun() {
    let world = World::new();
    let (client, other) = (world.tab().open(), world.tab().open());
    world.settle();
    client.pause();
    world.run(other.login("ann", "secret")).unwrap();
    world.break_ledger();
    world.run(client.login("bob", "secret")).unwrap();
    world.mend_ledger();
    world.pass(60_000);
    assert_eq!(world.run(other.send(&me())).unwrap().body, br#"{"user":"ann"}"#);
    assert_eq!(world.server(|server| server.alive()), 2);
}

#[test]
fn a_login_that_is_stored_outlives_a_logout_before_the_page_knew_its_session() {
    let (world, _tab, client) = World::signed_in();
    let second = world.tab().client(Contract::default(), Custody::default());
    // The restore's own read.
    world.next_transactions([LedgerFault::Hangs]);
    second.start();
    world.idle();
    second.logout();
    world.run(second.login("bob", "secret")).unwrap();
    world.pass(60_000);
    assert_eq!((second.state(), world.server(|server| server.alive())), (signed_in("bob"), 1));
    assert!(!matches!(client.state(), State::SignedIn { .. }));
}

#[test]
fn a_logout_before_the_session_was_known_ends_no_later_login_of_its_page() {
    let world = World::new();
    let tab = world.tab();
    let client = tab.client(Contract::default(), Custody::default());
    world.break_ledger();
    client.start();
    client.logout();
    // The ledger is broken, so this login lives in the tab alone.
    world.run(client.login("ann", "secret")).unwrap();
    world.pass(3_000);
    // The ledger is whole again, but for one transaction that it never answers.
    world.mend_ledger();
    world.next_transactions([LedgerFault::Hangs]);
    world.pass(300);
    world.run(client.login("bob", "secret")).unwrap();
    assert_eq!(client.state(), signed_in("bob"));
    world.pass(10_000);
    assert_eq!(world.server(|server| server.alive()), 1, "{:?}", world.take_log());
    world.pass(900_000);
    assert_eq!(world.run(client.send(&me())).map(|answer| answer.status), Ok(200), "{:?}", client.state());
}

#[test]
fn a_login_outlives_the_end_of_a_restore_that_a_silent_ledger_held_up() {
    use LedgerFault::Hangs;
    let world = World::new();
    // The tab keeps no access token, so the restore finds nothing in it.
    let custody = Custody { access: AccessCustody::Memory, ..Custody::default() };
    world.next_transactions([Hangs, LedgerFault::None, LedgerFault::None].into_iter().chain([Hangs; 20]));
    let client = world.tab().client(Contract::default(), custody);
    client.start();
    world.run(client.login("ann", "secret")).unwrap();
    assert_eq!(client.state(), signed_in("ann"));
    world.pass(20_000);
    assert_eq!(client.state(), signed_in("ann"));
}
