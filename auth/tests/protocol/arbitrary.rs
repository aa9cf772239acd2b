//! Whatever bytes a server, a proxy or a broken line sends: nothing panics, no token is stored that was not in the answer,
//! no session ends by an answer that does not mean it, and the page says nothing but its own sentences.

mod answers;

use auth::{EndReason, Error, Request, State};
use proptest::strategy::Strategy;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::Value;

use self::answers::{CANARY, Given, given};
use crate::world::{Tab, World, me};

/// Tries the property with the same values each time. `PROPTEST_CASES` sets how many.
pub(crate) fn for_each_of<S: Strategy>(values: &S, property: impl Fn(&S::Value)) {
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let config = Config { failure_persistence: None, ..Config::default() };
    let outcome = TestRunner::new_with_rng(config, rng).run(values, |value| {
        property(&value);
        Ok(())
    });
    outcome.unwrap_or_else(|failure| panic!("{failure}"));
}

fn for_each(property: impl Fn(&Given)) {
    for_each_of(&given(), property);
}

/// Nothing of the answer is in what the page says or writes into its log.
fn is_own_sentence(error: &Error, given: &Given) {
    let said = format!("{error} {error:?}");
    assert!(!said.contains(CANARY), "{said}");
    assert!(said.len() < 400 && !said.contains(['<', '\0']), "{said}");
    let status = given.status.to_string();
    let numbers = said.split(|c: char| !c.is_ascii_digit()).filter(|number| !number.is_empty());
    // The status is the only number of the answer's that the page shows. A wait is a number of its own.
    let waits = matches!(error, Error::TooManyRequests { .. });
    assert!(waits || numbers.into_iter().all(|number| number == status), "{said}");
}

/// Every token that the tab, the profile and the ledger hold was in the answer, or is one of `before`.
fn holds_only(world: &World, tab: &Tab, given: &Given, before: &[&str]) {
    let sent = String::from_utf8_lossy(&given.body).into_owned();
    let records =
        tab.records().into_values().chain(world.profile().into_values()).chain(world.entries().into_values());
    for record in records {
        let record: Value = serde_json::from_str(&record).unwrap_or_default();
        for name in ["access_token", "refresh_token"] {
            let Some(token) = record[name].as_str() else { continue };
            let written = serde_json::to_string(token).unwrap();
            let was_sent =
                sent.contains(written.trim_matches('"')) || given.texts.iter().any(|text| text == token);
            assert!(was_sent || before.contains(&token), "{token:?} was not in {sent:?}");
        }
    }
}

#[test]
fn whatever_answers_a_login() {
    for_each(|given| {
        let world = World::new();
        let tab = world.tab();
        let client = tab.open();
        world.next("/token", [given.fault()]);
        // A session that was opened in vain is ended at the server, whatever it says to that.
        let outcome = world.run(client.login("ann", "secret"));
        world.settle();
        holds_only(&world, &tab, given, &[]);
        let hints = world.hints().concat();
        assert!(
            !hints.contains(CANARY) && hints.bytes().all(|b| b == b' ' || b.is_ascii_graphic()),
            "{hints}"
        );
        match outcome {
            Ok(()) => {
                assert!((200..300).contains(&given.status), "{given:?}");
                assert!(matches!(client.state(), State::SignedIn { .. }));
            }
            Err(error) => {
                is_own_sentence(&error, given);
                assert!(tab.is_wiped() && client.state() == State::SignedOut(None), "{given:?}");
            }
        }
    });
}

#[test]
fn whatever_answers_a_refresh() {
    for_each(|given| {
        let (world, tab, client) = World::signed_in();
        world.pass(900_000);
        world.next("/refresh", [given.fault()]);
        let outcome = world.run(client.send(&me()));
        world.settle();
        let before = ["access-1", "refresh-1", "access-2", "refresh-2", "access-3", "refresh-3"];
        holds_only(&world, &tab, given, &before);
        if let Err(error) = &outcome {
            is_own_sentence(error, given);
        }
        if let State::SignedOut(reason) = client.state() {
            assert!(given.may_end(), "{reason:?} {given:?}");
            let unusable = reason == Some(EndReason::UnusableToken);
            assert!(!unusable || given.has_field("refresh_token"), "{given:?}");
        }
        if given.must_end() {
            assert!(matches!(client.state(), State::SignedOut(Some(_))), "{given:?}");
        }
    });
}

#[test]
fn whatever_answers_a_logout() {
    for_each(|given| {
        let (world, tab, client) = World::signed_in();
        world.always("/logout", given.fault());
        client.logout();
        assert!(tab.is_wiped());
        world.settle();
        let State::SignedOut(Some(reason)) = client.state() else { panic!("{:?}", client.state()) };
        let told = reason == EndReason::LoggedOut;
        assert!(told || reason == EndReason::LoggedOutHereOnly, "{reason:?}");
        let success = (200..300).contains(&given.status) && !given.is_markup();
        assert!(!told || success || given.may_end(), "{given:?}");
        assert!(told || !success || given.object().is_some(), "{given:?}");
        assert!(world.count("POST /logout") <= 8);
    });
}

#[test]
fn whatever_answers_an_application_request() {
    for_each(|given| {
        let (world, tab, client) = World::signed_in();
        world.next("/me", [given.fault()]);
        match world.run(client.send(&me())) {
            Ok(answer) => match answer.clone().success().and_then(|answer| answer.json().map(|_| ())) {
                // After a 401 the request went out once more, and the server answered.
                Ok(()) => assert!((200..300).contains(&given.status) || given.status == 401),
                Err(error) => is_own_sentence(&error, given),
            },
            Err(error) => is_own_sentence(&error, given),
        }
        world.settle();
        assert!(matches!(client.state(), State::SignedIn { .. }), "{given:?}");
        holds_only(&world, &tab, given, &["access-1", "refresh-1", "access-2", "refresh-2"]);
    });
}

#[test]
fn whatever_answers_a_question_about_sessions() {
    for_each(|given| {
        let (world, _tab, client) = World::signed_in();
        world.next("/sessions", [given.fault()]);
        match world.run(client.own_sessions()) {
            Ok(list) => assert!(list.iter().all(|session| !session.sid.is_empty())),
            Err(error) => is_own_sentence(&error, given),
        }
        assert!(matches!(client.state(), State::SignedIn { .. }), "{given:?}");
        assert_eq!(world.run(client.send(&Request::get("/me"))).unwrap().status, 200);
    });
}
