//! What ordinary servers, proxies and people send: whole kinds of it, and what follows.

use auth::{AskedField, Contract, Custody, Degraded, EndReason, Error, FormFields, State};

use crate::world::{Fault, World, me, signed_in};

const NOT_RENEWED: State = State::SignedIn { user: None, degraded: Some(Degraded::NotRenewed), kept: true };

fn bytes(status: u16, body: &[u8]) -> Fault {
    Fault::SaysBytes(status, Vec::new(), body.to_vec())
}

#[test]
fn a_token_that_no_request_can_carry_is_told_and_its_spent_one_is_not_sent_again() {
    for body in [
        format!(r#"{{"access_token":"a","refresh_token":"{}"}}"#, "r".repeat(64 * 1024 + 1)),
        format!(r#"{{"access_token":"{}","refresh_token":"r"}}"#, "a".repeat(70_000)),
        r#"{"access_token":"a","refresh_token":"r\n"}"#.to_owned(),
        r#"{"access_token":"t\u00f6ken","refresh_token":"r"}"#.to_owned(),
        r#"{"access_token":"a","refresh_token":"r","token_type":"pop"}"#.to_owned(),
        r#"{"access_token":null,"refresh_token":"refresh-9"}"#.to_owned(),
    ] {
        let (world, tab, client) = World::signed_in();
        world.pass(900_000);
        world.next("/refresh", [Fault::Body(body)]);
        let ended = Error::SessionEnded(EndReason::UnusableToken);
        assert_eq!(world.run(client.send(&me())).err(), Some(ended));
        world.settle();
        assert_eq!((world.count("POST /refresh"), world.server(|server| server.reuses)), (1, 0));
        assert!(tab.is_wiped());
    }
}

#[test]
fn a_server_that_takes_a_repeat_is_asked_again_for_a_token_that_can_be_used() {
    let (world, _tab, client) = World::signed_in_idempotently();
    world.pass(900_000);
    let body = r#"{"access_token":"a b","refresh_token":"r","idempotent_refresh":true}"#;
    world.next("/refresh", [Fault::Body(body.to_owned())]);
    assert_eq!(world.run(client.send(&me())).err(), Some(Error::UnusableToken));
    world.pass(30_000);
    assert_eq!(world.run(client.send(&me())).unwrap().status, 200);
    assert_eq!(client.state(), signed_in("ann"));
}

#[test]
fn what_is_written_as_empty_keeps_the_refresh_token() {
    for empty in [r#""refresh_token":"""#, r#""refresh_token":null"#, r#""token_type":"","refresh_token":"""#]
    {
        let (world, _tab, client) = World::signed_in();
        world.pass(900_000);
        let body = format!(r#"{{"access_token":"access-9",{empty},"expires_in":900}}"#);
        world.next("/refresh", [Fault::says(200, &body)]);
        world.next("/me", [Fault::says(200, "{}")]);
        assert_eq!(world.run(client.send(&me())).unwrap().status, 200, "{empty}");
        world.pass(900_000);
        assert_eq!(world.run(client.send(&me())).unwrap().status, 200, "{empty}");
        assert_eq!(world.server(|server| server.reuses), 0);
    }
}

#[test]
fn a_mark_before_the_text_and_bytes_that_are_no_text_hide_nothing() {
    let token = br#"{"access_token":"access-9","refresh_token":"refresh-9","name":""#;
    for (before, after) in [
        (&b"\xef\xbb\xbf"[..], &b"Ann\"}"[..]),
        (b"", b"J\xfcrgen\"}"),
        (b"\xef\xbb\xbf \r\n", b"\xff\xfe\"}  "),
        (b"", b"\xe2\x82\"}"),
    ] {
        let world = World::new();
        let client = world.tab().open();
        world.next("/token", [bytes(200, &[before, token, after].concat())]);
        assert_eq!(world.run(client.login("ann", "secret")), Ok(()), "{after:?}");
        world.next("/token", [bytes(401, &[before, br#"{"detail":"", "x":""#, after].concat())]);
        assert_eq!(world.run(client.login("ann", "secret")), Err(Error::WrongCredentials), "{after:?}");
    }
}

#[test]
fn a_session_that_is_refused_again_and_again_is_told_and_renewed_when_that_ends() {
    for fault in [
        Fault::says(400, r#"{"error":"invalid_request"}"#),
        Fault::says(404, r#"{"detail":"Not Found"}"#),
        Fault::says(422, r#"{"detail":[{"loc":["body"],"msg":"Field required"}]}"#),
        Fault::says(401, r#"{"error":"invalid_client"}"#),
        Fault::says(200, "{}"),
    ] {
        let (world, tab, _) = World::signed_in();
        world.pass(900_000);
        world.always("/refresh", fault.clone());
        let client = tab.open();
        for _ in 0..4 {
            let refused = world.run(client.send(&me())).unwrap_err();
            assert!(refused.session_lives(), "{refused:?}");
            world.pass(30_000);
        }
        assert_eq!(client.state(), NOT_RENEWED);
        world.heal();
        world.pass(60_000);
        assert_eq!(world.run(client.send(&me())).unwrap().status, 200);
        assert_eq!(client.state(), signed_in("ann"));
    }
}

#[test]
fn a_captive_portal_is_not_the_server_that_refuses() {
    for fault in [
        Fault::says(200, "<html>hotel</html>"),
        Fault::says(403, "<!doctype html><title>Checking your browser</title>"),
        Fault::says(401, "\u{feff}<html>sign in to the network</html>"),
    ] {
        let (world, tab, _) = World::signed_in();
        world.pass(900_000);
        world.always("/refresh", fault);
        let client = tab.open();
        for _ in 0..5 {
            assert!(world.run(client.send(&me())).unwrap_err().session_lives());
            world.pass(30_000);
        }
        let State::SignedIn { degraded, .. } = client.state() else { panic!("{:?}", client.state()) };
        assert_ne!(degraded, Some(Degraded::NotRenewed));
    }
}

#[test]
fn a_409_that_is_no_word_on_the_token_ends_nothing() {
    let (world, _tab, client) = World::signed_in();
    world.pass(900_000);
    world.next("/refresh", [Fault::says(409, r#"{"detail":"conflict, try again"}"#)]);
    assert!(world.run(client.send(&me())).is_err_and(|error| error.session_lives()));
    world.pass(30_000);
    assert_eq!(world.run(client.send(&me())).unwrap().status, 200);
}

#[test]
fn a_gateways_401_ends_no_session_that_cannot_be_renewed() {
    let basic = vec![("www-authenticate", "Basic realm=\"staff\"")];
    for fault in [
        Fault::says(401, "<html>sign in</html>"),
        Fault::Says(401, basic, String::new()),
        Fault::says(401, "\u{feff} <!doctype html>"),
    ] {
        let world = World::with(|server| server.issues_refresh = false);
        let client = world.tab().open();
        world.run(client.login("ann", "secret")).unwrap();
        world.pass(5_000);
        world.next("/me", [fault]);
        assert_eq!(world.run(client.send(&me())).unwrap().status, 401);
        assert_eq!(client.state(), signed_in("ann"));
        assert_eq!(world.run(client.send(&me())).unwrap().status, 200);
    }
}

#[test]
fn a_page_of_a_proxy_is_not_the_applications_no() {
    for status in [400, 403, 405, 407, 451] {
        let (world, _tab, client) = World::signed_in();
        for body in ["<!DOCTYPE html><title>Just a moment</title>", "\u{feff}\n<html></html>", "<?xml?>"] {
            world.next("/me", [Fault::says(status, body)]);
            let error = world.run(client.send(&me())).unwrap().success().unwrap_err();
            assert_eq!(error, Error::Intercepted { status });
            assert!(error.retry_helps() && error.session_lives());
        }
        assert_eq!(client.state(), signed_in("ann"));
    }
    let (world, _tab, client) = World::signed_in();
    world.next("/me", [Fault::says(403, "{}"), Fault::says(404, "<html>Not Found</html>")]);
    assert_eq!(world.run(client.send(&me())).unwrap().success().err(), Some(Error::Forbidden));
    assert_eq!(world.run(client.send(&me())).unwrap().success().err(), Some(Error::NotFound));
}

#[test]
fn an_optional_call_that_cannot_be_read_is_not_the_server() {
    let (world, _tab, client) = World::signed_in();
    world.next("/sessions", [Fault::LostAnswer]);
    assert_eq!(world.run(client.own_sessions()), Err(Error::NotOffered));
    assert_eq!(client.state(), signed_in("ann"), "not degraded");
    // While nothing can be reached, it is the connection.
    world.next("/me", [Fault::Lost]);
    world.next("/sessions", [Fault::Lost]);
    assert_eq!(world.run(client.send(&me())).err(), Some(Error::Unreachable));
    assert_eq!(world.run(client.own_sessions()), Err(Error::Unreachable));
}

#[test]
fn a_wait_is_told_as_long_as_it_is() {
    for (after, seconds) in [("900", 900), ("86400", 86_400), ("301", 301)] {
        let world = World::new();
        let client = world.tab().open();
        world.next("/token", [Fault::Says(429, vec![("retry-after", after)], String::new())]);
        let limited = Error::TooManyRequests { retry_after: Some(seconds) };
        assert_eq!(world.run(client.login("ann", "secret")), Err(limited));
    }
}

#[test]
fn a_name_goes_without_what_nobody_sees_around_it_and_the_password_goes_as_it_is() {
    for typed in ["demo ", "\u{200b}demo", "\u{feff}demo\u{a0}", "\tdemo\r\n", "\u{2068}demo\u{2069}"] {
        let world = World::new();
        let client = world.tab().open();
        let _outcome = world.run(client.login(typed, " secret\u{200b}"));
        let body = world.sent()[0].body.clone().unwrap();
        let pairs: Vec<_> = form_urlencoded::parse(&body).into_owned().map(|(_, value)| value).collect();
        assert_eq!(pairs, ["password", "demo", " secret\u{200b}"], "{typed:?}");
    }
    for invisible in ["\u{200b}", "\u{2060}\u{feff}", "\u{ad} "] {
        let world = World::new();
        let client = world.tab().open();
        let missing = FormFields { username: true, ..FormFields::default() };
        assert_eq!(world.run(client.login(invisible, "secret")), Err(Error::EmptyFields(missing)));
    }
}

#[test]
fn a_login_sends_what_its_contract_asks_for() {
    let field = |name: &'static str, optional| AskedField {
        name: name.into(),
        label: "x".into(),
        autocomplete: "off".into(),
        optional,
    };
    let contract =
        || Contract { asks: vec![field("tenant", false), field("otp", true)], ..Contract::default() };
    let other = Error::EmptyFields(FormFields { other: true, ..FormFields::default() });
    let given = |values: &[&str]| values.iter().map(|value| (*value).to_owned()).collect::<Vec<_>>();
    for (asked, outcome, sent) in [
        (given(&["acme", "123"]), Ok(()), "tenant=acme&otp=123"),
        (given(&["acme", ""]), Ok(()), "tenant=acme"),
        (given(&["acme"]), Ok(()), "tenant=acme"),
        (given(&["", "123"]), Err(other), ""),
        (given(&[]), Err(other), ""),
    ] {
        let world = World::new();
        let client = world.tab().open_with(contract(), Custody::default());
        assert_eq!(world.run(client.login_with("ann", "secret", &asked)), outcome, "{asked:?}");
        let body = world.sent().first().and_then(|request| request.body.clone()).unwrap_or_default();
        assert!(String::from_utf8(body).unwrap().ends_with(sent), "{asked:?}");
        assert_eq!(world.sent().is_empty(), outcome.is_err());
    }
}

#[test]
fn a_contract_says_whether_the_origins_cookies_go_along() {
    for cookies in [false, true] {
        let world = World::new();
        let client = world.tab().open_with(Contract { cookies, ..Contract::default() }, Custody::default());
        world.run(client.login("ann", "secret")).unwrap();
        world.pass(900_000);
        world.run(client.send(&me())).unwrap();
        client.logout();
        world.settle();
        assert_eq!(world.sent().len(), 4);
        assert!(world.sent().iter().all(|request| request.cookies == cookies));
    }
}

#[test]
fn a_proxys_409_is_no_theft() {
    for body in ["error code: 1001", "<html>1001</html>", ""] {
        let (world, _tab, client) = World::signed_in_idempotently();
        world.pass(900_000);
        world.next("/refresh", [Fault::says(409, body)]);
        let _transient = world.run(client.send(&me()));
        world.settle();
        assert_eq!(client.state(), signed_in("ann"), "{body}");
        assert_eq!(world.run(client.send(&me())).unwrap().status, 200, "{body}");
    }
}
