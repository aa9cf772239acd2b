//! Flights: when a tab waits for another tab's attempt, and when it enters its own.

use super::*;

#[test]
fn another_tabs_flight_is_over_by_proof_and_never_by_the_wall_clock() {
    let length = u64::from(FLIGHT);
    let seen = |elapsed, flight| Some(Watched { flight, elapsed });
    for (lock, locked, wall, watched, open) in [
        // The lock is free, which its owner held, and its time is over.
        (Lock::Held, true, NOW + length, None, false),
        (Lock::Held, true, NOW + length - 1, None, true),
        // Its owner never had the lock; or this tab has none.
        (Lock::Held, false, NOW + length, None, true),
        (Lock::NoLocks, true, NOW + length, None, true),
        (Lock::RanOut, true, NOW + length, None, true),
        // A clock that was set.
        (Lock::NoLocks, false, NOW + 86_400_000, None, true),
        (Lock::NoLocks, false, 0, None, true),
        // Seen for as long as a flight lasts, that very one.
        (Lock::NoLocks, false, NOW, seen(length, flight(NOW, false)), false),
        (Lock::NoLocks, false, NOW, seen(length - 1, flight(NOW, false)), true),
        (Lock::NoLocks, false, NOW, seen(length, flight(NOW + 1, false)), true),
        (Lock::Held, true, NOW, seen(length, flight(NOW, true)), false),
        (Lock::RanOut, false, NOW, seen(length, flight(NOW, false)), false),
        // Its owner held the lock, and somebody still does.
        (Lock::RanOut, true, NOW, seen(length, flight(NOW, true)), true),
    ] {
        let taken = Row { idempotent: false, flight: Some(flight(NOW, locked)), ..row() };
        let mut page = page(taken);
        let decision = decided(&mut page, &Facts { lock, wall, watched, ..facts() }, &[5]);
        assert_eq!(matches!(decision, Decision::Busy { .. }), open, "{lock:?} {locked} {wall}: {decision:?}");
    }
}

#[test]
fn a_flight_is_entered_at_a_strict_server_and_ones_own_is_no_hindrance() {
    let own = Flight { owner: "me".to_owned(), ..flight(NOW, true) };
    for (lock, locked) in [(Lock::Held, true), (Lock::NoLocks, false), (Lock::RanOut, false)] {
        let mut page = page(Row { idempotent: false, flight: Some(own.clone()), ..row() });
        let later = Facts { lock, wall: NOW + 7, ..facts() };
        assert!(!sent(decided(&mut page, &later, &[5])).harmless);
        let entered = page.row.unwrap().flight.unwrap();
        let span = Span::new(NOW + 7, LONGEST_FLIGHT);
        assert_eq!(entered, Flight { owner: "me".to_owned(), span, locked });
    }
}

#[test]
fn at_an_idempotent_server_a_flight_is_waited_for_briefly_and_only_without_locks() {
    for (lock, wall, waits) in [
        (Lock::NoLocks, NOW, Some(COURTESY)),
        (Lock::NoLocks, NOW + 1_999, Some(1)),
        (Lock::NoLocks, NOW + 2_000, None),
        (Lock::Held, NOW, None),
        (Lock::RanOut, NOW, None),
    ] {
        let mut page = page(Row { flight: Some(flight(NOW, false)), ..row() });
        match (decided(&mut page, &Facts { lock, wall, ..facts() }, &[5]), waits) {
            (Decision::Busy { left, .. }, Some(expected)) => assert_eq!(left, expected),
            (Decision::Send(_), None) => {}
            (other, _) => panic!("{lock:?} {wall}: {other:?}"),
        }
    }
}
