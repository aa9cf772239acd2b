//! What the ledger says to a tab that comes back, or when another tab has acted.

use std::cell::Cell;
use std::rc::Rc;

use futures_util::future::{FutureExt as _, LocalBoxFuture, WeakShared};

use crate::client::Client;
use crate::custody::RefreshCustody;
use crate::error::EndReason;
use crate::ledger::Row;
use crate::platform::LedgerError;
use crate::rules::Rule;
use crate::session::{Book, Session, State};

/// The longest jitter before a page that came back asks the server, in milliseconds.
const JITTER: u32 = 500;

/// How often the ledger is asked that gives no answer, in half a minute; and how often in a row at most where
/// another look is asked for during each.
const LOOKS: u32 = 8;
/// The first pause before that, in milliseconds; each is twice as long as the one before.
const PAUSE: u32 = 250;

/// A look into the ledger that is under way.
pub(crate) struct Check {
    /// Weak: its task keeps it alive, and with it the client.
    outcome: WeakShared<LocalBoxFuture<'static, bool>>,
    /// Somebody asked meanwhile: what was read may be too old for them.
    again: Rc<Cell<bool>>,
}

impl Client {
    /// Looks whether the session is still what this tab shows, and ends or adopts accordingly: for a
    /// page that was hidden, frozen, cached or offline. Calls at the same time share one look.
    ///
    /// Each transaction takes 2 s at most. Without traffic, and without an event unless the state changes. `false` if this
    /// browser's storage gave no answer: then nothing private should be shown yet. If the server could
    /// not be reached before, it is tried again in the background, jittered.
    pub async fn recheck(&self) -> bool {
        self.listen();
        let checked = !self.rules().on(Rule::LookFirst) || self.check_ledger().await;
        // Without a refresh token there is nothing to ask with: the next request will tell.
        if let Some(session) = self.session().filter(|session| session.renewable)
            && self.is_degraded()
        {
            let client = self.clone();
            self.spawn(async move {
                client.platform().sleep(client.random() % JITTER).await;
                // As it is by then: it may have been refreshed meanwhile.
                let current = client.session().filter(|current| current.id == session.id);
                if let Some(current) = current.filter(|_| client.is_degraded()) {
                    let _degraded_still = client.refresh(current.id, current.generation).await;
                }
            });
        }
        checked
    }

    /// Looks in the background, until the ledger answers: who is not told once more must not miss it.
    pub(crate) fn look_until_seen(&self) {
        let client = self.clone();
        self.spawn(async move {
            for n in 0..LOOKS {
                if client.check_ledger().await {
                    break;
                }
                client.platform().sleep(PAUSE << n).await;
            }
        });
    }

    /// One look, which calls at the same time share.
    pub(crate) async fn check_ledger(&self) -> bool {
        let under_way = self.0.check.borrow().as_ref().and_then(|check| {
            check.again.set(true);
            check.outcome.upgrade()
        });
        if let Some(outcome) = under_way {
            return outcome.await;
        }
        let (client, again) = (self.clone(), Rc::new(Cell::new(false)));
        let asked = again.clone();
        let outcome = async move {
            let mut checked = false;
            for _ in 0..LOOKS {
                checked = client.look(&asked).await;
                if !checked || !asked.replace(false) {
                    break;
                }
                // Too old already for whoever has asked meanwhile.
                checked = false;
            }
            *client.0.check.borrow_mut() = None;
            checked
        };
        let outcome = outcome.boxed_local().shared();
        if let Some(weak) = outcome.downgrade() {
            *self.0.check.borrow_mut() = Some(Check { outcome: weak, again });
        }
        self.spawn(outcome.clone().map(drop));
        outcome.await
    }

    /// Asks for another one, `again`, if it cannot judge what the page has come to show meanwhile.
    async fn look(&self, again: &Cell<bool>) -> bool {
        let before = self.session();
        let alone = before.as_ref().is_some_and(|session| session.book == Book::Own);
        if alone || self.0.custody.refresh == RefreshCustody::Memory {
            return true;
        }
        // The session's own row tells how it ended where no session is current any more.
        let own = before.as_ref().map_or("none", |session| &session.id);
        let page = match self.current_page(own).await {
            Ok(page) => page,
            Err(LedgerError::Denied) => return before.is_none(),
            Err(_) => return false,
        };
        let id = |session: &Option<Session>| session.as_ref().map(|session| session.id.clone());
        let restoring = self.state() == State::Restoring && before.is_none();
        if restoring {
            // What the page is about to take up may have been read before this.
            self.0.overtaken.set(true);
            return true;
        }
        if id(&self.session()) != id(&before) {
            // Either may be the past: a page that was frozen shows late what it read or wrote long ago.
            again.set(self.rules().on(Rule::LookAgain));
            return true;
        }
        let taken_back = page.live().is_some_and(|row| self.has_left(&row.sid));
        self.heed(&page);
        let live = page.live().filter(|row| !self.has_left(&row.sid));
        match (live, before) {
            (Some(row), Some(session)) if *row.sid == *session.id => {}
            (Some(row), None) if self.0.leaving.get() && !self.is_entering(&row.sid) => {
                self.leave(self.stored_session(row, None))
            }
            // A login is under way here: nothing is adopted, and what is over is not shown.
            (Some(row), Some(session)) if self.0.signing_in.get() => {
                if self.is_entering(&row.sid) {
                    return false;
                }
                self.close(&session.id, EndReason::ReplacedElsewhere);
            }
            (Some(_), None) if self.0.signing_in.get() => {}
            (Some(row), _) => self.another_login(row).await,
            (None, Some(session)) => {
                let row = page.row.as_ref().filter(|row| *row.sid == *session.id);
                let another = page.now.as_ref().is_some_and(|now| *now.sid != *session.id);
                let gone = match page.live() {
                    // It was replaced by a login that came to nothing.
                    Some(_) if taken_back => EndReason::Revoked,
                    Some(_) => EndReason::LoggedOutElsewhere,
                    // A later session that has ended is a logout; a ledger that knows none was wiped.
                    None if another => EndReason::LoggedOutElsewhere,
                    None => EndReason::Lost,
                };
                let reason = row.and_then(Row::ended_elsewhere).unwrap_or(gone);
                self.close(&session.id, reason);
            }
            (None, None) => {
                if let State::SignedInElsewhere { .. } = self.state() {
                    self.set_state(State::SignedOut(None));
                }
            }
        }
        true
    }

    /// The same user is adopted; another one is not, and this tab's state goes.
    async fn another_login(&self, row: &Row) {
        let same = self.0.last_user.borrow().as_ref().is_none_or(|user| **user == *row.sub);
        if let Some(session) = self.session() {
            self.vault().forget(self.platform(), &session.id);
        }
        if !same && self.rules().on(Rule::AskBeforeAdopting) {
            self.set_session(None);
            return self.set_state(State::SignedInElsewhere { user: row.sub.as_str().into() });
        }
        let session = self.stored_session(row, None);
        self.set_session(Some(session.clone()));
        self.adopt(&session, session.generation).await;
        if self.is_current(&session.id) {
            self.show_session();
        }
    }
}
