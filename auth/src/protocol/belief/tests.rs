//! Phases and events, as a table: what a tab believes after each event in each phase.

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

/// What a reading of the ledger leads to: the next step and the state.
fn read(name: &str, page: Result<Page, LedgerError>) -> (Next, String) {
    let mut belief = phase(name);
    let reading = reading(&belief, page);
    let next = belief.reconcile(reading, &mut Effects::default());
    (next, word(&belief.state()))
}

fn live(id: &str, user: &str) -> Result<Page, LedgerError> {
    Ok(Page::of(Some(row(id, user))))
}

fn ended(id: &str, reason: EndReason) -> Result<Page, LedgerError> {
    let mut row = row(id, "ann");
    row.end(reason, false);
    Ok(Page::of(Some(row)))
}

#[test]
fn the_tabs_own_session_in_the_ledger_changes_nothing() {
    assert_eq!(read("in", live("a", "ann")), (Next::Done, "in: ann".to_owned()));
    assert_eq!(read("joining", live("b", "ann")), (Next::Done, "in: ann".to_owned()));
}

#[test]
fn a_live_session_in_the_ledger_is_taken_up_or_asked_about() {
    for (name, user, next, state) in [
        ("unknown", "bob", Next::Done, "restoring"),
        ("leaving", "bob", Next::LogOut, "out"),
        ("out", "bob", Next::Ask(sid("b"), 0), "out"),
        ("in", "ann", Next::Ask(sid("b"), 0), "in: ann"),
        ("in", "bob", Next::Done, "elsewhere: bob"),
        ("elsewhere", "ann", Next::Ask(sid("b"), 0), "elsewhere: bob"),
        ("elsewhere", "eve", Next::Done, "elsewhere: eve"),
    ] {
        assert_eq!(read(name, live("b", user)), (next, state.to_owned()), "{name} {user}");
    }
}

#[test]
fn a_ledger_without_a_live_session_signs_out_with_the_reason() {
    for (name, page, state) in [
        ("unknown", Ok(Page::default()), "out"),
        ("leaving", Ok(Page::default()), "out"),
        ("out", Ok(Page::default()), "out"),
        ("elsewhere", Ok(Page::default()), "out"),
        ("in", Ok(Page::default()), "out: Lost"),
        ("in", ended("a", EndReason::PasswordChanged), "out: PasswordChanged"),
        ("in", ended("a", EndReason::LoggedOut), "out: LoggedOutElsewhere"),
        // A later session that has ended is a logout.
        ("in", ended("b", EndReason::Expired), "out: LoggedOutElsewhere"),
        ("joining", Ok(Page::default()), "out: Lost"),
    ] {
        assert_eq!(read(name, page), (Next::Done, state.to_owned()), "{name}");
    }
}

#[test]
fn a_ledger_that_gives_no_answer_changes_nothing() {
    for name in ["unknown", "leaving", "out", "in", "joining", "elsewhere"] {
        let before = word(&phase(name).state());
        assert_eq!(read(name, Err(LedgerError::Aborted)), (Next::Unseen, before), "{name}");
    }
    for (name, next, state) in [
        ("unknown", Next::Done, "out"),
        ("out", Next::Done, "out"),
        ("in", Next::Unseen, "in: ann"),
        ("elsewhere", Next::Done, "elsewhere: bob"),
    ] {
        assert_eq!(read(name, Err(LedgerError::Denied)), (next, state.to_owned()), "{name}");
    }
}

#[test]
fn a_reading_of_the_past_is_read_again() {
    let mut belief = phase("in");
    let past = reading(&phase("unknown"), Ok(Page::default()));
    assert_eq!(belief.reconcile(past, &mut Effects::default()), Next::ReadAgain);
    assert_eq!(word(&belief.state()), "in: ann");
}

