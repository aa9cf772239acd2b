//! What this tab believes: one pure value, without cells and without waiting. Login, logout, restore, look, another
//! tab's word and a refresh's result come in any order. Each is one method, which says what must follow.

use std::rc::Rc;

use crate::platform::Instant;
use crate::protocol::attempt::Unwritten;
use crate::protocol::effects::Effects;
use crate::protocol::ids::{Sid, User};
use crate::protocol::session::{Access, Session};
use crate::protocol::state::{Degraded, State};
use crate::wire::{EndReason, Error, RefreshToken};

mod login;
mod own_row;
mod questions;
mod reconcile;

pub(crate) use reconcile::{Next, Reading};

#[derive(Default)]
pub(crate) struct Belief {
    phase: Phase,
    login: Option<Login>,
    /// The sessions that were ended here, whatever the ledger says of them yet.
    ended_here: Vec<Sid>,
    /// The session that was closed here last. The page shows what the server hears of its logout, and of no other's.
    left: Option<Sid>,
    /// Whose page this was last.
    whose: Option<User>,
    health: Health,
    /// One more whenever another session is believed, or none. A reading of an older epoch is read again.
    epoch: u32,
}

/// Where the page stands.
enum Phase {
    /// The ledger has not been read yet.
    Unknown {
        /// A logout came meanwhile: the session that is found is logged out.
        logout_wanted: bool,
    },
    SignedOut(Option<EndReason>),
    /// A logout was wanted, and the ledger did not name its session in time. The session of the user that it has named since may
    /// have begun later, so it is asked about.
    Unnamed(Option<User>),
    /// Another tab is signed in as another user.
    Elsewhere(User),
    /// A session was found. Until a sibling or the server has answered for it, the page `shows` what it did before.
    Joining {
        session: Session,
        shows: State,
    },
    SignedIn(Session),
}

/// A login that is under way.
#[derive(Default)]
struct Login {
    /// The session that it is about to enter into the ledger.
    entering: Option<Sid>,
}

/// Whether the server can be used.
#[derive(Default)]
struct Health {
    degraded: Option<Degraded>,
    /// When the server could not be used last.
    failed: Option<Instant>,
    /// Why the session's last attempt had no usable answer.
    trouble: Option<Error>,
    /// How many attempts in a row were refused with that same answer.
    refusals: u32,
}

/// After so many equal refusals in a row the page says that the session cannot be renewed.
const REFUSALS: u32 = 3;

impl Default for Phase {
    fn default() -> Self {
        Self::Unknown { logout_wanted: false }
    }
}

// What happens.
impl Belief {
    /// The page begins to restore, in a tab whose page was `noted`'s. `false` if it has a session already.
    pub(crate) fn restore(&mut self, noted: Option<User>, effects: &mut Effects) -> bool {
        // A logout may have come before the start.
        let logout_wanted = self.is_logout_wanted();
        let whose = match &self.phase {
            Phase::SignedIn(_) => return false,
            // A look has found the session already. The restore asks the server about it.
            Phase::Joining { .. } => return true,
            // The person in front of the page agreed to go on as this user.
            Phase::Elsewhere(user) | Phase::Unnamed(Some(user)) => Some(user.clone()),
            Phase::Unknown { .. } | Phase::SignedOut(_) | Phase::Unnamed(None) => noted,
        };
        self.turn_to(Phase::Unknown { logout_wanted }, effects);
        self.whose = whose;
        true
    }

    /// A logout while the page has no session. It is remembered for the session that the page may find.
    pub(crate) fn want_logout(&mut self) {
        if let Phase::Unknown { logout_wanted } = &mut self.phase {
            *logout_wanted = true;
        }
    }

    /// `sid` was ended here, whatever the ledger comes to say of it. `false` if that is no news.
    pub(crate) fn end_here(&mut self, sid: &Sid) -> bool {
        let news = !self.has_ended(sid);
        if news {
            self.ended_here.push(sid.clone());
        }
        news
    }

    /// `sid` is over. Its tokens go, and its page if this tab shows it.
    pub(crate) fn close(&mut self, sid: &Sid, reason: EndReason, effects: &mut Effects) {
        effects.forget.push(sid.clone());
        if self.session_of(sid).is_some() {
            self.left = Some(sid.clone());
            self.turn_to(Phase::SignedOut(Some(reason)), effects);
        }
    }

    /// The session of `user` that an earlier custody had stored was ended, because this custody does not keep it. `user`
    /// is `None` if no row names one.
    pub(crate) fn no_longer_kept(&mut self, user: Option<&User>, effects: &mut Effects) {
        let is_shown = match &self.phase {
            // A request of this page may have found the ended row first, and have set this reason.
            Phase::SignedOut(reason) => matches!(reason, None | Some(EndReason::LoggedOutElsewhere)),
            Phase::Elsewhere(other) => user.is_some_and(|user| other.is(user)),
            Phase::Unknown { .. } | Phase::Unnamed(_) | Phase::Joining { .. } | Phase::SignedIn(_) => false,
        };
        if is_shown {
            self.turn_to(Phase::SignedOut(Some(EndReason::NoLongerKept)), effects);
        }
    }

    /// No live tab has the access token of `sid`, and nothing can replace it. The session goes on where its token is.
    pub(crate) fn give_up(&mut self, sid: &Sid, effects: &mut Effects) {
        if self.session_of(sid).is_some_and(|session| session.access.is_none()) {
            self.turn_to(Phase::SignedOut(None), effects);
        }
    }

