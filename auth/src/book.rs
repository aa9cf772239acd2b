//! How the protocol reaches the ledger: typed, and with a deadline.

use crate::client::{Client, with_deadline};
use crate::ledger::{Key, Page, text};
use crate::platform::{LedgerError, Platform};
use crate::session::Book;
use crate::token::random_text;

/// The longest time a transaction may take, in milliseconds.
const TRANSACTION_DEADLINE: u32 = 2_000;
/// How often one that was aborted is repeated, with the same values.
const REPEATS: u32 = 3;
/// The pause before that, in milliseconds.
const PAUSE: u32 = 50;

impl<P: Platform> Client<P> {
    /// One decision: reads `now` and the row of `sid`, and writes what `decide` made of them.
    pub(crate) async fn transact<T: 'static>(
        &self,
        book: Book,
        sid: &str,
        decide: impl FnOnce(&mut Page) -> T + 'static,
    ) -> Result<T, LedgerError> {
        let keys = vec![self.ledger_key("now"), self.row_key(sid)];
        let sid = sid.to_owned();
        let typed = move |entries: &mut [Option<String>]| {
            let [now, row] = entries else { return None };
            let mut page = Page::read(now.as_deref(), row.as_deref(), &sid);
            let decided = decide(&mut page);
            (*now, *row) = (text(page.now.as_ref()), text(page.row.as_ref()));
            Some(decided)
        };
        self.entries(book, keys, typed).await?.ok_or(LedgerError::Aborted)
    }

    /// As [`transact`](Self::transact), repeated with the same values if it is aborted.
    pub(crate) async fn insist<T: 'static>(
        &self,
        book: Book,
        sid: &str,
        decide: impl Fn(&mut Page) -> T + Clone + 'static,
    ) -> Result<T, LedgerError> {
        let mut outcome = self.transact(book, sid, decide.clone()).await;
        for _ in 0..REPEATS {
            if outcome.as_ref().err() != Some(&LedgerError::Aborted) {
                break;
            }
            self.platform().sleep(PAUSE).await;
            outcome = self.transact(book, sid, decide.clone()).await;
        }
        outcome
    }

    /// A transaction on any entries, within its deadline.
    pub(crate) async fn entries<T: 'static>(
        &self,
        book: Book,
        keys: Vec<String>,
        decide: impl FnOnce(&mut [Option<String>]) -> T + 'static,
    ) -> Result<T, LedgerError> {
        match book {
            Book::Shared => {
                let transaction = self.platform().transact(keys, decide);
                let outcome = with_deadline(self.platform(), TRANSACTION_DEADLINE, transaction).await;
                outcome.unwrap_or(Err(LedgerError::Aborted))
            }
            Book::Own => {
                let read = |key| self.own_ledger().borrow().get(key).cloned();
                let mut entries: Vec<_> = keys.iter().map(read).collect();
                let decided = decide(&mut entries);
                let mut own = self.own_ledger().borrow_mut();
                for (key, entry) in keys.into_iter().zip(entries) {
                    match entry {
                        Some(text) => drop(own.insert(key, text)),
                        None => drop(own.remove(&key)),
                    }
                }
                Ok(decided)
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
