//! What the page shows of its session.

use std::fmt;
use std::rc::Rc;

use crate::wire::EndReason;

/// What the page knows of its session; what components render.
#[derive(Clone, PartialEq, Eq)]
pub enum State {
    /// The page does not know its session yet: it reads the ledger, or waits for the server.
    Restoring,
    /// There is no session; with the reason if one ended here.
    SignedOut(Option<EndReason>),
    /// Another user signed in in another tab, or the page found a session long after a logout had come before it knew one. The
    /// page takes up that session only when [`Client::start`](crate::Client::start) is called again.
    SignedInElsewhere {
        /// That session's user.
        user: Rc<str>,
    },
    /// There is a session.
    SignedIn {
        /// The user name, once the server has answered for the session in this life of the page, or in that of another tab which
        /// handed over its token.
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
    /// The server refuses again and again to renew the session, and does not say that it is over.
    NotRenewed,
}
