//! Application requests: what they carry, what follows from a 401.

use std::future::Future as _;

use auth::{Error, Method, Request};
use futures_util::future::join_all;

use crate::server::header;
use crate::world::{Fault, World, me, watch};

#[test]
fn a_fresh_token_is_sent_without_asking_anyone() {
    let (world, _tab, client) = World::signed_in();
    let answer = world.run(client.send(&me())).unwrap();
    assert_eq!(answer.json(), Ok(r#"{"user":"ann"}"#.into()));
    assert_eq!(world.take_log(), ["GET /me 200"]);
}

#[test]
fn a_fresh_but_refused_token_is_refreshed_and_the_request_sent_again() {
    let (world, _tab, client) = World::signed_in();
    world.server(|server| server.expire_access());
    assert_eq!(world.run(client.send(&me())).unwrap().status, 200);
    assert_eq!(world.take_log(), ["GET /me 401", "POST /refresh 200", "GET /me 200"]);
}

#[test]
fn a_token_of_unknown_lifetime_is_used_until_a_401() {
    let (world, _tab, client) = World::with(|server| server.expires_in = None).sign_in();
    world.pass(899_000);
    world.run(client.send(&me())).unwrap();
    assert_eq!(world.take_log(), ["GET /me 200"]);
    world.pass(2_000);
    assert_eq!(world.run(client.send(&me())).unwrap().status, 200);
    assert_eq!(world.take_log(), ["GET /me 401", "POST /refresh 200", "GET /me 200"]);
}

#[test]
fn a_stale_token_is_refreshed_before_the_request() {
    let (world, _tab, client) = World::signed_in();
    world.pass(900_000);
    assert_eq!(world.run(client.send(&me())).unwrap().status, 200);
    assert_eq!(world.take_log(), ["POST /refresh 200", "GET /me 200"]);
}

#[test]
fn an_always_401_server_costs_three_sends_and_one_refresh() {
    let (world, _tab, client) = World::signed_in();
    world.server(|server| server.refuses_all = true);
    let answer = world.run(client.send(&me())).unwrap();
    assert_eq!(answer.success().err(), Some(Error::StillUnauthorized));
    assert_eq!(world.take_log(), ["GET /me 401", "POST /refresh 200", "GET /me 401", "GET /me 401"]);
}

#[test]
fn a_401_right_after_a_good_refresh_is_the_answer() {
    let (world, _tab, client) = World::signed_in();
    world.server(|server| server.refuses_all = true);
    world.pass(900_000);
    let answer = world.run(client.send(&me())).unwrap();
    assert_eq!(answer.status, 401);
    assert_eq!(world.take_log(), ["POST /refresh 200", "GET /me 401", "GET /me 401"]);
}

fn many(count: usize) {
    let (world, _tab, client) = World::signed_in();
    world.pass(1_000_000);
    let before = world.transactions();
    let answers = world.run(join_all((0..count).map(|_| async { client.send(&me()).await.unwrap().status })));
    assert_eq!(answers, vec![200; count]);
    assert_eq!((world.count("POST /refresh"), world.count("GET /me")), (1, count));
    assert_eq!(world.transactions() - before, 2, "one decision and one commit");
}

#[test]
fn a_hundred_requests_on_a_stale_token_share_one_refresh() {
    many(100);
}

#[test]
fn a_thousand_requests_on_a_stale_token_share_one_refresh() {
    many(1_000);
}

#[test]
fn a_401_to_a_token_that_a_sibling_gave_is_refreshed_like_any() {
    let (world, _tab, client) = World::signed_in();
    let sibling = world.tab().open();
    world.pass(900_000);
    assert_eq!(world.run(sibling.send(&me())).unwrap().status, 200);
    world.server(|server| server.expire_access());
    world.take_log();
    assert_eq!(world.run(client.send(&me())).unwrap().status, 200);
    assert_eq!(world.take_log(), ["GET /me 401", "POST /refresh 200", "GET /me 200"]);
}

#[test]
fn a_hundred_parallel_401s_share_one_refresh() {
    let (world, _tab, client) = World::signed_in();
    world.server(|server| server.expire_access());
    let answers = world.run(join_all((0..100).map(|_| async { client.send(&me()).await.unwrap().status })));
    assert_eq!(answers, vec![200; 100]);
    assert_eq!(world.count("POST /refresh"), 1);
    assert_eq!((world.count("GET /me 401"), world.count("GET /me 200")), (64, 100));
}

#[test]
fn a_hundred_requests_to_an_always_401_server_share_one_refresh() {
    let (world, _tab, client) = World::signed_in();
    world.server(|server| server.refuses_all = true);
    let answers = world.run(join_all((0..100).map(|_| async { client.send(&me()).await.unwrap().status })));
    assert_eq!(answers, vec![401; 100]);
    // Those that wait for their turn take the new token at once.
    assert_eq!((world.count("POST /refresh"), world.count("GET /me")), (1, 264));
}

#[test]
fn a_late_401_finds_the_newer_token_and_does_not_refresh() {
    let (world, _tab, client) = World::signed_in();
    world.server(|server| server.expire_access());
    world.next("/me", [Fault::Slow(0, 500), Fault::None]);
    let (late, early) =
        world.run(async { futures_util::future::join(client.send(&me()), client.send(&me())).await });
    assert_eq!((late.unwrap().status, early.unwrap().status), (200, 200));
    assert_eq!(
        world.take_log(),
        ["GET /me 401", "GET /me 401", "POST /refresh 200", "GET /me 200", "GET /me 200"]
    );
}

#[test]
fn a_late_401_is_sent_again_with_the_newer_token() {
    let (world, _tab, client) = World::signed_in();
    world.next("/me", [Fault::Slow(0, 60_000), Fault::Slow(0, 500)]);
    world.server(|server| server.expire_access());
    let _ = world.run(async { futures_util::future::join(client.send(&me()), client.send(&me())).await });
    let tokens: Vec<_> = world.sent().iter().filter(|r| r.url.ends_with("/me")).cloned().collect();
    assert_eq!(header(&tokens[0], "authorization"), Some("Bearer access-1"));
    assert_eq!(header(&tokens[2], "authorization"), Some("Bearer access-2"));
}

#[test]
fn a_request_that_failed_on_the_network_is_not_repeated() {
    for (fault, error) in [
        (Fault::Lost, Error::Unreachable),
        (Fault::LostAnswer, Error::Unreachable),
        (Fault::Cut, Error::Interrupted),
        (Fault::Redirects, Error::Redirected),
    ] {
        let (world, _tab, client) = World::signed_in();
        world.next("/notes", [fault]);
        let request = Request::post("/notes").json("{}");
        assert_eq!(world.run(client.send(&request)).err(), Some(error));
        world.settle();
        assert_eq!(world.take_log().len(), 1);
        assert!(client.state() != auth::State::SignedOut(None));
    }
}

#[test]
fn a_network_failure_after_the_refresh_is_not_repeated_either() {
    let (world, _tab, client) = World::signed_in();
    world.server(|server| server.expire_access());
    world.next("/me", [Fault::None, Fault::Lost]);
    assert_eq!(world.run(client.send(&me())).err(), Some(Error::Unreachable));
    world.settle();
    assert_eq!(world.take_log(), ["GET /me 401", "POST /refresh 200", "GET /me lost"]);
}

#[test]
fn an_answer_that_is_no_401_is_the_callers() {
    for status in [200, 204, 302, 400, 403, 404, 405, 409, 418, 422, 429, 500, 503] {
        let (world, _tab, client) = World::signed_in();
        world.next("/me", [Fault::says(status, "{}")]);
        assert_eq!(world.run(client.send(&me())).unwrap().status, status);
        assert_eq!(world.take_log(), [format!("GET /me {status}")]);
        assert!(matches!(client.state(), auth::State::SignedIn { .. }));
    }
}

#[test]
fn a_401_that_comes_as_html_is_a_401() {
    let (world, _tab, client) = World::signed_in();
    world.server(|server| server.expire_access());
    world.next("/me", [Fault::Says(401, vec![("content-type", "text/html")], "<h1>401</h1>".into())]);
    assert_eq!(world.run(client.send(&me())).unwrap().status, 200);
    assert_eq!(world.take_log(), ["GET /me 401", "POST /refresh 200", "GET /me 200"]);
}

#[test]
fn the_repeated_request_is_the_same_byte_for_byte_but_for_its_token() {
    let (world, _tab, client) = World::signed_in();
    world.server(|server| server.expire_access());
    let body: Vec<u8> = (0..=255).collect();
    let request =
        Request::new(Method::Put, "/blob?x=1").header("x-note", "n").body("application/x", body.clone());
    world.run(client.send(&request)).unwrap();
    let sent: Vec<_> = world.sent().into_iter().filter(|r| r.url.contains("/blob")).collect();
    assert_eq!(sent.len(), 2);
    for request in &sent {
        assert_eq!((request.method, request.body.as_ref()), (Method::Put, Some(&body)));
        assert_eq!(request.url, "http://localhost:8000/blob?x=1");
        assert_eq!(header(request, "x-note"), Some("n"));
        assert_eq!(header(request, "content-type"), Some("application/x"));
    }
    assert_eq!(header(&sent[0], "authorization"), Some("Bearer access-1"));
    assert_eq!(header(&sent[1], "authorization"), Some("Bearer access-2"));
}

#[test]
fn a_request_has_exactly_one_authorization_header() {
    let (world, _tab, client) = World::signed_in();
    let request = me().header("Authorization", "Basic xx").header("authorization", "Bearer mine");
    world.run(client.send(&request)).unwrap();
    let sent = world.sent().pop().unwrap();
    let own: Vec<_> =
        sent.headers.iter().filter(|(name, _)| name.eq_ignore_ascii_case("authorization")).collect();
    assert_eq!(own, [&("authorization".into(), "Bearer access-1".to_owned())]);
}

#[test]
fn a_foreign_target_is_refused_before_anything_is_sent() {
    let (world, _tab, client) = World::signed_in();
    world.pass(1_000_000);
    for target in [
        "//evil.example/me",
        "https://evil.example/me",
        "http://localhost:8001/me",
        "https://localhost:8000/me",
        "http://localhost:8000@evil.example/",
        "http://localhost:8000.evil.example/",
        "/\\evil.example",
        "\\\\evil.example",
        "http://user@localhost:8000/me",
        "http://LOCALHOST:8000/me",
        "http://l\u{f6}calhost:8000/me",
        "javascript:alert(1)",
        "me",
        "",
    ] {
        assert_eq!(
            world.run(client.send(&Request::get(target))).err(),
            Some(Error::ForeignOrigin),
            "{target}"
        );
    }
    assert_eq!(world.take_log(), [""; 0]);
    assert_eq!(world.sent().len(), 1, "only the login");
}

#[test]
fn without_a_session_nothing_is_sent() {
    let world = World::new();
    let client = world.tab().open();
    assert_eq!(world.run(client.send(&me())).err(), Some(Error::NotSignedIn));
    assert!(world.sent().is_empty());
}

#[test]
fn a_caller_that_goes_away_in_a_refresh_does_not_cancel_it() {
    let (world, tab, client) = World::signed_in();
    world.pass(900_000);
    {
        let request = me();
        let mut send = Box::pin(client.send(&request));
        let poll = world.run(std::future::poll_fn(|cx| std::task::Poll::Ready(send.as_mut().poll(cx))));
        assert!(poll.is_pending());
        world.pass(5);
    }
    world.settle();
    assert_eq!(world.take_log(), ["POST /refresh 200"]);
    assert!(tab.stored().contains("refresh-2") && !tab.stored().contains("refresh-1"));
    world.run(client.send(&me())).unwrap();
    assert_eq!(world.take_log(), ["GET /me 200"]);
}

#[test]
fn a_gateways_5xx_and_a_lost_network_show_until_the_next_answer() {
    use auth::{Degraded, State};
    let (world, _tab, client) = World::signed_in();
    let seen = watch(&client);
    world.next("/me", [Fault::says(503, ""), Fault::says(500, ""), Fault::Lost, Fault::None]);
    for _ in 0..4 {
        let _ = world.run(client.send(&me()));
    }
    let degraded: Vec<_> = seen
        .take()
        .into_iter()
        .map(|state| match state {
            State::SignedIn { degraded, user: Some(_), kept: true } => degraded,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(degraded, [Some(Degraded::ServerUnavailable), None, Some(Degraded::Unreachable), None]);
}
