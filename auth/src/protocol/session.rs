//! What a session is, and the pure rules about it: data in, decision out.

use std::rc::Rc;

use crate::platform::Instant;
use crate::protocol::attempt::Unwritten;
use crate::protocol::ids::{Sid, User};
use crate::protocol::rows::Row;
use crate::wire::{AccessToken, RefreshToken, Tokens};

/// One login, as this tab holds it.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    pub(crate) id: Sid,
    pub(crate) user: User,
    /// 0 at login, one more at every committed refresh.
    pub(crate) generation: u32,
    /// The access token of this generation, if this tab has it.
    pub(crate) access: Option<Access>,
    /// Whether the server has answered for this session since the page was loaded, here or in another tab which handed over its
    /// token. Nothing private is shown before it has.
    pub(crate) confirmed: bool,
    pub(crate) tenure: Tenure,
    /// An answer that the ledger or the vault refused: the session's newest refresh token.
    pub(crate) unwritten: Option<Rc<Unwritten>>,
}

/// Which ledger decides about a session: fixed at login.
#[derive(Clone, Debug)]
pub(crate) enum Tenure {
    /// The profile's ledger, which all tabs share.
    Shared {
        /// Whether it has a refresh token. Without one it ends with its access token.
        renewable: bool,
        /// Whether it survives a reload.
        stored: bool,
    },
    /// This tab alone.
    ThisTab {
        /// The row, with the refresh token in it. Without one the session ends with its access token.
        row: Option<Rc<Row>>,
        /// Whether the page says that the session ends with it, because it was to be stored and is not.
        notice: bool,
    },
}

/// An access token with what is known of its age.
#[derive(Clone, Debug)]
pub(crate) struct Access {
    pub(crate) token: AccessToken,
    /// Half-way between request and answer: the server made the token somewhere in between.
    pub(crate) received: Instant,
    /// Seconds; `None` if neither the answer nor the token says.
    pub(crate) lifetime: Option<u64>,
    /// Whether a sibling handed it over. The server never gave it to this tab.
    pub(crate) handed_over: bool,
}

/// A token ages in the last fifth of its lifetime, and for no longer than this, in milliseconds.
const MARGIN: u64 = 60_000;

/// Whether an access token is worth sending.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Age {
    /// As far as this device can know it is accepted.
    Fresh,
    /// Still accepted, but not for long: use it, and refresh in the background.
    Ageing,
    /// Its time is up: refresh first.
    Stale,
}

impl Access {
    /// Compares the `elapsed` milliseconds with the lifetime. `exp` is never compared with the wall clock, because a clock that
    /// is wrong by a day would make every token look stale, or none.
    fn age(&self, elapsed: u64) -> Age {
        let Some(seconds) = self.lifetime else { return Age::Fresh };
        let lifetime = seconds.saturating_mul(1_000);
        match lifetime.saturating_sub(elapsed) {
            0 => Age::Stale,
            remaining if remaining <= (lifetime / 5).min(MARGIN) => Age::Ageing,
            _ => Age::Fresh,
        }
    }
}

/// What a request carried: enough to tell whether its answer still means anything.
#[derive(Clone, Debug)]
pub(crate) struct Carried {
    pub(crate) session: Sid,
    pub(crate) generation: u32,
    pub(crate) access: Access,
}

/// What a request knows of a token that the server refused.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct RefusedToken {
    /// The server gave the token to this tab after the call began, and the ledger shows no later one.
    pub(crate) is_of_this_call: bool,
    /// The token is so new that the clocks of two servers may disagree about it (RFC 7519 §4.1.5), and the request has
    /// not waited for them yet.
    pub(crate) may_be_early: bool,
}

/// What follows from a 401.
#[derive(Debug)]
pub(crate) enum On401 {
    /// The answer is dropped, because the session ended or another began.
    Drop,
    /// The 401 is the caller's answer.
    Answer,
    /// The session has a newer token: send again with it, and refresh nothing.
    SendAgain(Carried),
    /// The session's newest token was refused: refresh its generation, and send again.
    Refresh,
    /// The server may not accept the token yet: wait for a moment, and send again with the same one.
    Wait,
}

/// With how many tokens a request goes out at most.
const MOST_TOKENS: u32 = 3;

/// An access token that the tab kept over a reload, and its session.
#[derive(Clone, Debug)]
pub(crate) struct Kept {
    pub(crate) session: Sid,
    pub(crate) user: User,
    pub(crate) generation: u32,
    pub(crate) access: Access,
    /// Whether the session lives in this tab alone, so that the ledger need not know it.
    pub(crate) this_tabs: bool,
    /// Whether the session has a refresh token.
    pub(crate) renewable: bool,
    /// What [`Session::is_kept`] said. Only a session of this tab alone needs it, for its notice.
    pub(crate) stored: bool,
}

