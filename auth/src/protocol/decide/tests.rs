mod flights;

use super::*;
use crate::protocol::ids::User;
use crate::protocol::rows::Now;
use crate::protocol::times::{BACKOFF, Bucket, RETRY_AFTER, Wait};

const NOW: u64 = 1_000_000;
/// How long a flight of a first attempt is.
const FLIGHT: u32 = ATTEMPT_DEADLINE + FLIGHT_MARGIN;

fn sid() -> Sid {
    Sid::parse("sid").unwrap()
}

fn now_row() -> Now {
    Now { sid: sid(), before: None, base: None }
}

fn key(name: char) -> Key {
    Key(name.to_string().repeat(22))
}

fn token(generation: u32) -> RefreshToken {
    RefreshToken::parse(&format!("RT-{generation}")).unwrap()
}

/// A row of generation 5 with the keys c (current), n (next) and p (previous).
fn row() -> Row {
    let row = Row::new(sid(), User::named("ann"), key('c'), NOW);
    Row { generation: 5, next: Some(key('n')), previous_key: Some(key('p')), idempotent: true, ..row }
}

fn page(row: Row) -> Page {
    Page { now: Some(now_row()), row: Some(row), newer: false }
}

fn facts() -> Facts {
    Facts {
        wall: NOW,
        session: sid(),
        known: 5,
        owner: "me".into(),
        lock: Lock::Held,
        watched: None,
        fixed: false,
        caught_up: false,
        this_tabs: false,
    }
}

/// Decides where the vault shows the tokens of `shown`.
fn decided(page: &mut Page, facts: &Facts, shown: &[u32]) -> Decision {
    let vault = |generation| match shown.contains(&generation) {
        true => Found::Token(token(generation)),
        false => Found::Missing,
    };
    decide(page, facts, vault, || key('m'))
}

fn sent(decision: Decision) -> Attempt {
    match decision {
        Decision::Send(attempt) => attempt,
        other => panic!("{other:?}"),
    }
}

fn flight(since: u64, locked: bool) -> Flight {
    Flight { owner: "other".to_owned(), span: Span::new(since, FLIGHT), locked }
}

#[test]
fn the_rows_token_goes_out_with_the_rows_key() {
    let mut page = page(row());
    let attempt = sent(decided(&mut page, &facts(), &[4, 5, 6]));
    assert_eq!((attempt.generation, attempt.token, attempt.key), (5, token(5), key('c')));
    assert!(attempt.idempotent && attempt.harmless && !attempt.previous);
    assert_eq!(page.row.unwrap().next, Some(key('n')), "the next key stays as it was minted");
}

#[test]
fn the_next_key_lies_in_the_ledger_before_the_attempt() {
    let mut page = page(Row { next: None, ..row() });
    sent(decided(&mut page, &facts(), &[5]));
    assert_eq!(page.row.unwrap().next, Some(key('m')));
}

#[test]
fn a_session_that_is_over_or_not_current_stops() {
    let mut ended = page(row());
    ended.row.as_mut().unwrap().end(EndReason::Disabled);
    let mut replaced = page(row());
    replaced.now = Some(Now { sid: Sid::parse("another").unwrap(), before: Some(sid()), base: None });
    let mut wiped = Page { now: None, row: None, newer: false };
    let mut without_now = Page { now: None, row: Some(row()), newer: false };
    for (page, reason) in [
        (&mut ended, EndReason::Disabled),
        (&mut replaced, EndReason::ReplacedElsewhere),
        (&mut wiped, EndReason::Lost),
        (&mut without_now, EndReason::Lost),
    ] {
        let decision = decided(page, &facts(), &[5]);
        assert!(matches!(decision, Decision::Gone(why) if why == reason), "{decision:?}");
    }
}

#[test]
fn a_newer_row_is_adopted_and_an_equal_one_refreshed() {
    for (known, adopted) in [(4, true), (5, false), (6, false)] {
        let decision = decided(&mut page(row()), &Facts { known, ..facts() }, &[5]);
        assert_eq!(matches!(decision, Decision::Adopt(5)), adopted, "{known}: {decision:?}");
    }
}

