//! The one interpreter of the ledger: what a reading of it means for this tab.

use super::{Belief, Phase};
use crate::platform::{Instant, LedgerError};
use crate::protocol::effects::Effects;
use crate::protocol::ids::Sid;
use crate::protocol::rows::{Page, Row};
use crate::protocol::session::{Kept, Session};
use crate::wire::{EndReason, Tokens};

/// What was read, and when.
pub(crate) struct Reading {
    /// The belief's epoch when the reading began.
    pub(crate) epoch: u32,
    /// `now` and the row that it names; the session's own row if it names none. The error if the ledger gave none.
    pub(crate) page: Result<Page, LedgerError>,
    /// The access token that the tab kept over a reload.
    pub(crate) kept: Option<Kept>,
    /// The session whose page this tab notes that it is.
    pub(crate) noted: Option<Sid>,
    /// Whether an earlier life of the page noted a logout of the live row's session.
    pub(crate) noted_logout: bool,
    pub(crate) at: Instant,
}

/// What the reader does next.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Next {
    /// Nothing: the page shows what is true.
    #[default]
    Done,
    /// The ledger gave no answer that can be used.
    Unseen,
    /// Another session is believed since the reading began: read again.
    ReadAgain,
    /// Ask the siblings for the session's access token.
    Ask(Sid, u32),
    /// Log the session out: a logout came before the page knew it.
    LogOut,
}

impl Belief {
    /// Interprets a reading.
    pub(crate) fn reconcile(&mut self, reading: Reading, effects: &mut Effects) -> Next {
        if reading.epoch != self.epoch {
            // Another session came to be believed during the reading. Either may be out of date, because a frozen page
            // hears late of what it read or wrote.
            return Next::ReadAgain;
        }
        let (kept, at) = (reading.kept, reading.at);
        if self.is_unknown() && kept.as_ref().is_some_and(|kept| kept.this_tabs) {
            // A session of this tab alone never had a row, whatever rows there are.
            return self.restored(kept, at, effects);
        }
        let page = match reading.page {
            Ok(page) => page,
            // Without a ledger there is no session but this tab's own.
            Err(LedgerError::Denied) if self.session().is_none() => return self.restored(None, at, effects),
            Err(_) => return Next::Unseen,
        };
        let named = page.live();
        let taken_back = named.is_some_and(|row| self.has_ended(&row.sid));
        let live = named.filter(|_| !taken_back && !reading.noted_logout);
        if !page.newer {
            effects.revoke.extend(self.tokens_of_the_past(&page, live, kept.as_ref()));
        }
        let next = match (live, self.session().map(|session| session.id.clone())) {
            (Some(row), Some(id)) if row.sid == id => Next::Done,
            (Some(row), None) if self.is_logout_wanted() && !self.is_entering(&row.sid) => {
                self.join(Session::stored(row, kept), effects);
                Next::LogOut
            }
            // While a login is under way nothing is adopted, and what is over is not shown.
            (Some(row), Some(_)) if self.is_entering(&row.sid) => Next::Unseen,
            (Some(_), Some(id)) if self.is_logging_in() => {
                self.close(&id, EndReason::ReplacedElsewhere, effects);
                Next::Done
            }
            (Some(_), None) if self.is_logging_in() && !self.is_restoring() => match self.is_unknown() {
                true => self.settled(effects),
                false => Next::Done,
            },
            (Some(row), _) => {
                let own = reading.noted.as_ref() == Some(&row.sid);
                self.another_login(row, own, kept, at, effects)
            }
            (None, Some(id)) => {
                self.close(&id, gone(&page, &id, taken_back), effects);
                Next::Done
            }
            (None, None) if self.is_unknown() => self.restored(None, at, effects),
            (None, None) => self.settled(effects),
        };
        if page.newer && !effects.forget.is_empty() {
            // A newer build may use the session whose row this build cannot read. So its tokens stay, but for the tab's own record.
            effects.forget.clear();
            effects.forget_access = true;
        }
        next
    }

