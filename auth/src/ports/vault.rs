//! Where refresh tokens lie between uses. A vault holds; it decides nothing.
//!
//! The refresh token of (session, generation) has an entry of its own, so that a late writer never puts an older one
//! over a newer. What cannot be read counts as missing. What a newer build wrote is left alone.

use std::cell::RefCell;
use std::rc::Rc;

use crate::platform::{Area, Platform, StorageError};
use crate::ports::scope::Scope;
use crate::protocol::attempt::Found;
use crate::protocol::ids::Sid;
use crate::protocol::outcome::Put;
use crate::protocol::rows::is_newer;
use crate::wire::RefreshToken;
use crate::wire::json::{Object, Writer};

/// The version of the entries that this build reads and writes.
const VERSION: u32 = 2;

/// How long a tab waits for a token that its view of storage lacks: so many looks, so many
/// milliseconds apart. Looks are counted, because a page that was frozen has seen nothing meanwhile.
pub(crate) const CATCH_UP: (u32, u32) = (10, 100);

/// A session's entries, what each holds before its name.
pub(crate) type View = Vec<(Option<String>, String)>;

pub(crate) struct Vault {
    platform: Rc<dyn Platform>,
    refresh_prefix: String,
    logout_prefix: String,
    /// The last token that this tab read or wrote, for when storage throws.
    seen: RefCell<Option<(Sid, u32, RefreshToken)>>,
}

impl Vault {
    pub(crate) fn new(platform: Rc<dyn Platform>, scope: &Scope) -> Self {
        let (refresh_prefix, logout_prefix) = (scope.name("refresh"), scope.name("left"));
        Self { platform, refresh_prefix, logout_prefix, seen: RefCell::new(None) }
    }

    /// The refresh token of exactly this generation, as storage shows it to this tab.
    pub(crate) fn get(&self, session: &Sid, generation: u32) -> Found {
        match self.platform.read(Area::Profile, &self.entry(session, generation)) {
            Ok(None) => Found::Missing,
            Ok(Some(text)) => match read(&text, session, generation) {
                Some(token) => {
                    *self.seen.borrow_mut() = Some((session.clone(), generation, token.clone()));
                    Found::Token(token)
                }
                // It is not removed: it may have been written anew, which this tab does not see yet.
                None => Found::Missing,
            },
            Err(StorageError) => match &*self.seen.borrow() {
                Some((sid, g, token)) if sid == session && *g == generation => Found::Token(token.clone()),
                _ => Found::Unreadable,
            },
        }
    }

    /// Stores a refresh token, synchronously.
    pub(crate) fn put(&self, session: &Sid, generation: u32, token: &RefreshToken) -> Put {
        let text = Writer::new()
            .number("v", VERSION)
            .text("sid", session.as_str())
            .number("generation", generation)
            .text("refresh_token", token.reveal())
            .finish();
        let key = self.entry(session, generation);
        let written = self.platform.write(Area::Profile, &key, &text).is_ok();
        if written {
            *self.seen.borrow_mut() = Some((session.clone(), generation, token.clone()));
        }
        Put { written, readable: written && self.platform.read(Area::Profile, &key).is_ok() }
    }

    /// The newest refresh token of `session` that storage shows, for a logout.
    pub(crate) fn newest(&self, session: &Sid) -> Option<RefreshToken> {
        let prefix = self.entries(session);
        let generations = self.keys(&prefix);
        let generations = generations.iter().filter_map(|key| key.strip_prefix(&prefix)?.parse().ok());
        let newest = generations.max().and_then(|generation| self.get(session, generation).token());
        let seen = || self.seen.borrow().as_ref().filter(|(sid, ..)| sid == session).map(|s| s.2.clone());
        newest.or_else(seen)
    }

    /// `session`'s entries, as storage shows them to this tab; nothing if it throws. With what they hold, because
    /// one that could not be removed is overwritten.
    pub(crate) fn view(&self, session: &Sid) -> Option<View> {
        let mut view = View::new();
        for name in self.platform.keys(Area::Profile, &self.entries(session)).ok()? {
            let text = self.platform.read(Area::Profile, &name).ok()?;
            // In the order of the names, because storage gives them in any. A session has few entries.
            let at = view.iter().take_while(|(_, before)| *before < name).count();
            view.insert(at, (text, name));
        }
        Some(view)
    }

