//! A redeploy that changes where the refresh token lies. Pages see it when they load.

use auth::{Custody, EndReason, RefreshCustody, State};

use crate::check::newer::is_newer;
use crate::check::{Call, Invariant};
use crate::options::Class;
use crate::tasks::Life;
use crate::token::{Kind, tokens_in};
use crate::world::World;

/// Storage shows each tab by then what another tab has written.
const SEEN: u64 = 1_000;

/// Why a page without custody ends a session.
pub(crate) const NO_LONGER_KEPT: &str = "no longer kept";

/// A page without custody found a session that an earlier deployment stored.
pub(crate) struct Found {
    life: Life,
    family: usize,
    /// Its tab holds another session, which it goes on with. So it has no reason to show.
    has_own: bool,
    at: u64,
}

impl World {
    /// Where the tab's page keeps its tokens.
    pub(crate) fn custody_of(&self, life: Life) -> Custody {
        self.tabs.borrow()[life.tab].custody
    }

    /// Where a page that loads now keeps its tokens.
    pub(crate) fn deployed(&self) -> Custody {
        self.deployments.borrow().last().copied().unwrap_or_default()
    }

    /// Whether a page may keep its session to itself.
    pub(crate) fn has_deployed_memory(&self) -> bool {
        self.deployments.borrow().iter().any(|custody| custody.refresh == RefreshCustody::Memory)
    }

    /// Whether a page with this custody ends the family, if an earlier deployment stored it.
    fn keeps_no_more(&self, refresh: RefreshCustody, family: usize) -> bool {
        let in_cookie = self.server.borrow().families[family].in_cookie.is_some();
        self.options.has(Class::Redeploy)
            && match refresh {
                RefreshCustody::Memory => true,
                RefreshCustody::Cookie => !in_cookie,
                RefreshCustody::Local | RefreshCustody::Database => false,
            }
    }

    /// A page loads, whose tab holds the session `held`. If it keeps no such sessions, it ends the one that an earlier
    /// deployment stored.
    pub(crate) fn deployed_to(&self, life: Life, held: Option<usize>) {
        let refresh = self.deployed().refresh;
        let judged = self.stored_session(life).filter(|family| self.keeps_no_more(refresh, *family));
        let judged = judged.filter(|family| self.can_end_stored(*family));
        let mut check = self.check.borrow_mut();
        let own = check.families.iter_mut().enumerate().filter(|(at, _)| self.is_of_app(life, *at));
        let own = own.filter(|(at, family)| !family.in_memory && self.keeps_no_more(refresh, *at));
        for (_, family) in own {
            family.ends.insert(NO_LONGER_KEPT);
        }
        let has_own = |family| held.is_some_and(|held| held != family);
        check.found.extend(judged.map(|family| Found {
            life,
            family,
            has_own: has_own(family),
            at: self.time(),
        }));
    }

    /// A page without custody ends `family`, if it is one that another page stored: perhaps after this page loaded.
    pub(crate) fn ends_stored(&self, life: Life, family: usize) {
        let without = self.keeps_no_more(self.custody_of(life).refresh, family);
        let mut check = self.check.borrow_mut();
        let family = check.family(family);
        if without && !family.in_memory {
            family.ends.insert(NO_LONGER_KEPT);
        }
    }

    /// The session that the ledger shows to a page that loads.
    fn stored_session(&self, life: Life) -> Option<usize> {
        let scope = format!("yew-jwt-auth:{}:now", self.app(life).base());
        let ledger = self.ledger.borrow();
        let (_, now) = ledger.entries().find(|(key, now)| key.starts_with(&scope) && !is_newer(now))?;
        let sid = now.split_once("\"sid\":\"")?.1.split('"').next()?;
        let family = self.check.borrow().names.get(sid).copied()?;
        let live = |(key, row): (&str, &str)| key.ends_with(sid) && !row.contains("\"ended\":{");
        ledger.entries().any(|(key, row)| key.contains(":row:") && live((key, row))).then_some(family)
    }

    /// Whether a page that loads now can read the ledger and the newest token.
    fn can_end_stored(&self, family: usize) -> bool {
        let check = self.check.borrow();
        let of_family = |call: &&Call| call.token.is_some_and(|token| token.family == family);
        let under_way = |call: &&Call| call.outcome == super::Answered::NotYet && call.path != "/logout";
        let quiet = !check.calls.iter().filter(of_family).any(|call| under_way(&call));
        let of_token = |text: &str| tokens_in(text).any(|t| t.kind == Kind::Refresh && t.family == family);
        let profile = self.profile.borrow();
        let settled =
            profile.written().filter(|(_, text)| of_token(text)).all(|(at, _)| at + SEEN <= self.time());
        let kept = self.kept_since(|token| token.family == family).is_some();
        let sound = self.ledger_and_storage_are_sound();
        sound && quiet && settled && kept && check.families[family].ends.is_empty()
    }

