//! What a session is, and the pure rules about it: data in, decision out.

use std::fmt;
use std::rc::Rc;

use crate::cache::Unstored;
use crate::error::EndReason;
use crate::platform::Instant;
use crate::token::AccessToken;
use crate::vault::Held;

/// One login, as this tab holds it.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    /// Random, minted at login: tells two logins of the same user apart.
    pub(crate) id: Rc<str>,
    /// The user name that was typed, for display.
    pub(crate) user: Rc<str>,
    /// 0 at login, one more at every committed refresh.
    pub(crate) generation: u32,
    /// The access token of this generation, if this tab has it.
    pub(crate) access: Option<Access>,
    /// Whether the server has answered for this session since the page was loaded. Nothing private
    /// is shown before it has.
    pub(crate) confirmed: bool,
    /// What it has learnt about the browser's cache; the next session begins anew.
    pub(crate) unstored: Unstored,
}

/// An access token with what is known of its age.
#[derive(Clone, Debug)]
pub(crate) struct Access {
    pub(crate) token: AccessToken,
    /// Half-way between request and answer: the token was made somewhere in between.
    pub(crate) received: Instant,
    /// Seconds; `None` if neither the answer nor the token says.
    pub(crate) lifetime: Option<u64>,
}

/// Whether an access token is worth sending.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Age {
    /// As far as this device can know it is accepted.
    Fresh,
    /// Its time is up: refresh first.
    Stale,
}

impl Access {
    /// Compares elapsed time with the lifetime. Never `exp` with the wall clock: a clock that is
    /// wrong by a day would make every token look stale, or none.
    pub(crate) fn age(&self, now: Instant) -> Age {
        match self.lifetime {
            Some(seconds) if now.since(self.received) >= seconds.saturating_mul(1000) => Age::Stale,
            _ => Age::Fresh,
        }
    }
}

/// What a request carried: enough to tell whether its answer still means anything.
#[derive(Clone, Debug)]
pub(crate) struct Carried {
    pub(crate) session: Rc<str>,
    pub(crate) generation: u32,
    pub(crate) token: AccessToken,
}

/// What follows from a 401.
#[derive(Debug)]
pub(crate) enum On401 {
    /// The session ended or another began: nobody wants the answer.
    Drop,
    /// The session has moved on meanwhile: send again with its token, refresh nothing.
    SendAgain(Carried),
    /// The token of the current generation was refused: refresh that generation.
    Refresh,
}

impl Session {
    /// The session that an earlier life of the page stored.
    pub(crate) fn taken_up(held: &Held, access: Option<Access>) -> Self {
        let Held { session, user, generation, .. } = held;
        Self {
            id: session.clone(),
            user: user.clone(),
            generation: *generation,
            access,
            confirmed: false,
            unstored: Unstored::default(),
        }
    }

    /// The request's credentials, if this tab has an access token.
    pub(crate) fn carry(&self) -> Option<Carried> {
        let token = self.access.as_ref()?.token.clone();
        Some(Carried { session: self.id.clone(), generation: self.generation, token })
    }

    /// The rule for a 401 to a request that carried `carried`.
    pub(crate) fn on_401(current: Option<&Self>, carried: &Carried) -> On401 {
        match current {
            Some(session) if session.id == carried.session => match session.carry() {
                Some(newer) if newer.generation > carried.generation => On401::SendAgain(newer),
                _ => On401::Refresh,
            },
            _ => On401::Drop,
        }
    }
}

/// What the page knows of its session; what components render.
#[derive(Clone, PartialEq, Eq)]
pub enum State {
    /// A stored session was found and the server is being asked.
    Restoring,
    /// There is no session; with the reason if one ended here.
    SignedOut(Option<EndReason>),
    /// There is a session.
    SignedIn {
        /// The user name, once the server has answered for the session in this life of the page.
        user: Option<Rc<str>>,
        /// Why the server cannot be used right now; the session is kept.
        degraded: Option<Degraded>,
        /// Whether the session could be stored as configured. If not, it ends with this page.
        kept: bool,
    },
}

impl fmt::Debug for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Restoring => f.write_str("Restoring"),
            Self::SignedOut(reason) => write!(f, "SignedOut({reason:?})"),
            // Who is signed in is the user's business, not a log's.
            Self::SignedIn { degraded, kept, .. } => write!(f, "SignedIn({degraded:?}, kept: {kept})"),
        }
    }
}

/// Why a signed-in page cannot get answers at the moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Degraded {
    /// No answer arrives.
    Unreachable,
    /// A gateway or the server answers that it cannot serve (502, 503, 504).
    ServerUnavailable,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn access(lifetime: Option<u64>) -> Access {
        let received = Instant { monotonic: 1_000, wall: 1_000_000 };
        Access { token: AccessToken::parse("t").unwrap(), received, lifetime }
    }

    fn session(id: &str, generation: u32) -> Session {
        Session {
            id: id.into(),
            user: "ann".into(),
            generation,
            access: Some(access(None)),
            confirmed: true,
            unstored: Unstored::default(),
        }
    }

    #[test]
    fn a_token_is_stale_when_its_lifetime_has_elapsed_on_either_clock() {
        let token = access(Some(60));
        assert_eq!(token.age(Instant { monotonic: 60_999, wall: 1_059_999 }), Age::Fresh);
        assert_eq!(token.age(Instant { monotonic: 61_000, wall: 1_000_000 }), Age::Stale);
        assert_eq!(token.age(Instant { monotonic: 1_000, wall: 1_060_000 }), Age::Stale);
    }

    #[test]
    fn a_clock_set_back_makes_no_token_stale() {
        assert_eq!(access(Some(60)).age(Instant { monotonic: 30_000, wall: 0 }), Age::Fresh);
    }

    #[test]
    fn without_a_lifetime_only_a_401_tells() {
        let much_later = Instant { monotonic: u64::MAX, wall: u64::MAX };
        assert_eq!(access(None).age(much_later), Age::Fresh);
        assert_eq!(access(Some(u64::MAX)).age(Instant { monotonic: 9, wall: 9 }), Age::Fresh);
    }

    #[test]
    fn a_late_401_is_sent_again_with_the_newer_token() {
        let carried = session("s", 3).carry().unwrap();
        assert!(
            matches!(Session::on_401(Some(&session("s", 4)), &carried), On401::SendAgain(c) if c.generation == 4)
        );
        assert!(matches!(Session::on_401(Some(&session("s", 3)), &carried), On401::Refresh));
    }

    #[test]
    fn a_401_of_another_session_is_dropped() {
        let carried = session("s", 3).carry().unwrap();
        assert!(matches!(Session::on_401(Some(&session("other", 9)), &carried), On401::Drop));
        assert!(matches!(Session::on_401(None, &carried), On401::Drop));
    }
}
