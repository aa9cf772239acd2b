//! Where tokens lie between uses. A vault holds; it decides nothing.
//!
//! The refresh token of (session, generation) has an entry of its own, so that a late writer can
//! never put an older one over a newer. All names carry the API's origin: for a browser everyone's
//! `localhost:8080` is the same origin. What cannot be read counts as missing.

use std::cell::RefCell;
use std::rc::Rc;

use serde::{Deserialize, Serialize};

use crate::custody::AccessCustody;
use crate::platform::{Area, Instant, Platform, StorageError};
use crate::session::Access;
use crate::target::BaseUrl;
use crate::token::{AccessToken, RefreshToken};

/// What the vault shows of one generation's refresh token.
pub(crate) enum Found {
    Token(RefreshToken),
    /// Not there, or not there yet: storage of different tabs is not coherent.
    Missing,
    /// Storage throws, and this tab has never seen the token.
    Unreadable,
}

/// A session's access token, as found after a reload.
pub(crate) struct Kept {
    pub(crate) session: Rc<str>,
    pub(crate) user: Rc<str>,
    pub(crate) generation: u32,
    pub(crate) access: Access,
    /// Whether the session belongs to this tab alone, so that the ledger need not know it.
    pub(crate) alone: bool,
    /// Whether what was stored went where it was meant to go.
    pub(crate) kept: bool,
}

pub(crate) struct Vault {
    access: AccessCustody,
    refresh_prefix: String,
    left_prefix: String,
    access_key: String,
    /// The last token that this tab read or wrote, for when storage throws.
    seen: RefCell<Option<(String, u32, RefreshToken)>>,
}

/// Records of another version are discarded.
const VERSION: u8 = 2;

#[derive(Serialize, Deserialize)]
struct RefreshEntry {
    v: u8,
    sid: String,
    generation: u32,
    refresh_token: String,
}

/// Entries of a session, what each holds before its name.
pub(crate) type View = Vec<(Option<String>, String)>;

/// Whose tab it is: what lies there instead of an [`AccessRecord`], or can be read from one.
#[derive(Serialize, Deserialize)]
struct TabRecord {
    v: u8,
    sid: String,
    user: String,
}

#[derive(Serialize, Deserialize)]
struct AccessRecord {
    v: u8,
    sid: String,
    user: String,
    generation: u32,
    access_token: String,
    received: u64,
    lifetime: Option<u64>,
    alone: bool,
    kept: bool,
}

impl Vault {
    pub(crate) fn new(base: &BaseUrl, access: AccessCustody) -> Self {
        let key = |record: &str| format!("yew-jwt-auth:{}:{record}", base.origin());
        Self {
            access,
            refresh_prefix: key("refresh"),
            left_prefix: key("left"),
            access_key: key("access"),
            seen: RefCell::new(None),
        }
    }

    fn entry(&self, session: &str, generation: u32) -> String {
        format!("{}:{session}:{generation}", self.refresh_prefix)
    }

    fn entries(&self, session: &str) -> String {
        format!("{}:{session}:", self.refresh_prefix)
    }

    /// The refresh token of exactly this generation, as storage shows it to this tab.
    pub(crate) fn get(&self, platform: &dyn Platform, session: &str, generation: u32) -> Found {
        let key = self.entry(session, generation);
        match platform.read(Area::Profile, &key) {
            Ok(None) => Found::Missing,
            Ok(Some(text)) => match RefreshEntry::read(&text, session, generation) {
                Some(token) => {
                    *self.seen.borrow_mut() = Some((session.to_owned(), generation, token.clone()));
                    Found::Token(token)
                }
                // It is not removed: it may have been written anew, which is not to be seen yet.
                None => Found::Missing,
            },
            Err(StorageError) => match &*self.seen.borrow() {
                Some((sid, g, token)) if sid == session && *g == generation => Found::Token(token.clone()),
                _ => Found::Unreadable,
            },
        }
    }

    /// Stores a refresh token, synchronously. Whether it could be written, and whether it can be read.
    pub(crate) fn put(
        &self,
        platform: &dyn Platform,
        session: &str,
        generation: u32,
        token: &RefreshToken,
    ) -> (bool, bool) {
        let refresh_token = token.reveal().to_owned();
        let entry = RefreshEntry { v: VERSION, sid: session.to_owned(), generation, refresh_token };
        let key = self.entry(session, generation);
        let written = platform.write(Area::Profile, &key, &json(&entry)).is_ok();
        if written {
            *self.seen.borrow_mut() = Some((session.to_owned(), generation, token.clone()));
        }
        (written, written && platform.read(Area::Profile, &key).is_ok())
    }

