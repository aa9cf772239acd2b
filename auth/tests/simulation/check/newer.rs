//! Records of a newer build of the page, which was rolled back. An older build leaves them as they are, and keeps its own
//! beside them.

use auth::{Area, HttpRequest, State};

use crate::apps::App;
use crate::check::Invariant;
use crate::options::Class;
use crate::tasks::Life;
use crate::world::World;

/// No build has this version yet.
const VERSION: &str = r#"{"v":9,"#;
/// What the note of a logout holds: the version alone.
const NOTE: &str = "9";
const SESSION: &str = "0123456789abcdef0123456789abcdef";
const USER: &str = "zoe";
/// Any token of the newer build begins with this.
const SECRET: &str = "newer-build-";
/// How many new tabs of a hundred were used with the newer build before.
const SHARE: u64 = 30;

/// Whether a newer build stored this.
pub(crate) fn is_newer(text: &str) -> bool {
    text == NOTE || text.starts_with(VERSION)
}

fn record(fields: &str) -> String {
    format!(r#"{VERSION}"sid":"{SESSION}",{fields}}}"#)
}

fn name(rest: &str) -> String {
    format!("yew-jwt-auth:{}:{rest}", App::First.base())
}

impl World {
    /// The newer build has left a session in the ledger and in the profile.
    pub(crate) fn plant(&self) {
        if !self.options.has(Class::NewerRecords) {
            return;
        }
        self.cover("records of a newer build");
        let row = record(r#""sub":"zoe","generation":3,"idempotent":true,"proof":[1]"#);
        let token = record(r#""generation":3,"refresh_token":"newer-build-refresh""#);
        let mut ledger = self.ledger.borrow_mut();
        ledger.plant(name("now"), record(r#""before":null"#));
        ledger.plant(name(&format!("row:{SESSION}")), row);
        let mut profile = self.profile.borrow_mut();
        profile.plant(&name(&format!("refresh:{SESSION}:3")), token);
        profile.plant(&name(&format!("left:{SESSION}")), NOTE.to_owned());
    }

    /// What a new tab holds, if it was used with the newer build before.
    pub(crate) fn planted_in_tab(&self, app: App) -> Option<(String, String)> {
        let planted = self.options.has(Class::NewerRecords) && app == App::First;
        let planted = planted && self.chance.pauses.percent(SHARE);
        let access = record(r#""user":"zoe","generation":3,"access_token":"newer-build-access""#);
        planted.then(|| (name("access"), access))
    }

    /// A tab writes or removes an entry of storage. Where reading throws, the tab cannot know whose entry it is.
    pub(crate) fn check_newer_entry(&self, life: Life, area: Area, key: &str) {
        if self.options.has(Class::StorageThrows) {
            return;
        }
        let newer = match area {
            Area::Profile => self.profile.borrow().holds(key).is_some_and(is_newer),
            Area::Tab => self.tabs.borrow()[life.tab].session.get(key).is_some_and(|text| is_newer(text)),
        };
        self.check_left_alone(life, key, newer);
    }

    /// A tab's transaction changes an entry of the ledger.
    pub(crate) fn check_newer_row(&self, life: Life, key: &str) {
        let newer = self.ledger.borrow().entries().any(|(name, row)| name == key && is_newer(row));
        self.check_left_alone(life, key, newer);
    }

    fn check_left_alone(&self, life: Life, key: &str, newer: bool) {
        if newer {
            self.violate(Invariant::LeftAlone, || {
                format!("tab {} changes the newer build's {key}", life.tab)
            });
        }
    }

    /// Nothing of a newer record is sent.
    pub(crate) fn check_newer_sent(&self, request: &HttpRequest) {
        let body = request.body.as_deref().is_some_and(|body| String::from_utf8_lossy(body).contains(SECRET));
        if body || request.headers.iter().any(|(_, value)| value.contains(SECRET)) {
            self.violate(Invariant::LeftAlone, || "a token of the newer build's is sent".to_owned());
        }
    }

    /// Nobody is signed in by a newer record.
    pub(crate) fn check_newer_shown(&self, life: Life, state: &State) {
        let shown = match state {
            State::SignedIn { user: Some(user), .. } | State::SignedInElsewhere { user } => &**user == USER,
            _ => false,
        };
        if shown {
            self.violate(Invariant::LeftAlone, || format!("tab {} shows the newer build's user", life.tab));
        }
    }
}
