//! What the answer to a refresh means: transient, terminal, 409.

use auth::{Degraded, EndReason, Error, State};

use crate::world::{Fault, LedgerFault, World, me, signed_in, watch};

fn html(status: u16) -> Fault {
    let body = "<!doctype html><title>Sign in to the hotel's network</title>";
    Fault::Says(status, vec![("content-type", "text/html; charset=utf-8")], body.to_owned())
}

#[test]
fn a_transient_answer_keeps_the_session_and_stores_nothing() {
    let faults = [
        Fault::Lost,
        Fault::Silent,
        Fault::Redirects,
        Fault::says(400, r#"{"error":"invalid_request"}"#),
        Fault::says(400, ""),
        Fault::says(400, r#"{"error":{"code":400}}"#),
        html(401),
        html(400),
        Fault::says(401, " <html></html>"),
        Fault::says(403, "{}"),
        Fault::says(404, "{}"),
        Fault::says(405, "{}"),
        Fault::says(408, "{}"),
        Fault::says(418, "{}"),
        Fault::says(422, r#"{"detail":[{"loc":["body","refresh_token"]}]}"#),
        Fault::says(425, "{}"),
        Fault::says(429, "{}"),
        Fault::says(500, "Internal Server Error"),
        html(502),
        Fault::says(503, ""),
        Fault::says(504, ""),
        html(200),
        Fault::says(204, ""),
        Fault::says(200, ""),
        Fault::says(200, "null"),
        Fault::says(200, "[]"),
        Fault::says(200, "{}"),
        Fault::says(200, r#"{"detail":"ok"}"#),
        Fault::says(200, r#"{"access_token":"access-9","refresh_token":"refr"#),
        Fault::says(200, r#"{"access_token":"access-9","token_type":"DPoP"}"#),
        Fault::says(200, r#"{"access_token":"a\r\nx: y"}"#),
        Fault::says(200, r#"{"token":{"access_token":"access-9"}}"#),
        Fault::says(200, &format!(r#"{{"access_token":"{}"}}"#, "a".repeat(64 * 1024 + 1))),
        Fault::says(200, &format!(r#"{{"access_token":"a","x":"{}"}}"#, "a".repeat(1024 * 1024))),
    ];
    for (number, fault) in faults.into_iter().enumerate() {
        let (world, tab, client) = World::signed_in();
        world.pass(900_000);
        let before = tab.stored();
        world.always("/refresh", fault);
        let error = world.run(client.send(&me())).unwrap_err();
        assert!(error.session_lives(), "{number}: {error:?}");
        assert!(matches!(client.state(), State::SignedIn { user: Some(_), .. }), "{number}");
        assert_eq!(tab.stored(), before, "{number}");
        let log = world.take_log();
        assert!(log.len() < 10 && log.iter().all(|entry| entry.starts_with("POST /refresh")), "{log:?}");
        // And when the trouble is over all is well.
        world.heal();
        world.pass(30_000);
        assert_eq!(world.run(client.send(&me())).unwrap().status, 200, "{number}");
        assert_eq!(client.state(), signed_in("ann"), "{number}");
    }
}

#[test]
fn a_transient_answer_is_told_by_its_error() {
    for (fault, error) in [
        (Fault::Lost, Error::Unreachable),
        (Fault::LostAnswer, Error::Unreachable),
        (Fault::Cut, Error::Interrupted),
        (Fault::Silent, Error::TimedOut),
        (Fault::Redirects, Error::Redirected),
        (html(200), Error::Unintelligible),
        (Fault::says(403, ""), Error::Forbidden),
        (Fault::says(404, ""), Error::ServiceNotFound { status: 404 }),
        (Fault::says(405, ""), Error::ServiceNotFound { status: 405 }),
        (Fault::says(408, ""), Error::TimedOut),
        (Fault::says(422, ""), Error::Refused { status: 422 }),
        (html(401), Error::Refused { status: 401 }),
        (html(502), Error::ServerError { status: 502 }),
        (Fault::says(429, ""), Error::TooManyRequests { retry_after: None }),
        (
            Fault::Says(429, vec![("retry-after", "12")], String::new()),
            Error::TooManyRequests { retry_after: Some(12) },
        ),
    ] {
        let (world, _tab, client) = World::signed_in_idempotently();
        world.pass(900_000);
        world.always("/refresh", fault);
        assert_eq!(world.run(client.send(&me())).err(), Some(error));
    }
}

#[test]
fn a_refresh_that_cannot_reach_the_server_shows_so() {
    for (fault, degraded) in [
        (Fault::Lost, Some(Degraded::Unreachable)),
        (Fault::Silent, Some(Degraded::Unreachable)),
        (Fault::Cut, Some(Degraded::Unreachable)),
        (Fault::says(502, ""), Some(Degraded::ServerUnavailable)),
        (Fault::says(503, ""), Some(Degraded::ServerUnavailable)),
        (Fault::says(504, ""), Some(Degraded::ServerUnavailable)),
        (Fault::says(500, ""), None),
    ] {
        let (world, _tab, client) = World::signed_in_idempotently();
        world.pass(900_000);
        world.always("/refresh", fault);
        let _ = world.run(client.send(&me()));
        assert_eq!(client.state(), State::SignedIn { user: Some("ann".into()), degraded, kept: true });
    }
}

#[test]
fn a_terminal_answer_ends_the_session_with_its_reason_and_clears_both_storages() {
    for (status, body, reason) in [
        (401, "", EndReason::Expired),
        (401, "{}", EndReason::Expired),
        (401, r#"{"detail":"Could not validate credentials"}"#, EndReason::Expired),
        (400, r#"{"detail":"Invalid refresh token"}"#, EndReason::Expired),
        (400, r#"{"error":"invalid_grant"}"#, EndReason::Expired),
        (401, r#"{"error":"invalid_grant","reason":"expired"}"#, EndReason::Expired),
        (401, r#"{"error":"invalid_grant","reason":"reuse"}"#, EndReason::Reuse),
        (401, r#"{"error":"invalid_grant","reason":"revoked"}"#, EndReason::Revoked),
        (401, r#"{"error":"invalid_grant","reason":"password_changed"}"#, EndReason::PasswordChanged),
        (401, r#"{"error":"invalid_grant","reason":"disabled"}"#, EndReason::Disabled),
        (401, r#"{"error":"invalid_grant","reason":"<b>new</b>"}"#, EndReason::Expired),
        (401, r#"{"error":"invalid_grant","reason":["reuse"]}"#, EndReason::Expired),
    ] {
        let (world, tab, client) = World::signed_in();
        world.pass(900_000);
        world.next("/refresh", [Fault::says(status, body)]);
        let seen = watch(&client);
        assert_eq!(world.run(client.send(&me())).err(), Some(Error::SessionEnded(reason)), "{body}");
        assert_eq!(seen.take(), [State::SignedOut(Some(reason))], "{body}");
        assert!(tab.is_wiped(), "{body}");
        world.settle();
        assert_eq!(world.take_log(), [format!("POST /refresh {status}")], "{body}");
        assert_eq!(world.run(client.send(&me())).err(), Some(Error::NotSignedIn), "{body}");
    }
}

#[test]
fn a_terminal_answer_after_a_401_ends_the_session_too() {
    let (world, tab, client) = World::signed_in();
    world.server(|server| server.end_all());
    assert_eq!(world.run(client.send(&me())).err(), Some(Error::SessionEnded(EndReason::Expired)));
    assert_eq!(world.take_log(), ["GET /me 401", "POST /refresh 401"]);
    assert!(tab.is_wiped());
}

#[test]
fn a_409_means_that_somebody_else_holds_the_successor() {
    let (world, tab, client) = World::signed_in_idempotently();
    world.pass(900_000);
    world.next("/refresh", [Fault::says(409, "{}")]);
    assert_eq!(world.run(client.send(&me())).err(), Some(Error::SessionEnded(EndReason::Reuse)));
    assert_eq!(client.state(), State::SignedOut(Some(EndReason::Reuse)));
    assert!(tab.is_wiped());
    world.settle();
    assert_eq!(world.take_log(), ["POST /refresh 409", "POST /logout 204"]);
    assert_eq!(world.server(|server| server.alive()), 0);
    assert_eq!(client.state(), State::SignedOut(Some(EndReason::Reuse)), "the reason stays");
}

#[test]
fn a_409_ends_the_family_at_the_server_although_the_ledger_is_heard_of_late() {
    let (world, _tab, client) = World::signed_in_idempotently();
    world.pass(900_000);
    world.next("/refresh", [Fault::says(409, "{}")]);
    // After the decision: the end is committed, and the try after it finds it.
    world.next_transactions_after(1, LedgerFault::HeardLate(2_500));
    assert_eq!(world.run(client.send(&me())).err(), Some(Error::SessionEnded(EndReason::Reuse)));
    world.settle();
    assert_eq!(world.take_log(), ["POST /refresh 409", "POST /logout 204"]);
}

#[test]
fn a_failed_logout_after_a_409_does_not_change_the_reason() {
    let (world, _tab, client) = World::signed_in_idempotently();
    world.pass(900_000);
    world.next("/refresh", [Fault::says(409, "{}")]);
    world.always("/logout", Fault::says(503, ""));
    let _ = world.run(client.send(&me()));
    world.settle();
    assert_eq!(client.state(), State::SignedOut(Some(EndReason::Reuse)));
}

#[test]
fn a_server_that_issues_no_refresh_token_ends_the_session_with_the_access_token() {
    let (world, tab, client) = World::with(|server| server.issues_refresh = false).sign_in();
    assert!(world.profile().is_empty());
    assert_eq!(world.run(client.send(&me())).unwrap().status, 200);
    assert_eq!(client.state(), signed_in("ann"));
    world.pass(900_000);
    world.take_log();
    assert_eq!(world.run(client.send(&me())).err(), Some(Error::SessionEnded(EndReason::Expired)));
    assert_eq!(world.take_log(), [""; 0]);
    assert!(tab.is_wiped());
}

#[test]
fn a_token_call_is_read_to_1_mib_and_an_application_answer_to_32_mib() {
    let (world, _tab, client) = World::signed_in();
    world.pass(900_000);
    let big = "x".repeat(32 * 1024 * 1024);
    world.next("/me", [Fault::says(200, &big), Fault::says(200, &(big.clone() + "x"))]);
    assert_eq!(world.run(client.send(&me())).unwrap().body.len(), big.len());
    assert_eq!(world.run(client.send(&me())).err(), Some(Error::TooLarge));
    client.logout();
    world.settle();
    for request in world.sent().iter().filter(|request| !request.url.ends_with("/me")) {
        assert_eq!(request.body_limit, 1024 * 1024, "{request:?}");
    }
}
