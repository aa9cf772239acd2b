//! The session that a login ends here: the page's, or in a page that restores the one that its tab kept or notes.

use crate::engine::Engine;
use crate::flows::enter::Entered;
use crate::flows::logout::stored_token;
use crate::protocol::belief::Belief;
use crate::protocol::ids::Sid;
use crate::protocol::session::Session;
use crate::wire::Tokens;

/// The tokens of that session, where the ledger did not give them.
pub(super) fn older_tokens(engine: &Engine, new: &Sid, entered: &Entered) -> Option<Tokens> {
    let session = match engine.session() {
        // It came after the unheard try, and may be another tab's newer login.
        Some(session) if entered.unheard && !entered.has_replaced(&session.id) => return None,
        Some(session) => session,
        None => Session::kept(engine.kept().filter(|_| engine.believes(Belief::is_unknown))?),
    };
    if session.id == *new {
        return None;
    }
    // The ledger gives the token of a shared session, unless it is denied by now.
    let is_asked = session.is_this_tabs() || !entered.stored;
    let stored = || stored_token(engine, &session).filter(|_| is_asked).map(Tokens::from);
    let tokens = session.last_tokens().or_else(stored);
    tokens.filter(|older| older.refresh.is_none() || older.refresh.as_ref() != entered.replaced_token())
}

/// The session, if it has a row that the login did not end. It is ended in the background, because a look would take it up
/// again after the login's session.
pub(super) fn left_behind(engine: &Engine, entered: &Entered) -> Option<Sid> {
    if entered.stored {
        return None;
    }
    match engine.session() {
        Some(session) => Some(session.id.clone()).filter(|_| !session.is_this_tabs()),
        // A logout that the page waits with ends it.
        None if engine.believes(Belief::is_logout_wanted) => None,
        None => engine.tab.noted()?.0,
    }
}
