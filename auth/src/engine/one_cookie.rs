//! Servers that have one cookie for all sessions of a browser. The cookie is that of the last login, so a call by cookie is
//! about the session that the ledger names, and about no other.

use super::Engine;
use crate::platform::{Guard, LedgerError, with_deadline};
use crate::protocol::ids::Sid;
use crate::wire::{Error, Place, RefreshToken, Tokens};

/// The longest time that a lock is waited for, in milliseconds: longer than the attempt of its holder.
pub(crate) const LOCK_BOUND: u32 = 12_000;

impl Engine {
    /// Whether each login replaces the cookie of the session before.
    fn has_one_cookie(&self) -> bool {
        self.contract.refresh_cookie.as_ref().is_some_and(|cookie| cookie.is_one_for_all())
    }

    /// The name of the lock that a session's refresh holds: its own, or the one for the cookie of all sessions.
    pub(crate) fn lock_name(&self, sid: &Sid) -> String {
        let scope = self.ledger.scope();
        if self.has_one_cookie() { scope.cookie_lock() } else { scope.lock(sid) }
    }

    /// A turn with the one cookie: logins, refreshes and logouts take turns, because the cookie may change with each login.
    /// Where each session has a cookie of its own, or none, nobody waits.
    pub(crate) async fn cookie_turn(&self) -> Option<Guard> {
        if !self.has_one_cookie() {
            return None;
        }
        let lock = self.platform.lock(&self.ledger.scope().cookie_lock());
        with_deadline(&*self.platform, LOCK_BOUND, lock).await.flatten()
    }

    /// The token of a new session whose login has put it into the one cookie.
    pub(crate) fn cookie_of(&self, sid: &Sid) -> Option<RefreshToken> {
        let in_cookie = self.place() == Place::Cookie && self.has_one_cookie();
        in_cookie.then(|| RefreshToken::in_cookie(&[sid.as_str().to_owned()])).flatten()
    }

    /// Whether a call with `tokens` would be about their session. With the one cookie it is about the session that the ledger
    /// names, which the cookie was set for. A page without a ledger knows of no other.
    pub(crate) async fn has_cookie_of(&self, tokens: &Tokens) -> Result<bool, Error> {
        let handle = tokens.refresh.as_ref().and_then(RefreshToken::handle).filter(|_| self.has_one_cookie());
        let Some(sid) = handle.and_then(|mut handle| handle.next()) else { return Ok(true) };
        match self.ledger.current_page(None).await {
            Ok(page) => Ok(page.now.is_none_or(|now| now.sid.as_str() == sid)),
            Err(LedgerError::Denied) => Ok(true),
            Err(_) => Err(Error::StorageStuck),
        }
    }
}
