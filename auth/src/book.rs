//! How the protocol reaches the ledger: typed, and with a deadline.

use std::cell::Cell;
use std::rc::Rc;

use crate::client::{Client, with_deadline};
use crate::ledger::{Key, Page, Row, text};
use crate::platform::{Decide, LedgerError};
use crate::rules::Rule;
use crate::session::Book;
use crate::token::random_text;

/// The longest time a transaction may take, in milliseconds.
const TRANSACTION_DEADLINE: u32 = 2_000;
/// How often one that was aborted is repeated, with the same values.
const REPEATS: u32 = 3;
/// The pause before that, in milliseconds.
const PAUSE: u32 = 50;

impl Client {
    /// One decision: reads `now` and the row of `sid`, and writes what `decide` made of them.
    pub(crate) async fn transact<T: 'static>(
        &self,
        book: Book,
        sid: &str,
        decide: impl FnOnce(&mut Page) -> T + 'static,
    ) -> Result<T, LedgerError> {
        let decided = Rc::new(Cell::new(None));
        let slot = decided.clone();
        self.decide_once(book, sid, Box::new(move |page| slot.set(Some(decide(page))))).await?;
        decided.take().ok_or(LedgerError::Aborted)
    }

    /// As [`transact`](Self::transact), repeated with the same values if it is aborted.
    pub(crate) async fn insist<T: 'static>(
        &self,
        book: Book,
        sid: &str,
        decide: impl Fn(&mut Page) -> T + 'static,
    ) -> Result<T, LedgerError> {
        let decided = Rc::new(Cell::new(None));
        let slot = decided.clone();
        self.decide_at_last(book, sid, Rc::new(move |page| slot.set(Some(decide(page))))).await?;
        decided.take().ok_or(LedgerError::Aborted)
    }

    /// Boxed, since each closure's own copy of a transaction's way through the browser is kilobytes.
    async fn decide_once(
        &self,
        book: Book,
        sid: &str,
        decide: Box<dyn FnOnce(&mut Page)>,
    ) -> Result<(), LedgerError> {
        let keys = vec![self.ledger_key("now"), self.row_key(sid)];
        let (client, sid) = (self.clone(), sid.to_owned());
        let on_entries = move |entries: &mut [Option<String>]| {
            let [now, row] = entries else { return };
            let mut page = Page::read(now.as_deref(), row.as_deref(), &sid);
            client.remember(page.row.as_ref());
            decide(&mut page);
            (*now, *row) = (text(page.now.as_ref()), text(page.row.as_ref()));
        };
        // To a session that lives a broken ledger is one that is blocked: it may be whole again.
        self.on_entries(book, keys, Box::new(on_entries)).await.map_err(|error| match error {
            LedgerError::Broken => LedgerError::Aborted,
            denied_or_aborted => denied_or_aborted,
        })
    }

    /// What was read is committed; what is decided may yet be aborted.
    fn remember(&self, row: Option<&Row>) {
        if let Some(row) = row {
            *self.0.read.borrow_mut() = Some((row.sid.clone(), row.generation));
        }
    }

    /// Whether the ledger has shown this tab that `session` is beyond `generation`.
    pub(crate) fn has_read_beyond(&self, session: &str, generation: u32) -> bool {
        self.0.read.borrow().as_ref().is_some_and(|(sid, read)| sid == session && *read > generation)
    }

    async fn decide_at_last(
        &self,
        book: Book,
        sid: &str,
        decide: Rc<dyn Fn(&mut Page)>,
    ) -> Result<(), LedgerError> {
        let attempt = || {
            let decide = decide.clone();
            self.decide_once(book, sid, Box::new(move |page| decide(page)))
        };
        let mut outcome = attempt().await;
        let repeats = if self.rules().on(Rule::RepeatAborted) { REPEATS } else { 0 };
        for _ in 0..repeats {
            if outcome != Err(LedgerError::Aborted) {
                break;
            }
            self.platform().sleep(PAUSE).await;
            outcome = attempt().await;
        }
        outcome
    }

    /// A transaction on any entries, within its deadline. The only one to give [`LedgerError::Broken`].
    pub(crate) async fn entries<T: 'static>(
        &self,
        book: Book,
        keys: Vec<String>,
        decide: impl FnOnce(&mut [Option<String>]) -> T + 'static,
    ) -> Result<T, LedgerError> {
        let decided = Rc::new(Cell::new(None));
        let slot = decided.clone();
        self.on_entries(book, keys, Box::new(move |entries| slot.set(Some(decide(entries))))).await?;
        decided.take().ok_or(LedgerError::Aborted)
    }

    async fn on_entries(&self, book: Book, keys: Vec<String>, decide: Decide) -> Result<(), LedgerError> {
        match book {
            Book::Shared => {
                let transaction = self.platform().transact(keys, decide);
                let deadline =
                    if self.rules().on(Rule::LedgerDeadline) { TRANSACTION_DEADLINE } else { u32::MAX };
                let outcome = with_deadline(self.platform(), deadline, transaction).await;
                outcome.unwrap_or(Err(LedgerError::Aborted))
            }
            Book::Own => {
                let read = |key| self.own_ledger().borrow().get(key).cloned();
                let mut entries: Vec<_> = keys.iter().map(read).collect();
                decide(&mut entries);
                let mut own = self.own_ledger().borrow_mut();
                for (key, entry) in keys.into_iter().zip(entries) {
                    match entry {
                        Some(text) => drop(own.insert(key, text)),
                        None => drop(own.remove(&key)),
                    }
                }
                Ok(())
            }
        }
    }

    pub(crate) fn ledger_key(&self, name: &str) -> String {
        format!("yew-jwt-auth:{}:{name}", self.base().origin())
    }

    pub(crate) fn row_key(&self, sid: &str) -> String {
        self.ledger_key(&format!("row:{sid}"))
    }

    /// 128 random bits.
    pub(crate) fn mint(&self) -> Key {
        Key(random_text(self.platform()))
    }
}
