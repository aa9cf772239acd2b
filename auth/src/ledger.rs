//! The ledger's rows: what lies there, and how it is read. It decides; the decisions are in
//! `decide.rs`, as functions on these rows.
//!
//! Times in a row are wall clock times, which other tabs and other lives of the page compare. A clock
//! that was set makes a wait end at once or last for twice its own length at most, never longer.

use std::fmt;

use serde::{Deserialize, Serialize, de::DeserializeOwned};

use crate::error::EndReason;
use crate::vault::{is_session_id, json};

/// Rows of another version are discarded.
const VERSION: u8 = 1;

/// The row `now`: which session the last login made.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Now {
    v: u8,
    pub(crate) sid: String,
    /// The session before, whose row is deleted at the next login: by then nobody asks for it.
    pub(crate) before: Option<String>,
}

impl Now {
    pub(crate) fn new(sid: &str, before: Option<String>) -> Self {
        Self { v: VERSION, sid: sid.to_owned(), before }
    }

    /// Whether two logins have come since the ledger said `began`, neither of them that of `own`, whose
    /// row is deleted by now if there was one: whatever became of it, it is the past.
    pub(crate) fn is_beyond(&self, began: Option<&Self>, own: &str) -> bool {
        let (began, before) = (began.map(|began| &*began.sid), self.before.as_deref());
        [Some(&*self.sid), before].into_iter().all(|sid| sid != Some(own) && sid != began)
    }
}

/// One session's row.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Row {
    pub(crate) v: u8,
    pub(crate) sid: String,
    pub(crate) sub: String,
    pub(crate) generation: u32,
    /// Goes with the token of this generation.
    pub(crate) key: Key,
    /// Will go with the token of the next one; minted before the attempt that fetches it.
    pub(crate) next: Option<Key>,
    /// Went with the token of the generation before.
    pub(crate) previous_key: Option<Key>,
    pub(crate) ended: Option<Ended>,
    pub(crate) flight: Option<Flight>,
    pub(crate) not_before: Option<Wait>,
    /// Attempts without a usable answer since the last commit.
    pub(crate) failures: u32,
    pub(crate) bucket: Bucket,
    /// For how many generations the refresh token has been the same.
    #[serde(default)]
    pub(crate) unchanged: u32,
    /// Whether the server announced idempotent rotation.
    pub(crate) idempotent: bool,
    /// The refresh token of this generation, in custody `database` and `memory`.
    pub(crate) token: Option<String>,
}

/// An idempotency key: random, 128 bits, as secret as the token it goes with.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Key(pub(crate) String);

impl Key {
    fn is_sound(&self) -> bool {
        self.0.len() >= 22 && is_session_id(&self.0)
    }
}

/// How a session ended, and whether the server is still to be told.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Ended {
    pub(crate) reason: String,
    pub(crate) owed: bool,
}

/// An attempt that may be out, for servers to which no token may be sent twice.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Flight {
    pub(crate) owner: String,
    pub(crate) span: Span,
    /// Whether its owner holds the lock as long as the attempt is out.
    pub(crate) locked: bool,
}

/// Until when nobody refreshes.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Wait {
    pub(crate) span: Span,
    /// Whether the server asked for it (`Retry-After`).
    pub(crate) asked: bool,
    /// Whether it did because there were too many attempts (429).
    pub(crate) limited: bool,
}

/// A stretch of wall clock time, in milliseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Span {
    since: u64,
    until: u64,
}

impl Span {
    pub(crate) fn new(now: u64, length: u32) -> Self {
        Self { since: now, until: now.saturating_add(length.into()) }
    }

    /// Milliseconds that are left of it. Long before its beginning the clock was set back: it is over. One
    /// that is longer than `cap` was never written here, and would keep everybody out again and again.
    pub(crate) fn left(self, now: u64, cap: u32) -> u32 {
        let length = self.until.saturating_sub(self.since);
        let left = self.until.saturating_sub(now);
        if left > length.saturating_mul(2) || length > cap.into() {
            return 0;
        }
        u32::try_from(left).unwrap_or(u32::MAX).min(cap)
    }
}

/// The rate gate: a bucket that holds ten and gets one more every five seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Bucket {
    left: u32,
    since: u64,
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