    /// At the end: the server has been told, and the page has said why its user has to log in again.
    pub(crate) fn check_found(&self) {
        let found = std::mem::take(&mut self.check.borrow_mut().found);
        for Found { life, family, has_own, at } in found {
            if !self.tabs.borrow()[life.tab].runs(life) {
                continue;
            }
            let mut check = self.check.borrow_mut();
            // A page that stood still, or whose user logged in or out meanwhile, has said something else.
            let seen = check.tab(life);
            let left = seen.logged_out || seen.leaving || seen.left.contains(&family);
            let alone = seen.running_since <= at && !left;
            let alone = alone && !check.operations.iter().any(|of| of.life == life && of.is_login());
            let told = |call: &Call| call.path == "/logout" && call.token.is_some_and(|t| t.family == family);
            let told = check.calls.iter().any(told);
            // Of two pages that load at once one ends the session, and the other finds it ended.
            let by_another = check.family(family).ended_by.is_some_and(|by| by != life);
            let said = by_another || check.tab(life).reasons.contains(&EndReason::NoLongerKept);
            drop(check);
            if !alone || self.is_given_up(family) {
                continue;
            }
            if self.server.borrow().families[family].alive && !told {
                self.violate(Invariant::NoResurrection, || {
                    format!("tab {} keeps no sessions, and family {family} lives on at the server", life.tab)
                });
            }
            if !said && !has_own {
                self.violate(Invariant::NoSpuriousLogout, || {
                    format!("tab {} does not say why family {family} is over", life.tab)
                });
            }
        }
    }

    /// At the end: the refresh token lies where the last deployment keeps it, and nowhere else.
    pub(crate) fn check_moved(&self) {
        let refresh = self.deployed().refresh;
        let shared = self.options.custody.refresh != RefreshCustody::Memory && !self.has_deployed_memory();
        // A token that does not change does not tell which commit was the last.
        let judged = shared && self.rotates() && self.pages_move_all();
        if !self.options.has(Class::Redeploy) || !judged {
            return;
        }
        let check = self.check.borrow();
        let last: Vec<usize> = check.last_login.values().copied().collect();
        for family in last {
            let of = &check.families[family];
            let Some(completed) = of.completed.filter(|_| of.ends.is_empty() && !of.in_memory) else {
                continue;
            };
            // A page that loaded after the last commit has moved the token.
            let tabs = self.open_tabs().into_iter().map(|tab| self.life(tab));
            let moved = tabs.filter(|life| self.is_of_app(*life, family)).any(|life| {
                let seen = check.tabs.get(&life);
                let loaded = seen.map_or(0, |seen| seen.running_since);
                self.custody_of(life).refresh == refresh && loaded > completed.at + SEEN
            });
            let holds = |text: &str| tokens_in(text).any(|t| t.kind == Kind::Refresh && t.family == family);
            let left = match refresh {
                RefreshCustody::Local => self.ledger.borrow().values().any(holds),
                RefreshCustody::Database | RefreshCustody::Cookie | RefreshCustody::Memory => {
                    self.profile.borrow().values().any(holds)
                }
            };
            if moved && left {
                return self.violate(Invariant::Containment, || {
                    format!("a redeploy to {refresh:?} leaves the token of family {family} where it was")
                });
            }
        }
    }

    /// Whether nothing keeps a page that loads from moving the token and removing what it moved.
    fn pages_move_all(&self) -> bool {
        use Class::{Busy, Crash, Freeze, Kill, LedgerAborts, Sleep, StorageFull, StorageLate};
        let stops = [Busy, Crash, Freeze, Kill, LedgerAborts, Sleep, StorageFull, StorageLate];
        self.ledger_and_storage_are_sound() && !stops.into_iter().any(|class| self.options.has(class))
    }

    fn ledger_and_storage_are_sound(&self) -> bool {
        use Class::{
            CrashLedger, LedgerBlocked, LedgerDenied, LedgerSilent, StorageDenied, StorageThrows,
            StorageVeryLate, StorageWiped,
        };
        let faults = [
            CrashLedger,
            LedgerBlocked,
            LedgerDenied,
            LedgerSilent,
            StorageDenied,
            StorageThrows,
            StorageVeryLate,
            StorageWiped,
        ];
        !faults.into_iter().any(|class| self.options.has(class))
    }

    /// Remembers why the page said that its session ended.
    pub(crate) fn note_reason(&self, life: Life, state: &State) {
        if let State::SignedOut(Some(reason)) = state {
            self.check.borrow_mut().tab(life).reasons.push(*reason);
        }
    }
}
