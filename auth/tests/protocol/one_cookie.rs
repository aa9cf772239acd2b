//! Servers that have one cookie for all sessions of a browser. Each login replaces it, so a call by cookie may be about
//! another session than the one that it is meant for.

mod alone;
mod replaced;

use auth::{Client, Contract, Custody, EndReason, Error, RefreshCookie, RefreshCustody, Rotation, State};
use futures_util::future::join;

use crate::server::{ONE_COOKIE, OneCookie};
use crate::world::{Fault, Tab, World, me, signed_in};

pub(crate) const COOKIE: Custody =
    Custody { access: auth::AccessCustody::Session, refresh: RefreshCustody::Cookie };

pub(crate) fn world(kind: OneCookie) -> World {
    World::with(|server| server.one_cookie = Some(kind))
}

pub(crate) fn contract(alone: bool) -> Contract {
    let cookie = RefreshCookie { handle: Vec::new(), alone, ..Contract::default().refresh_cookie.unwrap() };
    Contract { refresh_cookie: Some(cookie), rotation: Rotation::Never, ..Contract::default() }
}

fn signed_in_as_ann() -> (World, Tab, Client) {
    let world = world(OneCookie::Beside);
    let tab = world.tab();
    let client = tab.open_with(contract(false), COOKIE);
    world.run(client.login("ann", "secret")).unwrap();
    world.take_log();
    assert_eq!(world.hints(), [""; 0], "the login has all that the contract expects");
    (world, tab, client)
}

/// Another page of this origin logs in, and replaces the cookie.
pub(crate) fn log_in_outside(world: &World, user: &str) {
    let time = world.time();
    let (_, token) = world.server(|server| server.issue(user, time));
    world.set_cookies([(ONE_COOKIE.to_owned(), Some(token))]);
}

#[test]
fn a_session_lives_by_the_one_cookie() {
    let (world, tab, client) = signed_in_as_ann();
    world.pass(900_000);
    assert_eq!(world.run(client.send(&me())).unwrap().status, 200);
    drop(client);
    world.pass(900_000);
    let again = tab.open_with(contract(false), COOKIE);
    assert_eq!(world.run(again.send(&me())).unwrap().status, 200);
    let readable = format!("{:?} {:?} {:?}", world.profile(), world.entries(), tab.records());
    assert!(!readable.contains("refresh-"), "{readable}");
    again.logout();
    world.settle();
    assert_eq!(again.state(), State::SignedOut(Some(EndReason::LoggedOut)));
    assert_eq!((world.server(|server| server.alive()), world.jar().len()), (0, 0));
}