    /// The newest refresh token of `session` that is to be seen, for a logout.
    pub(crate) fn newest(&self, platform: &dyn Platform, session: &str) -> Option<RefreshToken> {
        let prefix = self.entries(session);
        let keys = platform.keys(Area::Profile, &prefix).unwrap_or_default();
        let generations = keys.iter().filter_map(|key| key.strip_prefix(&prefix)?.parse().ok());
        let newest = generations.max().and_then(|g| match self.get(platform, session, g) {
            Found::Token(token) => Some(token),
            Found::Missing | Found::Unreadable => None,
        });
        let seen = || self.seen.borrow().as_ref().filter(|(sid, ..)| sid == session).map(|s| s.2.clone());
        newest.or_else(seen)
    }

    /// `session`'s entries, as storage shows them to this tab; nothing if it throws. With what they hold, since one
    /// that could not be removed is overwritten.
    pub(crate) fn view(&self, platform: &dyn Platform, session: &str) -> Option<View> {
        let mut names = platform.keys(Area::Profile, &self.entries(session)).ok()?;
        names.sort_unstable();
        let entry = |name: String| Some((platform.read(Area::Profile, &name).ok()?, name));
        names.into_iter().map(entry).collect()
    }

    /// Removes the entries of generations before `generation`.
    pub(crate) fn drop_older(&self, platform: &dyn Platform, session: &str, generation: u32) {
        let prefix = self.entries(session);
        let older = |key: &String| {
            let suffix = key.strip_prefix(&prefix).and_then(|g| g.parse::<u32>().ok());
            suffix.is_none_or(|g| g < generation)
        };
        let keys = platform.keys(Area::Profile, &prefix).unwrap_or_default();
        keys.iter().filter(|key| older(key)).for_each(|key| erase(platform, Area::Profile, key));
    }

    /// Removes every refresh entry but those of `session`: other sessions' and other versions'. And what notes
    /// the logout of another.
    pub(crate) fn sweep(&self, platform: &dyn Platform, session: Option<&str>) {
        let own = session.map(|session| [self.entries(session), self.left(session)]);
        let keys = |prefix: &String| platform.keys(Area::Profile, prefix).unwrap_or_default();
        let foreign = |key: &String| own.iter().flatten().all(|own| !key.starts_with(own));
        let gone = [&self.refresh_prefix, &self.left_prefix].into_iter().flat_map(keys).filter(foreign);
        gone.for_each(|key| erase(platform, Area::Profile, &key));
    }

    fn left(&self, session: &str) -> String {
        format!("{}:{session}", self.left_prefix)
    }

    /// Notes, synchronously and without a token, that `session` was logged out of.
    pub(crate) fn mark_left(&self, platform: &dyn Platform, session: &str) {
        // Where this cannot be written either, the ledger is all that is left.
        let _ = platform.write(Area::Profile, &self.left(session), &VERSION.to_string());
    }

    /// Whether a logout of `session` is noted that the ledger may not have heard of.
    pub(crate) fn is_left(&self, platform: &dyn Platform, session: &str) -> bool {
        platform.read(Area::Profile, &self.left(session)) == Ok(Some(VERSION.to_string()))
    }

    /// The ledger has heard of it.
    pub(crate) fn unmark_left(&self, platform: &dyn Platform, session: &str) {
        if self.is_left(platform, session) {
            erase(platform, Area::Profile, &self.left(session));
        }
    }

    /// The access token that this tab kept over a reload.
    pub(crate) fn kept(&self, platform: &dyn Platform) -> Option<Kept> {
        if self.access == AccessCustody::Memory {
            return None;
        }
        let text = platform.read(Area::Tab, &self.access_key).ok()??;
        let found = AccessRecord::read(&text, platform.now());
        if found.is_none() && TabRecord::read(&text).is_none() {
            self.forget_access(platform);
        }
        found
    }