impl Row {
    pub(crate) fn new(sid: &str, sub: &str, key: Key, now: u64) -> Self {
        Self {
            v: VERSION,
            sid: sid.to_owned(),
            sub: sub.to_owned(),
            generation: 0,
            key,
            next: None,
            previous_key: None,
            ended: None,
            flight: None,
            not_before: None,
            failures: 0,
            bucket: Bucket::full(now),
            unchanged: 0,
            idempotent: false,
            token: None,
        }
    }

    /// Ends the session: nothing is committed to it any more, and it holds no token.
    pub(crate) fn end(&mut self, reason: EndReason, owed: bool) {
        self.ended = Some(Ended { reason: reason.name().to_owned(), owed });
        self.token = None;
        self.flight = None;
    }

    /// Why the session ended, as another tab tells it.
    pub(crate) fn ended_elsewhere(&self) -> Option<EndReason> {
        self.ended.as_ref().map(|ended| EndReason::elsewhere(&ended.reason))
    }

    /// The row with a refresh token in it.
    pub(crate) fn holding(&self, token: Option<&str>) -> Self {
        Self { token: token.map(str::to_owned), ..self.clone() }
    }

    fn is_sound(&self) -> bool {
        let keys = [Some(&self.key), self.next.as_ref(), self.previous_key.as_ref()];
        self.v == VERSION && is_session_id(&self.sid) && keys.into_iter().flatten().all(Key::is_sound)
    }
}

/// `now` and one session's row, as a transaction sees them.
pub(crate) struct Page {
    pub(crate) now: Option<Now>,
    pub(crate) row: Option<Row>,
}

impl Page {
    pub(crate) fn read(now: Option<&str>, row: Option<&str>, sid: &str) -> Self {
        let now = now.and_then(parse).filter(|now: &Now| now.v == VERSION && is_session_id(&now.sid));
        let row = row.and_then(parse).filter(|row: &Row| row.is_sound() && row.sid == sid);
        Self { now, row }
    }

    /// The row, if its session lives and is the one that `now` names.
    pub(crate) fn live(&self) -> Option<&Row> {
        let now = self.now.as_ref()?;
        self.row.as_ref().filter(|row| row.ended.is_none() && row.sid == now.sid)
    }
}

fn parse<T: DeserializeOwned>(text: &str) -> Option<T> {
    serde_json::from_str(text).ok()
}

/// A row as the ledger keeps it.
pub(crate) fn text<T: Serialize>(row: Option<&T>) -> Option<String> {
    row.map(json)
}

impl fmt::Debug for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Row({}, ended: {})", self.generation, self.ended.is_some())
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(redacted)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> Key {
        Key("k".repeat(22))
    }

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

    #[test]
    fn a_row_survives_its_text_and_garbage_is_no_row() {
        let mut row = Row::new("s", "ann", key(), 7);
        row.end(EndReason::PasswordChanged, true);
        let kept = text(Some(&row)).unwrap();
        assert_eq!(Page::read(None, Some(&kept), "s").row, Some(row.clone()));
        assert!(Page::read(None, Some(&kept), "t").row.is_none(), "another session's");
        let with_key = |key: &str| kept.replace(&"k".repeat(22), key);
        assert_eq!(
            Page::read(None, Some(&with_key(&"z".repeat(22))), "s").row.unwrap().key.0,
            "z".repeat(22)
        );
        for garbage in [
            "",
            "null",
            "{}",
            "[]",
            &kept.replace("\"v\":1", "\"v\":0"),
            &with_key(&"k".repeat(21)),
            &with_key(&"\u{e9}".repeat(22)),
        ] {
            assert!(Page::read(Some(garbage), Some(garbage), "s").row.is_none(), "{garbage}");
        }
    }

    #[test]
    fn now_survives_its_text_and_garbage_is_none() {
        let kept = text(Some(&Now::new("s", Some("r".into())))).unwrap();
        assert_eq!(Page::read(Some(&kept), None, "s").now.unwrap().before.as_deref(), Some("r"));
        for garbage in ["{}", &kept.replace("\"v\":1", "\"v\":2"), &kept.replace("\"s\"", "\"\"")] {
            assert!(Page::read(Some(garbage), None, "s").now.is_none(), "{garbage}");
        }
    }

    #[test]
    fn keys_and_rows_do_not_show_themselves() {
        let row = Row { token: Some("canary".into()), ..Row::new("s", "canary", Key("canary".into()), 0) };
        assert!(!format!("{row:?} {:?}", row.key).contains("canary"));
    }
}
