//! Logging in: vault entry, row, the old session's end and `now`, in one transaction.

use std::cell::RefCell;
use std::rc::Rc;

use crate::cache::Unstored;
use crate::client::Client;
use crate::custody::RefreshCustody;
use crate::error::{EndReason, Error, Fields};
use crate::http::Answer;
use crate::ledger::{Now, Page, Row, text};
use crate::platform::{Instant, LedgerError};
use crate::refresh::ATTEMPT_DEADLINE;
use crate::session::{Access, Book, Session};
use crate::token::{RefreshToken, random_text};
use crate::vault::{Found, Kept};
use crate::wire::{self, Grant};

/// How often the transaction is tried.
const TRIES: u32 = 5;
/// The pause before it is tried again, in milliseconds.
const PAUSE: u32 = 200;

/// What the transaction did.
struct Entered {
    /// Whether the refresh token is where the custody wants it.
    stored: bool,
    /// The session that was current, and its token.
    replaced: Replaced,
    /// Whether an earlier try had done it, of which nobody heard.
    unheard: bool,
}

type Replaced = Option<(String, Option<RefreshToken>)>;

impl Entered {
    fn nowhere() -> Self {
        Self { stored: false, replaced: None, unheard: false }
    }
}

impl Client {
    /// Logs in and begins a session. The password is sent byte for byte and kept nowhere.
    pub async fn login(&self, username: &str, password: &str) -> Result<(), Error> {
        let empty = Fields { username: username.trim().is_empty(), password: password.is_empty() };
        if empty != Fields::default() {
            return Err(Error::EmptyFields(empty));
        }
        let turn = Turn::take(&self.0.signing_in).ok_or(Error::AlreadySigningIn)?;
        let outcome = self.sign_in(username, password).await;
        drop(turn);
        if outcome.is_err() && outcome != Err(Error::StorageSilent) {
            // Meanwhile nothing was adopted: somebody may have signed in elsewhere. What is taken back looks when
            // it is through, since it knows what ended.
            self.look_until_seen();
        }
        outcome
    }

    async fn sign_in(&self, username: &str, password: &str) -> Result<(), Error> {
        let request = wire::login(self.base(), self.contract(), username, password)?;
        let sent = self.platform().now();
        let answer = self.exchange(request, ATTEMPT_DEADLINE).await?;
        let grant = self.granted(&answer)?;
        let received = self.made_at(sent, &answer);
        self.begin(username, grant, received).await
    }

    fn granted(&self, answer: &Answer) -> Result<Grant, Error> {
        match answer.status {
            200..300 => Grant::read(answer, self.contract()),
            _ if self.contract().is_wrong_credentials(answer) => Err(Error::WrongCredentials),
            422 => Err(Error::InvalidFields(wire::invalid_fields(answer, self.contract()))),
            _ => Err(Error::from_token_answer(answer)),
        }
    }

