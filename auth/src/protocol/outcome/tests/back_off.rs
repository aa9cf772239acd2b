//! What a failed attempt leaves in the row: the wait before the next attempt, and the count of time-outs.

use super::*;

#[test]
fn time_outs_in_a_row_are_counted_and_any_answer_ends_the_count() {
    let mut page = page(row());
    let mut counted = |failure| {
        back_off(&mut page, &attempt(5, key('c')), "me", NOW, failure, 0);
        page.row.as_ref().unwrap().timeouts
    };
    let timed_out = Failure { timed_out: true, ..FAILED };
    assert_eq!([counted(timed_out), counted(timed_out), counted(FAILED), counted(timed_out)], [1, 2, 0, 1]);
    committed(&mut page, &attempt(5, key('c')), &received("new"), SOUND, &[]);
    assert_eq!(page.row.unwrap().timeouts, 0);
}

#[test]
fn backing_off_is_full_jitter_that_doubles_up_to_its_cap() {
    for (failures, cap) in [(0, 500), (1, 1_000), (2, 2_000), (5, 16_000), (6, BACKOFF), (60, BACKOFF)] {
        for (random, length) in [(0, 0), (cap, cap), (cap + 1, 0), (cap / 3, cap / 3)] {
            let mut page = page(Row { failures, ..row() });
            let waits = back_off(&mut page, &attempt(5, key('c')), "me", NOW, FAILED, random);
            assert_eq!(waits, length, "{failures} failures, {random}");
            let row = page.row.unwrap();
            assert_eq!(row.failures, failures + 1);
            let wait = row.not_before.unwrap();
            assert!(!wait.asked && wait.span == Span::new(NOW, length));
        }
    }
}

#[test]
fn the_server_may_ask_for_patience_up_to_five_minutes() {
    for (seconds, length, limited) in
        [(1, 1_000, true), (7, 7_000, false), (300, 300_000, true), (u32::MAX, RETRY_AFTER, false)]
    {
        let mut page = page(row());
        let patience = Some(Patience { seconds, limited });
        assert_eq!(
            back_off(&mut page, &attempt(5, key('c')), "me", NOW, Failure { patience, ..FAILED }, 5),
            length
        );
        let wait = page.row.unwrap().not_before.unwrap();
        assert!(wait.asked && wait.limited == limited && wait.span == Span::new(NOW, length));
    }
}

#[test]
fn what_the_server_asked_for_is_made_longer_and_never_shorter() {
    for (left, length) in [(7_000, 100), (101, 100), (100, 100), (99, 100), (7_000, 9_000)] {
        let wait = Wait { span: Span::new(NOW - 2_000, left + 2_000), asked: true, limited: true };
        let mut page = page(Row { not_before: Some(wait), failures: 6, ..row() });
        assert_eq!(back_off(&mut page, &attempt(5, key('c')), "me", NOW, FAILED, length), left.max(length));
        let row = page.row.unwrap();
        assert_eq!((row.failures, row.not_before.unwrap().asked), (7, left > length));
    }
}

#[test]
fn only_ones_own_flight_is_over_and_a_row_that_moved_on_is_not_slowed_down() {
    let previous = Attempt { previous: true, ..attempt(4, key('p')) };
    for (about, owner, closed, slowed) in [
        (attempt(5, key('c')), "me", true, true),
        (attempt(5, key('c')), "other", false, true),
        (attempt(4, key('p')), "me", true, false),
        (previous, "me", true, true),
    ] {
        let mut page = page(Row { not_before: None, ..row() });
        back_off(&mut page, &about, owner, NOW, FAILED, 100);
        let row = page.row.unwrap();
        assert_eq!((row.flight.is_none(), row.not_before.is_some()), (closed, slowed), "{about:?} {owner}");
    }
}