impl Session {
    /// How old its access token is, if this tab has one.
    pub(crate) fn age(&self, now: Instant) -> Option<Age> {
        self.access.as_ref().map(|access| access.age(self.elapsed(access, now)))
    }

    /// Milliseconds since `access` was received. Where nothing can replace the token, the wall clock has no say, because people
    /// set it: the server refuses the token when its time is up.
    pub(crate) fn elapsed(&self, access: &Access, now: Instant) -> u64 {
        if self.is_renewable() { now.since(access.received) } else { now.waited_since(access.received) }
    }

    /// The refresh token that was not written. Only this tab holds it.
    pub(crate) fn unwritten_token(&self) -> Option<RefreshToken> {
        self.unwritten.as_ref().map(|unwritten| unwritten.token.clone())
    }

    /// The token that only this tab can tell the server with: the refresh token that was not written, else the access token of a
    /// session without a refresh token.
    pub(crate) fn last_tokens(&self) -> Option<Tokens> {
        let access = self.access.as_ref().filter(|_| !self.is_renewable());
        let access = access.map(|access| access.token.clone().into());
        self.unwritten_token().map(Into::into).or(access)
    }

    /// The same after a login of `user` has replaced the session. A server may have one access token for all sessions of a user.
    pub(crate) fn tokens_replaced_by(&self, user: &User) -> Option<Tokens> {
        match self.user.is(user) {
            true => self.unwritten_token().map(Into::into),
            false => self.last_tokens(),
        }
    }

    /// Whether its access token can be sent as it is.
    pub(crate) fn is_usable(&self, now: Instant) -> bool {
        self.age(now).is_some_and(|age| age != Age::Stale)
    }

    pub(crate) fn is_renewable(&self) -> bool {
        match &self.tenure {
            Tenure::Shared { renewable, .. } => *renewable,
            Tenure::ThisTab { row, .. } => row.is_some(),
        }
    }

    /// Whether it lives in this tab alone.
    pub(crate) fn is_this_tabs(&self) -> bool {
        matches!(self.tenure, Tenure::ThisTab { .. })
    }

    /// Whether it survives a reload, or was never to.
    pub(crate) fn is_kept(&self) -> bool {
        match &self.tenure {
            Tenure::Shared { stored, .. } => *stored,
            Tenure::ThisTab { notice, .. } => !notice,
        }
    }

    /// Whether it survives a reload, where all tabs share it.
    pub(crate) fn set_stored(&mut self, now: bool) {
        if let Tenure::Shared { stored, .. } = &mut self.tenure {
            *stored = now;
        }
    }

    /// The request's credentials, if this tab has an access token.
    pub(crate) fn carry(&self) -> Option<Carried> {
        let access = self.access.clone()?;
        Some(Carried { session: self.id.clone(), generation: self.generation, access })
    }

    /// The rule for a 401 to a request that has gone out with `tokens` tokens, the last one `carried` and `refused`.
    ///
    /// A request goes out with [`MOST_TOKENS`] tokens at most. A second token that the server gave to this tab causes no refresh,
    /// because another one would fare no better. A newer token that the tab has already is sent, because it costs no refresh.
    pub(crate) fn on_401(
        current: Option<&Self>,
        carried: &Carried,
        refused: RefusedToken,
        tokens: u32,
    ) -> On401 {
        let Some(session) = current.filter(|session| session.id == carried.session) else {
            return On401::Drop;
        };
        let is_last_token = tokens >= MOST_TOKENS;
        let is_newest_possible = !carried.access.handed_over && (tokens > 1 || refused.is_of_this_call);
        let may_refresh = !is_last_token && !is_newest_possible;
        // A repeated attempt gives the same generation a second access token.
        let newer =
            |now: &Carried| now.generation > carried.generation || now.access.token != carried.access.token;
        match session.carry().filter(newer) {
            Some(now) if !is_last_token => On401::SendAgain(now),
            Some(_) => On401::Answer,
            None if may_refresh && session.is_renewable() => On401::Refresh,
            None if refused.may_be_early => On401::Wait,
            // The refresh of a session without a refresh token ends it.
            None if may_refresh => On401::Refresh,
            None => On401::Answer,
        }
    }
}

mod begin;

#[cfg(test)]
mod tests;