    /// The session and the user that this tab noted or kept an access token of.
    pub(crate) fn noted(&self, platform: &dyn Platform) -> Option<(Rc<str>, Rc<str>)> {
        let record = TabRecord::read(&platform.read(Area::Tab, &self.access_key).ok()??)?;
        Some((record.sid.into(), record.user.into()))
    }

    /// Notes whose tab it is, in place of what it kept of another session.
    pub(crate) fn note(&self, platform: &dyn Platform, session: &str, user: &str) {
        if self.noted(platform).is_some_and(|(sid, noted)| (&*sid, &*noted) == (session, user)) {
            return;
        }
        let record = TabRecord { v: VERSION, sid: session.to_owned(), user: user.to_owned() };
        if platform.write(Area::Tab, &self.access_key, &json(&record)).is_err() {
            self.forget_access(platform);
        }
    }

    /// Keeps an access token for a reload, if configured.
    pub(crate) fn keep(&self, platform: &dyn Platform, kept: &Kept) {
        if self.access == AccessCustody::Memory {
            return;
        }
        let record = AccessRecord {
            v: VERSION,
            sid: kept.session.to_string(),
            user: kept.user.to_string(),
            generation: kept.generation,
            access_token: kept.access.token.reveal().to_owned(),
            received: kept.access.received.wall,
            lifetime: kept.access.lifetime,
            alone: kept.alone,
            kept: kept.kept,
        };
        let written = platform.write(Area::Tab, &self.access_key, &json(&record));
        if written.is_err() {
            // No notice: a reload refreshes. But an older token must not come back with it.
            self.forget_access(platform);
        }
    }

    /// Forgets all tokens of `session` and nobody else's. What cannot be read goes: it may be this
    /// session's.
    pub(crate) fn forget(&self, platform: &dyn Platform, session: &str) {
        let seen = self.seen.borrow_mut().take_if(|(sid, ..)| sid == session);
        let keys = platform.keys(Area::Profile, &self.entries(session)).unwrap_or_default();
        let known = seen.map(|(sid, generation, _)| self.entry(&sid, generation));
        keys.iter().chain(&known).for_each(|key| erase(platform, Area::Profile, key));
        if self.noted(platform).is_none_or(|(sid, _)| *sid == *session) {
            self.forget_access(platform);
        }
    }

    /// Forgets the access token that this tab kept, and whose it is.
    pub(crate) fn forget_access(&self, platform: &dyn Platform) {
        erase(platform, Area::Tab, &self.access_key);
    }
}

/// Removes a record. One that storage does not give up is overwritten, so that it means nothing; if
/// that fails too, nothing can be done.
fn erase(platform: &dyn Platform, area: Area, key: &str) {
    let _ = platform.remove(area, key).or_else(|StorageError| platform.write(area, key, ""));
}

/// JSON text of a record.
pub(crate) fn json(record: &impl Serialize) -> String {
    serde_json::to_string(record).unwrap_or_default()
}

impl RefreshEntry {
    fn read(text: &str, session: &str, generation: u32) -> Option<RefreshToken> {
        let entry: Self = serde_json::from_str(text).ok()?;
        let own = entry.v == VERSION && entry.sid == session && entry.generation == generation;
        RefreshToken::parse(&entry.refresh_token).filter(|_| own)
    }
}

impl TabRecord {
    fn read(text: &str) -> Option<Self> {
        serde_json::from_str(text).ok().filter(|record: &Self| record.v == VERSION)
    }
}

impl AccessRecord {
    fn read(text: &str, now: Instant) -> Option<Kept> {
        let record: Self = serde_json::from_str(text).ok()?;
        let token = AccessToken::parse(&record.access_token)?;
        // The monotonic clock may begin anew with the page; only the wall clock spans a reload.
        let elapsed = now.wall.saturating_sub(record.received);
        let received = Instant { monotonic: now.monotonic.saturating_sub(elapsed), wall: now.wall - elapsed };
        let sound = record.v == VERSION && is_session_id(&record.sid);
        sound.then(|| Kept {
            session: record.sid.into(),
            user: record.user.into(),
            generation: record.generation,
            access: Access { token, received, lifetime: record.lifetime },
            alone: record.alone,
            kept: record.kept,
        })
    }
}

/// Whether `text` can be the id of a session: it becomes a part of names in storage.
pub(crate) fn is_session_id(text: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
    (1..=64).contains(&text.len()) && text.bytes().all(plain)
}

#[cfg(test)]
mod tests;
