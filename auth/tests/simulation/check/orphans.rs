//! What lives on at the server although its page is done with it.

use std::collections::BTreeSet;

use crate::check::{Call, Check, Family, Invariant};
use crate::storage::THROWS;
use crate::tasks::Life;
use crate::token::{Kind, tokens_in};
use crate::world::World;

/// The reasons for which a page ends a session of its own accord. An end by another custody is written as `logged_out`.
const OWN_ENDS: [&str; 2] = ["replaced", "logged_out"];

impl World {
    /// At the end: a login that came to nothing has left no session at the server, if its page got the answer and is
    /// still there.
    pub(crate) fn check_orphans(&self) {
        if self.is_token_only() {
            return;
        }
        self.none_is_left(|check, family| {
            let call = &check.calls[family.offered.filter(|_| !family.adopted)?];
            let over = call.operation.is_some_and(|id| check.operations[id].outcome.is_some());
            (over && !call.disturbed).then_some((call.life, call.at))
        });
    }

    /// No family lives on at the server if it is `of` a page that ran all the time since, and nobody has told the server of
    /// its end.
    fn none_is_left(&self, of: impl Fn(&Check, &Family) -> Option<(Life, u64)>) {
        let check = self.check.borrow();
        let left = check.families.iter().enumerate().find(|(at, family)| {
            let Some((life, since)) = of(&check, family) else { return false };
            let there = self.tabs.borrow()[life.tab].runs(life)
                && check.tabs.get(&life).is_some_and(|seen| seen.running_since <= since);
            let told = |call: &Call| call.path == "/logout" && call.token.is_some_and(|t| t.family == *at);
            there && self.server.borrow().families[*at].alive && !check.calls.iter().any(told)
        });
        let left = left.map(|(at, _)| at);
        drop(check);
        if let Some(family) = left {
            self.violate(Invariant::NoOrphans, || {
                format!("family {family} lives on at the server, and nobody has told it of the end")
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
    pub(crate) fn must_be_told(&self, life: Life, key: &str, row: &str) -> bool {
        let is_own = |reason| row.contains(&format!(r#""reason":"{reason}""#));
        OWN_ENDS.into_iter().any(is_own) && self.check.borrow_mut().tab(life).tellable.contains(key)
    }

    /// At the end: the server has been told of each session that a page ended of its own accord, if the page saw a token of
    /// it and ran all the time since.
    pub(crate) fn check_ends_told(&self) {
        self.none_is_left(|_, family| {
            let since = family.to_tell.filter(|_| family.given_up.is_none())?;
            Some((family.ended_by?, since))
        });
    }
}
