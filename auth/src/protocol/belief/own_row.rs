//! The row of a session that lives in this tab alone.

use std::rc::Rc;

use super::Belief;
use crate::protocol::ids::Sid;
use crate::protocol::rows::Page;
use crate::protocol::session::Tenure;

impl Belief {
    /// The row as a ledger would show it. It is taken, because the decision about it may read the belief.
    pub(crate) fn take_page(&mut self, sid: &Sid) -> Page {
        match self.session_mut(sid).map(|session| &mut session.tenure) {
            Some(Tenure::ThisTab { row, .. }) => Page::of(row.take().map(Rc::unwrap_or_clone)),
            _ => Page::default(),
        }
    }

    pub(crate) fn put_page(&mut self, sid: &Sid, page: Page) {
        if let Some(Tenure::ThisTab { row, .. }) = self.session_mut(sid).map(|session| &mut session.tenure) {
            *row = page.row.map(Rc::new);
        }
    }
}
