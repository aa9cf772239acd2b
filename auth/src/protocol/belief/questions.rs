//! What a belief answers. Each method reads, and none changes anything.

use super::{Belief, Phase, REFUSALS};
use crate::protocol::ids::{Sid, User};
use crate::protocol::session::Session;
use crate::protocol::state::{Degraded, State};
use crate::wire::Error;

impl Belief {
    /// What components render.
    pub(crate) fn state(&self) -> State {
        let refused = (self.health.refusals >= REFUSALS).then_some(Degraded::NotRenewed);
        self.phase.face(self.health.degraded.or(refused))
    }

    pub(crate) fn session(&self) -> Option<&Session> {
        match &self.phase {
            Phase::SignedIn(session) | Phase::Joining { session, .. } => Some(session),
            Phase::Unknown { .. } | Phase::SignedOut(_) | Phase::Unnamed(_) | Phase::Elsewhere(_) => None,
        }
    }

    /// The session that was found and that the server must be asked about before it is shown.
    pub(crate) fn joining(&self) -> Option<(Sid, u32)> {
        match &self.phase {
            Phase::Joining { session, .. } if session.is_renewable() => {
                Some((session.id.clone(), session.generation))
            }
            _ => None,
        }
    }

    pub(crate) fn session_of(&self, sid: &Sid) -> Option<&Session> {
        self.session().filter(|session| session.id == *sid)
    }

    pub(crate) fn epoch(&self) -> u32 {
        self.epoch
    }

    pub(crate) fn whose(&self) -> Option<&User> {
        self.whose.as_ref()
    }

    /// Whether `sid` was ended here, whatever the ledger says of it yet.
    pub(crate) fn has_ended(&self, sid: &Sid) -> bool {
        self.ended_here.contains(sid)
    }

    pub(crate) fn is_logging_in(&self) -> bool {
        self.login.is_some()
    }

    /// Whether `sid` is the session that a login here, which is under way, enters into the ledger.
    pub(crate) fn is_entering(&self, sid: &Sid) -> bool {
        self.login.as_ref().is_some_and(|login| login.entering.as_ref() == Some(sid))
    }

    pub(crate) fn is_unknown(&self) -> bool {
        matches!(self.phase, Phase::Unknown { .. })
    }

    /// Whether the page shows that it restores.
    pub(super) fn is_restoring(&self) -> bool {
        matches!(self.phase, Phase::Unknown { logout_wanted: false })
    }

    /// Whether a logout came before the page knew its session.
    pub(crate) fn is_logout_wanted(&self) -> bool {
        matches!(self.phase, Phase::Unknown { logout_wanted: true })
    }

    pub(crate) fn is_degraded(&self) -> bool {
        self.health.degraded.is_some()
    }

    /// What a caller is told that waited for a refresh in vain.
    pub(crate) fn trouble(&self) -> Error {
        self.health.trouble.unwrap_or(Error::Unavailable)
    }
}

impl Phase {
    pub(super) fn face(&self, degraded: Option<Degraded>) -> State {
        match self {
            Self::Unknown { logout_wanted: false } => State::Restoring,
            Self::Unknown { logout_wanted: true } | Self::Unnamed(None) => State::SignedOut(None),
            Self::SignedOut(reason) => State::SignedOut(*reason),
            Self::Elsewhere(user) | Self::Unnamed(Some(user)) => {
                State::SignedInElsewhere { user: user.name.clone() }
            }
            Self::Joining { shows, .. } => shows.clone(),
            Self::SignedIn(session) => State::SignedIn {
                user: session.confirmed.then(|| session.user.name.clone()),
                degraded,
                kept: session.is_kept(),
            },
        }
    }
}
