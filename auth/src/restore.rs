//! What the ledger says to a tab: at its start, when it comes back, when another tab has acted.

use std::cell::Cell;
use std::rc::Rc;

use futures_util::future::{FutureExt as _, LocalBoxFuture, WeakShared};

use crate::cache::Unstored;
use crate::client::Client;
use crate::custody::RefreshCustody;
use crate::error::EndReason;
use crate::ledger::{Now, Page, Row};
use crate::logout::TRIES;
use crate::platform::{LedgerError, Platform};
use crate::refresh::LONGEST_WAIT;
use crate::rules::Rule;
use crate::session::{Age, Book, Session, State};
use crate::vault::Kept;

/// The pause before a ledger that refused is asked again, in milliseconds.
const PAUSE: u32 = 250;
/// How often `now` may change between two looks.
const LOOKS: u32 = 5;
/// The longest jitter before a page that came back asks the server, in milliseconds.
const JITTER: u32 = 500;

/// A look into the ledger that is under way.
pub(crate) struct Check {
    /// Weak: its task keeps it alive, and with it the client.
    outcome: WeakShared<LocalBoxFuture<'static, bool>>,
    /// Somebody asked meanwhile: what was read may be too old for them.
    again: Rc<Cell<bool>>,
}

impl<P: Platform> Client<P> {
    /// Takes up the session that an earlier life of the page, or another tab, stored.
    ///
    /// An access token that may still be fresh causes no traffic. Otherwise the state stays
    /// [`State::Restoring`] until the server has answered, or cannot be reached: 15 s at most. In
    /// [`State::SignedInElsewhere`] a second call takes up the other user's session.
    pub fn start(&self) {
        if self.session().is_some() {
            return;
        }
        self.set_state(State::Restoring);
        self.listen();
        let client = self.clone();
        self.platform().spawn(async move { client.restore().await });
    }

    /// Looks whether the session is still what this tab shows, and ends or adopts accordingly: for a
    /// page that was hidden, frozen, cached or offline. Calls at the same time share one look.
    ///
    /// Within 2 s, without traffic and without an event unless the state changes. `false` if this
    /// browser's storage gave no answer: then nothing private should be shown yet. If the server could
    /// not be reached before, it is tried again in the background, jittered.
    pub async fn recheck(&self) -> bool {
        self.listen();
        let checked = !self.rules().on(Rule::LookFirst) || self.check_ledger().await;
        if let Some(session) = self.session()
            && self.is_degraded()
        {
            let client = self.clone();
            self.platform().spawn(async move {
                client.platform().sleep(client.random() % JITTER).await;
                if client.is_current(&session.id) && client.is_degraded() {
                    let _degraded_still = client.refresh(session.id, session.generation).await;
                }
            });
        }
        checked
    }

    async fn restore(&self) {
        let kept = self.vault().kept(self.platform());
        let mut page = self.find().await;
        for _ in 0..TRIES {
            // Who has logged out meanwhile gives nobody up for a ledger that is slow.
            if !self.0.leaving.get() || page.as_ref().err() != Some(&LedgerError::Aborted) {
                break;
            }
            page = self.find().await;
        }
        let leaving = self.0.leaving.take();
        if self.session().is_some() {
            // A login was quicker.
            return;
        }
        let session = match (&page, kept) {
            (Ok(page), kept) if page.live().is_some() => {
                page.live().map(|row| self.stored_session(row, kept))
            }
            // This session never had a refresh token that outlived the page.
            (_, Some(kept)) if kept.alone => Some(self.alone(kept)),
            // The ledger gives no answer: what the tab itself kept is all that is known.
            (Err(LedgerError::Aborted), Some(kept)) => Some(shared(kept)),
            _ => None,
        };
        // The read may be older than a logout.
        let session = session.filter(|session| !self.0.left.borrow().contains(&session.id));
        let Some(session) = session else {
            self.vault().forget_access(self.platform());
            if self.state() == State::Restoring {
                self.set_state(State::SignedOut(None));
            }
            return;
        };
        if leaving {
            return self.leave(session);
        }
        let (id, generation) = (session.id.clone(), session.generation);
        let now = self.platform().now();
        let usable = session.access.as_ref().is_some_and(|a| a.age(now, self.rules()) != Age::Stale);
        self.set_session(Some(session));
        if !usable {
            let _shown_without = self.refresh(id.clone(), generation).await;
        }
        if self.is_current(&id) {
            self.show_session();
        }
    }

    /// Ends a session that was logged out before the page knew it.
    fn leave(&self, session: Session) {
        self.set_session(Some(session));
        self.logout();
    }

    /// The current session's page, and a sweep of what other sessions left in the vault.
    async fn find(&self) -> Result<Page, LedgerError> {
        if self.0.custody.refresh == RefreshCustody::Memory {
            return Err(LedgerError::Denied);
        }
        let started = self.platform().now();
        let page = loop {
            match self.current_page().await {
                Err(LedgerError::Aborted) if self.platform().now().since(started) < LONGEST_WAIT.into() => {
                    self.platform().sleep(PAUSE).await;
                }
                outcome => break outcome?,
            }
        };
        let client = self.clone();
        let sid = page.now.as_ref().map(|now| now.sid.clone());
        // Within a transaction no login is under way, whose entry would have no row yet.
        let sweep = move |page: &mut Page| {
            let current = page.now.as_ref().map(|now| now.sid.as_str());
            let gone = current == sid.as_deref() && page.live().is_none();
            client.vault().sweep(client.platform(), current.filter(|_| !gone));
        };
        let sid = page.now.as_ref().map_or("none", |now| &now.sid);
        let _swept = self.transact(Book::Shared, sid, sweep).await;
        Ok(page)
    }

