//! How a session ends here, and how the server hears of it.

use std::cell::RefCell;
use std::ops::Range;
use std::rc::Rc;

use crate::client::Client;
use crate::custody::RefreshCustody;
use crate::error::{EndReason, Error};
use crate::http::HttpRequest;
use crate::ledger::{Page, Row};
use crate::outcome::BACKOFF;
use crate::platform::LedgerError;
use crate::refresh::ATTEMPT_DEADLINE;
use crate::rules::Rule;
use crate::session::{Access, Book, Session, State};
use crate::token::RefreshToken;
use crate::vault::{Found, Kept};
use crate::wire;

/// How often the server is told, and the ledger: a debt is paid when the network is back, but no
/// token is kept for it beyond the page.
pub(crate) const TRIES: u32 = 8;

impl Client {
    /// Ends the session here, at once, and tells the ledger, the other tabs and the server in the
    /// background: this works offline, with an expired access token, and while a refresh is under way.
    pub fn logout(&self) {
        let Some(session) = self.session() else {
            if self.state() == State::Restoring {
                // Whatever session the page comes to find is not to be seen.
                self.0.leaving.set(true);
                self.set_state(State::SignedOut(None));
            }
            return;
        };
        self.0.leaving.set(false);
        let token = match (session.book, self.0.custody.refresh) {
            (Book::Own, _) => self.own_token(&session.id),
            (Book::Shared, RefreshCustody::Local) => self.vault().newest(self.platform(), &session.id),
            (Book::Shared, _) => None,
        };
        let unwritten = self.0.unwritten.borrow_mut().take_if(|unwritten| unwritten.is_of(&session.id));
        let unwritten = unwritten.map(|unwritten| unwritten.token());
        // A reload may have left an access token alone, and an access token ends no session.
        let row = (session.book == Book::Shared).then(|| session.id.clone());
        let told = token.is_some() || row.is_some() || !self.can_tell();
        self.0.left.borrow_mut().insert(session.id.clone());
        if row.is_some() && !self.vault_holds(&session) {
            // No wipe takes the token out of the row if the page goes before the ledger has heard of it.
            self.vault().mark_left(self.platform(), &session.id);
        }
        self.close(&session.id, if told { EndReason::LoggedOut } else { EndReason::LoggedOutHereOnly });
        let client = self.clone();
        self.spawn(async move { client.settle_logout(row, unwritten, token).await });
    }

    fn vault_holds(&self, session: &Session) -> bool {
        let token = || self.vault().get(self.platform(), &session.id, session.generation);
        self.0.custody.refresh == RefreshCustody::Local && matches!(token(), Found::Token(_))
    }

    /// A logout holds although its page went before the ledger heard of it: who finds the row settles it.
    pub(crate) fn heed(&self, page: &Page) {
        let Some(row) = page.live().filter(|row| self.vault().is_left(self.platform(), &row.sid)) else {
            return;
        };
        let id: Rc<str> = row.sid.as_str().into();
        if self.0.left.borrow_mut().insert(id.clone()) {
            let client = self.clone();
            self.spawn(async move { client.settle_logout(Some(id), None, None).await });
        }
    }

    /// Whether `session` was ended here, whatever the ledger says of it yet.
    pub(crate) fn has_left(&self, session: &str) -> bool {
        self.0.left.borrow().contains(session)
    }

    /// The `row` ended and owed, the vault wiped once more, the tabs told, then the server: with the token that
    /// no commit could store, else with the newest that the ledger or the vault shows.
    async fn settle_logout(
        &self,
        row: Option<Rc<str>>,
        unwritten: Option<RefreshToken>,
        token: Option<RefreshToken>,
    ) {
        let told = match row {
            Some(id) => self.settle_row(&id, unwritten, token).await,
            None => unwritten.or(token).inspect(|token| self.revoke(token.clone(), true, None)).is_some(),
        };
        if !told && self.can_tell() {
            self.here_only();
        }
    }

    /// Whether there was a token to tell the server with.
    async fn settle_row(
        &self,
        id: &Rc<str>,
        mut unwritten: Option<RefreshToken>,
        mut token: Option<RefreshToken>,
    ) -> bool {
        let mut told = None;
        // A ledger that is silent holds up neither tabs nor server; what it gives at last may be another token.
        for tries in [0..1, 1..TRIES] {
            let (heard, found) = self.end_row(id, tries).await;
            self.vault().forget(self.platform(), id);
            self.announce();
            let newest = unwritten.take().or(found).or(token.take());
            if let Some(newest) = newest.filter(|newest| told.as_ref() != Some(newest)) {
                self.revoke(newest.clone(), true, Some(id.clone()));
                told = Some(newest);
            }
            if heard {
                break;
            }
        }
        told.is_some()
    }

    fn can_tell(&self) -> bool {
        self.contract().logout.is_some() && self.contract().refresh.is_some()
    }

