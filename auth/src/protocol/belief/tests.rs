//! Phases and events, as a table: what a tab believes after each event in each phase.

mod reconcile;

use super::*;
use crate::platform::LedgerError;
use crate::protocol::rows::{Key, Page, Row};
use crate::protocol::session::{Kept, Tenure};
use crate::wire::AccessToken;

const AT: Instant = Instant { monotonic: 1_000, wall: 1_000_000 };

fn sid(text: &str) -> Sid {
    Sid::parse(text).unwrap()
}

fn access() -> Access {
    Access { token: AccessToken::parse("t").unwrap(), received: AT, lifetime: Some(900), handed_over: false }
}

fn session(id: &str, user: &str) -> Session {
    Session {
        id: sid(id),
        user: User::named(user),
        generation: 0,
        access: Some(access()),
        confirmed: true,
        tenure: Tenure::Shared { renewable: true, stored: true },
        unwritten: None,
    }
}

fn row(id: &str, user: &str) -> Row {
    Row::new(sid(id), User::named(user), Key("k".repeat(22)), 0)
}

fn reading(belief: &Belief, page: Result<Page, LedgerError>) -> Reading {
    Reading { epoch: belief.epoch(), page, kept: None, noted: None, noted_logout: false, at: AT }
}

/// The phases, each of ann's page.
fn phase(name: &str) -> Belief {
    let (mut belief, mut effects) = (Belief::default(), Effects::default());
    match name {
        "unknown" => {}
        "leaving" => belief.want_logout(),
        "unnamed" => {
            belief.want_logout();
            assert_eq!(belief.unseen(None, AT, &mut effects), Next::Done);
        }
        "out" => {
            belief.restore(None, &mut effects);
            belief.reconcile(reading(&belief, Ok(Page::default())), &mut effects);
        }
        "in" => belief.logged_in(session("a", "ann"), false, &mut effects),
        "joining" => {
            belief.logged_in(session("a", "ann"), false, &mut effects);
            let found = reading(&belief, Ok(Page::of(Some(row("b", "ann")))));
            assert_eq!(belief.reconcile(found, &mut effects), Next::Ask(sid("b"), 0));
        }
        "elsewhere" => {
            belief.logged_in(session("a", "ann"), false, &mut effects);
            belief.reconcile(reading(&belief, Ok(Page::of(Some(row("b", "bob"))))), &mut effects);
        }
        other => panic!("{other}"),
    }
    belief
}

/// The state in one word.
fn word(state: &State) -> String {
    match state {
        State::Restoring => "restoring".to_owned(),
        State::SignedOut(None) => "out".to_owned(),
        State::SignedOut(Some(reason)) => format!("out: {reason:?}"),
        State::SignedInElsewhere { user } => format!("elsewhere: {user}"),
        State::SignedIn { user, .. } => format!("in: {}", user.as_deref().unwrap_or("?")),
    }
}

#[test]
fn a_logout_or_an_end_forgets_the_tokens_and_gives_the_reason() {
    for (name, state) in [("in", "out: Expired"), ("joining", "in: ann"), ("out", "out")] {
        let (mut belief, mut effects) = (phase(name), Effects::default());
        belief.close(&sid("a"), EndReason::Expired, &mut effects);
        assert_eq!(word(&belief.state()), state, "{name}");
        assert_eq!(effects.forget, [sid("a")], "{name}");
    }
}

#[test]
fn a_session_that_is_no_longer_kept_is_told_of_in_its_users_page() {
    for (name, user, state) in [
        ("out", "ann", "out: NoLongerKept"),
        ("elsewhere", "bob", "out: NoLongerKept"),
        ("elsewhere", "cid", "elsewhere: bob"),
        ("in", "ann", "in: ann"),
    ] {
        let (mut belief, mut effects) = (phase(name), Effects::default());
        belief.no_longer_kept(Some(&User::named(user)), &mut effects);
        assert_eq!(word(&belief.state()), state, "{name}, {user}");
    }
    for (reason, state) in
        [(EndReason::LoggedOutElsewhere, "out: NoLongerKept"), (EndReason::Expired, "out: Expired")]
    {
        let (mut belief, mut effects) = (phase("in"), Effects::default());
        belief.close(&sid("a"), reason, &mut effects);
        belief.no_longer_kept(Some(&User::named("ann")), &mut effects);
        assert_eq!(word(&belief.state()), state, "a request may have come across the ended row first");
    }
}