    /// The mode is fixed here: a session without a refresh token, or without a ledger or a vault to
    /// share, is this tab's alone.
    async fn begin(&self, user: &str, grant: Grant, received: Instant) -> Result<(), Error> {
        let id = random_text(self.platform());
        let renewable = grant.refresh.is_some() && self.contract().refresh.is_some();
        let wall = self.platform().now().wall;
        let mut row = Row::new(&id, user, self.mint(), wall);
        row.idempotent = grant.idempotent.unwrap_or_default();
        let token = grant.refresh.filter(|_| renewable);
        *self.0.entering.borrow_mut() = Some(id.as_str().into());
        let entered = match self.0.custody.refresh {
            RefreshCustody::Memory => Entered::nowhere(),
            RefreshCustody::Local | RefreshCustody::Database => {
                let first = Rc::default();
                match self.enter(&row, token.as_ref(), &first).await {
                    Ok(entered) => entered,
                    Err(LedgerError::Denied | LedgerError::Broken) => Entered::nowhere(),
                    Err(LedgerError::Aborted) => {
                        self.take_back(id, token, first.take());
                        return Err(Error::StorageSilent);
                    }
                }
            }
        };
        // Nothing below waits: what the ledger says and what the tab shows change together.
        self.0.leaving.set(false);
        let before = self.session();
        let book = if entered.stored { Book::Shared } else { Book::Own };
        let another = before.as_ref().filter(|session| *session.id != *id);
        let older = another.and_then(|session| match (session.book, book) {
            (Book::Own, _) => self.own_token(&session.id),
            // The ledger that it is in may be denied by now, and gave no token.
            (Book::Shared, Book::Own) => self.vault().newest(self.platform(), &session.id),
            (Book::Shared, Book::Shared) => None,
        });
        if book == Book::Own {
            row.token = token.as_ref().map(|token| token.reveal().to_owned());
            self.open_own_ledger(&row);
        } else {
            self.own_ledger().borrow_mut().clear();
        }
        let adopted = before.as_ref().filter(|session| *session.id == *id);
        // One that was found since the try that nobody heard of may have replaced this one.
        if let Some(session) = another.filter(|_| !entered.unheard) {
            self.vault().forget(self.platform(), &session.id);
        }
        // The page may have come across this very session while the ledger's word of it was late.
        let newer = adopted.is_some_and(|session| session.access.is_some());
        let kept = entered.stored || !renewable || self.0.custody.refresh == RefreshCustody::Memory;
        let access = Access { token: grant.access, received, lifetime: grant.lifetime };
        let session = Session {
            id: id.into(),
            user: user.into(),
            // Another tab may have refreshed it by now, and this page be about to.
            generation: adopted.map_or(0, |session| session.generation),
            access: Some(access.clone()),
            confirmed: true,
            book,
            renewable,
            kept,
            unstored: Unstored::default(),
        };
        let (id, user) = (session.id.clone(), session.user.clone());
        if !newer {
            self.vault().forget_access(self.platform());
            self.set_session(Some(session));
            let alone = book == Book::Own;
            self.vault()
                .keep(self.platform(), &Kept { session: id, user, generation: 0, access, alone, kept });
        }
        self.show_session();
        let replaced = entered.replaced.and_then(|(sid, token)| {
            self.vault().forget(self.platform(), &sid);
            token
        });
        self.announce();
        if entered.unheard {
            // The row may have moved on, or be another login's, since the try that nobody heard of.
            self.look_until_seen();
        }
        let older = older.filter(|older| replaced.as_ref() != Some(older));
        for token in [older, replaced].into_iter().flatten() {
            self.revoke(token, false, None);
        }
        Ok(())
    }

    /// Ends a login of which the ledger gave no word in time: it may have been committed all the same,
    /// and other tabs may use it by now. As at every logout the row comes first, then the server. What it had
    /// `replaced`, if so, is over as well.
    fn take_back(&self, id: String, token: Option<RefreshToken>, replaced: Replaced) {
        let id: Rc<str> = id.into();
        self.0.left.borrow_mut().insert(id.clone());
        let client = self.clone();
        self.spawn(async move {
            let (_, newest) = client.end_row(&id, 0..crate::logout::TRIES).await;
            client.vault().forget(client.platform(), &id);
            // A row that is there was committed, and with it the end of the one before. A try that was aborted has
            // replaced nothing.
            let replaced = replaced.filter(|_| newest.is_some()).and_then(|(sid, older)| {
                client.close(&sid, EndReason::Revoked);
                older
            });
            client.announce();
            for token in [newest.or(token), replaced].into_iter().flatten() {
                client.revoke(token, false, None);
            }
            client.look_until_seen();
        });
    }

    /// Leaves in `first` what a try has replaced, if it was committed. If the browser's storage is broken or full
    /// at each try, nothing of this login can be in the ledger, and it is as good as denied.
    async fn enter(
        &self,
        row: &Row,
        token: Option<&RefreshToken>,
        first: &Rc<RefCell<Replaced>>,
    ) -> Result<Entered, LedgerError> {
        let (mut began, mut error) = (None, LedgerError::Broken);
        for n in 0..TRIES {
            if n > 0 {
                self.platform().sleep(PAUSE).await;
            }
            let tried = match self.named().await {
                Ok(now) => {
                    let began = began.get_or_insert_with(|| now.clone()).as_ref();
                    if now.as_ref().is_some_and(|now| now.is_beyond(began, &row.sid)) {
                        return Err(LedgerError::Aborted);
                    }
                    self.replace(now, row.clone(), token.cloned(), Rc::clone(first)).await
                }
                Err(error) => Err(error),
            };
            match tried {
                Ok(Some(entered)) => return Ok(entered),
                // It is as good as broken; but after a try that nobody heard of, its row may be there.
                Err(LedgerError::Denied) => break,
                Err(LedgerError::Broken) => {}
                // `now` changed between the look and the transaction, or nobody knows.
                Ok(None) | Err(LedgerError::Aborted) => error = LedgerError::Aborted,
            }
        }
        if error == LedgerError::Broken {
            // A transaction that came to nothing has left its entry.
            self.vault().forget(self.platform(), &row.sid);
        }
        Err(error)
    }

