//! The same for sessions without a refresh token, at a server whose logout takes the access token.

use auth::{Client, Contract, Custody, EndReason, Endpoint, Error, State};
use futures_util::future::join;

use super::{by_access, is_taken_back};
use crate::world::{Fault, LedgerFault, Tab, World, me};

/// A server without refresh tokens whose logout takes the access token.
fn token_only() -> World {
    World::with(|server| {
        server.issues_refresh = false;
        server.dialect.ends_by_access = true;
    })
}

fn open(tab: &Tab) -> Client {
    tab.open_with(by_access(), Custody::default())
}

#[test]
fn a_logout_that_meets_the_restore_of_a_token_only_session_is_told_with_its_token() {
    let world = token_only();
    let tab = world.tab();
    world.run(open(&tab).login("ann", "secret")).unwrap();
    tab.close();
    let client = tab.client(by_access(), Custody::default());
    client.start();
    client.logout();
    world.settle();
    assert_eq!(world.server(|server| server.alive()), 0, "{:?} {:?}", client.state(), world.take_log());
    assert_eq!(client.state(), State::SignedOut(Some(EndReason::LoggedOut)));
}

#[test]
fn a_login_over_a_token_only_session_ends_that_at_the_server() {
    let world = token_only();
    let client = open(&world.tab());
    world.run(client.login("ann", "secret")).unwrap();
    world.run(client.login("bob", "secret")).unwrap();
    world.settle();
    assert_eq!(world.server(|server| server.alive()), 1, "{:?}", world.take_log());
}

#[test]
fn another_tabs_login_over_a_token_only_session_ends_that_at_the_server() {
    let world = token_only();
    let client = open(&world.tab());
    let other = open(&world.tab());
    world.run(other.login("carl", "secret")).unwrap();
    world.run(client.login("ann", "secret")).unwrap();
    world.settle();
    assert_eq!(other.state(), State::SignedInElsewhere { user: "ann".into() });
    world.run(other.login("bob", "secret")).unwrap();
    world.settle();
    assert_eq!(world.server(|server| server.alive()), 1, "{:?}", world.take_log());
}

#[test]
fn a_token_only_login_that_is_taken_back_is_ended_at_the_server() {
    let world = token_only();
    let client = open(&world.tab());
    world.settle();
    world.next_transactions([LedgerFault::Aborts; 12]);
    assert_eq!(world.run(client.login("ann", "secret")), Err(Error::StorageSilent));
    world.settle();
    assert_eq!(world.server(|server| server.alive()), 0, "{:?}", world.take_log());
}

#[test]
fn a_session_that_a_login_without_a_refresh_token_had_replaced_is_ended_when_that_is_taken_back() {
    let world = token_only();
    let client = open(&world.tab());
    world.run(client.login("ann", "secret")).unwrap();
    is_taken_back(&world, &client);
    assert_eq!(client.state(), State::SignedOut(Some(EndReason::Revoked)));
    assert_eq!(world.server(|server| server.alive()), 0);
}

#[test]
fn a_token_only_session_that_was_replaced_during_a_reload_is_told() {
    let world = token_only();
    let (first, second) = (world.tab(), world.tab());
    world.run(open(&first).login("ann", "secret")).unwrap();
    first.close();
    world.run(open(&second).login("bob", "secret")).unwrap();
    open(&first);
    world.settle();
    assert_eq!(world.server(|server| server.alive_users()), ["bob"], "{:?}", world.take_log());
}

#[test]
fn a_login_that_overtakes_the_restore_of_a_session_tells_of_it() {
    let world = token_only();
    let tab = world.tab();
    world.run(open(&tab).login("ann", "secret")).unwrap();
    tab.close();
    world.next_transactions([LedgerFault::Aborts]);
    let client = open(&tab);
    assert_eq!(client.state(), State::Restoring);
    world.run(client.login("bob", "secret")).unwrap();
    world.settle();
    assert_eq!(world.server(|server| server.alive_users()), ["bob"], "{:?}", world.take_log());
}

/// Ann's page, which hears of nothing until it looks.
fn deaf() -> (World, Tab, Client) {
    let world = token_only();
    let tab = world.tab();
    let client = open(&tab);
    world.run(client.login("ann", "secret")).unwrap();
    client.pause();
    (world, tab, client)
}

#[test]
fn a_session_whose_next_one_has_ended_too_is_told() {
    let (world, _tab, client) = deaf();
    let other = open(&world.tab());
    world.run(other.login("bob", "secret")).unwrap();
    other.logout();
    world.settle();
    assert_eq!(world.server(|server| server.alive_users()), ["ann"]);
    world.run(client.recheck());
    world.settle();
    assert_eq!(world.server(|server| server.alive()), 0);
}

