//! A server that stops being idempotent. An older version of it refuses the header with the key, and takes each refresh
//! token once.

use crate::check::{Answered, Call, Invariant};
use crate::options::{Class, Rotation};
use crate::tasks::Life;
use crate::token::Token;
use crate::world::World;

/// How many questions without a token may follow an attempt that failed: three with a key, three without.
const QUESTIONS: usize = 6;

impl World {
    /// How the server rotates now.
    pub(crate) fn rotation(&self) -> Rotation {
        self.server.borrow().rotation
    }

    pub(crate) fn roll_back(&self) {
        if !self.has(Class::Rollback) || self.rolled_back.replace(true) {
            return;
        }
        self.cover("server rolled back");
        // A browser may remember a preflight that allowed the header. The older version ignores it.
        self.key_passes.set(self.chance.network.percent(50));
        self.server.borrow_mut().rotation = Rotation::Strict;
        let mut check = self.check.borrow_mut();
        check.calls.iter_mut().for_each(|call| call.before_rollback = true);
        // The answer to its last rotation did not arrive. Only a repeat could have brought it.
        for (at, family) in check.families.iter_mut().enumerate() {
            if family.received < self.server.borrow().current(at) {
                family.ends.insert("rolled back before its answer arrived");
            }
        }
        drop(check);
        // What storage lacks by now, only a repeat could have brought back.
        self.judge_crash();
    }

    /// Whether the browser's preflight keeps the server from seeing a request with this key.
    pub(crate) fn is_refused(&self, key: Option<&str>) -> bool {
        key.is_some() && self.rolled_back.get() && !self.key_passes.get()
    }

    /// Whether the server's change made the second use of the token: it was out before, and nobody can know what
    /// became of it.
    pub(crate) fn was_out_before(&self, token: Token) -> bool {
        let check = self.check.borrow();
        check
            .calls
            .iter()
            .any(|call| call.before_rollback && call.path == "/refresh" && call.token == Some(token))
    }

    /// A question about the header carries no token, and follows an attempt that failed.
    pub(crate) fn check_question(&self, life: Life) {
        self.cover("question without a token");
        let check = self.check.borrow();
        let own = || check.calls.iter().filter(|call| call.life == life && call.path == "/refresh");
        let asked = own().filter(|call| call.token.is_none()).count();
        let failed = |call: &&Call| call.token.is_some() && call.outcome == Answered::Lost;
        let failed = own().filter(failed).count();
        drop(check);
        if asked > QUESTIONS * failed {
            self.violate(Invariant::BoundedRate, || {
                format!("tab {} asks without a token more often than an attempt failed", life.tab)
            });
        }
    }
}
