//! Logins that bring the one cookie alone: a refresh gives the first access token.

use auth::{Client, EndReason, Error, State};

use super::{COOKIE, OneCookie, contract, world};
use crate::world::{Fault, Tab, World, me, signed_in};

fn alone() -> (World, Tab, Client) {
    let world = world(OneCookie::Alone);
    let tab = world.tab();
    let client = tab.open_with(contract(true), COOKIE);
    (world, tab, client)
}

#[test]
fn a_login_that_brings_the_cookie_alone_gets_its_access_token_by_a_refresh() {
    let (world, _tab, client) = alone();
    world.run(client.login("ann", "secret")).unwrap();
    assert_eq!(client.state(), signed_in("ann"));
    assert_eq!(world.run(client.send(&me())).unwrap().status, 200);
    world.pass(900_000);
    assert_eq!(world.run(client.send(&me())).unwrap().status, 200);
    let refreshed = ["POST /refresh 200", "GET /me 200"];
    assert_eq!(world.take_log(), [&["POST /token 204"], &refreshed[..], &refreshed].concat());
}

#[test]
fn a_login_whose_cookie_the_browser_refuses_says_so_and_stores_nothing() {
    let (world, tab, client) = alone();
    world.refuse_cookies();
    let refused = world.run(client.login("ann", "secret"));
    assert_eq!(refused, Err(Error::SessionEnded(EndReason::NoCookie)));
    world.settle();
    assert!(tab.is_wiped() && client.state() == State::SignedOut(None));
}

#[test]
fn a_first_refresh_in_trouble_fails_the_login() {
    let (world, tab, client) = alone();
    world.next("/refresh", [Fault::says(503, "")]);
    assert_eq!(world.run(client.login("ann", "secret")), Err(Error::ServerError { status: 503 }));
    world.settle();
    assert!(tab.is_wiped());
    world.run(client.login("ann", "secret")).unwrap();
    assert_eq!(client.state(), signed_in("ann"));
}

#[test]
fn a_login_by_the_cookie_alone_needs_its_turn() {
    let (world, _tab, client) = alone();
    world.without_locks();
    let refused = Err(Error::SessionEnded(EndReason::NoCookie));
    assert_eq!(world.run(client.login("ann", "secret")), refused);
    assert!(world.take_log().is_empty());
}

#[test]
fn a_login_that_is_no_success_is_no_cookie() {
    let (world, _tab, client) = alone();
    for (status, body) in [(401, ""), (200, "<html>"), (400, r#"{"error":"invalid_grant"}"#)] {
        world.next("/token", [Fault::says(status, body)]);
        assert!(world.run(client.login("ann", "wrong")).is_err());
    }
    assert_eq!(world.count("POST /refresh"), 0);
}