    /// Ends the row. Whether the ledger took it, or never will; and the token that the row held or points at.
    pub(crate) async fn end_row(&self, session: &Rc<str>, tries: Range<u32>) -> (bool, Option<RefreshToken>) {
        // What a try found that was committed, and not heard of, is in no row any more.
        let found = Rc::new(RefCell::new(None));
        for n in tries {
            if n > 0 {
                self.platform().sleep(self.pause_before(n)).await;
            }
            let (client, sid, seen) = (self.clone(), session.clone(), found.clone());
            let end = move |page: &mut Page| {
                let Some(row) = page.row.as_mut() else { return };
                let in_row = row.token.as_deref().and_then(RefreshToken::parse);
                let token = in_row.or_else(|| client.vault().newest(client.platform(), &sid));
                if row.ended.is_none() {
                    row.end(EndReason::LoggedOut, true);
                }
                if token.is_some() {
                    *seen.borrow_mut() = token;
                }
            };
            match self.transact(Book::Shared, session, end).await {
                Ok(()) => {
                    self.vault().unmark_left(self.platform(), session);
                    return (true, found.take());
                }
                Err(LedgerError::Denied) => return (true, found.take()),
                Err(_) => {}
            }
        }
        (false, found.take())
    }

    /// Ends `session` in the ledger and here.
    pub(crate) async fn end(&self, session: &Session, reason: EndReason) -> Error {
        let end = move |page: &mut Page| page.row.iter_mut().for_each(|row: &mut Row| row.end(reason, false));
        let _aborted = self.insist(session.book, &session.id, end).await;
        self.close(&session.id, reason)
    }

    /// Ends `session` in this tab and forgets its tokens.
    pub(crate) fn close(&self, session: &str, reason: EndReason) -> Error {
        self.vault().forget(self.platform(), session);
        self.0.unwritten.borrow_mut().take_if(|unwritten| unwritten.is_of(session));
        if self.is_current(session) {
            self.own_ledger().borrow_mut().clear();
            self.set_session(None);
            self.set_state(State::SignedOut(Some(reason)));
        }
        Error::SessionEnded(reason)
    }

    /// Takes `access` for the token of `generation`, unless the page has moved on, and keeps it for a reload.
    pub(crate) fn take_up(
        &self,
        session: &str,
        generation: u32,
        access: Access,
        change: impl FnOnce(&mut Session),
    ) {
        let Some(mut current) = self.session().filter(|current| *current.id == *session) else { return };
        let newer = generation >= current.generation || current.access.is_none();
        if newer {
            current.generation = generation;
            current.access = Some(access.clone());
        }
        change(&mut current);
        let (id, user, kept) = (current.id.clone(), current.user.clone(), current.kept);
        let alone = current.book == Book::Own;
        if newer {
            self.vault().keep(self.platform(), &Kept { session: id, user, generation, access, alone, kept });
        }
        self.set_session(Some(current));
        self.show_session();
    }

    /// Tells the server, in the background, to end the family of `token`. With `by_user`, a failure
    /// is told to the user, who asked for it. A debt of `owed` is struck out when it is paid.
    pub(crate) fn revoke(&self, token: RefreshToken, by_user: bool, owed: Option<Rc<str>>) {
        let client = self.clone();
        self.spawn(async move {
            for n in 0..TRIES {
                match client.tell_server(&token).await {
                    Ok(()) => {
                        if by_user && client.state() == State::SignedOut(Some(EndReason::LoggedOutHereOnly)) {
                            client.set_state(State::SignedOut(Some(EndReason::LoggedOut)));
                        }
                        return client.strike_out(owed).await;
                    }
                    Err(error) => {
                        if by_user {
                            client.here_only();
                        }
                        if !error.retry_helps() {
                            return;
                        }
                    }
                }
                client.platform().sleep(client.pause_before(n)).await;
            }
        });
    }

    fn here_only(&self) {
        if self.state() == State::SignedOut(Some(EndReason::LoggedOut)) {
            self.set_state(State::SignedOut(Some(EndReason::LoggedOutHereOnly)));
        }
    }

    async fn strike_out(&self, owed: Option<Rc<str>>) {
        let Some(session) = owed else { return };
        let paid = |page: &mut Page| {
            if let Some(ended) = page.row.as_mut().and_then(|row| row.ended.as_mut()) {
                ended.owed = false;
            }
        };
        let _owed_still = self.transact(Book::Shared, &session, paid).await;
    }

    async fn tell_server(&self, token: &RefreshToken) -> Result<(), Error> {
        let endpoint = self.contract().logout.as_ref().filter(|_| self.rules().on(Rule::TellServer));
        let Some(endpoint) = endpoint else { return Ok(()) };
        let request = wire::carrying(self.base(), self.contract(), endpoint, token)?;
        let answer = self.exchange(HttpRequest { outlives_page: true, ..request }, ATTEMPT_DEADLINE).await?;
        match answer.status {
            408 | 429 | 500..=599 => Err(Error::from_token_answer(&answer)),
            // A captive portal's page under status 200: the server has heard nothing.
            200..300 if answer.is_html() => Err(Error::Unintelligible),
            // Done, or the family is unknown, or the server has no such endpoint: nothing is owed.
            _ => Ok(()),
        }
    }

    /// Full jitter: half a second at first, thirty at last.
    pub(crate) fn pause_before(&self, n: u32) -> u32 {
        self.random() % ((1_000 << n.min(5)).min(BACKOFF)) + 500
    }
}
