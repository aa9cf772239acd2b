//! A server that accepts an access token only a moment after it was made, because two of its clocks disagree.

use auth::{Contract, Custody, EndReason, Error, State};

use crate::world::{Fault, World, me, signed_in};

const NOT_YET: u64 = 900;

fn ahead() -> World {
    World::with(|server| server.not_yet = NOT_YET)
}

#[test]
fn a_token_that_is_not_valid_yet_is_sent_again_a_moment_later() {
    let world = ahead();
    let client = world.tab().open();
    world.run(client.login("ann", "secret")).unwrap();
    world.pass(900_000);
    world.take_log();
    assert_eq!(world.run(client.send(&me())).unwrap().status, 200);
    assert_eq!(world.take_log(), ["POST /refresh 200", "GET /me 401", "GET /me 200"]);
    assert_eq!(client.state(), signed_in("ann"));
}

#[test]
fn a_login_whose_token_is_not_valid_yet_costs_one_refresh_at_most() {
    let world = ahead();
    let client = world.tab().open();
    world.run(client.login("ann", "secret")).unwrap();
    world.take_log();
    assert_eq!(world.run(client.send(&me())).unwrap().status, 200);
    assert_eq!(world.count("POST /refresh"), 1);
}

#[test]
fn a_session_without_a_refresh_token_is_not_ended_by_it() {
    for contract in [Contract::default(), Contract { refresh: None, ..Contract::default() }] {
        let world = World::with(|server| (server.not_yet, server.issues_refresh) = (NOT_YET, false));
        let client = world.tab().open_with(contract, Custody::default());
        world.run(client.login("ann", "secret")).unwrap();
        world.take_log();
        assert_eq!(world.run(client.send(&me())).unwrap().status, 200);
        assert_eq!(world.take_log(), ["GET /me 401", "GET /me 200"]);
        assert_eq!(client.state(), signed_in("ann"));
    }
}

/// A slow login: half of it was over when the server made the token, as far as the tab can know.
#[test]
fn a_token_of_a_slow_login_is_new_as_well() {
    let world = World::with(|server| (server.not_yet, server.issues_refresh) = (NOT_YET, false));
    let client = world.tab().open();
    world.next("/token", [Fault::Slow(25_000, 0)]);
    world.run(client.login("ann", "secret")).unwrap();
    world.take_log();
    assert_eq!(world.run(client.send(&me())).unwrap().status, 200);
    assert_eq!(world.take_log(), ["GET /me 401", "GET /me 200"]);
}

#[test]
fn an_older_token_does_not_wait() {
    let world = World::with(|server| server.issues_refresh = false);
    let client = world.tab().open();
    world.run(client.login("ann", "secret")).unwrap();
    world.pass(15_000);
    world.server(|server| server.expire_access());
    world.take_log();
    assert_eq!(world.run(client.send(&me())).err(), Some(Error::SessionEnded(EndReason::Expired)));
    assert_eq!(world.take_log(), ["GET /me 401"]);
}

#[test]
fn a_logout_during_the_wait_is_the_requests_end() {
    let world = World::with(|server| (server.not_yet, server.issues_refresh) = (NOT_YET, false));
    let client = world.tab().open();
    world.run(client.login("ann", "secret")).unwrap();
    world.take_log();
    let request = me();
    let logout = async {
        world.timer(500).await;
        client.logout();
    };
    let (answer, ()) = world.run(futures_util::future::join(client.send(&request), logout));
    assert_eq!(answer.err(), Some(Error::SessionChanged));
    assert_eq!(world.count("GET /me"), 1);
    assert!(matches!(client.state(), State::SignedOut(Some(_))));
}
