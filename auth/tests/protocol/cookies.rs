//! Custody `cookie`: the refresh token is in a cookie that script cannot read, and the row holds the cookie's handle.

use std::collections::BTreeMap;

use auth::{Client, Contract, Custody, EndReason, Error, RefreshCookie, RefreshCustody, State};
use futures_util::future::join;

use crate::server::Rotation;
use crate::world::{Fault, Tab, World, me, signed_in};

const COOKIE: Custody = Custody { access: auth::AccessCustody::Session, refresh: RefreshCustody::Cookie };
const LOCAL: Custody = Custody { access: auth::AccessCustody::Session, refresh: RefreshCustody::Local };

fn in_cookie() -> (World, Tab, Client) {
    World::new().sign_in_with(COOKIE)
}

/// Every place where script could find a token, in one text.
fn readable(world: &World, tab: &Tab) -> String {
    format!("{:?} {:?} {:?}", world.profile(), world.entries(), tab.records())
}

#[test]
fn the_refresh_token_is_in_the_cookie_and_nowhere_else() {
    let world = World::new();
    let tab = world.tab();
    let client = tab.open_with(Contract::default(), COOKIE);
    world.run(client.login("ann", "secret")).unwrap();
    let readable = |when: &str| {
        let found = readable(&world, &tab);
        assert!(!found.contains("refresh-"), "{when}: {found}");
        assert!(found.contains("key-0"), "{when}: {found}");
    };
    readable("after the login");
    assert_eq!(world.jar().len(), 1);
    world.pass(900_000);
    assert_eq!(world.run(client.send(&me())).unwrap().status, 200);
    readable("after a refresh");
    assert_eq!(world.jar()["__Host-rt-0"], "refresh-2");
    for request in world.sent() {
        let body = String::from_utf8_lossy(request.body.as_deref().unwrap_or_default()).into_owned();
        assert!(!body.contains("refresh-"), "{body}");
        let asks = request.headers.iter().any(|(name, _)| name == "x-requested-with");
        assert_eq!((asks, request.cookies), (!request.url.ends_with("/me"), asks), "{}", request.url);
    }
}

#[test]
fn a_session_reaches_other_tabs_and_outlives_its_page() {
    let (world, tab, client) = in_cookie();
    // A tab that has no token refreshes, and learns with that whether the session lives.
    let other = world.tab().open_with(Contract::default(), COOKIE);
    world.pass(1_000);
    assert_eq!(world.run(other.send(&me())).unwrap().status, 200);
    drop((client, other));
    world.pass(900_000);
    let again = tab.open_with(Contract::default(), COOKIE);
    assert_eq!(world.run(again.send(&me())).unwrap().status, 200);
    let refreshed = ["POST /refresh 200", "GET /me 200"];
    assert_eq!(world.take_log(), [refreshed, refreshed].concat());
}

#[test]
fn five_tabs_whose_token_ends_together_refresh_once() {
    let (world, _tab, _client) = in_cookie();
    let clients: Vec<_> = (0..5).map(|_| world.tab().open_with(Contract::default(), COOKIE)).collect();
    world.settle();
    world.server(|server| server.expire_access());
    world.take_log();
    for client in &clients {
        assert_eq!(world.run(client.send(&me())).unwrap().status, 200);
    }
    assert_eq!(world.count("POST /refresh"), 1);
}

#[test]
fn a_lost_answer_costs_one_repeat_whether_the_cookie_came_or_not() {
    for fault in [Fault::LostAnswer, Fault::Cut, Fault::SilentAfter] {
        let (world, _tab, client) = in_cookie();
        world.pass(900_000);
        world.next("/refresh", [fault]);
        let _in_doubt = world.run(client.send(&me()));
        world.pass(30_000);
        assert_eq!(world.run(client.send(&me())).unwrap().status, 200);
        assert_eq!((client.state(), world.server(|server| server.reuses)), (signed_in("ann"), 0));
    }
}

