//! The profile's storage and the ledger, and what happens to them.

use std::collections::BTreeMap;

use auth::{Decide, LedgerError};
use serde_json::Value;

use super::World;

/// Which storage calls throw.
#[derive(Clone, Copy, Default)]
pub(crate) struct Broken {
    pub(crate) read: bool,
    pub(crate) write: bool,
    pub(crate) remove: bool,
    /// A tab's storage has room for a note, and none for a token.
    pub(crate) tokens_of_tabs: bool,
}

impl Broken {
    pub(crate) const NOTHING: Self = Self { read: false, write: false, remove: false, tokens_of_tabs: false };
    pub(crate) const EVERYTHING_BUT_READING: Self = Self { write: true, remove: true, ..Self::NOTHING };
    pub(crate) const EVERYTHING: Self = Self { read: true, ..Self::EVERYTHING_BUT_READING };
    pub(crate) const FULL: Self = Self { write: true, ..Self::NOTHING };
}

/// What happens to one transaction of the ledger.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum LedgerFault {
    /// Nothing.
    None,
    /// It runs and is aborted.
    Aborts,
    /// It runs, and the disk is full.
    Fills,
    /// It is committed, but the page never hears of it.
    CommitsUnheard,
    /// Nothing ever happens.
    Hangs,
    /// It is committed, and the page hears of it so many milliseconds later.
    HeardLate(u64),
    /// It does not run. After so many milliseconds it fails as broken.
    BreaksLate(u64),
}

impl World {
    pub(crate) fn break_storage(&self, broken: Broken) {
        self.0.broken.set(broken);
    }

    /// IndexedDB is not to be had.
    pub(crate) fn deny_ledger(&self) {
        self.0.ledger_refuses.set(Some(LedgerError::Denied));
    }

    /// IndexedDB fails at once, however often it is asked.
    pub(crate) fn break_ledger(&self) {
        self.0.ledger_refuses.set(Some(LedgerError::Broken));
    }

    pub(crate) fn mend_ledger(&self) {
        self.0.ledger_refuses.set(None);
    }

    /// How many transactions there were.
    pub(crate) fn transactions(&self) -> usize {
        self.0.transactions.get()
    }

    /// What happens to the next transactions, one after the other.
    pub(crate) fn next_transactions(&self, faults: impl IntoIterator<Item = LedgerFault>) {
        self.0.ledger_faults.borrow_mut().extend(faults);
    }

    /// What happens to the one after `count` good transactions.
    pub(crate) fn next_transactions_after(&self, count: usize, fault: LedgerFault) {
        self.next_transactions(std::iter::repeat_n(LedgerFault::None, count).chain([fault]));
    }

    /// Nothing more happens to transactions.
    pub(crate) fn unblock_ledger(&self) {
        self.0.ledger_faults.borrow_mut().clear();
    }

    /// Runs one transaction of the ledger, with the next fault.
    pub(super) async fn transact(self, keys: Vec<String>, decide: Decide) -> Result<(), LedgerError> {
        if let Some(error) = self.0.ledger_refuses.get() {
            return Err(error);
        }
        self.0.transactions.set(self.0.transactions.get() + 1);
        let fault = self.0.ledger_faults.borrow_mut().pop_front();
        if fault == Some(LedgerFault::Hangs) {
            std::future::pending::<()>().await;
        }
        if let Some(LedgerFault::BreaksLate(milliseconds)) = fault {
            self.timer(milliseconds).await;
            return Err(LedgerError::Broken);
        }
        let mut entries: Vec<_> = keys.iter().map(|key| self.0.ledger.borrow().get(key).cloned()).collect();
        decide(&mut entries);
        match fault {
            Some(LedgerFault::Aborts) => return Err(LedgerError::Aborted),
            Some(LedgerFault::Fills) => return Err(LedgerError::Broken),
            _ => {}
        }
        {
            let mut ledger = self.0.ledger.borrow_mut();
            for (key, entry) in keys.into_iter().zip(entries) {
                match entry {
                    Some(text) => drop(ledger.insert(key, text)),
                    None => drop(ledger.remove(&key)),
                }
            }
        }
        if let Some(LedgerFault::HeardLate(milliseconds)) = fault {
            self.timer(milliseconds).await;
        }
        if fault == Some(LedgerFault::CommitsUnheard) { Err(LedgerError::Aborted) } else { Ok(()) }
    }

    /// The text of all rows.
    pub(crate) fn ledger(&self) -> String {
        format!("{:?}", self.0.ledger.borrow())
    }

    /// The ledger's entries by their names.
    pub(crate) fn entries(&self) -> BTreeMap<String, String> {
        self.0.ledger.borrow().clone()
    }

    /// The row of the session that `now` names.
    pub(crate) fn row(&self) -> Value {
        parsed(&self.entries()[&self.row_name()])
    }

    /// Changes that row.
    pub(crate) fn edit_row(&self, edit: impl FnOnce(&mut Value)) {
        let mut row = self.row();
        edit(&mut row);
        self.put_entry(&self.row_name(), &row.to_string());
    }

    fn row_name(&self) -> String {
        let entries = self.entries();
        let (name, now) = entries.iter().find(|(name, _)| name.ends_with(":now")).unwrap();
        name.replace(":now", &format!(":row:{}", parsed(now)["sid"].as_str().unwrap()))
    }

    /// Writes one entry of the ledger.
    pub(crate) fn put_entry(&self, name: &str, text: &str) {
        self.0.ledger.borrow_mut().insert(name.to_owned(), text.to_owned());
    }

    pub(crate) fn edit_ledger(&self, edit: impl Fn(&str) -> String) {
        self.0.ledger.borrow_mut().values_mut().for_each(|row| *row = edit(row));
    }

    pub(crate) fn profile(&self) -> BTreeMap<String, String> {
        self.0.profile.borrow().clone()
    }

    /// Writes one record of the profile.
    pub(crate) fn put_record(&self, name: &str, text: &str) {
        self.0.profile.borrow_mut().insert(name.to_owned(), text.to_owned());
    }

    pub(crate) fn edit_profile_to(&self, profile: BTreeMap<String, String>) {
        *self.0.profile.borrow_mut() = profile;
    }

    /// Replaces the one record of the profile.
    pub(crate) fn edit_profile(&self, text: &str) {
        self.0.profile.borrow_mut().values_mut().for_each(|value| *value = text.to_owned());
    }
}

/// The value of a JSON text.
pub(crate) fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}