    /// Removes the entries of generations before `generation`.
    pub(crate) fn drop_older(&self, session: &Sid, generation: u32) {
        let prefix = self.entries(session);
        let older = |key: &String| {
            let suffix = key.strip_prefix(&prefix).and_then(|g| g.parse::<u32>().ok());
            suffix.is_none_or(|g| g < generation)
        };
        self.keys(&prefix).iter().filter(|key| older(key)).for_each(|key| self.erase(key));
    }

    /// Removes every refresh entry but those of `session`, and every note of a logout but its own. The first builds
    /// kept one entry, at the bare prefix.
    pub(crate) fn sweep(&self, session: Option<&Sid>) {
        let own = session.map(|session| [self.entries(session), self.logout_note(session)]);
        let foreign = |key: &String| own.iter().flatten().all(|own| !key.starts_with(own));
        let all =
            [&self.refresh_prefix, &self.logout_prefix].into_iter().flat_map(|prefix| self.keys(prefix));
        all.filter(foreign).for_each(|key| self.erase(&key));
    }

    /// Whether storage shows this tab neither a token nor a note.
    pub(crate) fn is_empty(&self) -> bool {
        [&self.refresh_prefix, &self.logout_prefix].into_iter().all(|prefix| self.keys(prefix).is_empty())
    }

    /// Forgets all tokens of `session`.
    pub(crate) fn forget(&self, session: &Sid) {
        let seen = self.seen.borrow_mut().take_if(|(sid, ..)| sid == session);
        let known = seen.map(|(sid, generation, _)| self.entry(&sid, generation));
        self.keys(&self.entries(session)).iter().chain(&known).for_each(|key| self.erase(key));
    }

    /// Notes, synchronously and without a token, that `session` was logged out of.
    pub(crate) fn note_logout(&self, session: &Sid) {
        // Where this cannot be written either, the ledger is all that is left.
        let _ = self.platform.write(Area::Profile, &self.logout_note(session), &VERSION.to_string());
    }

    /// Whether a logout of `session` is noted that the ledger may not have heard of.
    pub(crate) fn notes_logout(&self, session: &Sid) -> bool {
        self.platform.read(Area::Profile, &self.logout_note(session)) == Ok(Some(VERSION.to_string()))
    }

    /// The ledger has heard of the logout.
    pub(crate) fn strike_logout(&self, session: &Sid) {
        if self.notes_logout(session) {
            self.erase(&self.logout_note(session));
        }
    }

    fn entry(&self, session: &Sid, generation: u32) -> String {
        format!("{}{generation}", self.entries(session))
    }

    fn entries(&self, session: &Sid) -> String {
        [&self.refresh_prefix, ":", session.as_str(), ":"].concat()
    }

    fn logout_note(&self, session: &Sid) -> String {
        [&self.logout_prefix, ":", session.as_str()].concat()
    }

    fn keys(&self, prefix: &str) -> Vec<String> {
        self.platform.keys(Area::Profile, prefix).unwrap_or_default()
    }

    fn erase(&self, key: &str) {
        erase(&*self.platform, Area::Profile, key, VERSION);
    }
}

/// Removes a record, unless a newer build wrote it. One that storage does not give up is overwritten, so that it means
/// nothing; if that fails too, nothing can be done.
pub(crate) fn erase(platform: &dyn Platform, area: Area, key: &str, version: u32) {
    let newer = platform.read(area, key).is_ok_and(|text| is_newer(text.as_deref(), version));
    if !newer {
        let _ = platform.remove(area, key).or_else(|StorageError| platform.write(area, key, ""));
    }
}

fn read(text: &str, session: &Sid, generation: u32) -> Option<RefreshToken> {
    let entry = Object::read(text)?;
    let own = entry.number("v") == Some(VERSION)
        && entry.text("sid").as_deref() == Some(session.as_str())
        && entry.number("generation") == Some(generation);
    RefreshToken::stored(&entry.text("refresh_token")?).filter(|_| own)
}
