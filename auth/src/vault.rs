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

use crate::platform::{Area, Instant, Platform};
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
        let text = platform.read(Area::Profile, &self.refresh_key).ok()??;
        let held = RefreshRecord::read(&text);
        if held.is_none() {
            // A failure leaves the unreadable record where it is, where it does no harm.
            let _ = platform.remove(Area::Profile, &self.refresh_key);
        }
        held
    }

    /// Takes over a session's refresh token.
    pub(crate) fn hold<P: Platform>(&self, platform: &P, held: &Held) {
        let Some(token) = &held.token else {
            // An older session's record must not outlive it.
            let _ = platform.remove(Area::Profile, &self.refresh_key);
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
                platform.write(Area::Profile, &self.refresh_key, &json(&record)).is_ok()
            }
        };
        *self.memory.borrow_mut() = (!written).then(|| held.clone());
        self.kept.set(written || self.custody.refresh == RefreshCustody::Memory);
        if !written {
            // What lies there is older: a spent token, whose use would look like theft.
            let _ = platform.remove(Area::Profile, &self.refresh_key);
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
            let _ = platform.remove(Area::Tab, &self.access_key);
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
            let _ = platform.remove(Area::Tab, &self.access_key);
        }
    }

    /// Forgets `session`'s tokens; those of another session, which another tab may have stored
    /// since, stay.
    pub(crate) fn forget<P: Platform>(&self, platform: &P, session: &str) {
        if self.held(platform).is_some_and(|held| &*held.session == session) {
            // In memory first: after it, `held` would read what storage refuses to give up.
            let in_memory = self.memory.borrow_mut().take().is_some();
            if !in_memory {
                let _ = platform.remove(Area::Profile, &self.refresh_key);
            }
        }
        let _ = platform.remove(Area::Tab, &self.access_key);
    }
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
