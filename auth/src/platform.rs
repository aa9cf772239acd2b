//! The one seam between the protocol and the world.

use std::any::Any;
use std::future::Future;
use std::pin::pin;

use futures_util::future::{Either, LocalBoxFuture, select};

pub(crate) use crate::wire::Instant;
use crate::wire::{Answer, HttpError, HttpRequest};

/// Something that ends when it is dropped: a lock that is held, a listener that listens.
pub type Guard = Box<dyn Any>;

/// What one ledger transaction does to the entries that it reads: one for each key, in the order of the keys, `None` where
/// nothing is stored.
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

    /// Runs `task` to its end, even if its caller stops waiting.
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
    /// has no Web Locks. The lock saves requests. Only a server with one cookie for all sessions needs it for safety.
    fn lock(&self, name: &str) -> LocalBoxFuture<'static, Option<Guard>>;

    /// Tells the other tabs `text`. A message may come late, twice or never, because it only saves work. A `secret` one carries
    /// a token, and is not sent at all where its way would lead through storage.
    fn post(&self, channel: &str, text: &str, secret: bool);

    /// Calls `listener` with each message that another tab posts on `channel`, until the guard is dropped.
    fn listen(&self, channel: &str, listener: Box<dyn Fn(String)>) -> Guard;

    /// Sends one request and reads the whole answer.
    ///
    /// An implementation follows no redirect (a followed 307 repeats the body, and with it a token,
    /// at another origin), heeds [`HttpRequest::cache`], [`HttpRequest::cookies`],
    /// [`HttpRequest::echo`] and [`HttpRequest::outlives_page`], sends no referrer, stops reading at
    /// [`HttpRequest::body_limit`], and gives the request up when the future is dropped.
    fn http(&self, request: HttpRequest) -> LocalBoxFuture<'static, Result<Answer, HttpError>>;

    /// Tells whoever sets up the page what does not fit, in one line of complete sentences without secrets.
    fn hint(&self, line: &str);
}

/// 128 random bits as 32 hexadecimal digits, which fit into names, headers and JSON as they are.
pub(crate) fn random_text(platform: &dyn Platform) -> String {
    let mut bytes = [0; 16];
    platform.random(&mut bytes);
    let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
    digits.filter_map(|digit| char::from_digit(digit.into(), 16)).collect()
}

/// `future`'s outcome, `None` if `milliseconds` pass before it.
pub(crate) async fn with_deadline<F: Future>(
    platform: &dyn Platform,
    milliseconds: u32,
    future: F,
) -> Option<F::Output> {
    match select(pin!(future), pin!(platform.sleep(milliseconds))).await {
        Either::Left((outcome, _)) => Some(outcome),
        Either::Right(((), _)) => None,
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

/// Why a ledger transaction is not known to have committed.
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
