//! Sessions as the ledger and the tab's storage show them.

use super::{Access, Kept, Session, Tenure};
use crate::protocol::rows::Row;

impl Access {
    /// For a token that nothing can replace, after a reload. Only the wall clock spans a reload, and people set it, so
    /// the server tells when the token's time is up.
    fn forget_lifetime(&mut self) {
        self.lifetime = None;
    }
}

impl Session {
    /// The session of a row, with the access token that the tab kept of it.
    pub(crate) fn stored(row: &Row, kept: Option<Kept>) -> Self {
        let kept = kept.filter(|kept| kept.session == row.sid);
        let (generation, mut access) = match kept {
            Some(kept) if kept.generation == row.generation => (row.generation, Some(kept.access)),
            // Another tab has moved on: its access token may be had.
            Some(kept) => (kept.generation.min(row.generation), None),
            None => (row.generation, None),
        };
        if !row.renewable {
            access.iter_mut().for_each(Access::forget_lifetime);
        }
        Self {
            id: row.sid.clone(),
            user: row.user.clone(),
            generation,
            access,
            confirmed: false,
            tenure: Tenure::Shared { renewable: row.renewable, stored: true },
            unwritten: None,
        }
    }

    /// The session as the tab itself kept it.
    pub(crate) fn kept(kept: Kept) -> Self {
        let mut access = kept.access;
        if kept.this_tabs || !kept.renewable {
            access.forget_lifetime();
        }
        let tenure = if kept.this_tabs {
            // What storage denied at login is as lost after a reload, and the notice as true.
            Tenure::ThisTab { row: None, notice: !kept.stored }
        } else {
            Tenure::Shared { renewable: kept.renewable, stored: true }
        };
        Self {
            id: kept.session,
            user: kept.user,
            generation: kept.generation,
            access: Some(access),
            confirmed: false,
            tenure,
            unwritten: None,
        }
    }
}