    /// The tokens to tell the server with of the session that the page, or its tab's record, has and that is over now. `live` may
    /// have replaced it. Each tab tells, because the page that ended the session may lack its access token.
    fn tokens_of_the_past(&self, page: &Page, live: Option<&Row>, kept: Option<&Kept>) -> Option<Tokens> {
        let kept = || kept.cloned().map(Session::kept);
        let past = self.session().cloned().or_else(kept)?;
        match live {
            Some(row) if row.sid == past.id || self.is_entering(&row.sid) => None,
            Some(row) => past.tokens_replaced_by(&row.user),
            None => match page.row.as_ref().filter(|row| row.sid == past.id).and_then(Row::ended_elsewhere) {
                None | Some(EndReason::LoggedOutElsewhere | EndReason::ReplacedElsewhere) => {
                    past.last_tokens()
                }
                // The server has ended it.
                Some(_) => past.unwritten_token().map(Into::into),
            },
        }
    }

    /// The ledger gave no answer for too long: what the tab itself `kept` is all that is known.
    pub(crate) fn unseen(&mut self, kept: Option<Kept>, at: Instant, effects: &mut Effects) -> Next {
        match kept {
            _ if !self.is_unknown() => Next::Done,
            Some(kept) => self.restored(Some(kept), at, effects),
            None if self.is_logout_wanted() => {
                self.turn_to(Phase::Unnamed(None), effects);
                Next::Done
            }
            // A look may yet find another's session, so the page stays its user's.
            None => self.settled(effects),
        }
    }

    /// The restore found the session that the tab itself `kept`, or none.
    fn restored(&mut self, kept: Option<Kept>, at: Instant, effects: &mut Effects) -> Next {
        if !self.is_unknown() {
            return Next::Done;
        }
        let Some(kept) = kept.filter(|kept| !self.has_ended(&kept.session)) else {
            effects.forget_access = true;
            self.whose = None;
            return self.settled(effects);
        };
        if self.is_logout_wanted() && !self.is_entering(&kept.session) {
            self.join(Session::kept(kept), effects);
            return Next::LogOut;
        }
        self.take_up(Session::kept(kept), at, effects)
    }

    /// Signs the page out, because there is neither a session of its user nor one of another user to offer.
    fn settled(&mut self, effects: &mut Effects) -> Next {
        if !matches!(self.phase, Phase::SignedOut(_)) {
            self.turn_to(Phase::SignedOut(None), effects);
        }
        Next::Done
    }

    /// The same user is adopted. Another one is not, and this tab's session goes. A session that is this tab's `own` by
    /// its name is the same user's, whatever an edited record says. After a logout that found no session, nobody's is adopted.
    fn another_login(
        &mut self,
        row: &Row,
        own: bool,
        kept: Option<Kept>,
        at: Instant,
        effects: &mut Effects,
    ) -> Next {
        if let Some(session) = self.session() {
            effects.forget.push(session.id.clone());
        }
        if matches!(self.phase, Phase::Unnamed(_)) {
            self.turn_to(Phase::Unnamed(Some(row.user.clone())), effects);
            return Next::Done;
        }
        if !own && self.whose.as_ref().is_some_and(|user| !user.is(&row.user)) {
            self.turn_to(Phase::Elsewhere(row.user.clone()), effects);
            return Next::Done;
        }
        let session = Session::stored(row, kept);
        effects.forget_access |= session.access.is_none();
        self.take_up(session, at, effects)
    }

    /// A session is shown if it has a token that can be sent. Otherwise it joins.
    fn take_up(&mut self, session: Session, at: Instant, effects: &mut Effects) -> Next {
        if session.is_usable(at) {
            self.turn_to(Phase::SignedIn(session), effects);
            return Next::Done;
        }
        let restored = self.is_unknown() && session.is_renewable();
        let (id, generation) = (session.id.clone(), session.generation);
        self.join(session, effects);
        // The restore refreshes a session that has joined.
        if restored { Next::Done } else { Next::Ask(id, generation) }
    }

    fn join(&mut self, session: Session, effects: &mut Effects) {
        let shows = self.state();
        self.turn_to(Phase::Joining { session, shows }, effects);
    }
}

/// Why session `id` is over, of which the ledger shows no live row.
fn gone(page: &Page, id: &Sid, taken_back: bool) -> EndReason {
    let gone = match (page.live(), &page.now) {
        // A login replaced it that came to nothing.
        (Some(_), _) if taken_back => EndReason::Revoked,
        (Some(_), _) => EndReason::LoggedOutElsewhere,
        // A later session that has ended is a logout. A ledger that knows none was wiped.
        (None, Some(now)) if now.sid != *id => EndReason::LoggedOutElsewhere,
        (None, _) => EndReason::Lost,
    };
    page.row.as_ref().filter(|row| row.sid == *id).and_then(Row::ended_elsewhere).unwrap_or(gone)
}
