//! A moment, as two clocks tell it that fail in different ways.

/// A moment on both clocks, in milliseconds.
///
/// Each clock fails in its own way: the wall clock is set by people, the monotonic one may stand
/// still while a laptop sleeps. Elapsed time is therefore the larger of the two differences.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Instant {
    /// Milliseconds on a clock that never goes back; comparable within one life of a page only.
    pub monotonic: u64,
    /// Milliseconds since 1970 as this device believes.
    pub wall: u64,
}

impl Instant {
    /// Milliseconds from `earlier` to `self`, by the clock that saw more of them.
    pub fn since(self, earlier: Self) -> u64 {
        self.waited_since(earlier).max(self.wall.saturating_sub(earlier.wall))
    }

    /// Milliseconds from `earlier` to `self` by the monotonic clock alone: for how long this page waited, because people set
    /// the other clock.
    pub fn waited_since(self, earlier: Self) -> u64 {
        self.monotonic.saturating_sub(earlier.monotonic)
    }

    /// The moment half-way between a request and its answer. If the answer is older than the request (a page may ask early), the
    /// answer's own moment.
    pub fn midpoint(self, later: Self) -> Self {
        if later.monotonic < self.monotonic {
            return later;
        }
        Self {
            monotonic: self.monotonic.midpoint(later.monotonic),
            wall: self.wall.midpoint(later.wall.max(self.wall)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Instant;

    const START: Instant = Instant { monotonic: 1_000, wall: 50_000 };

    #[test]
    fn a_wall_clock_set_back_leaves_the_monotonic_difference() {
        assert_eq!(Instant { monotonic: 4_000, wall: 0 }.since(START), 3_000);
    }

    #[test]
    fn sleep_that_the_monotonic_clock_missed_is_seen_by_the_wall_clock() {
        assert_eq!(Instant { monotonic: 1_000, wall: 90_000 }.since(START), 40_000);
    }

    #[test]
    fn two_clocks_that_went_back_make_no_time_pass() {
        assert_eq!(Instant { monotonic: 0, wall: 0 }.since(START), 0);
    }

    #[test]
    fn a_wait_is_measured_by_the_monotonic_clock_alone() {
        assert_eq!(Instant { monotonic: 4_000, wall: 900_000 }.waited_since(START), 3_000);
        assert_eq!(Instant { monotonic: 0, wall: 900_000 }.waited_since(START), 0);
    }

    #[test]
    fn the_midpoint_lies_between_and_survives_a_clock_set_back() {
        let later = Instant { monotonic: 2_000, wall: 40_000 };
        assert_eq!(START.midpoint(later), Instant { monotonic: 1_500, wall: 50_000 });
    }

    #[test]
    fn an_answer_older_than_its_request_keeps_its_moment() {
        let earlier = Instant { monotonic: 400, wall: 49_400 };
        assert_eq!(START.midpoint(earlier), earlier);
    }
}