#[test]
fn a_logout_ends_the_session_at_the_server_and_takes_the_cookie_away() {
    let (world, tab, client) = in_cookie();
    // The access token's time is up, and the logout needs none.
    world.pass(900_000);
    client.logout();
    world.settle();
    assert_eq!(client.state(), State::SignedOut(Some(EndReason::LoggedOut)));
    assert_eq!((world.server(|server| server.alive()), world.jar().len()), (0, 0));
    assert!(tab.is_wiped());
}

#[test]
fn a_late_cookie_of_another_session_is_of_no_use() {
    let (world, tab, client) = in_cookie();
    world.pass(900_000);
    // The answer to ann's refresh comes after her logout and bob's login.
    world.next("/refresh", [Fault::Slow(0, 5_000)]);
    let (request, (late, bob)) = (me(), (client.clone(), client.clone()));
    let (answer, login) = world.run(join(late.send(&request), async {
        world.timer(100).await;
        bob.logout();
        world.timer(100).await;
        bob.login("bob", "secret").await
    }));
    assert_eq!((answer.err(), login), (Some(Error::SessionChanged), Ok(())));
    world.pass(10_000);
    world.pass(900_000);
    assert_eq!(world.run(client.send(&me())).unwrap().body, br#"{"user":"bob"}"#);
    let again = tab.open_with(Contract::default(), COOKIE);
    assert_eq!(world.run(again.send(&me())).unwrap().body, br#"{"user":"bob"}"#);
}

#[test]
fn an_answer_about_another_session_is_no_answer() {
    let (world, _tab, client) = in_cookie();
    world.pass(900_000);
    world.next(
        "/refresh",
        [Fault::Body(
            r#"{"access_token":"access-9","token_type":"bearer","sid":"7","session_key":"key-7"}"#.to_owned(),
        )],
    );
    assert_eq!(world.run(client.send(&me())).unwrap().status, 200);
    assert_eq!(world.count("POST /refresh 200"), 2);
    assert_eq!(client.state(), signed_in("ann"));
}

#[test]
fn a_browser_that_keeps_no_cookie_is_told_of_once_and_nothing_loops() {
    let world = World::new();
    world.refuse_cookies();
    let client = world.tab().open_with(Contract::default(), COOKIE);
    world.run(client.login("ann", "secret")).unwrap();
    world.pass(900_000);
    assert_eq!(world.run(client.send(&me())).err(), Some(Error::SessionEnded(EndReason::NoCookie)));
    assert_eq!(client.state(), State::SignedOut(Some(EndReason::NoCookie)));
    assert_eq!(world.count("POST /refresh"), 1);
}

#[test]
fn a_server_that_sends_the_token_in_its_answer_is_refused() {
    let world = World::new();
    let cookie = RefreshCookie { fields: Vec::new(), ..Contract::default().refresh_cookie.unwrap() };
    let contract = Contract { refresh_cookie: Some(cookie), ..Contract::default() };
    let tab = world.tab();
    let client = tab.open_with(contract, COOKIE);
    assert_eq!(world.run(client.login("ann", "secret")).err(), Some(Error::NoRefreshCookie));
    world.settle();
    assert!(tab.is_wiped());
    assert_eq!(world.server(|server| server.alive()), 0, "the session that nobody can use is ended");
}

#[test]
fn a_session_whose_token_script_can_read_is_ended_when_the_page_keeps_sessions_in_cookies() {
    for custody in [LOCAL, Custody { refresh: RefreshCustody::Database, ..LOCAL }] {
        let (world, tab, _client) = World::new().sign_in_with(custody);
        let client = tab.open_with(Contract::default(), COOKIE);
        world.settle();
        assert_eq!(client.state(), State::SignedOut(Some(EndReason::NoLongerKept)));
        assert_eq!(world.server(|server| server.alive()), 0);
        let found = readable(&world, &tab);
        assert!(!found.contains("refresh-"), "{found}");
    }
}

#[test]
fn it_is_ended_too_if_another_tab_has_just_stored_the_token() {
    let world = World::new();
    let late = world.tab();
    late.stop_seeing();
    let (world, tab, _client) = world.sign_in_with(LOCAL);
    tab.close();
    let client = late.open_with(Contract::default(), COOKIE);
    world.pass(500);
    late.see_everything();
    world.settle();
    assert_eq!(client.state(), State::SignedOut(Some(EndReason::NoLongerKept)));
    assert_eq!(world.server(|server| server.alive()), 0);
}

#[test]
fn it_is_ended_too_if_only_the_token_before_was_seen_and_that_one_goes() {
    let (world, tab, client) = World::with(|server| server.rotation = Rotation::Same).sign_in_with(LOCAL);
    let before = world.profile();
    world.pass(900_000);
    assert_eq!(world.run(client.send(&me())).unwrap().status, 200);
    tab.close();
    // A crash has taken the newest entry back.
    world.edit_profile_to(before);
    let late = world.tab();
    let client = late.open_with(Contract::default(), COOKIE);
    world.pass(500);
    world.edit_profile_to(BTreeMap::new());
    world.settle();
    assert_eq!(client.state(), State::SignedOut(Some(EndReason::NoLongerKept)));
    assert_eq!(world.server(|server| server.alive()), 0);
}

#[test]
fn another_users_session_that_the_page_ends_is_not_offered_any_more() {
    let (world, tab, ann) = World::new().sign_in_with(LOCAL);
    let bob = world.tab().open_with(Contract::default(), LOCAL);
    world.run(bob.login("bob", "secret")).unwrap();
    world.settle();
    assert_eq!(ann.state(), State::SignedInElsewhere { user: "bob".into() });
    let client = tab.open_with(Contract::default(), COOKIE);
    world.settle();
    assert_eq!(client.state(), State::SignedOut(Some(EndReason::NoLongerKept)));
    assert_eq!(world.server(|server| server.alive()), 0);
}

#[test]
fn a_session_in_a_cookie_goes_on_under_a_custody_that_script_can_read() {
    for custody in [LOCAL, Custody { refresh: RefreshCustody::Database, ..LOCAL }] {
        let (world, tab, _client) = in_cookie();
        world.pass(900_000);
        let client = tab.open_with(Contract::default(), custody);
        assert_eq!(world.run(client.send(&me())).unwrap().status, 200);
        assert_eq!((client.state(), world.jar().len()), (signed_in("ann"), 1));
        client.logout();
        world.settle();
        assert_eq!((world.server(|server| server.alive()), world.jar().len()), (0, 0));
    }
}

#[test]
fn a_refresh_that_is_taken_for_another_sites_keeps_the_session() {
    let (world, _tab, client) = in_cookie();
    world.pass(900_000);
    world.next("/refresh", [Fault::says(403, r#"{"detail":"Not from this page","error":"cross_site"}"#)]);
    let _refused = world.run(client.send(&me()));
    assert_eq!((client.state(), world.jar().len()), (signed_in("ann"), 1));
    world.pass(60_000);
    assert_eq!(world.run(client.send(&me())).unwrap().status, 200);
}

#[test]
fn a_refused_login_logs_nothing_out() {
    // This logout carries nothing but the origin's cookies.
    let text = r#"{"logout": {"refresh_token": null}, "cookies": true}"#;
    let world = World::new();
    let client = world.tab().open_with(Contract::from_text(text).unwrap(), LOCAL);
    assert_eq!(world.run(client.login("ann", "wrong")), Err(Error::WrongCredentials));
    world.settle();
    assert_eq!(world.take_log(), ["POST /token 401"]);
}

#[test]
fn an_unusable_answer_to_a_login_leaves_a_session_whose_cookie_has_a_name_of_its_own() {
    let (world, _tab, client) = in_cookie();
    world.next("/token", [Fault::says(200, "{}")]);
    assert_eq!(world.run(client.login("bob", "secret")), Err(Error::Unintelligible));
    world.settle();
    assert_eq!(client.state(), signed_in("ann"));
    world.pass(900_000);
    assert_eq!(world.run(client.send(&me())).unwrap().body, br#"{"user":"ann"}"#);
}
