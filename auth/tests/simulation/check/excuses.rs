//! Which sessions the document itself gives up, and by which of its sentences. Each fault excuses the sessions
//! that it touched, and no others.

use crate::options::Class;
use crate::tasks::Life;
use crate::token::{Kind, tokens_in};
use crate::world::World;

impl World {
    /// Whether `life` may lose `family` although nothing ended it.
    pub(crate) fn may_lose(&self, life: Option<Life>, family: Option<usize>) -> bool {
        let check = self.check.borrow();
        let lost = |family: &super::Family| {
            // "`memory`: the session belongs to this tab alone, ledger included": it lives as long as the page.
            family.given_up.is_some()
                || family.in_memory && life.is_none_or(|life| family.is_foreign_to(life))
        };
        match family {
            Some(family) => check.families.get(family).is_some_and(lost),
            None => {
                let mut own = check.families.iter().enumerate().filter(|(at, _)| self.may_be_of(life, *at));
                own.any(|(_, family)| lost(family))
            }
        }
    }

    /// Whether the family can be one of the tab's, as far as its app tells.
    fn may_be_of(&self, life: Option<Life>, family: usize) -> bool {
        life.is_none_or(|life| self.is_of_app(life, family))
    }

    /// Whether storage is whole and shared all the time, so that a tab knows what the others know.
    pub(crate) fn storage_is_sound(&self) -> bool {
        use Class::{
            CrashLedger, LedgerDenied, StorageDenied, StorageFull, StorageThrows, StorageVeryLate,
            StorageWiped,
        };
        let faults = [
            CrashLedger,
            LedgerDenied,
            StorageDenied,
            StorageFull,
            StorageThrows,
            StorageVeryLate,
            StorageWiped,
        ];
        !self.has_deployed_memory() && !faults.into_iter().any(|class| self.options.has(class))
    }

    /// A login's answer arrived in `life`.
    pub(crate) fn logged_in(&self, life: Life, family: usize) {
        // "Without IndexedDB (denied): the mode is fixed at login; the vault is memory".
        let in_memory = self.options.has(Class::LedgerDenied)
            || self.custody_of(life).refresh == auth::RefreshCustody::Memory;
        let mut check = self.check.borrow_mut();
        let family = check.family(family);
        (family.home, family.in_memory) = (Some(life), in_memory);
    }

    /// A write to the profile's storage, `done` or refused. "Storage that throws, is full, is null …: memory":
    /// if that befalls a login. A later commit leaves the row, or puts the token into it.
    pub(crate) fn tried_to_store(&self, value: Option<&str>, done: bool) {
        let first = |text: &str| tokens_in(text).find(|t| t.kind == Kind::Refresh && t.number == 0);
        let Some(token) = value.and_then(first) else { return };
        let mut check = self.check.borrow_mut();
        let denied = self.options.has(Class::LedgerDenied);
        let family = check.family(token.family);
        if !family.adopted {
            family.in_memory = !done || denied;
        }
    }

    /// Learns which family the name of an entry or a row stands for.
    pub(crate) fn learn_name(&self, key: &str, value: &str) {
        let (Some(name), Some(token)) = (session_in(key), tokens_in(value).next()) else { return };
        let mut check = self.check.borrow_mut();
        if check.names.get(name) != Some(&token.family) {
            check.names.insert(name.to_owned(), token.family);
        }
    }

    /// The document gives up the sessions that `key` belongs to, or all that there are.
    pub(crate) fn give_up(&self, key: Option<&str>, why: &'static str) {
        let named = key.and_then(|key| self.named_by(key));
        let mut check = self.check.borrow_mut();
        match named {
            Some(family) => check.family(family).given_up = Some(why),
            None => check.families.iter_mut().for_each(|family| family.given_up = Some(why)),
        }
    }

    /// The family whose entry or row `key` is.
    pub(crate) fn named_by(&self, key: &str) -> Option<usize> {
        self.check.borrow().names.get(session_in(key)?).copied()
    }

    /// The family that the tab's own storage names as the tab's; it may have sent nothing of it yet.
    pub(crate) fn noted_by(&self, life: Life) -> Option<usize> {
        let (tabs, check) = (self.tabs.borrow(), self.check.borrow());
        let sid = |text: &String| Some(text.split_once("\"sid\":\"")?.1.split('"').next()?.to_owned());
        let noted = tabs[life.tab].session.values().filter_map(sid);
        let noted = noted.filter_map(|sid| check.names.get(&sid).copied());
        noted.filter(|family| self.is_of_app(life, *family)).max()
    }

    pub(crate) fn is_given_up(&self, family: usize) -> bool {
        self.check.borrow().families.get(family).is_some_and(|family| family.given_up.is_some())
    }
}

/// The session that an entry of the vault or a row of the ledger is named by.
fn session_in(key: &str) -> Option<&str> {
    let (_, name) = [":refresh:", ":row:", ":left:"].into_iter().find_map(|kind| key.split_once(kind))?;
    name.split(':').next()
}
