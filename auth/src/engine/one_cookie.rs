//! Servers that have one cookie for all sessions of a browser. The cookie is that of the last login, so a call by cookie is
//! about the session that the ledger names, and about no other.

use super::{Engine, LOCK_BOUND};
use crate::platform::{Guard, LedgerError, with_deadline};
use crate::protocol::ids::Sid;
use crate::protocol::rows::Page;
use crate::wire::{EndReason, Error, Place, RefreshToken, Tokens};

/// Another tab holds the lock for too long: its login may be about to replace the cookie.
pub(crate) struct NoTurn;

impl Engine {
    /// The name of the lock that a session's refresh holds: its own, or the one for the cookie of all sessions.
    pub(crate) fn lock_name(&self, sid: &Sid) -> String {
        let scope = self.ledger.scope();
        if self.contract.has_one_cookie() { scope.cookie_lock() } else { scope.lock(sid) }
    }

    /// A turn with the one cookie: logins, refreshes and logouts take turns, because the cookie may change with each login.
    /// `None` where nobody waits: each session has a cookie of its own, or none, or the browser has no Web Locks.
    pub(crate) async fn cookie_turn(&self) -> Result<Option<Guard>, NoTurn> {
        if !self.contract.has_one_cookie() {
            return Ok(None);
        }
        let lock = self.platform.lock(&self.ledger.scope().cookie_lock());
        with_deadline(&*self.platform, LOCK_BOUND, lock).await.ok_or(NoTurn)
    }

    /// Whether new sessions have their refresh token in the one cookie.
    pub(crate) fn keeps_one_cookie(&self) -> bool {
        self.place() == Place::Cookie && self.contract.has_one_cookie()
    }

    /// The token of a new session whose login has put it into the one cookie.
    pub(crate) fn cookie_of(&self, sid: &Sid) -> Option<RefreshToken> {
        self.keeps_one_cookie().then(|| RefreshToken::in_cookie(&[sid.as_str().to_owned()])).flatten()
    }

    /// Whether a call with `tokens` would be about their session. With the one cookie it is about the session that the ledger
    /// names, unless a login that the ledger does not know has replaced it.
    pub(crate) async fn has_cookie_of(&self, tokens: &Tokens) -> Result<bool, Error> {
        let handle = tokens.refresh.as_ref().and_then(RefreshToken::handle);
        let handle = handle.filter(|_| self.contract.has_one_cookie());
        let Some(sid) = handle.and_then(|mut handle| handle.next()) else { return Ok(true) };
        match self.ledger.current_page(None).await {
            Ok(Page { now: Some(now), row, .. }) => {
                let replaced = row.is_some_and(|row| row.has_ended_by(EndReason::ReplacedElsewhere));
                Ok(now.sid.as_str() == sid && !replaced)
            }
            Ok(_) | Err(LedgerError::Denied) => Ok(false),
            Err(_) => Err(Error::StorageStuck),
        }
    }

    /// A login has replaced the one cookie and came to nothing: the session that the ledger names has lost its cookie.
    pub(crate) async fn lose_cookie(&self) {
        if !self.keeps_one_cookie() {
            return;
        }
        let mut page = self.ledger.current_page(None).await;
        if page.as_ref().err() == Some(&LedgerError::Aborted) {
            page = self.ledger.current_page(None).await;
        }
        if let Ok(page) = page
            && let Some(sid) = page.live().map(|row| row.sid.clone())
        {
            let end =
                |page: &mut Page| page.row.iter_mut().for_each(|row| row.end(EndReason::ReplacedElsewhere));
            let _silent = self.ledger.insist(&sid, end).await;
            self.siblings.announce();
        }
    }
}