    /// `now`, read by a transaction whose errors are the ledger's own.
    async fn named(&self) -> Result<Option<Now>, LedgerError> {
        let read = |entries: &mut [Option<String>]| {
            Page::read(entries.first().and_then(Option::as_deref), None, "none").now
        };
        self.entries(Book::Shared, vec![self.ledger_key("now")], read).await
    }

    async fn replace(
        &self,
        seen: Option<Now>,
        new: Row,
        token: Option<RefreshToken>,
        first: Rc<RefCell<Replaced>>,
    ) -> Result<Option<Entered>, LedgerError> {
        let old = seen.as_ref().map_or("none", |now| &now.sid).to_owned();
        let older = seen.as_ref().and_then(|now| now.before.clone()).unwrap_or_else(|| "none".to_owned());
        let keys = [&*new.sid, &*old, &*older].map(|sid| self.row_key(sid));
        let keys = std::iter::once(self.ledger_key("now")).chain(keys).collect();
        let client = self.clone();
        let replace = move |entries: &mut [Option<String>]| {
            let [now, own_row, old_row, older_row] = entries else { return None };
            let Page { now: named, row } = Page::read(now.as_deref(), old_row.as_deref(), &old);
            if own_row.is_some() {
                // An earlier try of this very login was committed all the same, and others may have
                // moved on since: nothing is written twice. This one may be aborted, and found again.
                return Some(Entered { stored: true, replaced: first.borrow().clone(), unheard: true });
            }
            if named != seen {
                return None;
            }
            let stored = token.as_ref().is_some_and(|token| client.put_first(&new.sid, token));
            let mut row = row;
            let live = row.as_ref().filter(|row| row.ended.is_none());
            let replaced: Replaced = live.map(|row| (row.sid.clone(), client.last_token(row)));
            *first.borrow_mut() = replaced.clone();
            if let Some(row) = row.as_mut().filter(|row| row.ended.is_none()) {
                row.end(EndReason::ReplacedElsewhere, true);
            }
            let before = row.as_ref().map(|row| row.sid.clone());
            (*old_row, *older_row) = (text(row.as_ref()), None);
            *now = text(stored.then(|| Now::new(&new.sid, before)).as_ref());
            let in_row = client.0.custody.refresh == RefreshCustody::Database;
            let token = token.as_ref().filter(|_| in_row).map(RefreshToken::reveal);
            *own_row = text(stored.then(|| new.holding(token)).as_ref());
            Some(Entered { stored, replaced, unheard: false })
        };
        self.entries(Book::Shared, keys, replace).await
    }

    fn put_first(&self, sid: &str, token: &RefreshToken) -> bool {
        match self.0.custody.refresh {
            RefreshCustody::Local => self.vault().put(self.platform(), sid, 0, token).0,
            RefreshCustody::Database => true,
            RefreshCustody::Memory => false,
        }
    }

    /// The newest token of a row's session that this tab can see, unless it was logged out here, and
    /// the server told.
    pub(crate) fn last_token(&self, row: &Row) -> Option<RefreshToken> {
        if self.0.left.borrow().contains(row.sid.as_str()) {
            return None;
        }
        let in_row = row.token.as_deref().and_then(RefreshToken::parse);
        in_row.or_else(|| match self.vault().get(self.platform(), &row.sid, row.generation) {
            Found::Token(token) => Some(token),
            Found::Missing | Found::Unreadable => self.vault().newest(self.platform(), &row.sid),
        })
    }

    /// Whether `session` is the one that a login here, which is under way, enters into the ledger.
    pub(crate) fn is_entering(&self, session: &str) -> bool {
        self.0.signing_in.get() && self.0.entering.borrow().as_deref() == Some(session)
    }

    /// The refresh token in this tab's own ledger.
    pub(crate) fn own_token(&self, sid: &str) -> Option<RefreshToken> {
        let own = self.own_ledger().borrow();
        let row = own.get(&self.row_key(sid));
        Page::read(None, row.map(String::as_str), sid).row?.token.as_deref().and_then(RefreshToken::parse)
    }
}

/// A flag that is set while somebody has the turn.
struct Turn<'a>(&'a std::cell::Cell<bool>);

impl<'a> Turn<'a> {
    fn take(taken: &'a std::cell::Cell<bool>) -> Option<Self> {
        (!taken.replace(true)).then_some(Self(taken))
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.set(false);
    }
}