#[test]
fn nobody_refreshes_before_the_ledgers_time() {
    for (asked, length, now, left) in [
        (false, 3_000, NOW, Some(3_000)),
        (false, 3_000, NOW + 2_999, Some(1)),
        (false, 3_000, NOW + 3_000, None),
        (false, BACKOFF, NOW, Some(BACKOFF)),
        (true, 90_000, NOW, Some(90_000)),
        (true, RETRY_AFTER, NOW, Some(RETRY_AFTER)),
        // Longer ones than are ever written: somebody edited the row.
        (false, BACKOFF + 1, NOW, None),
        (true, RETRY_AFTER + 1, NOW, None),
    ] {
        let wait = Wait { span: Span::new(NOW, length), asked, limited: asked };
        let mut page = page(Row { not_before: Some(wait), ..row() });
        match (decided(&mut page, &Facts { wall: now, ..facts() }, &[5]), left) {
            (Decision::Wait { left, limited }, Some(expected)) => {
                assert_eq!((left, limited), (expected, asked));
            }
            (Decision::Send(_), None) => {}
            (other, _) => panic!("{other:?}"),
        }
    }
}

#[test]
fn the_eleventh_attempt_waits_and_each_takes_one() {
    let mut page = page(row());
    for _ in 0..10 {
        sent(decided(&mut page, &facts(), &[5]));
    }
    let decision = decided(&mut page, &facts(), &[5]);
    assert!(matches!(decision, Decision::Wait { left: 5_000, limited: false }), "{decision:?}");
    sent(decided(&mut page, &Facts { wall: NOW + 5_000, ..facts() }, &[5]));
    let decision = decided(&mut page, &Facts { wall: NOW + 5_001, ..facts() }, &[5]);
    assert!(matches!(decision, Decision::Wait { left: 4_999, limited: false }), "{decision:?}");
}

#[test]
fn who_only_waits_writes_nothing() {
    let wait = Wait { span: Span::new(NOW + 100_000, 3_000), asked: true, limited: true };
    let strict = Row { idempotent: false, ..row() };
    for (row, shown) in [
        (Row { not_before: Some(wait), ..row() }, &[5][..]),
        (Row { flight: Some(flight(NOW + 100_000, false)), ..strict }, &[5]),
        (row(), &[]),
    ] {
        let mut page = page(row.clone());
        // Long after the bucket was last touched.
        let decision = decided(&mut page, &Facts { wall: NOW + 100_000, ..facts() }, shown);
        assert!(!matches!(decision, Decision::Send(_)), "{decision:?}");
        assert_eq!(page.row, Some(row), "{decision:?}");
    }
}

#[test]
fn an_empty_bucket_fills_again_after_the_clock_was_set_back() {
    let mut empty = Bucket::full(NOW);
    (0..10).for_each(|_| empty.take());
    let mut page = page(Row { bucket: empty, ..row() });
    let then = |wall| Facts { wall, ..facts() };
    assert!(matches!(decided(&mut page, &then(500), &[5]), Decision::Wait { left: 5_000, .. }));
    assert!(matches!(decided(&mut page, &then(3_500), &[5]), Decision::Wait { left: 2_000, .. }));
    sent(decided(&mut page, &then(5_500), &[5]));
}

#[test]
fn a_token_that_is_not_to_be_seen_is_waited_for() {
    let decision = decided(&mut page(row()), &facts(), &[4]);
    assert!(matches!(decision, Decision::CatchUp(5)), "{decision:?}");
    let decision = decide(&mut page(row()), &facts(), |_| Found::Unreadable, || key('m'));
    assert!(matches!(decision, Decision::Unreadable), "{decision:?}");
}

#[test]
fn the_previous_token_goes_with_the_previous_key_to_an_idempotent_server() {
    let waited = Facts { caught_up: true, ..facts() };
    let attempt = sent(decided(&mut page(row()), &waited, &[3, 4]));
    assert_eq!((attempt.generation, attempt.token.clone(), attempt.key.clone()), (4, token(4), key('p')));
    assert!(attempt.previous);
    assert_eq!(attempt.leaves(), 5);
}