    /// The server heard of a logout at last, or cannot be told of it.
    pub(crate) fn told(&mut self, sid: &Sid, heard: bool) {
        if self.left.as_ref() == Some(sid)
            && let Phase::SignedOut(Some(reason)) = &mut self.phase
        {
            match (*reason, heard) {
                (EndReason::LoggedOutHereOnly, true) => *reason = EndReason::LoggedOut,
                (EndReason::LoggedOut, false) => *reason = EndReason::LoggedOutHereOnly,
                _ => {}
            }
        }
    }

    /// `access` is the token of `generation`, unless the page has moved on.
    pub(crate) fn tokens(&mut self, sid: &Sid, generation: u32, access: Access, effects: &mut Effects) {
        let Some(session) = self.session_mut(sid) else { return };
        if generation >= session.generation || session.access.is_none() {
            session.generation = generation;
            session.access = Some(access);
            effects.keep = true;
        }
        self.show();
    }

    /// The server answered a refresh of `sid` with the token of `generation`. The session survives a reload if it is
    /// `stored`.
    pub(crate) fn refreshed(
        &mut self,
        sid: &Sid,
        generation: u32,
        access: Access,
        stored: bool,
        effects: &mut Effects,
    ) {
        (self.health.trouble, self.health.refusals) = (None, 0);
        if let Some(session) = self.session_mut(sid) {
            session.confirmed = true;
            session.set_stored(stored);
        }
        self.tokens(sid, generation, access, effects);
    }

    /// The refresh token of `sid` could be stored at last.
    pub(crate) fn stored(&mut self, sid: &Sid) {
        if let Some(session) = self.session_mut(sid) {
            session.set_stored(true);
            self.show();
        }
    }

    /// An answer of `sid` could not be stored.
    pub(crate) fn set_unwritten(&mut self, sid: &Sid, unwritten: Unwritten) {
        if let Some(session) = self.session_mut(sid) {
            session.unwritten = Some(Rc::new(unwritten));
        }
    }

    /// The answer with `token` is dealt with. Whether it was still this session's.
    pub(crate) fn take_unwritten(&mut self, sid: &Sid, token: &RefreshToken) -> bool {
        let session = self.session_mut(sid);
        session.is_some_and(|s| s.unwritten.take_if(|unwritten| unwritten.token == *token).is_some())
    }

    /// A sibling handed over the access token of `generation`. The server has `confirmed` the session to it.
    pub(crate) fn handed_over(
        &mut self,
        sid: &Sid,
        generation: u32,
        access: Access,
        confirmed: bool,
        effects: &mut Effects,
    ) {
        // The server has answered the sibling since it failed here.
        if self.health.failed.is_none_or(|failed| access.received.monotonic > failed.monotonic) {
            (self.health.degraded, self.health.trouble, self.health.refusals) = (None, None, 0);
        }
        if let Some(session) = self.session_mut(sid) {
            session.confirmed |= confirmed;
        }
        self.tokens(sid, generation, access, effects);
    }

    /// What an answer to a request of `sid`, or its lack, says of the server.
    pub(crate) fn heard(&mut self, sid: &Sid, degraded: Option<Degraded>, now: Instant) {
        if self.session_of(sid).is_none() {
            return;
        }
        if degraded.is_some() {
            self.health.failed = Some(now);
        }
        self.health.degraded = degraded;
    }

    /// The server has answered for `sid` in this life of the page.
    pub(crate) fn confirm(&mut self, sid: &Sid) {
        if let Some(session) = self.session_mut(sid) {
            session.confirmed = true;
            self.show();
        }
    }

    /// An attempt of `sid` had no usable answer. A `refused` one had an answer that a repeat is likely to get again.
    pub(crate) fn set_trouble(&mut self, sid: &Sid, trouble: Error, refused: bool) {
        if self.session_of(sid).is_none() {
            return;
        }
        let before = self.health.trouble.replace(trouble);
        self.health.refusals = match (refused, before == Some(trouble)) {
            (true, true) => self.health.refusals.saturating_add(1),
            (refused, _) => refused.into(),
        };
    }

    /// Changes what the session has learnt, if `sid` is still the current one.
    pub(crate) fn session_mut(&mut self, sid: &Sid) -> Option<&mut Session> {
        match &mut self.phase {
            Phase::SignedIn(session) | Phase::Joining { session, .. } if session.id == *sid => Some(session),
            _ => None,
        }
    }

    /// The page shows its session.
    pub(crate) fn show(&mut self) {
        let phase = std::mem::replace(&mut self.phase, Phase::SignedOut(None));
        self.phase = match phase {
            Phase::Joining { session, .. } => Phase::SignedIn(session),
            other => other,
        };
    }

    fn turn_to(&mut self, phase: Phase, effects: &mut Effects) {
        let before = self.session().map(|session| session.id.clone());
        self.phase = phase;
        let now = self.session().map(|session| (session.id.clone(), session.user.clone()));
        if let Some((_, user)) = &now {
            self.whose = Some(user.clone());
        }
        let now = now.map(|(id, _)| id);
        if now != before {
            self.health = Health::default();
            self.epoch += 1;
        }
        // The tab notes whose page it is, so that each reload asks before it takes up another user's session.
        effects.note |= (now.is_some() && now != before) || matches!(self.phase, Phase::Elsewhere(_));
    }
}

#[cfg(test)]
mod tests;
