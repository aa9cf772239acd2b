//! What the ledger says to a tab at its start.

use std::rc::Rc;

use crate::cache::Unstored;
use crate::client::Client;
use crate::custody::RefreshCustody;
use crate::ledger::{Now, Page, Row};
use crate::logout::TRIES;
use crate::platform::LedgerError;
use crate::refresh::LONGEST_WAIT;
use crate::rules::Rule;
use crate::session::{Age, Book, Session, State};
use crate::vault::Kept;

/// The pause before a ledger that refused is asked again, in milliseconds.
const PAUSE: u32 = 250;
/// How often `now` may change between two looks.
const LOOKS: u32 = 5;

impl Client {
    /// Takes up the session that an earlier life of the page, or another tab, stored.
    ///
    /// An access token that may still be fresh causes no traffic. Otherwise the state stays
    /// [`State::Restoring`] until the server has answered, or cannot be reached: 15 s at most, and as
    /// long again for a ledger that gives no answer. In
    /// [`State::SignedInElsewhere`] a second call takes up the other user's session.
    pub fn start(&self) {
        if self.session().is_some() {
            return;
        }
        let agreed = match self.state() {
            State::SignedInElsewhere { user } => Some(user),
            _ => None,
        };
        self.set_state(State::Restoring);
        self.listen();
        let client = self.clone();
        self.spawn(async move {
            let asked = client.restore(agreed).await;
            if client.0.overtaken.take() || !asked {
                client.look_until_seen();
            }
        });
    }

    /// The session of anybody but whose page this was is taken up only if it is that of `agreed`. Gives `false` if
    /// the ledger gave no answer: what the tab itself kept may be the past, and nobody tells it a second time.
    async fn restore(&self, agreed: Option<Rc<str>>) -> bool {
        let before = self.vault().noted(self.platform());
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
        if self.session().is_some() || (self.state() != State::Restoring && !leaving) {
            // A login was quicker, and may have ended again.
            return true;
        }
        // A session that was logged out of before the page knew it is not to be found by a look.
        let asked = leaving || page.as_ref().err() != Some(&LedgerError::Aborted);
        let session = match (&page, kept) {
            // This session never had a refresh token that outlived the page, nor a row, whatever rows there are.
            (_, Some(kept)) if kept.alone => Some(self.alone(kept)),
            (Ok(page), kept) if page.live().is_some() => {
                page.live().map(|row| self.stored_session(row, kept))
            }
            // The ledger gives no answer: what the tab itself kept is all that is known.
            (Err(LedgerError::Aborted), Some(kept)) => Some(shared(kept)),
            _ => None,
        };
        // The read may be older than a logout.
        if let Ok(page) = &page {
            self.heed(page);
        }
        let is_left = |id: &str| self.has_left(id) || self.vault().is_left(self.platform(), id);
        let session = session.filter(|session| !is_left(&session.id));
        let Some(session) = session else {
            if asked {
                self.vault().forget_access(self.platform());
            } else if let Some((_, user)) = before {
                // A look may yet find another's session.
                *self.0.last_user.borrow_mut() = Some(user);
            }
            if self.state() == State::Restoring {
                self.set_state(State::SignedOut(None));
            }
            return asked;
        };
        if leaving {
            if !self.is_entering(&session.id) {
                self.leave(session);
            }
            return asked;
        }
        let another = before.filter(|(id, user)| *id != session.id && *user != session.user);
        let another = another.filter(|_| agreed.as_ref() != Some(&session.user));
        if let Some((_, user)) = another.filter(|_| self.rules().on(Rule::AskBeforeAdopting)) {
            // The page was loaded again after another user had signed in elsewhere.
            *self.0.last_user.borrow_mut() = Some(user);
            self.set_state(State::SignedInElsewhere { user: session.user });
            return asked;
        }
        let (id, generation) = (session.id.clone(), session.generation);
        let now = self.platform().now();
        let usable = session.age(now, self.rules()).is_some_and(|age| age != Age::Stale);
        self.set_session(Some(session));
        if !usable {
            let _shown_without = self.refresh(id.clone(), generation).await;
        }
        if self.is_current(&id) {
            self.show_session();
        }
        asked
    }

    /// Leaves in the tab whose page it is, and no token: loaded again it takes up nobody else unasked. A new tab has no
    /// such note, and a duplicated one has its original's.
    pub(crate) fn note_user(&self, session: &str) {
        // In memory there is no session of others to take up.
        if self.0.custody.refresh != RefreshCustody::Memory
            && let Some(user) = &*self.0.last_user.borrow()
        {
            self.vault().note(self.platform(), session, user);
        }
    }

    /// Ends a session that was logged out before the page knew it.
    pub(crate) fn leave(&self, session: Session) {
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
            match self.current_page("none").await {
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

    /// `now` and the row that it names; that of `own` if it names none.
    pub(crate) async fn current_page(&self, own: &str) -> Result<Page, LedgerError> {
        let mut sid = own.to_owned();
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

    pub(crate) fn stored_session(&self, row: &Row, kept: Option<Kept>) -> Session {
        let kept = kept.filter(|kept| *kept.session == *row.sid);
        let (generation, access) = match kept {
            Some(kept) if kept.generation == row.generation => (row.generation, Some(kept.access)),
            // Another tab has moved on: its access token may be had.
            Some(kept) => (kept.generation.min(row.generation), None),
            None => (row.generation, None),
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
        let mut session = Session { book: Book::Own, renewable: false, kept: kept.kept, ..shared(kept) };
        // Only the wall clock spans a reload, and it may have been set: the server tells when its time is up.
        session.access.iter_mut().for_each(|access| access.lifetime = None);
        session
    }

    /// Begins this tab's own ledger, with one session.
    pub(crate) fn open_own_ledger(&self, row: &Row) {
        let mut own = self.own_ledger().borrow_mut();
        own.clear();
        let now = Now::new(&row.sid, None);
        own.extend(crate::ledger::text(Some(&now)).map(|text| (self.ledger_key("now"), text)));
        own.extend(crate::ledger::text(Some(row)).map(|text| (self.row_key(&row.sid), text)));
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