#[test]
fn a_token_that_never_comes_is_lost() {
    let waited = || Facts { caught_up: true, ..facts() };
    let strict = Row { idempotent: false, ..row() };
    let no_key = Row { previous_key: None, ..row() };
    let alone = Facts { this_tabs: true, ..waited() };
    for (row, facts, shown, reason) in [
        (row(), waited(), &[3][..], EndReason::Lost),
        (strict, waited(), &[4], EndReason::Lost),
        (no_key, waited(), &[4], EndReason::Lost),
        (Row { generation: 0, ..row() }, waited(), &[4], EndReason::Lost),
        (row(), alone, &[], EndReason::Expired),
    ] {
        let mut page = page(row);
        let decision = decided(&mut page, &Facts { known: 5, ..facts }, shown);
        assert!(matches!(decision, Decision::Ended(why) if why == reason), "{decision:?}");
        assert!(page.row.unwrap().ended.is_some());
    }
}

#[test]
fn what_cannot_be_read_is_not_lost() {
    let vault = |generation| if generation == 5 { Found::Missing } else { Found::Unreadable };
    for fixed in [false, true] {
        let mut page = page(row());
        let waited = Facts { caught_up: true, fixed, ..facts() };
        let decision = decide(&mut page, &waited, vault, || key('m'));
        assert!(matches!(decision, Decision::Unreadable), "{decision:?}");
        assert_eq!(page.row, Some(row()));
    }
}

#[test]
fn an_older_generations_token_is_the_same_at_a_server_that_does_not_rotate() {
    let waited = Facts { caught_up: true, fixed: true, ..facts() };
    let strict = || Row { generation: 9, idempotent: false, ..row() };
    let attempt = sent(decided(&mut page(strict()), &Facts { known: 9, ..waited }, &[1]));
    assert_eq!((attempt.generation, attempt.token.clone(), attempt.key.clone()), (9, token(1), key('c')));
    assert!(attempt.harmless && !attempt.previous && !attempt.idempotent);
    let waited = Facts { caught_up: true, fixed: true, known: 9, ..facts() };
    let decision = decided(&mut page(strict()), &waited, &[0]);
    assert!(matches!(decision, Decision::Ended(_)), "further back than eight: {decision:?}");
}

#[test]
fn the_rows_own_token_comes_before_the_vaults() {
    let mut page = page(Row { token: Some("in-row".to_owned()), ..row() });
    assert_eq!(sent(decided(&mut page, &facts(), &[5])).token.reveal(), "in-row");
}

#[test]
fn keys_are_minted_only_where_one_is_missing() {
    let minted = Cell::new(0);
    let mint = || {
        minted.set(minted.get() + 1);
        key('m')
    };
    decide(&mut page(row()), &facts(), |_| Found::Token(token(5)), mint);
    assert_eq!(minted.get(), 0);
}

#[test]
fn a_session_without_a_refresh_token_ends_with_its_access_token() {
    let mut page = page(Row { renewable: false, ..row() });
    assert!(matches!(decided(&mut page, &facts(), &[5]), Decision::Ended(EndReason::Expired)));
    assert_eq!(page.row.unwrap().ended_elsewhere(), Some(EndReason::Expired));
}

#[test]
fn a_server_that_was_too_slow_is_given_more_time() {
    for (timeouts, deadline) in [(0, 10_000), (1, 20_000), (2, 30_000), (9, 30_000), (u32::MAX, 30_000)] {
        let mut page = page(Row { timeouts, ..row() });
        let facts = Facts { lock: Lock::NoLocks, ..facts() };
        assert_eq!(sent(decided(&mut page, &facts, &[5])).deadline, deadline);
        assert_eq!(page.row.unwrap().flight.unwrap().span.length(), deadline + FLIGHT_MARGIN);
        let strict = Row { timeouts, idempotent: false, ..row() };
        assert_eq!(sent(decided(&mut self::page(strict), &facts, &[5])).deadline, LONGEST_DEADLINE);
    }
}

#[test]
fn only_a_handle_with_a_key_makes_a_repeat_harmless() {
    for (values, harmless) in [(&["sid"][..], false), (&["sid", "key"], true)] {
        let handle =
            RefreshToken::in_cookie(&values.iter().map(|value| (*value).to_owned()).collect::<Vec<_>>());
        let token = handle.map(|handle| handle.reveal().to_owned());
        let mut page = page(Row { idempotent: false, token, ..row() });
        assert_eq!(sent(decided(&mut page, &facts(), &[])).harmless, harmless, "{values:?}");
    }
}
