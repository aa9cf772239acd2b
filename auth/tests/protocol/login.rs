//! Logging in.

use std::pin::pin;

use auth::{Error, FormFields as Fields, State};
use futures_util::future::{join, select};

use crate::server::header;
use crate::world::{Fault, LedgerFault, World, me, signed_in, watch};

#[test]
fn a_login_sends_the_form_stores_the_tokens_and_signs_in() {
    let world = World::new();
    let tab = world.tab();
    let client = tab.open();
    let seen = watch(&client);
    world.run(client.login("ann", "secret")).unwrap();
    assert_eq!(seen.take(), [signed_in("ann")]);
    assert_eq!(world.take_log(), ["POST /token 200"]);
    let sent = world.sent();
    assert_eq!(sent[0].url, "http://localhost:8000/token");
    assert_eq!(header(&sent[0], "content-type"), Some("application/x-www-form-urlencoded"));
    assert_eq!(header(&sent[0], "authorization"), None);
    assert_eq!(sent[0].body.as_deref().unwrap(), b"grant_type=password&username=ann&password=secret");
    assert!(
        world.profile().values().all(|record| record.contains("refresh-1") && !record.contains("access-1"))
    );
    assert!(
        tab.records().values().all(|record| record.contains("access-1") && !record.contains("refresh-1"))
    );
    assert!(!tab.stored().contains("secret"));
    assert_eq!((tab.records().len(), world.profile().len()), (1, 1));
}

#[test]
fn empty_fields_send_nothing() {
    for (username, password, fields) in [
        ("", "secret", Fields { username: true, password: false, ..Fields::default() }),
        (" \t", "secret", Fields { username: true, password: false, ..Fields::default() }),
        ("ann", "", Fields { username: false, password: true, ..Fields::default() }),
        ("", "", Fields { username: true, password: true, ..Fields::default() }),
    ] {
        let world = World::new();
        let client = world.tab().open();
        assert_eq!(world.run(client.login(username, password)), Err(Error::EmptyFields(fields)));
        assert!(world.sent().is_empty());
    }
}

#[test]
fn a_password_of_spaces_is_a_password() {
    let world = World::new();
    let client = world.tab().open();
    assert_eq!(world.run(client.login("ann", "  ")), Err(Error::WrongCredentials));
    assert_eq!(world.sent()[0].body.as_deref().unwrap(), b"grant_type=password&username=ann&password=++");
}

#[test]
fn a_wrong_password_causes_no_refresh_and_stores_nothing() {
    let world = World::new();
    let tab = world.tab();
    let client = tab.open();
    let seen = watch(&client);
    assert_eq!(world.run(client.login("ann", "wrong")), Err(Error::WrongCredentials));
    world.settle();
    assert_eq!(world.take_log(), ["POST /token 401"]);
    assert!(tab.is_wiped());
    assert_eq!((client.state(), seen.take().len()), (State::SignedOut(None), 0));
}

#[test]
fn a_failed_login_leaves_the_session_that_was_there() {
    let (world, tab, client) = World::signed_in();
    let before = tab.stored();
    assert_eq!(world.run(client.login("ann", "wrong")), Err(Error::WrongCredentials));
    world.next("/token", [Fault::Lost, Fault::says(200, "<html>")]);
    assert_eq!(world.run(client.login("bob", "secret")), Err(Error::Unreachable));
    assert_eq!(world.run(client.login("bob", "secret")), Err(Error::Unintelligible));
    assert_eq!((tab.stored(), client.state()), (before, signed_in("ann")));
    assert_eq!(world.run(client.send(&me())).unwrap().status, 200);
}

#[test]
fn a_second_login_while_one_is_out_sends_nothing() {
    let world = World::new();
    let client = world.tab().open();
    let (first, second) = world.run(join(client.login("ann", "secret"), client.login("ann", "secret")));
    assert_eq!((first, second), (Ok(()), Err(Error::AlreadySigningIn)));
    assert_eq!(world.take_log(), ["POST /token 200"]);
    assert_eq!(world.run(client.login("ann", "secret")), Ok(()), "the turn was given back");
}