#[test]
fn a_login_over_a_session_does_not_log_itself_out() {
    let (world, tab, client) = signed_in_as_ann();
    world.run(client.login("bob", "secret")).unwrap();
    world.settle();
    // Ann's session is not told of, because no cookie names it any more.
    assert_eq!(world.take_log(), ["POST /token 200"]);
    world.pass(900_000);
    assert_eq!(world.run(client.send(&me())).unwrap().body, br#"{"user":"bob"}"#);
    drop(client);
    let again = tab.open_with(contract(false), COOKIE);
    world.pass(900_000);
    assert_eq!(world.run(again.send(&me())).unwrap().body, br#"{"user":"bob"}"#);
    assert_eq!(world.count("POST /logout"), 0, "nor later");
}

#[test]
fn a_logout_that_is_late_does_not_reach_the_next_session() {
    let (world, _tab, client) = signed_in_as_ann();
    world.always("/logout", Fault::says(503, ""));
    client.logout();
    world.pass(2_000);
    assert!(world.count("POST /logout 503") > 0);
    world.run(client.login("bob", "secret")).unwrap();
    world.heal();
    world.take_log();
    world.pass(300_000);
    assert_eq!(world.count("POST /logout"), 0);
    world.pass(900_000);
    assert_eq!(world.run(client.send(&me())).unwrap().body, br#"{"user":"bob"}"#);
}

#[test]
fn a_login_waits_for_a_logout_that_is_under_way() {
    let (world, _tab, client) = signed_in_as_ann();
    world.next("/logout", [Fault::Slow(3_000, 0)]);
    client.logout();
    world.pass(500);
    world.run(client.login("bob", "secret")).unwrap();
    assert_eq!(world.take_log(), ["POST /logout 204", "POST /token 200"]);
    assert_eq!(world.jar().len(), 1);
}

#[test]
fn a_login_waits_for_another_tabs_refresh() {
    let (world, _tab, client) = signed_in_as_ann();
    let other = world.tab().open_with(contract(false), COOKIE);
    world.pass(900_000);
    world.take_log();
    world.next("/refresh", [Fault::Slow(0, 4_000)]);
    let request = me();
    let (answer, login) = world.run(join(client.send(&request), async {
        world.timer(1_000).await;
        other.login("bob", "secret").await
    }));
    assert_eq!(login, Ok(()));
    assert!(matches!(answer, Ok(_) | Err(Error::SessionChanged)), "{answer:?}");
    let log = world.take_log();
    let at = |call: &str| log.iter().position(|entry| entry == call);
    assert!(at("POST /refresh 200") < at("POST /token 200"), "{log:?}");
    assert_eq!(other.state(), signed_in("bob"));
}

#[test]
fn nothing_overtakes_a_slow_login() {
    let (world, _tab, client) = signed_in_as_ann();
    let other = world.tab().open_with(contract(false), COOKIE);
    world.pass(900_000);
    world.take_log();
    // The cookie is bob's after 10 ms, and his session is in the ledger 25 s later.
    world.next("/token", [Fault::Slow(0, 25_000)]);
    let request = me();
    let (login, refused) = world.run(join(other.login("bob", "secret"), async {
        world.timer(1_000).await;
        client.send(&request).await
    }));
    assert_eq!((login, refused.err()), (Ok(()), Some(Error::Unavailable)));
    world.pass(300_000);
    let log = world.take_log();
    assert!(!log.iter().any(|entry| entry.starts_with("POST /logout")), "bob is not logged out: {log:?}");
    assert_eq!(world.run(other.send(&me())).unwrap().body, br#"{"user":"bob"}"#);
}

#[test]
fn another_users_cookie_gives_no_token_to_this_session() {
    let (world, _tab, client) = signed_in_as_ann();
    log_in_outside(&world, "bob");
    world.pass(900_000);
    world.take_log();
    let refused = world.run(client.send(&me()));
    assert_eq!(refused.err(), Some(Error::SessionEnded(EndReason::ReplacedElsewhere)));
    world.pass(60_000);
    assert_eq!(world.take_log(), ["POST /refresh 200"], "bob is not logged out");
    assert_eq!(client.state(), State::SignedOut(Some(EndReason::ReplacedElsewhere)));
}

#[test]
fn a_server_that_misses_its_cookie_is_heard() {
    let (world, _tab, client) = signed_in_as_ann();
    world.set_cookies([(ONE_COOKIE.to_owned(), None)]);
    world.pass(900_000);
    assert_eq!(world.run(client.send(&me())).err(), Some(Error::SessionEnded(EndReason::NoCookie)));
}

#[test]
fn an_unusable_answer_to_a_login_logs_nobody_out() {
    let (world, tab, client) = signed_in_as_ann();
    // This logout carries nothing but the origin's cookies.
    let text = r#"{"logout": {"refresh_token": null}, "cookies": true}"#;
    let other = tab.open_with(Contract::from_text(text).unwrap(), Custody::default());
    world.next("/token", [Fault::says(200, "{}"), Fault::says(204, "")]);
    for _ in 0..2 {
        assert_eq!(world.run(other.login("ann", "secret")), Err(Error::Unintelligible));
    }
    world.settle();
    assert_eq!(world.count("POST /logout"), 0);
    assert_eq!(world.run(client.send(&me())).unwrap().status, 200);
}

#[test]
fn a_captive_portals_answer_to_a_login_ends_nothing() {
    let (world, _tab, client) = signed_in_as_ann();
    let other = world.tab().open_with(contract(false), COOKIE);
    world.next("/token", [Fault::says(200, "<html>")]);
    assert!(world.run(other.login("bob", "secret")).is_err());
    world.pass(1_000);
    assert_eq!(client.state(), signed_in("ann"));
}

#[test]
fn a_logout_does_not_overtake_a_slow_login() {
    let (world, _tab, client) = signed_in_as_ann();
    let other = world.tab().open_with(contract(false), COOKIE);
    world.settle();
    world.take_log();
    world.next("/token", [Fault::Slow(0, 25_000)]);
    let (login, ()) = world.run(join(other.login("bob", "secret"), async {
        world.timer(1_000).await;
        client.logout();
    }));
    assert_eq!(login, Ok(()));
    world.pass(300_000);
    assert_eq!(world.take_log(), ["POST /token 200"]);
    assert_eq!(other.state(), signed_in("bob"));
}

#[test]
fn a_login_that_came_too_late_replaces_no_cookie() {
    let world = world(OneCookie::Beside);
    let client = world.tab().open_with(contract(false), COOKIE);
    world.next("/token", [Fault::Slow(0, 40_000)]);
    assert_eq!(world.run(client.login("bob", "secret")), Err(Error::TimedOut));
    world.run(client.login("ann", "secret")).unwrap();
    world.pass(900_000);
    assert_eq!(world.run(client.send(&me())).unwrap().body, br#"{"user":"ann"}"#);
    assert_eq!(world.count("POST /logout"), 0);
}

#[test]
fn a_login_that_replaces_the_cookie_and_fails_ends_the_session_before() {
    for fault in [Fault::Cut, Fault::Body("{}".to_owned())] {
        let (world, _tab, client) = signed_in_as_ann();
        let other = world.tab().open_with(contract(false), COOKIE);
        world.next("/token", [fault]);
        assert!(world.run(other.login("bob", "secret")).is_err());
        world.pass(1_000);
        let over = State::SignedOut(Some(EndReason::ReplacedElsewhere));
        assert_eq!((client.state(), other.state()), (over.clone(), over));
        assert_eq!(world.count("POST /logout"), 0);
    }
}

#[test]
fn a_login_that_no_ledger_takes_is_refused() {
    for deny in [World::deny_ledger, World::break_ledger] {
        let world = world(OneCookie::Beside);
        deny(&world);
        let tab = world.tab();
        let client = tab.open_with(contract(false), COOKIE);
        let began = world.time();
        assert_eq!(world.run(client.login("ann", "secret")), Err(Error::StorageSilent));
        assert!(world.time() - began < 5_000, "{}", world.time() - began);
        world.settle();
        assert!(tab.is_wiped());
    }
}

#[test]
fn a_proxys_words_about_cookies_end_nothing() {
    let (world, _tab, client) = signed_in_as_ann();
    world.pass(900_000);
    world.next("/refresh", [Fault::says(401, "Missing cookie"), Fault::says(503, "{}")]);
    let _trouble = world.run(client.send(&me()));
    assert_eq!(client.state(), signed_in("ann"));
}

#[test]
fn a_handle_of_another_contract_ends_its_session() {
    let (world, tab, _client) = World::new().sign_in_with(COOKIE);
    world.pass(900_000);
    let client = tab.open_with(contract(false), COOKIE);
    let _ended = world.run(client.send(&me()));
    assert_eq!(client.state(), State::SignedOut(Some(EndReason::NoLongerKept)));
    assert_eq!(world.count("POST /refresh"), 0);
}