#[test]
fn a_session_that_joins_is_shown_once_it_has_a_token() {
    let (mut belief, mut effects) = (phase("joining"), Effects::default());
    belief.handed_over(&sid("b"), 0, access(), false, &mut effects);
    assert_eq!(word(&belief.state()), "in: ?");
    assert!(effects.keep);
    belief.confirm(&sid("b"));
    assert_eq!(word(&belief.state()), "in: ann");
}

#[test]
fn a_session_that_nobody_has_the_token_of_is_given_up_here() {
    let (mut belief, mut effects) = (phase("joining"), Effects::default());
    belief.give_up(&sid("b"), &mut effects);
    assert_eq!(word(&belief.state()), "out");
    let mut belief = phase("in");
    belief.give_up(&sid("a"), &mut effects);
    assert_eq!(word(&belief.state()), "in: ann", "it has its token");
}

#[test]
fn a_login_that_the_page_has_come_across_keeps_what_is_newer() {
    let (mut belief, mut effects) = (phase("in"), Effects::default());
    belief.tokens(&sid("a"), 3, access(), &mut effects);
    let mut effects = Effects::default();
    belief.logged_in(session("a", "ann"), true, &mut effects);
    assert_eq!(belief.session().map(|session| session.generation), Some(3));
    assert!(effects.forget.is_empty() && !effects.keep);
    belief.logged_in(session("b", "ann"), false, &mut effects);
    assert_eq!(effects.forget, [sid("a")]);
}

#[test]
fn an_older_token_sets_no_session_back() {
    let (mut belief, mut effects) = (phase("in"), Effects::default());
    belief.tokens(&sid("a"), 3, access(), &mut effects);
    belief.tokens(&sid("a"), 2, access(), &mut effects);
    assert_eq!(belief.session().map(|session| session.generation), Some(3));
}

#[test]
fn trouble_and_its_end_are_shown_and_go_with_the_session() {
    let (mut belief, mut effects) = (phase("in"), Effects::default());
    belief.heard(&sid("a"), Some(Degraded::Unreachable), AT);
    belief.heard(&sid("z"), None, AT);
    belief.set_trouble(&sid("a"), Error::Unreachable, false);
    assert!(belief.is_degraded() && belief.trouble() == Error::Unreachable);
    belief.logged_in(session("b", "ann"), false, &mut effects);
    assert!(!belief.is_degraded() && belief.trouble() == Error::Unavailable);
}

#[test]
fn what_comes_for_another_session_changes_nothing() {
    let (mut belief, mut effects) = (phase("in"), Effects::default());
    let other = AccessToken::parse("other").unwrap();
    belief.tokens(&sid("z"), 7, Access { token: other, ..access() }, &mut effects);
    let session = belief.session().unwrap();
    assert_eq!((session.generation, &session.access.as_ref().unwrap().token), (0, &access().token));
}

#[test]
fn what_the_server_heard_of_a_logout_corrects_the_sentence() {
    let (mut belief, mut effects) = (phase("in"), Effects::default());
    belief.close(&sid("a"), EndReason::LoggedOut, &mut effects);
    belief.told(&sid("a"), false);
    assert_eq!(word(&belief.state()), "out: LoggedOutHereOnly");
    belief.told(&sid("z"), true);
    assert_eq!(word(&belief.state()), "out: LoggedOutHereOnly");
    belief.told(&sid("a"), true);
    assert_eq!(word(&belief.state()), "out: LoggedOut");
}