#[test]
fn an_end_by_the_server_is_told_by_no_tab() {
    let world = token_only();
    let client = open(&world.tab());
    world.run(client.login("ann", "secret")).unwrap();
    let other = open(&world.tab());
    world.settle();
    world.pass(15_000);
    world.server(|server| server.end_all());
    assert_eq!(world.run(client.send(&me())).err(), Some(Error::SessionEnded(EndReason::Expired)));
    world.settle();
    assert_eq!(other.state(), State::SignedOut(Some(EndReason::Expired)));
    assert_eq!(world.count("POST /logout"), 0, "{:?}", world.take_log());
}

#[test]
fn a_look_while_a_login_is_taken_back_tells_of_the_session_before() {
    let (world, _tab, client) = deaf();
    world.next_transactions_after(1, LedgerFault::CommitsUnheard);
    world.next_transactions([LedgerFault::Hangs; 6]);
    assert_eq!(world.run(client.login("bob", "secret")), Err(Error::StorageSilent));
    world.unblock_ledger();
    world.run(client.recheck());
    world.settle();
    assert_eq!(world.server(|server| server.alive()), 0, "{:?}", client.state());
}

#[test]
fn a_session_that_a_newer_build_uses_lives_on() {
    for reload in [false, true] {
        for version in ["3", "256"] {
            let (world, tab, client) = deaf();
            world.edit_ledger(|entry| entry.replace(r#""v":1"#, &format!(r#""v":{version}"#)));
            if reload {
                tab.close();
                open(&tab);
            } else {
                world.run(client.recheck());
            }
            world.settle();
            assert_eq!(world.server(|server| server.alive()), 1, "{reload} {version}");
            assert_eq!(world.count("POST /logout"), 0, "{:?}", world.take_log());
        }
    }
}

#[test]
fn another_login_of_this_build_leaves_a_session_that_a_newer_build_uses() {
    let (world, _tab, client) = deaf();
    let now = world.entries().into_keys().find(|name| name.ends_with(":now")).unwrap();
    world.edit_ledger(|entry| entry.replace(r#""v":1"#, r#""v":3"#));
    let other = open(&world.tab());
    world.run(other.login("bob", "secret")).unwrap();
    assert!(world.entries().contains_key(&format!("{now}:v1")), "bob's login lies beside the newer build's");
    world.run(client.recheck());
    world.settle();
    assert_eq!(client.state(), State::SignedInElsewhere { user: "bob".into() });
    assert_eq!(world.server(|server| server.alive()), 2);
}

#[test]
fn a_login_that_gets_the_same_access_token_again_does_not_end_it() {
    let answer = || Fault::says(200, r#"{"access_token":"one-for-all"}"#);
    for reload in [false, true] {
        let world = token_only();
        world.always("/token", answer());
        let (tab, other) = (world.tab(), open(&world.tab()));
        let client = open(&tab);
        world.run(client.login("ann", "secret")).unwrap();
        world.settle();
        let client = if reload {
            tab.close();
            world.next_transactions([LedgerFault::Aborts]);
            open(&tab)
        } else {
            client
        };
        world.run(client.login("ann", "secret")).unwrap();
        world.run(other.login("ann", "secret")).unwrap();
        world.settle();
        assert_eq!(world.count("POST /logout"), 0, "{:?}", world.take_log());
    }
}

#[test]
fn a_session_is_ended_at_the_server_although_the_login_that_replaced_it_was_committed_unheard() {
    let world = token_only();
    let client = open(&world.tab());
    world.run(client.login("ann", "secret")).unwrap();
    world.next_transactions_after(1, LedgerFault::CommitsUnheard);
    world.run(client.login("bob", "secret")).unwrap();
    world.settle();
    assert_eq!(world.server(|server| server.alive_users()), ["bob"], "{:?}", world.take_log());
}

#[test]
fn another_tabs_login_that_a_look_found_during_the_pages_own_login_lives_on() {
    let world = token_only();
    let other = open(&world.tab());
    world.settle();
    world.next_transactions([LedgerFault::Aborts]);
    let client = open(&world.tab());
    assert_eq!(client.state(), State::Restoring);
    // The page hears nothing of its commit, and waits for 200 ms.
    world.next_transactions_after(1, LedgerFault::CommitsUnheard);
    let (login, ()) = world.run(join(client.login("ann", "secret"), async {
        world.timer(100).await;
        other.login("ann", "secret").await.unwrap();
        client.recheck().await;
    }));
    login.unwrap();
    world.settle();
    assert_eq!(world.count("POST /logout"), 0, "{:?}", world.take_log());
    assert_eq!(world.run(other.send(&me())).unwrap().status, 200);
}

#[test]
fn a_logout_that_takes_no_token_is_not_called_for_a_session_that_a_login_replaced() {
    let world = token_only();
    let contract = Contract { logout: Some(Endpoint::post("/logout")), ..Contract::default() };
    let client = world.tab().open_with(contract, Custody::default());
    world.run(client.login("ann", "secret")).unwrap();
    // The call could end bob's session, because it does not say whose it means.
    world.run(client.login("bob", "secret")).unwrap();
    world.settle();
    assert_eq!(world.count("POST /logout"), 0, "{:?}", world.take_log());
}
