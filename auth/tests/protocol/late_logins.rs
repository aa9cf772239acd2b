//! A login that fails here although the server opened a session: the client tells the server to end it.

use auth::{Client, Contract, Custody, Error, State};

use crate::server::Rotation;
use crate::world::{Fault, LedgerFault, World, me, signed_in, watch};

/// A world in which ann's login is not answered in time, but `late` milliseconds after it was sent.
fn too_late(late: u64) -> (World, crate::world::Tab, Client) {
    let world = World::new();
    let tab = world.tab();
    let client = tab.open();
    world.settle();
    world.next("/token", [Fault::Slow(0, late)]);
    assert_eq!(world.run(client.login("ann", "secret")), Err(Error::TimedOut));
    (world, tab, client)
}

fn told(world: &World) -> Vec<String> {
    let logouts = world.sent().into_iter().filter(|request| request.url.ends_with("/logout"));
    logouts.map(|request| String::from_utf8(request.body.unwrap()).unwrap()).collect()
}

#[test]
fn a_login_that_is_answered_after_its_time_is_ended_at_the_server() {
    for late in [31_000, 60_000, 280_000] {
        let (world, tab, client) = too_late(late);
        let seen = watch(&client);
        world.settle();
        assert_eq!(world.take_log(), ["POST /token 200", "POST /logout 204"], "{late}");
        assert_eq!(world.server(|server| server.alive()), 0);
        assert!(tab.is_wiped() && seen.take().is_empty());
        assert_eq!((client.state(), world.timers()), (State::SignedOut(None), 0));
    }
}

#[test]
fn a_late_answer_does_not_touch_the_login_that_was_made_meanwhile() {
    for user in ["ann", "bob"] {
        let (world, _tab, client) = too_late(60_000);
        world.run(client.login(user, "secret")).unwrap();
        let seen = watch(&client);
        world.settle();
        assert_eq!(told(&world), [r#"{"refresh_token":"refresh-1"}"#]);
        assert_eq!((world.server(|server| server.alive()), client.state()), (1, signed_in(user)));
        assert!(seen.take().is_empty());
        world.pass(900_000);
        assert_eq!(
            world.run(client.send(&me())).unwrap().json(),
            Ok(format!(r#"{{"user":"{user}"}}"#).into())
        );
    }
}

#[test]
fn a_late_answer_does_not_touch_the_session_that_was_there() {
    let (world, tab, client) = World::signed_in();
    let before = tab.stored();
    world.next("/token", [Fault::Slow(0, 60_000)]);
    assert_eq!(world.run(client.login("bob", "secret")), Err(Error::TimedOut));
    world.settle();
    assert_eq!(told(&world), [r#"{"refresh_token":"refresh-2"}"#]);
    assert_eq!((tab.stored(), client.state()), (before, signed_in("ann")));
    assert_eq!(world.server(|server| server.alive()), 1);
}

#[test]
fn the_server_is_told_of_a_late_login_as_soon_as_it_can_be() {
    let (world, _tab, _client) = too_late(60_000);
    world.next("/logout", [Fault::says(503, ""), Fault::Lost]);
    world.settle();
    assert_eq!((world.count("POST /logout"), world.server(|server| server.alive())), (3, 0));
}

#[test]
fn a_login_whose_answer_cannot_be_used_is_ended_at_the_server() {
    for (body, error) in [
        (
            r#"{"access_token":"access-1","refresh_token":"refresh-1","token_type":"mac"}"#,
            Error::UnusableToken,
        ),
        (r#"{"access_token":"a b","refresh_token":"refresh-1","token_type":"bearer"}"#, Error::UnusableToken),
        (r#"{"access_token":7,"refresh_token":"refresh-1"}"#, Error::Unintelligible),
        (r#"{"access_token":null,"refresh_token":"refresh-1"}"#, Error::Unintelligible),
        (r#"{"refresh_token":"refresh-1"}"#, Error::Unintelligible),
    ] {
        let world = World::new();
        let tab = world.tab();
        let client = tab.open();
        world.next("/token", [Fault::Body(body.to_owned())]);
        assert_eq!(world.run(client.login("ann", "secret")), Err(error), "{body}");
        world.settle();
        assert_eq!(told(&world), [r#"{"refresh_token":"refresh-1"}"#], "{body}");
        assert_eq!((world.server(|server| server.alive()), client.state()), (0, State::SignedOut(None)));
        assert!(tab.is_wiped(), "{body}");
    }
}

#[test]
fn a_late_answer_that_cannot_be_used_is_ended_at_the_server_too() {
    let world = World::new();
    let client = world.tab().open();
    let body = r#"{"access_token":"access-1","refresh_token":"refresh-1","token_type":"mac"}"#;
    world.server(|server| server.issue("ann", 0));
    world.next("/token", [Fault::SaysLate(60_000, 200, body)]);
    assert_eq!(world.run(client.login("ann", "secret")), Err(Error::TimedOut));
    world.settle();
    assert_eq!((told(&world).len(), world.server(|server| server.alive())), (1, 0));
}

// The tests below assert behaviour that must not change.

#[test]
fn nobody_listens_for_a_login_for_longer_than_five_minutes() {
    let (world, _tab, client) = too_late(400_000);
    world.settle();
    assert_eq!((told(&world).len(), world.timers()), (0, 0));
    assert_eq!(client.state(), State::SignedOut(None));
}

#[test]
fn a_late_answer_without_a_refresh_token_has_nothing_to_end() {
    for fault in [
        Fault::SaysLate(60_000, 401, r#"{"detail":"Incorrect username or password"}"#),
        Fault::SaysLate(60_000, 503, ""),
        Fault::SaysLate(60_000, 200, r#"{"access_token":"access-1"}"#),
        Fault::SaysLate(60_000, 200, r#"{"access_token":"access-1","refresh_token":"a\nb"}"#),
        Fault::SaysLate(60_000, 200, "<html>"),
    ] {
        let world = World::new();
        let client = world.tab().open();
        world.next("/token", [fault]);
        assert_eq!(world.run(client.login("ann", "secret")), Err(Error::TimedOut));
        world.settle();
        assert_eq!((told(&world).len(), world.timers()), (0, 0));
    }
}

#[test]
fn a_server_without_logout_is_not_told_of_a_late_login() {
    let world = World::new();
    let client = world.tab().open_with(Contract { logout: None, ..Contract::default() }, Custody::default());
    world.next("/token", [Fault::Slow(0, 60_000)]);
    assert_eq!(world.run(client.login("ann", "secret")), Err(Error::TimedOut));
    world.settle();
    assert_eq!(world.take_log(), ["POST /token 200"]);
}

#[test]
fn a_login_of_which_the_ledger_gives_no_word_is_ended_at_the_server() {
    for rotation in [Rotation::Strict, Rotation::Idempotent] {
        let world = World::with(|server| server.rotation = rotation);
        let client = world.tab().open();
        world.settle();
        world.next_transactions([LedgerFault::Aborts; 12]);
        assert_eq!(world.run(client.login("ann", "secret")), Err(Error::StorageSilent));
        world.settle();
        assert_eq!((told(&world).len(), world.server(|server| server.alive())), (1, 0));
    }
}
