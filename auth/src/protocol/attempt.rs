//! One POST to the refresh endpoint, and the answer that could not be stored.

use crate::protocol::ids::Sid;
use crate::protocol::rows::Key;
use crate::wire::RefreshToken;

/// A token, its key, and what they belong to.
#[derive(Clone, Debug)]
pub(crate) struct Attempt {
    pub(crate) session: Sid,
    /// The generation of its token.
    pub(crate) generation: u32,
    pub(crate) token: RefreshToken,
    pub(crate) key: Key,
    /// Whether the server takes the key.
    pub(crate) idempotent: bool,
    /// Whether sending the token twice does no harm.
    pub(crate) harmless: bool,
    /// Whether the token is the previous one, because the row's own is lost.
    pub(crate) previous: bool,
    /// Milliseconds that its answer is waited for.
    pub(crate) deadline: u32,
}

impl Attempt {
    /// The generation that it leaves behind: the row's, also where it is made with the token before.
    pub(crate) fn leaves(&self) -> u32 {
        self.generation.saturating_add(u32::from(self.previous))
    }
}

/// An answer whose commit the ledger or the vault refused. It is committed before anything is sent.
#[derive(Clone, Debug)]
pub(crate) struct Unwritten {
    pub(crate) attempt: Attempt,
    pub(crate) token: RefreshToken,
    /// Whether the answer announced idempotent rotation.
    pub(crate) idempotent: bool,
}

/// What the vault shows of one generation's refresh token.
pub(crate) enum Found {
    Token(RefreshToken),
    /// Not there, or not there yet: storage of different tabs is not coherent.
    Missing,
    /// Storage throws, and this tab has never seen the token.
    Unreadable,
}

impl Found {
    pub(crate) fn token(self) -> Option<RefreshToken> {
        match self {
            Self::Token(token) => Some(token),
            Self::Missing | Self::Unreadable => None,
        }
    }
}
