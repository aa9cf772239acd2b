//! How a session ends here, and how the server hears of it.

use std::cell::RefCell;
use std::rc::Rc;

use crate::client::Client;
use crate::custody::RefreshCustody;
use crate::error::{EndReason, Error};
use crate::http::HttpRequest;
use crate::ledger::{Page, Row};
use crate::outcome::BACKOFF;
use crate::platform::{LedgerError, Platform};
use crate::refresh::ATTEMPT_DEADLINE;
use crate::rules::Rule;
use crate::session::{Access, Book, Session, State};
use crate::token::RefreshToken;
use crate::vault::Kept;
use crate::wire;

/// How often the server is told, and the ledger: a debt is paid when the network is back, but no
/// token is kept for it beyond the page.
pub(crate) const TRIES: u32 = 8;

impl<P: Platform> Client<P> {
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
        let in_row = session.book == Book::Shared;
        let told = token.is_some() || in_row || !self.can_tell();
        self.0.left.borrow_mut().insert(session.id.clone());
        self.close(&session.id, if told { EndReason::LoggedOut } else { EndReason::LoggedOutHereOnly });
        let client = self.clone();
        self.platform().spawn(async move { client.settle_logout(&session, unwritten, token).await });
    }

    /// The row ended and owed, the vault wiped once more, the tabs told, then the server: with the token that
    /// no commit could store, else with the newest that the ledger or the vault shows.
    async fn settle_logout(
        &self,
        session: &Session,
        unwritten: Option<RefreshToken>,
        token: Option<RefreshToken>,
    ) {
        let mut token = token;
        if session.book == Book::Shared {
            token = self.end_row(&session.id).await.or(token);
            self.vault().forget(self.platform(), &session.id);
            self.announce();
        }
        match unwritten.or(token) {
            Some(token) => self.revoke(token, true, Some(session.clone())),
            None if self.can_tell() => self.here_only(),
            None => {}
        }
    }

    fn can_tell(&self) -> bool {
        self.contract().logout.is_some() && self.contract().refresh.is_some()
    }

    /// Ends the row, and gives the token that it holds or points at.
    pub(crate) async fn end_row(&self, session: &Rc<str>) -> Option<RefreshToken> {
        // What a try found that was committed, and not heard of, is in no row any more.
        let found = Rc::new(RefCell::new(None));
        for n in 0..TRIES {
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
                Ok(()) | Err(LedgerError::Denied) => break,
                Err(_) => self.platform().sleep(self.pause_before(n)).await,
            }
        }
        found.take()
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
    pub(crate) fn revoke(&self, token: RefreshToken, by_user: bool, owed: Option<Session>) {
        let client = self.clone();
        self.platform().spawn(async move {
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

    async fn strike_out(&self, owed: Option<Session>) {
        let Some(session) = owed.filter(|session| session.book == Book::Shared) else { return };
        let paid = |page: &mut Page| {
            if let Some(ended) = page.row.as_mut().and_then(|row| row.ended.as_mut()) {
                ended.owed = false;
            }
        };
        let _owed_still = self.transact(Book::Shared, &session.id, paid).await;
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