    /// `now` and the row that it names.
    async fn current_page(&self) -> Result<Page, LedgerError> {
        let mut sid = "none".to_owned();
        for _ in 0..LOOKS {
            let (now, row) = self.page(Book::Shared, &sid).await?;
            match &now {
                Some(named) if named.sid != sid => sid.clone_from(&named.sid),
                _ => return Ok(Page { now, row }),
            }
        }
        Err(LedgerError::Aborted)
    }

    /// `now` and the row of `sid`.
    pub(crate) async fn page(
        &self,
        book: Book,
        sid: &str,
    ) -> Result<(Option<Now>, Option<Row>), LedgerError> {
        self.transact(book, sid, |page| (page.now.clone(), page.row.clone())).await
    }

    fn stored_session(&self, row: &Row, kept: Option<Kept>) -> Session {
        let kept = kept.filter(|kept| *kept.session == *row.sid);
        let (generation, access) = match kept {
            Some(kept) if kept.generation == row.generation => (row.generation, Some(kept.access)),
            // Another tab has moved on: its access token may be had.
            Some(kept) if kept.generation < row.generation => (kept.generation, None),
            _ => (row.generation, None),
        };
        if access.is_none() {
            self.vault().forget_access(self.platform());
        }
        Session {
            id: row.sid.as_str().into(),
            user: row.sub.as_str().into(),
            generation,
            access,
            confirmed: false,
            book: Book::Shared,
            renewable: true,
            kept: true,
            unstored: Unstored::default(),
        }
    }

    fn alone(&self, kept: Kept) -> Session {
        self.open_own_ledger(&Row::new(&kept.session, &kept.user, self.mint(), self.platform().now().wall));
        // What storage denied at login is as lost after a reload, and the notice as true.
        Session { book: Book::Own, renewable: false, kept: kept.kept, ..shared(kept) }
    }

    /// Begins this tab's own ledger, with one session.
    pub(crate) fn open_own_ledger(&self, row: &Row) {
        let mut own = self.own_ledger().borrow_mut();
        own.clear();
        let now = Now::new(&row.sid, None);
        own.extend(crate::ledger::text(Some(&now)).map(|text| (self.ledger_key("now"), text)));
        own.extend(crate::ledger::text(Some(row)).map(|text| (self.row_key(&row.sid), text)));
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
            let checked = loop {
                let checked = client.look().await;
                if !checked || !asked.replace(false) {
                    break checked;
                }
            };
            *client.0.check.borrow_mut() = None;
            checked
        };
        let outcome = outcome.boxed_local().shared();
        if let Some(weak) = outcome.downgrade() {
            *self.0.check.borrow_mut() = Some(Check { outcome: weak, again });
        }
        self.platform().spawn(outcome.clone().map(drop));
        outcome.await
    }

    async fn look(&self) -> bool {
        let before = self.session();
        let alone = before.as_ref().is_some_and(|session| session.book == Book::Own);
        if alone || self.0.custody.refresh == RefreshCustody::Memory {
            return true;
        }
        let page = match self.current_page().await {
            Ok(page) => page,
            Err(LedgerError::Denied) => return before.is_none(),
            Err(LedgerError::Aborted) => return false,
        };
        let id = |session: &Option<Session>| session.as_ref().map(|session| session.id.clone());
        let restoring = self.state() == State::Restoring && before.is_none();
        if restoring || id(&self.session()) != id(&before) {
            // What was read is already the past; who made it so has told.
            return true;
        }
        let live = page.live().filter(|row| !self.0.left.borrow().contains(row.sid.as_str()));
        match (live, before) {
            (Some(row), Some(session)) if *row.sid == *session.id => {}
            (Some(row), None) if self.0.leaving.get() => self.leave(self.stored_session(row, None)),
            // A login is under way here: nothing is adopted, and what is over is not shown.
            (Some(row), Some(session)) if self.0.signing_in.get() => {
                if self.0.entering.borrow().as_deref() == Some(&row.sid) {
                    return false;
                }
                self.close(&session.id, EndReason::ReplacedElsewhere);
            }
            (Some(_), None) if self.0.signing_in.get() => {}
            (Some(row), _) => self.another_login(row).await,
            (None, Some(session)) => {
                let row = page.row.as_ref().filter(|row| *row.sid == *session.id);
                let another = page.now.as_ref().is_some_and(|now| *now.sid != *session.id);
                // A later session that has ended is a logout; a ledger that knows none was wiped.
                let gone = if another { EndReason::LoggedOutElsewhere } else { EndReason::Lost };
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

/// The session as the tab itself remembers it.
fn shared(kept: Kept) -> Session {
    let Kept { session: id, user, generation, access, .. } = kept;
    let (access, confirmed, renewable) = (Some(access), false, true);
    Session {
        id,
        user,
        generation,
        access,
        confirmed,
        book: Book::Shared,
        renewable,
        kept: true,
        unstored: Unstored::default(),
    }
}
