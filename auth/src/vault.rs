//! Where tokens lie between uses. A vault holds; it decides nothing.
//!
//! Two records, each versioned and named by the API's origin (everyone's `localhost:8080` is the
//! same origin for a browser): the refresh record, by default in the profile's storage, and the
//! access record, by default in the tab's. What cannot be read is discarded; what cannot be written
//! is held in memory, and [`Vault::kept`] says so.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::platform::{Area, Instant, Platform, StorageError};
use crate::session::Access;
use crate::target::BaseUrl;
use crate::token::{AccessToken, RefreshToken};

/// Who holds which token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Custody {
    /// The access token's place.
    pub access: AccessCustody,
    /// The refresh token's place.
    pub refresh: RefreshCustody,
}

/// Where the access token lies (`auth-access-token`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AccessCustody {
    /// `session`: this tab's storage; a reload keeps it.
    #[default]
    Session,
    /// `memory`: nowhere; a reload needs a refresh.
    Memory,
}

/// Where the refresh token lies (`auth-refresh-token`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RefreshCustody {
    /// `local`: the profile's storage, shared by all tabs.
    #[default]
    Local,
    /// `memory`: nowhere; the session belongs to this page and ends with it.
    Memory,
}

/// The text names no custody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownCustody;

impl FromStr for AccessCustody {
    type Err = UnknownCustody;

    fn from_str(text: &str) -> Result<Self, UnknownCustody> {
        match text {
            "session" => Ok(Self::Session),
            "memory" => Ok(Self::Memory),
            _ => Err(UnknownCustody),
        }
    }
}

impl FromStr for RefreshCustody {
    type Err = UnknownCustody;

    fn from_str(text: &str) -> Result<Self, UnknownCustody> {
        match text {
            "local" => Ok(Self::Local),
            "memory" => Ok(Self::Memory),
            _ => Err(UnknownCustody),
        }
    }
}

/// A session's refresh token, as held.
#[derive(Clone, Debug)]
pub(crate) struct Held {
    pub(crate) session: Rc<str>,
    pub(crate) user: Rc<str>,
    pub(crate) generation: u32,
    /// `None` where the server issued none.
    pub(crate) token: Option<RefreshToken>,
}

/// A session's access token, as found after a reload.
pub(crate) struct Found {
    pub(crate) held: Held,
    pub(crate) access: Access,
    /// Whether the session has no refresh record in storage by design, so that the lack of one does
    /// not mean that another tab logged out.
    pub(crate) alone: bool,
}

pub(crate) struct Vault {
    custody: Custody,
    refresh_key: String,
    access_key: String,
    memory: RefCell<Option<Held>>,
    /// The refresh record as this tab last read or wrote it, for when storage cannot be read.
    seen: RefCell<Option<Held>>,
    kept: Cell<bool>,
}

/// Records of another version are discarded.
const VERSION: u8 = 1;

#[derive(Serialize, Deserialize)]
struct RefreshRecord {
    v: u8,
    sid: String,
    user: String,
    generation: u32,
    refresh_token: String,
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
}

impl Vault {
    pub(crate) fn new(base: &BaseUrl, custody: Custody) -> Self {
        let key = |record: &str| format!("yew-jwt-auth:{}:{record}", base.origin());
        Self {
            custody,
            refresh_key: key("refresh"),
            access_key: key("access"),
            memory: RefCell::new(None),
            seen: RefCell::new(None),
            kept: Cell::new(true),
        }
    }

    /// Whether what was stored last went where it was meant to go.
    pub(crate) fn kept(&self) -> bool {
        self.kept.get()
    }

    /// The refresh token as it is held now: from storage each time, since other tabs write there.
    pub(crate) fn held<P: Platform>(&self, platform: &P) -> Option<Held> {
        if let Some(held) = self.memory.borrow().as_ref() {
            return Some(held.clone());
        }
        if self.custody.refresh == RefreshCustody::Memory {
            return None;
        }
        self.stored(platform).unwrap_or_else(|StorageError| self.seen.borrow().clone())
    }

    fn stored<P: Platform>(&self, platform: &P) -> Result<Option<Held>, StorageError> {
        let text = platform.read(Area::Profile, &self.refresh_key)?;
        let held = text.as_deref().and_then(RefreshRecord::read);
        if text.is_some() && held.is_none() {
            erase(platform, Area::Profile, &self.refresh_key);
        }
        self.seen.borrow_mut().clone_from(&held);
        Ok(held)
    }

