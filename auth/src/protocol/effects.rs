//! What must follow from a change of belief. The engine carries it out, in one fixed order.

use crate::protocol::ids::Sid;
use crate::wire::Tokens;

#[derive(Default)]
pub(crate) struct Effects {
    /// The vault forgets the tokens of these sessions.
    pub(crate) forget: Vec<Sid>,
    /// The tab forgets the access token that it kept, and whose it is.
    pub(crate) forget_access: bool,
    /// The tab notes whose page it is.
    pub(crate) note: bool,
    /// The tab keeps the session's access token for a reload.
    pub(crate) keep: bool,
    /// The other tabs are told to look into the ledger.
    pub(crate) announce: bool,
    /// The server is told to end the sessions of these tokens.
    pub(crate) revoke: Vec<Tokens>,
}
