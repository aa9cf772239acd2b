//! What a session is, and the pure rules about it: data in, decision out.

use std::fmt;
use std::rc::Rc;

use crate::cache::Unstored;
use crate::error::EndReason;
use crate::platform::Instant;
use crate::rules::{Rule, Rules};
use crate::token::AccessToken;

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
    /// Where its row is.
    pub(crate) book: Book,
    /// Whether it has a refresh token. Without one it ends with its access token.
    pub(crate) renewable: bool,
    /// Whether what was stored last went where it was meant to go.
    pub(crate) kept: bool,
    /// What it has learnt about the browser's cache; the next session begins anew.
    pub(crate) unstored: Unstored,
}

/// Which ledger decides about a session: fixed at login.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Book {
    /// The profile's, which all tabs share.
    Shared,
    /// This tab's own, in memory.
    Own,
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
    /// Compares elapsed time with the lifetime. Never `exp` with the wall clock: a clock that is
    /// wrong by a day would make every token look stale, or none.
    pub(crate) fn age(&self, now: Instant, rules: Rules) -> Age {
        let Some(seconds) = self.lifetime else { return Age::Fresh };
        let elapsed = match rules.on(Rule::ElapsedAge) {
            true => now.since(self.received),
            false => now.wall.saturating_sub(self.received.wall),
        };
        let lifetime = seconds.saturating_mul(1_000);
        match lifetime.saturating_sub(elapsed) {
            0 => Age::Stale,
            left if left <= (lifetime / 5).min(MARGIN) => Age::Ageing,
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
    /// How old its access token is, if this tab has one. Where nothing can replace it, a clock that people
    /// set has no say: the server refuses it when its time is up.
    pub(crate) fn age(&self, now: Instant, rules: Rules) -> Option<Age> {
        let access = self.access.as_ref()?;
        let wall = if self.renewable { now.wall } else { access.received.wall };
        Some(access.age(Instant { wall, ..now }, rules))
    }

    /// The request's credentials, if this tab has an access token.
    pub(crate) fn carry(&self) -> Option<Carried> {
        let token = self.access.as_ref()?.token.clone();
        Some(Carried { session: self.id.clone(), generation: self.generation, token })
    }

    /// The rule for a 401 to a request that carried `carried`.
    pub(crate) fn on_401(current: Option<&Self>, carried: &Carried, rules: Rules) -> On401 {
        // An attempt that was repeated gave the same generation a second access token.
        let newer = |now: &Carried| now.generation > carried.generation || now.token != carried.token;
        match current {
            Some(session) if session.id == carried.session => match session.carry() {
                Some(now) if newer(&now) && rules.on(Rule::Late401) => On401::SendAgain(now),
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
    /// Somebody else signed in in another tab: what this tab showed is not theirs. Nothing is adopted
    /// until [`Client::start`](crate::Client::start) is called again.
    SignedInElsewhere {
        /// Who.
        user: Rc<str>,
    },
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
            Self::SignedInElsewhere { .. } => f.write_str("SignedInElsewhere"),
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
        let (id, user, access) = (id.into(), "ann".into(), Some(access(None)));
        let (confirmed, renewable, kept) = (true, true, true);
        let unstored = Unstored::default();
        Session { id, user, generation, access, confirmed, book: Book::Shared, renewable, kept, unstored }
    }

    fn on_401(current: Option<&Session>, carried: &Carried) -> On401 {
        Session::on_401(current, carried, Rules::default())
    }

    #[test]
    fn a_token_is_stale_when_its_lifetime_has_elapsed_on_either_clock() {
        let token = access(Some(60));
        let age = |monotonic, wall| token.age(Instant { monotonic, wall }, Rules::default());
        assert_eq!(age(60_999, 1_059_999), Age::Ageing);
        assert_eq!(age(61_000, 1_000_000), Age::Stale);
        assert_eq!(age(1_000, 1_060_000), Age::Stale);
    }

    #[test]
    fn a_token_ages_in_its_last_minute_or_its_last_fifth() {
        let age = |lifetime, elapsed: u64| {
            let now = Instant { monotonic: 1_000 + elapsed, wall: 1_000_000 };
            access(Some(lifetime)).age(now, Rules::default())
        };
        assert_eq!((age(900, 839_999), age(900, 840_000)), (Age::Fresh, Age::Ageing));
        assert_eq!((age(60, 47_999), age(60, 48_000)), (Age::Fresh, Age::Ageing));
        assert_eq!((age(1, 799), age(1, 800), age(1, 1_000)), (Age::Fresh, Age::Ageing, Age::Stale));
    }

    #[test]
    fn a_clock_set_back_makes_no_token_stale() {
        assert_eq!(
            access(Some(60)).age(Instant { monotonic: 30_000, wall: 0 }, Rules::default()),
            Age::Fresh
        );
    }

    #[test]
    fn without_a_lifetime_only_a_401_tells() {
        let much_later = Instant { monotonic: u64::MAX, wall: u64::MAX };
        assert_eq!(access(None).age(much_later, Rules::default()), Age::Fresh);
        let at_once = Instant { monotonic: 9, wall: 9 };
        assert_eq!(access(Some(u64::MAX)).age(at_once, Rules::default()), Age::Fresh);
    }

    #[test]
    fn a_late_401_is_sent_again_with_the_newer_token() {
        let carried = session("s", 3).carry().unwrap();
        assert!(matches!(on_401(Some(&session("s", 4)), &carried), On401::SendAgain(c) if c.generation == 4));
        assert!(matches!(on_401(Some(&session("s", 3)), &carried), On401::Refresh));
    }

    #[test]
    fn a_401_of_another_session_is_dropped() {
        let carried = session("s", 3).carry().unwrap();
        assert!(matches!(on_401(Some(&session("other", 9)), &carried), On401::Drop));
        assert!(matches!(on_401(None, &carried), On401::Drop));
    }
}