#[test]
fn a_failed_or_abandoned_login_gives_its_turn_back() {
    let world = World::new();
    let client = world.tab().open();
    assert_eq!(world.run(client.login("ann", "wrong")), Err(Error::WrongCredentials));
    assert_eq!(world.run(client.login("", "")).unwrap_err().message(), "Enter your username and password.");
    {
        let mut login = Box::pin(client.login("ann", "secret"));
        let cx = &mut std::task::Context::from_waker(std::task::Waker::noop());
        assert!(std::future::Future::poll(login.as_mut(), cx).is_pending());
        assert_eq!(world.run(client.login("ann", "secret")), Err(Error::AlreadySigningIn));
    }
    assert_eq!(world.run(client.login("ann", "secret")), Ok(()));
}

#[test]
fn a_login_whose_caller_goes_away_after_the_answer_is_done_all_the_same() {
    for transactions in 0..4 {
        let (world, _tab, client) = World::signed_in();
        world.next_transactions(vec![LedgerFault::HeardLate(500); transactions]);
        world.run(async {
            let (login, patience) = (pin!(client.login("bob", "secret")), pin!(world.timer(100)));
            select(login, patience).await;
        });
        world.settle();
        assert_eq!((client.state(), world.server(|server| server.alive())), (signed_in("bob"), 1));
    }
}

