mod back_off;

use std::cell::RefCell;

use super::*;
use crate::protocol::ids::{Sid, User};
use crate::protocol::rows::{Flight, Now, Row};

const NOW: u64 = 1_000_000;

fn sid() -> Sid {
    Sid::parse("sid").unwrap()
}

fn now_row() -> Now {
    Now { sid: sid(), before: None, base: None }
}

fn key(name: char) -> Key {
    Key(name.to_string().repeat(22))
}

fn token(text: &str) -> RefreshToken {
    RefreshToken::parse(text).unwrap()
}

/// A row of generation 5 with the keys c (current), n (next) and p (previous), and an attempt's marks.
fn row() -> Row {
    Row {
        generation: 5,
        next: Some(key('n')),
        previous_key: Some(key('p')),
        idempotent: true,
        failures: 3,
        not_before: Some(Wait { span: Span::new(NOW, 1_000), asked: false, limited: false }),
        flight: Some(Flight { owner: "me".to_owned(), span: Span::new(NOW, 13_000), locked: false }),
        ..Row::new(sid(), User::named("ann"), key('c'), NOW)
    }
}

fn page(row: Row) -> Page {
    Page { now: Some(now_row()), row: Some(row), newer: false }
}

fn attempt(generation: u32, key: Key) -> Attempt {
    Attempt {
        session: sid(),
        generation,
        token: token("old"),
        key,
        idempotent: true,
        harmless: true,
        previous: false,
        deadline: 10_000,
    }
}

fn received(refresh: &str) -> Received {
    Received { token: token(refresh), idempotent: true, in_row: false, spare: key('s') }
}

/// Commits where the vault can be written and read as `vault` says, and shows the tokens of `shown`; with
/// what was put.
fn committed(
    page: &mut Page,
    attempt: &Attempt,
    received: &Received,
    vault: Put,
    shown: &[u32],
) -> (Committed, Vec<(u32, String)>) {
    let puts = RefCell::new(Vec::new());
    let put = |generation, token: &RefreshToken| {
        puts.borrow_mut().push((generation, token.reveal().to_owned()));
        vault
    };
    let has = |generation| shown.contains(&generation);
    let outcome = commit(page, attempt, received, put, has);
    (outcome, puts.into_inner())
}

const SOUND: Put = Put { written: true, readable: true };
const FAILED: Failure = Failure { patience: None, timed_out: false };
const FULL: Put = Put { written: false, readable: false };

#[test]
fn an_equal_row_moves_on_with_the_key_that_was_minted_for_it() {
    let mut page = page(row());
    let (outcome, puts) = committed(&mut page, &attempt(5, key('c')), &received("new"), SOUND, &[5]);
    assert_eq!(outcome, Committed::Stored { generation: 6, readable: true });
    assert_eq!(puts, [(6, "new".to_owned())]);
    let row = page.row.unwrap();
    assert_eq!((row.generation, &row.key, &row.next), (6, &key('n'), &None));
    assert_eq!(row.previous_key, Some(key('c')));
    assert!(row.flight.is_none() && row.not_before.is_none() && row.failures == 0 && row.token.is_none());
    assert!(row.idempotent, "an answer that says nothing changes nothing");
}

#[test]
fn a_token_that_stays_the_same_keeps_its_key() {
    let mut page = page(row());
    committed(&mut page, &attempt(5, key('c')), &received("old"), SOUND, &[5]);
    let row = page.row.unwrap();
    assert_eq!((row.generation, row.key, row.next), (6, key('c'), Some(key('n'))));
    assert_eq!(row.previous_key, Some(key('p')));
}

#[test]
fn a_row_without_its_next_key_takes_the_spare_one() {
    let mut page = page(Row { next: None, ..row() });
    committed(&mut page, &attempt(5, key('c')), &received("new"), SOUND, &[5]);
    assert_eq!(page.row.unwrap().key, key('s'));
}

#[test]
fn the_last_answer_says_whether_rotation_is_idempotent() {
    for announced in [false, true] {
        let mut page = page(Row { idempotent: !announced, ..row() });
        let received = Received { idempotent: announced, ..received("new") };
        committed(&mut page, &attempt(5, key('c')), &received, SOUND, &[]);
        assert_eq!(page.row.unwrap().idempotent, announced);
    }
}

#[test]
fn a_refused_key_ends_the_belief_unless_the_row_has_moved_on() {
    for (generation, idempotent) in [(5, false), (4, true)] {
        let mut page = page(row());
        unlearn(&mut page, &attempt(generation, key('c')));
        assert_eq!(page.row.unwrap().idempotent, idempotent);
    }
}

#[test]
fn in_custody_of_the_row_the_vault_is_left_alone() {
    let mut page = page(row());
    let received = Received { in_row: true, ..received("new") };
    let (outcome, puts) = committed(&mut page, &attempt(5, key('c')), &received, FULL, &[]);
    assert_eq!((outcome, puts.len()), (Committed::Stored { generation: 6, readable: true }, 0));
    assert_eq!(page.row.unwrap().token.as_deref(), Some("new"));
}

