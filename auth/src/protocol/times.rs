//! Stretches of time in the ledger's rows.
//!
//! They are wall clock times, because other tabs and other lives of the page compare them. A clock that was set
//! makes a wait end at once, or last twice its own length at most.

/// A stretch of wall clock time, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) since: u64,
    pub(crate) until: u64,
}

impl Span {
    pub(crate) fn new(now: u64, length: u32) -> Self {
        Self { since: now, until: now.saturating_add(length.into()) }
    }

    pub(crate) fn length(self) -> u32 {
        u32::try_from(self.until.saturating_sub(self.since)).unwrap_or(u32::MAX)
    }

    /// Milliseconds until its end. A span is over if `now` lies before its beginning by more than its length, because
    /// the clock was set back. A span longer than `cap` is over too, because only an edited row has one and all tabs
    /// would wait for it.
    pub(crate) fn left(self, now: u64, cap: u32) -> u32 {
        let length = self.until.saturating_sub(self.since);
        let left = self.until.saturating_sub(now);
        if left > length.saturating_mul(2) || length > cap.into() {
            return 0;
        }
        u32::try_from(left).unwrap_or(u32::MAX).min(cap)
    }
}

/// The time in which no tab refreshes (`not_before`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Wait {
    pub(crate) span: Span,
    /// Whether the server asked for it (`Retry-After`).
    pub(crate) asked: bool,
    /// Whether the server asked for it because of too many attempts (429).
    pub(crate) limited: bool,
}

/// The longest backoff, in milliseconds. The first one is half a second at most.
pub(crate) const BACKOFF: u32 = 30_000;
/// The longest wait that a server may ask for, in milliseconds.
pub(crate) const RETRY_AFTER: u32 = 300_000;

impl Wait {
    /// Milliseconds that are left of it.
    pub(crate) fn left(self, wall: u64) -> u32 {
        self.span.left(wall, if self.asked { RETRY_AFTER } else { BACKOFF })
    }
}

/// The rate gate: a bucket that holds ten and gets one more every five seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bucket {
    pub(crate) left: u32,
    pub(crate) since: u64,
}

impl Bucket {
    const SIZE: u32 = 10;
    const REFILL: u32 = 5_000;

    pub(crate) fn full(now: u64) -> Self {
        Self { left: Self::SIZE, since: now }
    }

    /// Whether it counts from a moment that has not come: the clock was set back.
    pub(crate) fn is_ahead(self, now: u64) -> bool {
        now < self.since
    }

    /// Lets time fill the bucket. A clock that was set back fills nothing, and counts anew.
    pub(crate) fn fill(&mut self, now: u64) {
        let more = now.saturating_sub(self.since) / u64::from(Self::REFILL);
        let left = u64::from(self.left).saturating_add(more);
        self.left = u32::try_from(left).unwrap_or(Self::SIZE).min(Self::SIZE);
        let counted = self.since.saturating_add(more.saturating_mul(Self::REFILL.into()));
        self.since = if self.left == Self::SIZE { now } else { counted.min(now) };
    }

    /// Milliseconds until there is one to take; 0 if there is.
    pub(crate) fn wait(self, now: u64) -> u32 {
        match self.left {
            0 => Span::new(self.since, Self::REFILL).left(now, Self::REFILL),
            _ => 0,
        }
    }

    pub(crate) fn take(&mut self) {
        self.left = self.left.saturating_sub(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_ends_at_its_time_and_no_clock_makes_it_longer_than_its_cap() {
        let span = Span::new(1_000_000, 30_000);
        assert_eq!(span.left(1_000_000, 30_000), 30_000);
        assert_eq!(span.left(1_029_999, 30_000), 1);
        assert_eq!(span.left(1_030_000, 30_000), 0);
        assert_eq!(span.left(999_999, 30_000), 30_000);
        assert_eq!(span.left(970_000, 30_000), 30_000);
        assert_eq!(span.left(969_999, 30_000), 0, "the clock was set back");
        assert_eq!(span.left(u64::MAX, 30_000), 0);
        assert_eq!(Span { since: 0, until: u64::MAX }.left(5, 30_000), 0, "an edited row");
        assert_eq!(Span { since: 0, until: 30_001 }.left(5, 30_000), 0);
    }

    #[test]
    fn the_bucket_holds_ten_and_gets_one_every_five_seconds() {
        let mut bucket = Bucket::full(0);
        for _ in 0..10 {
            assert_eq!(bucket.wait(0), 0);
            bucket.take();
        }
        assert_eq!(bucket.wait(0), 5_000);
        bucket.fill(4_999);
        assert_eq!(bucket.wait(4_999), 1);
        bucket.fill(5_000);
        assert_eq!(bucket.wait(5_000), 0);
        bucket.take();
        bucket.fill(7_000);
        assert_eq!(bucket.wait(7_000), 3_000);
        bucket.fill(1_000_000);
        assert_eq!(bucket.left, 10);
    }

    #[test]
    fn a_clock_set_back_neither_fills_nor_closes_the_bucket() {
        let mut bucket = Bucket { left: 0, since: 1_000_000 };
        assert!(bucket.is_ahead(999_999) && !bucket.is_ahead(1_000_000));
        bucket.fill(500);
        assert_eq!((bucket.left, bucket.wait(500)), (0, 5_000));
        bucket.fill(5_500);
        assert_eq!(bucket.wait(5_500), 0);
    }
}
