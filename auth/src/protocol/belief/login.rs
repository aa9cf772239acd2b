//! A login, from its first byte to the session that it makes.

use super::{Belief, Phase};
use crate::protocol::effects::Effects;
use crate::protocol::ids::Sid;
use crate::protocol::session::Session;

impl Belief {
    /// A login begins. `false` if another one is under way.
    pub(crate) fn begin_login(&mut self) -> bool {
        let free = self.login.is_none();
        self.login.get_or_insert_default();
        free
    }

    pub(crate) fn entering(&mut self, sid: Sid) {
        self.login.get_or_insert_default().entering = Some(sid);
    }

    pub(crate) fn end_login(&mut self) {
        self.login = None;
    }

    /// The login of `session` is in the ledger, or in this tab. With `unheard`, an earlier try had entered it without
    /// an answer from the ledger, so the page may have found the session there since.
    pub(crate) fn logged_in(&mut self, mut session: Session, unheard: bool, effects: &mut Effects) {
        let before =
            self.session().map(|before| (before.id.clone(), before.generation, before.access.is_some()));
        match before {
            Some((id, generation, has_access)) if id == session.id => {
                if has_access {
                    return self.show();
                }
                // The page's generation may be newer, because another tab may have refreshed the session.
                session.generation = generation;
            }
            // The login replaced the page's session. With `unheard` it may be the other way round, because the page may
            // have found a later login.
            Some((id, ..)) if !unheard => effects.forget.push(id),
            _ => {}
        }
        effects.forget_access = true;
        effects.keep = true;
        self.turn_to(Phase::SignedIn(session), effects);
    }
}