#[test]
fn a_vault_that_cannot_be_written_leaves_the_row_where_a_repeat_is_harmless() {
    let mut kept = page(row());
    let (outcome, _) = committed(&mut kept, &attempt(5, key('c')), &received("new"), FULL, &[]);
    assert_eq!((outcome, kept.row), (Committed::Unwritable, Some(row())));
    let strict = Attempt { harmless: false, idempotent: false, ..attempt(5, key('c')) };
    let mut moved = page(row());
    let (outcome, _) = committed(&mut moved, &strict, &received("new"), FULL, &[]);
    assert_eq!(outcome, Committed::Stored { generation: 6, readable: true });
    assert_eq!(moved.row.unwrap().token.as_deref(), Some("new"), "better in the row than spent");
}

#[test]
fn a_vault_that_cannot_be_read_is_told() {
    let (outcome, _) = committed(
        &mut page(row()),
        &attempt(5, key('c')),
        &received("new"),
        Put { written: true, readable: false },
        &[],
    );
    assert_eq!(outcome, Committed::Stored { generation: 6, readable: false });
}

#[test]
fn the_same_attempts_token_is_put_back_where_the_vault_lost_it_and_the_row_stays() {
    let about = attempt(4, key('p'));
    let same = Committed::Stored { generation: 5, readable: true };
    for (attempt, row, vault, shown, outcome, put) in [
        (about.clone(), row(), SOUND, &[][..], same, true),
        (about.clone(), row(), FULL, &[], Committed::Unwritable, true),
        (about.clone(), row(), SOUND, &[5], Committed::MovedOn(5), false),
        (attempt(4, key('x')), row(), SOUND, &[], Committed::MovedOn(5), false),
        (attempt(3, key('p')), row(), SOUND, &[], Committed::MovedOn(4), false),
        (Attempt { idempotent: false, ..about.clone() }, row(), SOUND, &[], Committed::MovedOn(5), false),
        (about, Row { token: Some("in-row".to_owned()), ..row() }, SOUND, &[], Committed::MovedOn(5), false),
    ] {
        let mut page = page(row.clone());
        let (found, puts) = committed(&mut page, &attempt, &received("new"), vault, shown);
        assert_eq!((found, !puts.is_empty()), (outcome, put), "{attempt:?}");
        assert_eq!(page.row, Some(row));
        assert!(puts.iter().all(|(generation, _)| *generation == 5));
    }
}

#[test]
fn an_attempt_that_was_overtaken_changes_nothing() {
    for (about, of) in [(attempt(5, key('x')), 5), (attempt(6, key('c')), 5), (attempt(3, key('p')), 4)] {
        let mut page = page(row());
        let (outcome, puts) = committed(&mut page, &about, &received("new"), SOUND, &[5]);
        assert_eq!((outcome, puts.len(), page.row), (Committed::MovedOn(of), 0, Some(row())));
    }
}

#[test]
fn nothing_is_committed_to_a_session_that_is_over() {
    let mut ended = page(row());
    ended.row.as_mut().unwrap().end(EndReason::LoggedOut);
    let mut replaced = page(row());
    replaced.now = Some(Now { sid: Sid::parse("another").unwrap(), before: None, base: None });
    for (page, reason) in
        [(&mut ended, EndReason::LoggedOutElsewhere), (&mut replaced, EndReason::ReplacedElsewhere)]
    {
        let about = attempt(5, key('c'));
        let (outcome, puts) = committed(page, &about, &received("new"), SOUND, &[]);
        assert_eq!((outcome, puts.len()), (Committed::Gone(reason), 0));
        let verdict = terminal(page, &about, EndReason::Reuse, |_| false);
        assert_eq!(verdict, Verdict::Gone(reason));
        let before = page.row.clone();
        let waits = back_off(page, &about, "me", NOW, FAILED, 77);
        assert_eq!(waits == 0, before.unwrap().ended.is_some());
    }
}

#[test]
fn only_an_answer_about_the_current_token_ends_the_session() {
    let previous = |generation, key| Attempt { previous: true, ..attempt(generation, key) };
    for (about, shown, verdict) in [
        (attempt(5, key('c')), &[][..], Verdict::Ended),
        (attempt(5, key('x')), &[], Verdict::Ahead),
        (attempt(4, key('c')), &[], Verdict::Ahead),
        (attempt(4, key('p')), &[], Verdict::Ahead),
        // The lost token's predecessor was refused.
        (previous(4, key('p')), &[], Verdict::Ended),
        (previous(4, key('p')), &[5], Verdict::Ahead),
        (previous(4, key('x')), &[], Verdict::Ahead),
        (previous(3, key('p')), &[], Verdict::Ahead),
    ] {
        let mut page = page(row());
        let has = |generation| shown.contains(&generation);
        let found = terminal(&mut page, &about, EndReason::Revoked, has);
        assert_eq!(found, verdict, "{about:?}");
        let ended = page.row.and_then(|row| row.ended_elsewhere());
        assert_eq!(ended, (verdict == Verdict::Ended).then_some(EndReason::Revoked));
    }
}
