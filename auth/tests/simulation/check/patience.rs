//! A slow server: how long the client waits for it, and what becomes of an answer that comes too late.

use crate::check::{Answered, Call, Invariant};
use crate::options::{Class, Rotation};
use crate::server::Deed;
use crate::world::World;

/// How long a login waits, and an attempt at a server where a repeat may end the session. Less what rounding takes.
const LONG: u64 = 29_500;
/// A server that answers after 25 s at most answers whoever waits for longer.
const LONG_ENOUGH: u64 = 25_500;
/// How often in a row an attempt may be given up sooner, where repeats do no harm: after 10 s, after 20 s, and again
/// after these where another tab did not hear of it.
const SHORT_ROUNDS: u32 = 4;

impl World {
    /// A call is given up. The client must have waited for as long as the call is worth.
    pub(crate) fn check_patience(&self, id: usize) {
        let check = self.check.borrow();
        let Call { ref path, token, sent, disturbed, before_rollback, .. } = check.calls[id];
        let waited = self.monotonic().saturating_sub(sent.monotonic);
        let (login, refresh) = (path == "/token", path == "/refresh" && token.is_some());
        drop(check);
        if disturbed || before_rollback {
            return;
        }
        let once = matches!(self.rotation(), Rotation::Strict | Rotation::Grace(_));
        if login && waited < LONG {
            self.violate(Invariant::Liveness, || format!("a login is given up after {waited} ms"));
        }
        if refresh && once && waited < LONG {
            self.violate(Invariant::Liveness, || {
                format!("a refresh is given up after {waited} ms at a server that takes its token once")
            });
        }
        if let Some(token) = token.filter(|_| refresh && !once && waited < LONG_ENOUGH) {
            self.count_short_round(token.family, id);
        }
    }

    /// A login's caller hears that the answer took too long. A slow server has 30 s. A 408 says the same sooner, and a
    /// page that stood still hears it when it goes on.
    pub(crate) fn check_login_time(&self, id: usize) {
        let stood_still = self.stood_still(id);
        let check = self.check.borrow();
        let said = |call: &Call| call.operation == Some(id) && matches!(call.outcome, Answered::Status(_));
        let said = check.calls.iter().any(said);
        let waited = self.monotonic().saturating_sub(check.operations[id].at.monotonic);
        drop(check);
        if waited < LONG && !stood_still && !said {
            self.violate(Invariant::Liveness, || format!("a login ends as too slow after {waited} ms"));
        }
    }

    /// Attempts that were under way at the same time are one round.
    fn count_short_round(&self, family: usize, id: usize) {
        let now = self.time();
        let mut check = self.check.borrow_mut();
        let began = check.calls[id].at;
        let of = check.family(family);
        let (rounds, last) = of.given_up_soon;
        if began < last {
            return;
        }
        of.given_up_soon = (rounds + 1, now);
        drop(check);
        let stops = [Class::LedgerAborts, Class::LedgerBlocked, Class::LedgerSilent]
            .into_iter()
            .any(|class| self.options.has(class));
        if rounds >= SHORT_ROUNDS && !stops {
            self.violate(Invariant::Liveness, || {
                format!("family {family} gives up each time before a slow server can answer")
            });
        }
    }

    /// A refresh ended before its deadline, so the next time-out is the first in a row.
    pub(crate) fn learn_patience(&self, family: usize) {
        self.check.borrow_mut().family(family).given_up_soon.0 = 0;
    }

    /// The server's answer will reach the page, unless the page goes.
    pub(crate) fn will_answer(&self, id: usize, deed: &Deed) {
        if let Deed::LoggedIn { family } = *deed {
            self.check.borrow_mut().family(family).offered = Some(id);
        }
    }
}
