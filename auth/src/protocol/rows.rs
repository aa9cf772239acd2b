//! The ledger's rows: what lies there, and how it is read and written. The ledger decides; the decisions are
//! functions on these rows, in `decide.rs` and `outcome.rs`.

use std::fmt;

use crate::protocol::ids::{Sid, User};
use crate::protocol::times::{Bucket, Span, Wait};
use crate::wire::json::{Object, Writer};
use crate::wire::{EndReason, RefreshToken};

/// The version of the rows that this build reads and writes.
pub(crate) const VERSION: u32 = 1;

/// Whether `text` is a record of a version after `version`: of a newer build. It is left alone.
pub(crate) fn is_newer(text: Option<&str>, version: u32) -> bool {
    let record = |text: &str| Object::read(text)?.number::<u64>("v");
    // A note of a logout is the version alone.
    let found = text.and_then(|text| record(text).or_else(|| text.parse().ok()));
    found.is_some_and(|found| found > version.into())
}

/// The entry `now`: which session the last login made.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Now {
    pub(crate) sid: Sid,
    /// The session before. Its row is deleted at the next login, when no tab asks for it any more.
    pub(crate) before: Option<Sid>,
    /// The address that the session belongs to. A row of an earlier build has none.
    pub(crate) base: Option<String>,
}

impl Now {
    /// Whether two logins have come since the ledger said `began`, neither of them that of `own`. A row of
    /// `own` is deleted by now.
    pub(crate) fn is_beyond(&self, began: Option<&Self>, own: &Sid) -> bool {
        let began = began.map(|began| &began.sid);
        [Some(&self.sid), self.before.as_ref()].into_iter().all(|sid| sid != Some(own) && sid != began)
    }

    fn read(text: &str) -> Option<Self> {
        let record = Object::read(text).filter(|record| record.number("v") == Some(VERSION))?;
        let sid = Sid::parse(&record.text("sid")?)?;
        let before = record.text("before").and_then(|before| Sid::parse(&before));
        Some(Self { sid, before, base: record.text("base") })
    }

    pub(crate) fn write(&self) -> String {
        Writer::new()
            .number("v", VERSION)
            .text("sid", self.sid.as_str())
            .optional_text("before", self.before.as_ref().map(Sid::as_str))
            .optional_text("base", self.base.as_deref())
            .finish()
    }
}

/// One session's row.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) sid: Sid,
    pub(crate) user: User,
    pub(crate) generation: u32,
    /// Goes with the token of this generation.
    pub(crate) key: Key,
    /// Will go with the token of the next one; minted before the attempt that fetches it.
    pub(crate) next: Option<Key>,
    /// Went with the token of the generation before.
    pub(crate) previous_key: Option<Key>,
    /// The name of the reason for which the session ended. A newer build may give names that this one does not know.
    pub(crate) ended: Option<String>,
    pub(crate) flight: Option<Flight>,
    pub(crate) not_before: Option<Wait>,
    /// Attempts without a usable answer since the last commit.
    pub(crate) failures: u32,
    /// How many attempts in a row had no answer in time.
    pub(crate) timeouts: u32,
    pub(crate) bucket: Bucket,
    /// For how many generations the refresh token has been the same.
    pub(crate) unchanged: u32,
    /// Whether the server's last token answer announced idempotent rotation.
    pub(crate) idempotent: bool,
    /// Whether the session has a refresh token. Without one it ends with its access token.
    pub(crate) renewable: bool,
    /// The refresh token of this generation, or its cookie's handle, unless the vault holds the token.
    pub(crate) token: Option<String>,
}

/// An idempotency key: random, 128 bits, as secret as the token it goes with.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Key(pub(crate) String);

impl Key {
    /// A key has 128 bits, written as 32 hexadecimal digits. 22 characters of base64url would hold as many, so a shorter text is
    /// no key.
    fn parse(text: String) -> Option<Self> {
        (text.len() >= 22 && Sid::parse(&text).is_some()).then_some(Self(text))
    }
}

/// One tab's attempt that may be on its way, and for how long.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Flight {
    pub(crate) owner: String,
    pub(crate) span: Span,
    /// Whether its owner holds the lock as long as the attempt is out.
    pub(crate) locked: bool,
}

impl Row {
    pub(crate) fn new(sid: Sid, user: User, key: Key, now: u64) -> Self {
        Self {
            sid,
            user,
            generation: 0,
            key,
            next: None,
            previous_key: None,
            ended: None,
            flight: None,
            not_before: None,
            failures: 0,
            timeouts: 0,
            bucket: Bucket::full(now),
            unchanged: 0,
            idempotent: false,
            renewable: true,
            token: None,
        }
    }

    /// Ends the session: nothing is committed to it any more, and it holds no token. A session that is over keeps its reason.
    pub(crate) fn end(&mut self, reason: EndReason) {
        self.ended.get_or_insert_with(|| reason.name().to_owned());
        self.token = None;
        self.flight = None;
    }

    /// The refresh token that the row itself holds.
    pub(crate) fn refresh_token(&self) -> Option<RefreshToken> {
        self.token.as_deref().and_then(RefreshToken::stored)
    }

    pub(crate) fn is_live(&self) -> bool {
        self.ended.is_none()
    }

    pub(crate) fn has_ended_by(&self, reason: EndReason) -> bool {
        self.ended.as_deref() == Some(reason.name())
    }

    /// Why the session ended, as another tab tells it.
    pub(crate) fn ended_elsewhere(&self) -> Option<EndReason> {
        self.ended.as_deref().map(EndReason::elsewhere)
    }
}

/// `now` and one session's row, as a transaction sees them.
#[derive(Clone, Default)]
pub(crate) struct Page {
    pub(crate) now: Option<Now>,
    pub(crate) row: Option<Row>,
    /// Whether a newer build wrote `now` or the row. Then tokens in the vault may belong to its session.
    pub(crate) newer: bool,
}

impl Page {
    /// What cannot be read counts as missing.
    pub(crate) fn read(now: Option<&str>, row: Option<&str>, sid: Option<&Sid>) -> Self {
        let row = row.and_then(Row::read).filter(|row| Some(&row.sid) == sid);
        Self { now: now.and_then(Now::read), row, newer: false }
    }

    /// The page of a ledger that holds nothing but `row`.
    pub(crate) fn of(row: Option<Row>) -> Self {
        let now = row.as_ref().map(|row| Now { sid: row.sid.clone(), before: None, base: None });
        Self { now, row, newer: false }
    }

    /// The row of `session` if the session lives and is the current one, else why it is over.
    pub(crate) fn current(&mut self, session: &Sid) -> Result<&mut Row, EndReason> {
        let named = self.now.as_ref().is_some_and(|now| now.sid == *session);
        let gone = match self.now {
            Some(_) if !named => EndReason::ReplacedElsewhere,
            // Without a row or without `now` the ledger was wiped: a logout leaves both.
            _ => EndReason::Lost,
        };
        let Some(row) = self.row.as_mut() else { return Err(gone) };
        match row.ended_elsewhere() {
            Some(reason) => Err(reason),
            None if named => Ok(row),
            None => Err(gone),
        }
    }

    /// The row, if its session lives and is the one that `now` names.
    pub(crate) fn live(&self) -> Option<&Row> {
        let now = self.now.as_ref()?;
        self.row.as_ref().filter(|row| row.is_live() && row.sid == now.sid)
    }
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

mod text;

#[cfg(test)]
mod tests;
