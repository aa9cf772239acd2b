//! What a reading of the ledger makes of each phase: the next step and the state.

use super::*;

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
    row.end(reason);
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
        ("unnamed", "ann", Next::Done, "elsewhere: ann"),
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
        ("unnamed", Ok(Page::default()), "out"),
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
    for name in ["unknown", "leaving", "unnamed", "out", "in", "joining", "elsewhere"] {
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
fn the_server_is_not_asked_about_a_session_that_cannot_be_renewed() {
    let (mut belief, mut effects) = (phase("out"), Effects::default());
    let row = Row { renewable: false, ..row("b", "ann") };
    let found = reading(&belief, Ok(Page::of(Some(row))));
    assert_eq!(belief.reconcile(found, &mut effects), Next::Ask(sid("b"), 0));
    assert_eq!(belief.joining(), None);
}
