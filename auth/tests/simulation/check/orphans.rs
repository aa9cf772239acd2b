//! What lives on at the server although its page is done with it.

use std::collections::BTreeSet;

use crate::check::{Call, Invariant};
use crate::storage::THROWS;
use crate::tasks::Life;
use crate::token::{Kind, tokens_in};
use crate::world::World;

/// The reasons for which a page ends a session of its own accord.
const OWN_ENDS: [&str; 3] = ["replaced", "logged_out", "no_longer_kept"];

impl World {
    /// At the end: a login that came to nothing has left no session at the server, if its page got the answer and is
    /// still there.
    pub(crate) fn check_orphans(&self) {
        if self.is_token_only() {
            return;
        }
        let check = self.check.borrow();
        let orphan = check.families.iter().enumerate().find(|(at, family)| {
            let Some(id) = family.offered.filter(|_| !family.adopted) else { return false };
            let Call { life, at: sent, disturbed, operation, .. } = check.calls[id];
            let over = operation.is_some_and(|id| check.operations[id].outcome.is_some());
            let there = self.tabs.borrow()[life.tab].runs(life)
                && check.tabs.get(&life).is_some_and(|seen| seen.running_since <= sent);
            let told = |call: &Call| call.path == "/logout" && call.token.is_some_and(|t| t.family == *at);
            let told = check.calls.iter().any(told);
            let alive = self.server.borrow().families[*at].alive;
            over && there && !disturbed && alive && !told
        });
        let orphan = orphan.map(|(at, _)| at);
        drop(check);
        if let Some(family) = orphan {
            self.violate(Invariant::NoOrphans, || {
                format!("family {family} lives on at the server, and its page does not keep it")
            });
        }
    }

    /// The rows of whose sessions a page sees a refresh token.
    pub(crate) fn tellable(&self, life: Life, keys: &[String]) -> BTreeSet<String> {
        let is_refresh = |text: &str| tokens_in(text).any(|token| token.kind == Kind::Refresh);
        let (now, ledger) = (self.time(), self.ledger.borrow());
        let view = &mut self.tabs.borrow_mut()[life.tab].view;
        let mut sees = |key: &String| {
            let prefix = key.replace(":row:", ":refresh:");
            let in_row = ledger.entries().any(|(name, row)| name == key && is_refresh(row));
            let mut in_vault = view.keys(&prefix, now).into_iter().filter_map(|key| view.get(&key, now));
            in_row || in_vault.any(|text| is_refresh(&text))
        };
        keys.iter().filter(|key| key.contains(":row:") && sees(key)).cloned().collect()
    }

    /// A page has seen the tokens that were `tellable` to it, unless storage has thrown meanwhile.
    pub(crate) fn has_seen(&self, life: Life, tellable: BTreeSet<String>, thrown: u64) {
        let seen = if self.thrown() == thrown { tellable } else { BTreeSet::new() };
        self.check.borrow_mut().tab(life).tellable = seen;
    }

    /// How often storage has thrown.
    pub(crate) fn thrown(&self) -> u64 {
        self.covered.borrow().get(THROWS).copied().unwrap_or_default()
    }

    /// Whether a page that writes this row ends a session of its own accord, and saw a refresh token of it.
    pub(crate) fn is_owed(&self, life: Life, key: &str, row: &str) -> bool {
        let is_own = |reason| row.contains(&format!(r#""reason":"{reason}""#));
        OWN_ENDS.into_iter().any(is_own) && self.check.borrow_mut().tab(life).tellable.contains(key)
    }

    /// At the end: the server has been told of each session that a page ended of its own accord, if the page saw a token of
    /// it and ran all the time since.
    pub(crate) fn check_owed(&self) {
        let check = self.check.borrow();
        let untold = check.families.iter().enumerate().find(|(at, family)| {
            let (Some(since), Some(life)) = (family.owed, family.ended_by) else { return false };
            let there = self.tabs.borrow()[life.tab].runs(life)
                && check.tabs.get(&life).is_some_and(|seen| seen.running_since <= since);
            let told = |call: &Call| call.path == "/logout" && call.token.is_some_and(|t| t.family == *at);
            let alive = self.server.borrow().families[*at].alive;
            there && alive && family.given_up.is_none() && !check.calls.iter().any(told)
        });
        let untold = untold.map(|(at, _)| at);
        drop(check);
        if let Some(family) = untold {
            self.violate(Invariant::NoOrphans, || {
                format!("family {family} lives on at the server, which nobody has told of its end")
            });
        }
    }
}
