//! Logins that replace the one cookie and come to nothing.

use auth::{Client, Error, State};

use super::{COOKIE, contract, world};
use crate::server::OneCookie;
use crate::world::{Fault, LedgerFault, World, me, signed_in};

#[test]
fn a_login_that_is_refused_under_a_success_replaces_no_cookie() {
    let world = world(OneCookie::Beside);
    let other = world.tab().open_with(contract(false), COOKIE);
    world.run(other.login("bob", "secret")).unwrap();
    let ann = world.tab().open_with(contract(false), COOKIE);
    world.run(ann.login("ann", "secret")).unwrap();
    world.pass(1_000);
    assert_eq!(other.state(), State::SignedInElsewhere { user: "ann".into() });
    world.next("/token", [Fault::says(200, r#"{"success":false,"message":"Invalid credentials"}"#)]);
    assert_eq!(world.run(other.login("bob", "wrong")), Err(Error::WrongCredentials));
    world.pass(1_000);
    assert_eq!(ann.state(), signed_in("ann"));
}

/// Ann's page at a server with one cookie whose tokens name nobody, and a tab in which bob was signed in.
fn nameless() -> (World, Client, Client) {
    let world = world(OneCookie::Beside);
    world.server(|server| server.payload = Some("{}".to_owned()));
    let other = world.tab().open_with(contract(false), COOKIE);
    world.run(other.login("bob", "secret")).unwrap();
    let ann = world.tab().open_with(contract(false), COOKIE);
    world.run(ann.login("ann", "secret")).unwrap();
    world.pass(1_000);
    (world, ann, other)
}

fn shows_no_other_user(world: &World, ann: &Client) {
    world.pass(900_000);
    let answer = world.run(ann.send(&me()));
    if let Ok(answer) = answer {
        assert_eq!(String::from_utf8(answer.body).unwrap(), r#"{"user":"ann"}"#);
    }
}

#[test]
fn a_login_that_replaces_the_cookie_and_fails_ends_the_session_before_although_one_transaction_aborts() {
    let (world, ann, other) = nameless();
    world.next("/token", [Fault::Cut]);
    world.next_transactions([LedgerFault::Aborts]);
    assert!(world.run(other.login("bob", "secret")).is_err());
    shows_no_other_user(&world, &ann);
}

#[test]
fn a_login_whose_answer_is_too_large_has_replaced_the_cookie() {
    let (world, ann, other) = nameless();
    world.next("/token", [Fault::Body(" ".repeat(2 * 1024 * 1024))]);
    assert_eq!(world.run(other.login("bob", "secret")), Err(Error::TooLarge));
    shows_no_other_user(&world, &ann);
}
