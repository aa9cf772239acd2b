//! What single fields of a contract do: `expired`, `logout`, `refresh: null` and `markup`.

use auth::{Carrier, Contract, Custody, EndReason, Endpoint, Error, Matcher, RefreshCustody, State};

use crate::contracts::preset;
use crate::world::{Fault, World, me, signed_in};

#[test]
fn a_template_that_does_not_find_another_user_ends_no_session() {
    let world = World::with(|server| server.issues_refresh = false);
    let contract = Contract { login: Contract::default().login, ..preset("full-stack-fastapi-template") };
    let client = world.tab().open_with(contract, Custody::default());
    world.run(client.login("ann", "secret")).unwrap();
    world.next("/me", [Fault::says(404, r#"{"detail":"User not found"}"#)]);
    assert_eq!(world.run(client.send(&me())).unwrap().status, 404);
    assert_eq!(client.state(), signed_in("ann"));
}

#[test]
fn an_explained_403_of_django_oauth_toolkit_ends_no_session() {
    let world = World::with(|server| server.issues_refresh = false);
    let contract = Contract { expired: preset("django-oauth-toolkit").expired, ..Contract::default() };
    let client = world.tab().open_with(contract, Custody::default());
    world.run(client.login("ann", "secret")).unwrap();
    world.pass(15_000);
    world.next(
        "/me",
        [Fault::says(403, r#"{"detail":"You do not have permission to perform this action."}"#)],
    );
    assert_eq!(world.run(client.send(&me())).unwrap().status, 403);
    assert_eq!(client.state(), signed_in("ann"));
    world.next("/me", [Fault::says(403, "")]);
    assert_eq!(world.run(client.send(&me())).err(), Some(Error::SessionEnded(EndReason::Expired)));
}

#[test]
fn a_logout_that_takes_the_access_token_is_told_as_done_at_once() {
    let custody = Custody { refresh: RefreshCustody::Memory, ..Custody::default() };
    let (memory, denied) = (World::with(|server| server.issues_refresh = false), World::new());
    denied.deny_ledger();
    denied.server(|server| server.issues_refresh = false);
    for (world, custody) in [(memory, custody), (denied, Custody::default())] {
        let logout = Some(Endpoint::post("/logout").access_token(Carrier::Authorization));
        let contract = Contract { logout, refresh: None, ..Contract::default() };
        let client = world.tab().open_with(contract, custody);
        world.run(client.login("ann", "secret")).unwrap();
        client.logout();
        assert_eq!(client.state(), State::SignedOut(Some(EndReason::LoggedOut)));
    }
}

#[test]
fn a_server_without_refresh_ends_the_session_with_its_access_token() {
    let world = World::new();
    let tab = world.tab();
    let client = tab.open_with(Contract { refresh: None, ..Contract::default() }, Custody::default());
    world.run(client.login("ann", "secret")).unwrap();
    world.pass(900_000);
    assert_eq!(world.run(client.send(&me())).err(), Some(Error::SessionEnded(EndReason::Expired)));
    assert_eq!(world.count("POST /refresh"), 0);
    assert!(tab.is_wiped());
}

#[test]
fn a_logout_whose_access_token_has_expired_under_another_status_is_sent_again_with_a_new_one() {
    let world = World::new();
    let logout = Contract::default().logout.unwrap().access_token(Carrier::Authorization);
    let contract = Contract { logout: Some(logout), ..Contract::default() };
    let client = world.tab().open_with(contract, Custody::default());
    world.run(client.login("ann", "secret")).unwrap();
    world.take_log();
    world.next("/logout", [Fault::says(403, r#"{"detail":"Token has expired"}"#)]);
    client.logout();
    world.settle();
    assert_eq!(world.take_log(), ["POST /logout 403", "POST /refresh 200", "POST /logout 204"]);
    assert_eq!(world.server(|server| server.alive()), 0);
}

#[test]
fn a_403_that_can_only_mean_the_token_leads_to_a_refresh() {
    for body in [
        r#"{"detail":"Invalid token or expired token."}"#,
        r#"{"code":403,"error_code":"bad_jwt","msg":"invalid JWT: token is expired"}"#,
    ] {
        let (world, _tab, client) = World::signed_in();
        world.next("/me", [Fault::says(403, body)]);
        assert_eq!(world.run(client.send(&me())).unwrap().status, 200);
        assert_eq!(world.count("POST /refresh"), 1);
    }
}

#[test]
fn a_success_that_speaks_of_an_expired_token_is_not_sent_again() {
    let world = World::new();
    let expired = vec![Matcher::any().says(&["expired"])];
    let client = world.tab().open_with(Contract { expired, ..Contract::default() }, Custody::default());
    world.run(client.login("ann", "secret")).unwrap();
    world.next("/me", [Fault::says(200, r#"{"message":"the voucher has expired"}"#)]);
    assert_eq!(world.run(client.send(&me())).unwrap().status, 200);
    assert_eq!((world.count("GET /me"), world.count("POST /refresh")), (1, 0));
}

/// A page that a server's framework makes of a refusal.
const PAGE: &str = "<!doctype html>\n<html lang=en>\n<title>401 Unauthorized</title>";

#[test]
fn a_server_that_refuses_in_markup_is_heard_if_its_contract_says_so() {
    let text = r#"{"login_refusals": [{"status": 401, "markup": true, "means": "not_accepted"}],
                   "refresh_refusals": [{"status": 401, "markup": true, "means": "expired"}],
                   "expired": [{"status": 401, "markup": true}]}"#;
    let world = World::new();
    let client = world.tab().open_with(Contract::from_text(text).unwrap(), Custody::default());
    world.next("/token", [Fault::says(401, PAGE)]);
    assert_eq!(world.run(client.login("ann", "wrong")).err(), Some(Error::WrongCredentials));
    world.run(client.login("ann", "secret")).unwrap();
    world.next("/me", [Fault::says(401, PAGE)]);
    world.next("/refresh", [Fault::says(401, PAGE)]);
    assert_eq!(world.run(client.send(&me())).err(), Some(Error::SessionEnded(EndReason::Expired)));
}

#[test]
fn an_answer_that_fails_a_test_of_the_contract_does_not_count_as_expired() {
    let refused = || Matcher::status(403);
    let inside = |levels: usize| [&r#"{"detail":"#.repeat(levels), r#""old""#, &"}".repeat(levels)].concat();
    for (matcher, fits, fails) in [
        (refused().has("code"), r#"{"code":1}"#, r#"{"code":null}"#),
        (refused().lacks("code"), "{}", r#"{"code":1}"#),
        (refused().is("code", &["old"]), r#"{"code":"old"}"#, r#"{"code":"odd"}"#),
        (refused().is_not("code", &["odd"]), r#"{"code":"old"}"#, r#"{"code":"odd"}"#),
        (refused().says(&["old"]), r#"{"detail":"old"}"#, r#"{"detail":"odd"}"#),
        // An explanation lies up to three levels deep, or is a text of up to 200 bytes.
        (refused().says(&["old"]), &inside(3), &inside(4)),
        (refused().says(&["old"]), &format!("old{:197}", ""), &format!("old{:198}", "")),
        (refused().says_not(&["odd"]), r#"{"detail":"old"}"#, r#"{"detail":"odd"}"#),
        (refused().is_markup(), PAGE, "{}"),
    ] {
        for (body, expected) in [(fits, (200, 1)), (fails, (403, 0))] {
            let world = World::new();
            let contract = Contract { expired: vec![matcher.clone()], ..Contract::default() };
            let client = world.tab().open_with(contract, Custody::default());
            world.run(client.login("ann", "secret")).unwrap();
            world.pass(20_000);
            world.next("/me", [Fault::says(403, body)]);
            let status = world.run(client.send(&me())).unwrap().status;
            assert_eq!((status, world.count("POST /refresh")), expected, "{matcher:?} {body}");
        }
    }
}

#[test]
fn a_token_only_server_that_refuses_in_markup_ends_the_session_if_its_contract_says_so() {
    let contract = Contract {
        refresh: None,
        ..Contract::from_text(r#"{"expired": [{"status": 401, "markup": true}]}"#).unwrap()
    };
    let world = World::with(|server| server.issues_refresh = false);
    let client = world.tab().open_with(contract, Custody::default());
    world.run(client.login("ann", "secret")).unwrap();
    world.pass(15_000);
    world.next("/me", [Fault::says(401, PAGE)]);
    assert_eq!(world.run(client.send(&me())).err(), Some(Error::SessionEnded(EndReason::Expired)));
}

#[test]
fn a_refusal_of_a_refresh_that_ends_nothing_tells_the_caller_what_it_means() {
    let text = r#"{"refresh_refusals": [{"status": 423, "means": "locked"}]}"#;
    let world = World::new();
    let client = world.tab().open_with(Contract::from_text(text).unwrap(), Custody::default());
    world.run(client.login("ann", "secret")).unwrap();
    world.always("/refresh", Fault::says(423, "{}"));
    world.pass(900_000);
    assert_eq!(world.run(client.send(&me())).err(), Some(Error::AccountLocked));
    assert!(matches!(client.state(), State::SignedIn { .. }), "{:?}", client.state());
}