#[test]
fn a_login_over_a_session_revokes_the_older_one() {
    let (world, tab, client) = World::signed_in();
    let seen = watch(&client);
    world.run(client.login("bob", "secret")).unwrap();
    world.settle();
    assert_eq!(world.take_log(), ["POST /token 200", "POST /logout 204"]);
    assert_eq!(world.server(|server| server.alive()), 1);
    let logout = world.sent().pop().unwrap();
    assert_eq!(logout.body.as_deref().unwrap(), br#"{"refresh_token":"refresh-1"}"#);
    assert_eq!(seen.take(), [signed_in("bob")]);
    assert!(!tab.stored().contains("refresh-1") && !tab.stored().contains("access-1"));
    assert_eq!(world.run(client.send(&me())).unwrap().json(), Ok(r#"{"user":"bob"}"#.into()));
}

#[test]
fn a_failing_revocation_of_the_older_session_is_silent() {
    let (world, _tab, client) = World::signed_in();
    world.always("/logout", Fault::says(503, ""));
    world.run(client.login("bob", "secret")).unwrap();
    world.settle();
    assert_eq!(client.state(), signed_in("bob"));
}

#[test]
fn an_answer_to_the_older_sessions_request_is_dropped() {
    for back in [500, 60_000] {
        let (world, _tab, client) = World::signed_in();
        world.next("/me", [Fault::Slow(0, back)]);
        let request = me();
        let (answer, login) = world.run(join(client.send(&request), client.login("bob", "secret")));
        assert_eq!((answer.err(), login), (Some(Error::SessionChanged), Ok(())));
        assert_eq!(client.state(), signed_in("bob"));
    }
}

#[test]
fn a_401_of_the_older_session_is_not_sent_again_with_the_newer_sessions_token() {
    let (world, _tab, client) = World::signed_in();
    world.server(|server| server.expire_access());
    world.next("/me", [Fault::Slow(0, 500)]);
    let request = me();
    let (answer, _) = world.run(join(client.send(&request), client.login("bob", "secret")));
    assert_eq!(answer.err(), Some(Error::SessionChanged));
    world.settle();
    assert_eq!(world.count("GET /me") + world.count("POST /refresh"), 1);
}

#[test]
fn a_request_that_waits_for_the_older_sessions_refresh_is_never_sent() {
    let (world, _tab, client) = World::signed_in();
    world.pass(900_000);
    world.next("/refresh", [Fault::Slow(0, 500)]);
    let request = me();
    let (answer, _) = world.run(join(client.send(&request), client.login("bob", "secret")));
    assert_eq!(answer.err(), Some(Error::SessionChanged));
    world.settle();
    assert_eq!(world.count("GET /me"), 0);
    assert_eq!(world.server(|server| server.alive()), 1);
    assert_eq!(client.state(), signed_in("bob"));
}

#[test]
fn a_login_fails_with_the_error_of_its_status() {
    let fields =
        |username, password| Error::InvalidFields(Fields { username, password, ..Fields::default() });
    let problem = |name: &str| {
        format!(r#"{{"detail":[{{"loc":["body","{name}"],"msg":"<b>x</b>","input":"secret"}}]}}"#)
    };
    for (status, body, error) in [
        (401, r#"{"detail":"Incorrect username or password"}"#, Error::WrongCredentials),
        (401, "", Error::WrongCredentials),
        (400, r#"{"detail":"Incorrect username or password"}"#, Error::WrongCredentials),
        (400, r#"{"detail":"LOGIN_BAD_CREDENTIALS"}"#, Error::WrongCredentials),
        (400, r#"{"error":"invalid_grant"}"#, Error::WrongCredentials),
        (400, r#"{"error":"invalid_request"}"#, Error::Refused { status: 400 }),
        (400, r#"{"error":{"code":400}}"#, Error::Refused { status: 400 }),
        (401, "<html>hotel</html>", Error::Refused { status: 401 }),
        (403, "", Error::Forbidden),
        (404, r#"{"detail":"Not Found"}"#, Error::ServiceNotFound { status: 404 }),
        (405, "", Error::ServiceNotFound { status: 405 }),
        (409, "", Error::Refused { status: 409 }),
        (413, "", Error::Refused { status: 413 }),
        (422, "", fields(false, false)),
        (422, problem("username").as_str(), fields(true, false)),
        (422, problem("password").as_str(), fields(false, true)),
        (422, problem("other").as_str(), fields(false, false)),
        (429, "", Error::TooManyRequests { retry_after: None }),
        (500, "Internal Server Error", Error::ServerError { status: 500 }),
        (502, "<html>", Error::ServerError { status: 502 }),
        (503, "", Error::ServerError { status: 503 }),
        (200, "<html>hotel</html>", Error::Unintelligible),
        (200, "", Error::Unintelligible),
        (200, r#"{"access_token":"#, Error::Unintelligible),
        (200, r#"{"access_token":"a b"}"#, Error::UnusableToken),
        (200, r#"{"access_token":"a","token_type":"mac"}"#, Error::UnusableToken),
        (302, "", Error::Refused { status: 302 }),
    ] {
        let world = World::new();
        let tab = world.tab();
        let client = tab.open();
        world.next("/token", [Fault::says(status, body)]);
        assert_eq!(world.run(client.login("ann", "secret")), Err(error), "{status} {body}");
        assert!(tab.is_wiped(), "{status} {body}");
        assert_eq!(client.state(), State::SignedOut(None));
        assert_eq!(world.take_log().len(), 1, "{status} {body}");
    }
    for (fault, error) in [
        (Fault::Lost, Error::Unreachable),
        (Fault::LostAnswer, Error::Unreachable),
        (Fault::Cut, Error::Interrupted),
        (Fault::Redirects, Error::Redirected),
        (Fault::Silent, Error::TimedOut),
        (Fault::SilentAfter, Error::TimedOut),
        (Fault::Body("x".repeat(64 * 1024 + 1)), Error::Unintelligible),
        (
            Fault::Says(429, vec![("Retry-After", "7")], String::new()),
            Error::TooManyRequests { retry_after: Some(7) },
        ),
    ] {
        let world = World::new();
        let tab = world.tab();
        let client = tab.open();
        world.next("/token", [fault]);
        assert_eq!(world.run(client.login("ann", "secret")), Err(error));
        assert!(tab.is_wiped());
    }
}

#[test]
fn a_login_that_does_not_fit_the_contract_is_told_to_whoever_sets_up_the_page() {
    let world = World::new();
    let client = world.tab().open();
    world.next("/token", [Fault::says(200, r#"{"token":"t0p","user":{"name":"ann"}}"#)]);
    assert_eq!(world.run(client.login("ann", "secret")), Err(Error::Unintelligible));
    let told = world.hints().concat();
    assert!(told.contains("no text in access_token") && told.contains("token, user.name"), "{told}");
    assert!(!told.contains("t0p") && !told.contains("ann") && !told.contains("secret"), "{told}");
    world.run(client.login("ann", "secret")).unwrap();
    assert_eq!(world.hints().len(), 1, "a login that fits needs no line");
}
