//! A database that the browser does not open. The platform gives each transaction up as broken, and a login goes on in
//! its tab alone.

use auth::{Error, LedgerError, State};

use crate::check::{Invariant, Outcome};
use crate::options::Class;
use crate::slot::Slot;
use crate::tasks::{Life, Owner};
use crate::world::World;

/// How long the platform waits for the database to open.
pub(crate) const OPENING: u64 = 1_600;
/// How many pages of a hundred are not served.
const SHARE: u64 = 40;

impl World {
    /// Until when the database does not open for a page that loads now.
    pub(crate) fn draw_silence(&self) -> u64 {
        let rng = &self.chance.pauses;
        if !self.has(Class::LedgerSilent) || !rng.percent(SHARE) {
            return 0;
        }
        self.cover("database not opened");
        self.time() + *rng.pick(&[3_000, 20_000, 120_000, 36_000_000])
    }

    fn is_silent(&self, life: Life) -> bool {
        !self.healed.get() && self.tabs.borrow()[life.tab].silent_until > self.time()
    }

    /// Fails a transaction if the database does not open for its page.
    pub(crate) fn fails_unopened<T: 'static>(&self, life: Life, slot: &Slot<Result<T, LedgerError>>) -> bool {
        let silent = self.is_silent(life);
        if silent {
            self.check.borrow_mut().ledger_failed(life);
            let broken = slot.clone();
            self.after(OPENING, Owner::Tab(life), move |_| broken.fill(Err(LedgerError::Broken)));
        }
        silent
    }

    /// A login ends. If the ledger does not have it, it is the tab's alone, and the page says so.
    pub(crate) fn check_unopened(&self, id: usize, life: Life, family: Option<usize>, outcome: &Outcome) {
        if !self.options.has(Class::LedgerSilent) {
            return;
        }
        // A page that stood still has let its own deadline pass, and cannot know.
        let silent = self.is_silent(life) && !self.stood_still(id);
        if *outcome == Outcome::Error(Error::StorageSilent) && silent {
            self.violate(Invariant::Liveness, || {
                format!("a login in tab {} is taken back, although the ledger is broken", life.tab)
            });
        }
        let Some(family) = family.filter(|_| *outcome == Outcome::Done) else { return };
        let mut check = self.check.borrow_mut();
        let family_at = check.family(family);
        let alone = !family_at.entered;
        family_at.in_memory |= alone;
        drop(check);
        let state = self.client(life.tab).map(|client| client.state());
        let kept = matches!(state, Some(State::SignedIn { kept: true, .. }));
        if alone && kept && !self.has_deployed_memory() && !self.is_token_only() {
            self.violate(Invariant::Notice, || {
                format!("a reload loses family {family}, and the page does not say so")
            });
        }
    }
}
