//! No spurious logout; and the half of "no resurrection" that concerns what is shown.

use auth::{EndReason, State};

use crate::check::newer::is_newer;
use crate::check::person::person;
use crate::check::{Answered, Call, Invariant};
use crate::options::Rotation;
use crate::tasks::Life;
use crate::token::{Kind, Token, tokens_in};
use crate::world::World;

impl World {
    pub(crate) fn loaded(&self, life: Life) {
        let of_app = |family: &usize| self.is_of_app(life, *family);
        let newest = |text: &str| tokens_in(text).map(|token| token.family).filter(of_app).max();
        let own = self.tabs.borrow()[life.tab].session.values().filter_map(|text| newest(text)).max();
        self.deployed_to(life, own);
        // The other app's notes say nothing about this one's user.
        let scope = format!("yew-jwt-auth:{}:", self.app(life).base());
        let of_scope = |(key, note): &(&String, &String)| key.starts_with(&scope) && !is_newer(note);
        let notes: Vec<String> = self.tabs.borrow()[life.tab]
            .session
            .iter()
            .filter(of_scope)
            .map(|(_, note)| note.clone())
            .collect();
        let stored: Vec<usize> = self.profile.borrow().values().filter_map(newest).collect();
        let now = self.time();
        let mut check = self.check.borrow_mut();
        // The vault only holds, the ledger decides: an entry whose login is not committed is no session yet.
        let shared = stored.into_iter().filter(|family| check.family(*family).entered).max();
        // A tab that notes another user asks for this one, "nothing is adopted silently", and has lost nothing.
        let shared = shared.filter(|family| {
            let user = format!(r#""user":"{}""#, check.family(*family).user);
            notes.iter().all(|note| person(note).contains(&user))
        });
        let seen = check.tab(life);
        seen.family = own.or(shared);
        seen.running_since = now;
    }

    /// A tab's state changed, as its user sees it.
    pub(crate) fn shows(&self, life: Life, state: &State) {
        let ran = self.tabs.borrow()[life.tab].ran(self.monotonic());
        let mut check = self.check.borrow_mut();
        let seen = check.tab(life);
        if seen.shown.as_ref() == Some(state) {
            return;
        }
        seen.shown = Some(state.clone());
        seen.restoring = matches!(state, State::Restoring).then_some(ran);
        let (family, left) = (seen.family, seen.logged_out);
        let ends = match family {
            Some(family) => check.family(family).ends.clone(),
            None => {
                let own = check.families.iter().enumerate().filter(|(at, _)| self.is_of_app(life, *at));
                own.flat_map(|(_, family)| family.ends.clone()).collect()
            }
        };
        drop(check);
        self.check_text("Debug of a state", &format!("{state:?}"), true);
        self.note(life.tab, || format!("shows {state:?}"));
        self.note_reason(life, state);
        self.check_newer_shown(life, state);
        self.check_user(life, state);
        self.check_stranger(life, state);
        let reason = match state {
            State::SignedOut(Some(reason)) => *reason,
            State::SignedInElsewhere { .. } => EndReason::ReplacedElsewhere,
            _ => return,
        };
        self.cover("signed out");
        let expired = self.ends_by_time(family);
        if ends.is_empty() && !left && !expired && !self.may_lose(Some(life), family) {
            self.violate(Invariant::NoSpuriousLogout, || {
                format!(
                    "tab {} is signed out ({reason:?}) of family {family:?}, which nothing ended",
                    life.tab
                )
            });
        }
        // "signed out for your safety": only if somebody else did hold a token.
        let stolen = self.check.borrow().families.iter().any(|family| family.stolen);
        if reason == EndReason::Reuse
            && self.rotation() == Rotation::Idempotent
            && !stolen
            && !self.may_lose(Some(life), family)
        {
            self.violate(Invariant::NoSpuriousLogout, || {
                format!("tab {} says that somebody else holds its session, and nobody does", life.tab)
            });
        }
    }

    /// A second after a logout was made known: no live tab shows the session.
    pub(crate) fn check_shown_after_logout(&self, family: usize) {
        if self.is_given_up(family) {
            // A crash may have taken the logout out of the ledger within that second.
            return;
        }
        let (since, user) = {
            let mut check = self.check.borrow_mut();
            let family = check.family(family);
            (family.news().unwrap_or_default(), family.user.clone())
        };
        // Another session of the same user shows the same, if it lives or has ended in the second that a tab has.
        let lives = |over: Option<u64>| over.is_none_or(|over| over + 1_200 > self.time());
        let app = self.app_of(family);
        let again = self
            .check
            .borrow()
            .families
            .iter()
            .enumerate()
            .any(|(at, f)| f.user == user && lives(f.over) && self.app_of(at) == app);
        let lives: Vec<Life> = {
            let tabs = self.tabs.borrow();
            tabs.iter()
                .enumerate()
                .map(|(at, tab)| tab.life(at))
                .filter(|life| tabs[life.tab].runs(*life))
                .collect()
        };
        for life in lives {
            let mut check = self.check.borrow_mut();
            if check.family(family).is_foreign_to(life) || !self.is_of_app(life, family) {
                continue;
            }
            let seen = check.tab(life);
            let shown = matches!(&seen.shown, Some(State::SignedIn { user: Some(shown), .. }) if person(shown) == user);
            let stale = shown && seen.family == Some(family) && seen.running_since <= since && !again;
            drop(check);
            if stale {
                self.violate(Invariant::NoResurrection, || {
                    format!("tab {} shows family {family} long after its logout", life.tab)
                });
            }
        }
    }

    /// "Logout: … send logout with the last token", and "after a 409 also send logout with the own token": at the end,
    /// when everything that can be told has been, the server knows what a page says.
    pub(crate) fn check_told(&self) {
        if self.is_token_only() {
            return;
        }
        let running: Vec<Life> = {
            let tabs = self.tabs.borrow();
            let lives = tabs.iter().enumerate().map(|(at, tab)| tab.life(at));
            lives.filter(|life| tabs[life.tab].runs(*life)).collect()
        };
        for life in running {
            let check = self.check.borrow();
            let Some(seen) = check.tabs.get(&life) else { continue };
            let alive = |family: &usize| self.server.borrow().families[*family].alive;
            // Who is replaced by another login is told of by that login's page, which may be gone.
            let replaced = |family: &usize| check.families[*family].ends.contains("another login");
            let Some(family) = seen.family.filter(alive).filter(|family| !replaced(family)) else { continue };
            let told = |call: &Call| call.path == "/logout" && call.token.is_some_and(|t| t.family == family);
            let of = |call: &&Call| call.life == life && call.token.is_some_and(|t| t.family == family);
            let mut own = check.calls.iter().filter(of);
            let untold = match &seen.shown {
                // "You are signed out" of what one was seen to log out of; the page says if it is so here only.
                Some(State::SignedOut(Some(EndReason::LoggedOut))) => {
                    !seen.logged_out && seen.left.contains(&family)
                }
                // A 409 to the token before says "lost", and may be about a theft all the same.
                Some(State::SignedOut(Some(EndReason::Reuse | EndReason::Lost))) => {
                    // One to an older token ends nothing: the session went on, and was lost in another way.
                    let newest = check.families[family].completed.map_or(0, |commit| commit.number);
                    let recent = |call: &Call| call.token.is_some_and(|token| token.number + 1 >= newest);
                    let last = own.rfind(|call| call.path == "/refresh").filter(|call| recent(call));
                    let spent = last.is_some_and(|call| call.outcome == Answered::Status(409));
                    spent && !check.calls.iter().any(told)
                }
                _ => false,
            };
            drop(check);
            if untold {
                self.violate(Invariant::NoResurrection, || {
                    format!("tab {} ended family {family}, which lives on at the server", life.tab)
                });
            }
        }
    }

    /// The server saw a spent token and ended the family.
    pub(crate) fn check_theft(&self, id: usize, token: Token) {
        self.cover("server: reuse detected");
        let check = self.check.borrow();
        let Token { family, number, .. } = token;
        let same: Vec<_> = check.calls.iter().filter(|call| call.token == Some(token)).collect();
        let stolen = check.families.get(family).is_some_and(|family| family.stolen);
        let left = check.families.get(family).is_some_and(|family| family.over.is_some());
        // "Against a server without idempotent rotation a lost answer can end a session": the answer that
        // brought the successor was lost, or its tab froze, died or slept, or the browser repeated the bytes.
        // But nobody may send the token while the call of a running tab is under way.
        // What the ledger did not take, the tab itself still knows, and the others cannot.
        let unheard = |at: usize| check.calls[at].unheard && check.calls[at].life != check.calls[id].life;
        let vain =
            |at: usize| check.calls[at].disturbed || check.calls[at].outcome == Answered::Lost || unheard(at);
        let first = check.calls.iter().position(|call| call.rotated && call.token == Some(token));
        // A request that was given up arrives after all, behind the one that followed it.
        let overtaken = first.is_some_and(|first| id < first && vain(id));
        let gamble = self.rotation() != Rotation::Idempotent
            && !same.iter().any(|call| call.clash)
            && (first.is_none_or(|first| first == id || vain(first)) || overtaken);
        drop(check);
        let excused = stolen || left || gamble || self.was_out_before(token) || self.is_given_up(family);
        if gamble {
            self.cover("gamble lost against a strict server");
        }
        self.check.borrow_mut().family(family).ends.insert("reuse detected");
        if !excused {
            self.violate(Invariant::SingleUse, || {
                format!("the server sees RT-{family}-{number} used twice and ends the session")
            });
        }
    }

    /// After a crash rolled storage back: which sessions can no longer be saved.
    pub(crate) fn judge_crash(&self) {
        if self.is_token_only() {
            return;
        }
        let count = self.check.borrow().families.len();
        for family in 0..count {
            // What a page keeps to itself is in no storage.
            if self.check.borrow_mut().family(family).in_memory {
                continue;
            }
            let highest = {
                let profile = self.profile.borrow();
                let ledger = self.ledger.borrow();
                let tokens = profile.values().chain(ledger.values()).flat_map(tokens_in);
                tokens.filter(|t| t.kind == Kind::Refresh && t.family == family).map(|t| t.number).max()
            };
            let current = self.server.borrow().current(family);
            let cause = match highest {
                None => "a crash lost its only token",
                // The document's step 2: the previous token with the previous key, no further back.
                Some(highest) if highest + 1 < current => "a crash lost two generations",
                Some(highest) if highest < current && self.rotation() != Rotation::Idempotent => {
                    "a crash lost its token"
                }
                Some(_) => continue,
            };
            self.check.borrow_mut().family(family).ends.insert(cause);
        }
    }
}