#[test]
fn while_a_login_is_under_way_nothing_is_adopted_and_what_is_over_is_not_shown() {
    for (name, next, state) in [
        ("out", Next::Done, "out"),
        ("elsewhere", Next::Done, "elsewhere: bob"),
        ("in", Next::Done, "out: ReplacedElsewhere"),
    ] {
        let mut belief = phase(name);
        assert!(belief.begin_login() && !belief.begin_login());
        let found = reading(&belief, live("c", "bob"));
        assert_eq!(belief.reconcile(found, &mut Effects::default()), next, "{name}");
        assert_eq!(word(&belief.state()), state, "{name}");
    }
    let mut belief = phase("in");
    belief.begin_login();
    belief.entering(sid("c"));
    let own = reading(&belief, live("c", "ann"));
    assert_eq!(belief.reconcile(own, &mut Effects::default()), Next::Unseen);
}

#[test]
fn what_was_ended_here_stays_ended() {
    let mut belief = phase("out");
    assert!(belief.end_here(&sid("b")) && !belief.end_here(&sid("b")));
    let found = reading(&belief, live("b", "ann"));
    assert_eq!(belief.reconcile(found, &mut Effects::default()), Next::Done);
    assert_eq!(word(&belief.state()), "out");
    let mut belief = phase("in");
    belief.end_here(&sid("b"));
    let found = reading(&belief, live("b", "ann"));
    belief.reconcile(found, &mut Effects::default());
    assert_eq!(word(&belief.state()), "out: Revoked", "a login replaced it that came to nothing");
}

#[test]
fn a_logout_that_an_earlier_life_noted_is_not_undone() {
    let mut belief = phase("unknown");
    let found = Reading { noted_logout: true, ..reading(&belief, live("b", "ann")) };
    assert_eq!(belief.reconcile(found, &mut Effects::default()), Next::Done);
    assert_eq!(word(&belief.state()), "out");
}

#[test]
fn a_kept_token_shows_the_session_at_once() {
    let kept = |this_tabs| Kept {
        session: sid("b"),
        user: User::named("ann"),
        generation: 0,
        access: access(),
        this_tabs,
        renewable: !this_tabs,
        stored: true,
    };
    for (this_tabs, page, state) in [
        (false, live("b", "ann"), "in: ?"),
        (false, Ok(Page::default()), "out"),
        (true, Ok(Page::default()), "in: ?"),
        (true, live("c", "bob"), "in: ?"),
        (true, Err(LedgerError::Denied), "in: ?"),
    ] {
        let mut belief = phase("unknown");
        let found = Reading { kept: Some(kept(this_tabs)), ..reading(&belief, page) };
        assert_eq!(belief.reconcile(found, &mut Effects::default()), Next::Done);
        assert_eq!(word(&belief.state()), state);
    }
    let mut belief = phase("unknown");
    belief.unseen(Some(kept(false)), AT, &mut Effects::default());
    assert_eq!(word(&belief.state()), "in: ?", "what the tab kept is all that is known");
}

#[test]
fn a_page_asks_before_it_goes_on_as_another_user_and_then_does() {
    let mut belief = phase("elsewhere");
    let mut effects = Effects::default();
    assert!(belief.restore(None, &mut effects));
    let found = reading(&belief, live("b", "bob"));
    assert_eq!(belief.reconcile(found, &mut effects), Next::Done);
    assert_eq!(belief.joining(), Some((sid("b"), 0)));
    let mut loaded_again = phase("unknown");
    loaded_again.restore(Some(User::named("ann")), &mut effects);
    let found = reading(&loaded_again, live("b", "bob"));
    loaded_again.reconcile(found, &mut effects);
    assert_eq!(word(&loaded_again.state()), "elsewhere: bob");
    assert!(!phase("in").restore(None, &mut effects), "a page with a session restores nothing");
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
    belief.set_trouble(&sid("a"), Error::Unreachable);
    assert!(belief.is_degraded() && belief.trouble() == Error::Unreachable);
    belief.logged_in(session("b", "ann"), false, &mut effects);
    assert!(!belief.is_degraded() && belief.trouble() == Error::Unavailable);
}

#[test]
fn what_the_server_heard_of_a_logout_corrects_the_sentence() {
    let (mut belief, mut effects) = (phase("in"), Effects::default());
    belief.close(&sid("a"), EndReason::LoggedOut, &mut effects);
    belief.told(false);
    assert_eq!(word(&belief.state()), "out: LoggedOutHereOnly");
    belief.told(true);
    assert_eq!(word(&belief.state()), "out: LoggedOut");
}
