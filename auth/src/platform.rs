//! The one seam between the protocol and the world.

use std::any::Any;

use futures_util::future::LocalBoxFuture;

use crate::http::{Answer, HttpError, HttpRequest};

/// Something that ends when it is dropped: a lock that is held, a listener that listens.
pub type Guard = Box<dyn Any>;

/// What one ledger transaction does to the entries that it reads.
pub type Decide = Box<dyn FnOnce(&mut [Option<String>])>;

/// What the protocol asks of its surroundings: one implementation for the browser, one for tests.
///
/// The trait is object-safe, so that the engine is compiled once and not with each page: its futures are boxed
/// at this one boundary. No method needs `Send`, because a page is one thread. Nothing else in this crate reads
/// a clock, draws a random number, waits or touches storage, so a test run is repeatable.
pub trait Platform: 'static {
    /// Both clocks, read together.
    fn now(&self) -> Instant;

    /// Fills `bytes` from a cryptographically secure generator.
    fn random(&self, bytes: &mut [u8]);

    /// Ends after `milliseconds`, or later (a frozen page's timers wait with it).
    fn sleep(&self, milliseconds: u32) -> LocalBoxFuture<'static, ()>;

    /// Runs `task` to its end, whoever stops waiting for it.
    fn spawn(&self, task: LocalBoxFuture<'static, ()>);

    /// The text stored under `key`, `None` if there is none.
    fn read(&self, area: Area, key: &str) -> Result<Option<String>, StorageError>;

    /// Stores `text` under `key`.
    fn write(&self, area: Area, key: &str, text: &str) -> Result<(), StorageError>;

    /// The keys in `area` that begin with `prefix`.
    fn keys(&self, area: Area, prefix: &str) -> Result<Vec<String>, StorageError>;

    /// Removes `key`; a key that is not there is no error.
    fn remove(&self, area: Area, key: &str) -> Result<(), StorageError>;

    /// Reads `keys` of the ledger and, in the same exclusive transaction, writes what `decide` made of
    /// them: an entry that it changed is put, one that it set to `None` is deleted.
    ///
    /// Transactions of all tabs are exact: each sees what the ones before it committed. `decide` runs
    /// in one task, between the reads and the writes, so that what it does to storage happens in that
    /// task too. It may have run although the transaction is aborted afterwards. Dropping the future
    /// aborts the transaction if it has not been committed.
    fn transact(&self, keys: Vec<String>, decide: Decide)
    -> LocalBoxFuture<'static, Result<(), LedgerError>>;

    /// Waits for the exclusive lock `name` among all tabs, without a bound of its own: dropping the
    /// future leaves the queue, dropping the guard gives the turn to the next. `None` at once where the browser
    /// has no Web Locks. Economy, not safety.
    fn lock(&self, name: &str) -> LocalBoxFuture<'static, Option<Guard>>;

    /// Tells the other tabs `text`. Late, lost, doubled: a message only saves work. A `secret` one carries
    /// a token, and is not sent at all where its way would lead through storage.
    fn post(&self, channel: &str, text: &str, secret: bool);

    /// Calls `listener` with each message that another tab posts on `channel`, until the guard is dropped.
    fn listen(&self, channel: &str, listener: Box<dyn Fn(String)>) -> Guard;

    /// Sends one request and reads the whole answer.
    ///
    /// An implementation follows no redirect (a followed 307 repeats the body, and with it a token,
    /// at another origin), heeds [`HttpRequest::cache`], sends no cookies and no referrer, stops reading at
    /// [`HttpRequest::body_limit`], and gives the request up when the future is dropped.
    fn http(&self, request: HttpRequest) -> LocalBoxFuture<'static, Result<Answer, HttpError>>;
}

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
        self.monotonic.saturating_sub(earlier.monotonic).max(self.wall.saturating_sub(earlier.wall))
    }

    /// The moment half-way between two.
    pub fn midpoint(self, later: Self) -> Self {
        Self {
            monotonic: self.monotonic.midpoint(later.monotonic.max(self.monotonic)),
            wall: self.wall.midpoint(later.wall.max(self.wall)),
        }
    }
}

/// Where a page can keep text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Area {
    /// This tab, until it closes (`sessionStorage`).
    Tab,
    /// This browser profile, shared by the tabs of one origin (`localStorage`).
    Profile,
}

/// Why a ledger transaction committed nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LedgerError {
    /// The browser gives no ledger (IndexedDB denied, or not there).
    Denied,
    /// The transaction was aborted or the database is blocked; another try may succeed. What was decided may
    /// have been committed all the same.
    Aborted,
    /// The browser's storage is full or broken, and said so: certainly nothing was committed.
    Broken,
}

/// Storage refused: denied by the browser, full, or broken. The protocol treats these alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StorageError;

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
    fn the_midpoint_lies_between_and_survives_a_clock_set_back() {
        let later = Instant { monotonic: 2_000, wall: 40_000 };
        assert_eq!(START.midpoint(later), Instant { monotonic: 1_500, wall: 50_000 });
    }
}