    /// Takes over a session's refresh token.
    pub(crate) fn hold<P: Platform>(&self, platform: &P, held: &Held) {
        let Some(token) = &held.token else {
            // An older session's record must not outlive it.
            erase(platform, Area::Profile, &self.refresh_key);
            *self.memory.borrow_mut() = Some(held.clone());
            return self.kept.set(true);
        };
        let written = match self.custody.refresh {
            RefreshCustody::Memory => false,
            RefreshCustody::Local => {
                let record = RefreshRecord {
                    v: VERSION,
                    sid: held.session.to_string(),
                    user: held.user.to_string(),
                    generation: held.generation,
                    refresh_token: token.reveal().to_owned(),
                };
                let written = platform.write(Area::Profile, &self.refresh_key, &json(&record));
                written.and_then(|()| platform.read(Area::Profile, &self.refresh_key)).is_ok()
            }
        };
        *self.memory.borrow_mut() = (!written).then(|| held.clone());
        self.seen.borrow_mut().clone_from(&written.then(|| held.clone()));
        self.kept.set(written || self.custody.refresh == RefreshCustody::Memory);
        if !written {
            // What lies there is older: a spent token, whose use would look like theft.
            erase(platform, Area::Profile, &self.refresh_key);
        }
    }

    /// The access token that this tab kept over a reload.
    pub(crate) fn found<P: Platform>(&self, platform: &P) -> Option<Found> {
        if self.custody.access == AccessCustody::Memory {
            return None;
        }
        let text = platform.read(Area::Tab, &self.access_key).ok()??;
        let found = AccessRecord::read(&text, platform.now());
        if found.is_none() {
            erase(platform, Area::Tab, &self.access_key);
        }
        found
    }

    /// Keeps the access token of `held`'s session and generation for a reload, if configured.
    pub(crate) fn keep<P: Platform>(&self, platform: &P, held: &Held, access: &Access) {
        if self.custody.access == AccessCustody::Memory {
            return;
        }
        let record = AccessRecord {
            v: VERSION,
            sid: held.session.to_string(),
            user: held.user.to_string(),
            generation: held.generation,
            access_token: access.token.reveal().to_owned(),
            received: access.received.wall,
            lifetime: access.lifetime,
            alone: self.memory.borrow().is_some(),
        };
        let written = platform.write(Area::Tab, &self.access_key, &json(&record));
        if written.is_err() {
            // No notice: a reload refreshes. But an older token must not come back with it.
            erase(platform, Area::Tab, &self.access_key);
        }
    }

    /// Forgets `session`'s tokens; those of another session, which another tab or a newer login may
    /// have stored since, stay. What cannot be read goes: it may be this session's.
    pub(crate) fn forget<P: Platform>(&self, platform: &P, session: &str) {
        let of_session = |held: &mut Held| *held.session == *session;
        self.memory.borrow_mut().take_if(of_session);
        if self.custody.refresh == RefreshCustody::Local {
            match self.stored(platform) {
                Ok(None) => {}
                Ok(Some(held)) if *held.session != *session => {}
                Ok(Some(_)) | Err(StorageError) => erase(platform, Area::Profile, &self.refresh_key),
            }
        }
        self.seen.borrow_mut().take_if(of_session);
        if self.found(platform).is_none_or(|found| *found.held.session == *session) {
            erase(platform, Area::Tab, &self.access_key);
        }
    }
}

/// Removes a record. One that storage does not give up is overwritten, so that it means nothing; if
/// that fails too, nothing can be done.
fn erase<P: Platform>(platform: &P, area: Area, key: &str) {
    let _ = platform.remove(area, key).or_else(|StorageError| platform.write(area, key, ""));
}

fn json(record: &impl Serialize) -> String {
    serde_json::to_string(record).unwrap_or_default()
}

impl RefreshRecord {
    fn read(text: &str) -> Option<Held> {
        let record: Self = serde_json::from_str(text).ok()?;
        let token = RefreshToken::parse(&record.refresh_token)?;
        held(record.v, record.sid, record.user, record.generation, Some(token))
    }
}

impl AccessRecord {
    fn read(text: &str, now: Instant) -> Option<Found> {
        let record: Self = serde_json::from_str(text).ok()?;
        let token = AccessToken::parse(&record.access_token)?;
        // The monotonic clock began anew with the page; only the wall clock spans a reload.
        let elapsed = now.wall.saturating_sub(record.received);
        let received = Instant { monotonic: now.monotonic.saturating_sub(elapsed), wall: now.wall - elapsed };
        Some(Found {
            access: Access { token, received, lifetime: record.lifetime },
            held: held(record.v, record.sid, record.user, record.generation, None)?,
            alone: record.alone,
        })
    }
}

fn held(v: u8, sid: String, user: String, generation: u32, token: Option<RefreshToken>) -> Option<Held> {
    let sound = v == VERSION && !sid.is_empty() && sid.len() <= 64;
    sound.then(|| Held { session: sid.into(), user: user.into(), generation, token })
}
