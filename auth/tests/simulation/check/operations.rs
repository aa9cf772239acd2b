//! The user's calls: liveness; and whose answer is shown.

use auth::{Answer, Error, Instant, State};

use crate::check::Invariant;
use crate::check::person::person;
use crate::check::silence::OPENING;
use crate::options::Class;
use crate::tasks::Life;
use crate::world::World;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Send,
    Login,
    /// The page came back.
    Look,
}

/// What a call of the user's ended with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Outcome {
    Answer(u16),
    Done,
    Error(Error),
    /// Its tab died or nobody waited any longer.
    Gone,
}

pub(crate) struct Operation {
    pub(crate) life: Life,
    kind: Kind,
    /// Who was signed in when it was made.
    pub(crate) user: Option<String>,
    /// How long the tab had run.
    began: u64,
    /// When, by the device's clocks.
    pub(crate) at: Instant,
    pub(crate) outcome: Option<Outcome>,
    /// Another call of its tab was under way in the same time.
    pub(crate) overlapped: bool,
    /// Another login was under way in the same time, in any tab.
    pub(crate) contested: bool,
}

impl Operation {
    pub(crate) fn is_login(&self) -> bool {
        self.kind == Kind::Login
    }
}

/// Constants table: the longest wait for refreshes and the request's own deadline, each for three tries at most.
const SEND_BOUND: u64 = 3 * (15_000 + 30_000);
/// The login's deadline, and transactions that are tried again.
const LOGIN_BOUND: u64 = 30_000 + 10_000;
/// Transactions, a few after another if something changes meanwhile.
const LOOK_BOUND: u64 = 8_000;
/// A page that restores reads the ledger for 15 s and asks the server for 15 s at most. The look under way at each of the two
/// bounds ends later, by one transaction (2 s) and one pause (250 ms).
const RESTORE_BOUND: u64 = 30_000 + 2 * (2_000 + 250);
/// For what a call waits for besides: grants, transactions, a busy page.
const MARGIN: u64 = 2_000;

impl World {
    pub(crate) fn begin(&self, life: Life, kind: Kind, state: &State) -> usize {
        let user = match state {
            State::SignedIn { user: Some(user), .. } => Some(person(user)),
            _ => None,
        };
        let began = self.tabs.borrow()[life.tab].ran(self.monotonic());
        let mut check = self.check.borrow_mut();
        let id = check.operations.len();
        let of_life: Vec<usize> =
            check.open.iter().copied().filter(|open| check.operations[*open].life == life).collect();
        let overlapped = !of_life.is_empty();
        of_life.into_iter().for_each(|open| check.operations[open].overlapped = true);
        let open = check.open.clone();
        let logins =
            open.into_iter().filter(|open| kind == Kind::Login && check.operations[*open].is_login());
        let logins: Vec<usize> = logins.collect();
        let contested = !logins.is_empty();
        logins.into_iter().for_each(|open| check.operations[open].contested = true);
        let at = self.now();
        let outcome = None;
        check.operations.push(Operation { life, kind, user, began, at, outcome, overlapped, contested });
        check.open.push(id);
        id
    }

    pub(crate) fn end(&self, id: usize, outcome: Outcome) {
        let mut check = self.check.borrow_mut();
        if check.operations[id].outcome.is_some() {
            return;
        }
        let (life, kind) = (check.operations[id].life, check.operations[id].kind);
        if kind == Kind::Login {
            let family =
                check.calls.iter().rev().find(|call| call.operation == Some(id)).and_then(|call| call.login);
            let well = outcome == Outcome::Done;
            if let Some(family) = family {
                check.family(family).adopted = well;
                if well {
                    check.last_login.insert(self.app(life), family);
                    check.tab(life).family = Some(family);
                }
            }
        }
        let entered =
            if kind == Kind::Login && outcome == Outcome::Done { check.tab(life).family } else { None };
        check.operations[id].outcome = Some(outcome.clone());
        let made =
            check.calls.iter().rev().find(|call| call.operation == Some(id)).and_then(|call| call.login);
        let last = check.calls.iter().rev().find(|call| call.operation == Some(id));
        let waited = last.and_then(|call| call.late).is_some_and(|at| at < self.time());
        check.open.retain(|open| *open != id);
        drop(check);
        self.cover(match &outcome {
            Outcome::Answer(200) => "call: answered",
            Outcome::Answer(_) => "call: another status",
            Outcome::Done if kind == Kind::Look => "call: looked",
            Outcome::Done => "call: logged in",
            Outcome::Gone => "call: gone",
            Outcome::Error(error) if error.session_lives() => "call: error, session lives",
            Outcome::Error(_) => "call: error, session over",
        });
        self.note(life.tab, || format!("{kind:?} {id}: {outcome:?}"));
        if kind == Kind::Login {
            self.check_unopened(id, life, made, &outcome);
        }
        entered.into_iter().for_each(|family| self.expect_switch(id, family));
        if waited && outcome != Outcome::Gone {
            self.violate(Invariant::Using, || "a late 401 waits, although a newer token is there".to_owned());
        }
        if kind == Kind::Login && outcome == Outcome::Error(Error::TimedOut) {
            self.check_login_time(id);
        }
        if kind == Kind::Send && outcome != Outcome::Gone {
            self.check_effort(id, &outcome);
        }
        if let Some(client) = self.tabs.borrow()[life.tab].client.as_ref() {
            self.check_text("Debug of a client", &format!("{client:?}"), true);
        }
        if let Outcome::Error(error) = &outcome {
            self.check_text("an error", &format!("{error:?} {error}"), true);
        }
    }

    /// Whether the call's page was frozen or busy since the call began.
    pub(crate) fn stood_still(&self, id: usize) -> bool {
        let now = self.monotonic();
        let check = self.check.borrow();
        let Operation { life, began, at, .. } = check.operations[id];
        let ran = self.tabs.borrow()[life.tab].ran(now).saturating_sub(began);
        ran < now.saturating_sub(at.monotonic)
    }

    /// "A's late answer is never shown to B", nor to nobody: judged in the task that gets it.
    pub(crate) fn check_answer(&self, id: usize, answer: &Answer, state: &State) {
        let of =
            std::str::from_utf8(&answer.body).ok().and_then(|body| body.split('"').nth(3)).map(str::to_owned);
        if answer.status != 200 {
            return;
        }
        let as_user = self.check.borrow().operations[id].user.clone();
        let (Some(of), true) = (of, answer.body.starts_with(b"{")) else { return };
        if as_user.as_ref().is_some_and(|as_user| *as_user != of) {
            self.violate(Invariant::NoCrossing, || format!("the answer to {as_user:?}'s call is {of}'s"));
        }
        match state {
            State::SignedIn { user: Some(user), .. } if person(user) != of => {
                self.violate(Invariant::NoCrossing, || {
                    format!("{of}'s answer is given to a page that shows {user}")
                });
            }
            State::SignedOut(_) => {
                self.violate(Invariant::NoResurrection, || {
                    format!("{of}'s answer is given to a page that is signed out")
                });
            }
            _ => {}
        }
    }

    /// A login's call, so that its answer can be told from others.
    pub(crate) fn operation_of_login(&self, life: Life) -> Option<usize> {
        let mut check = self.check.borrow_mut();
        let open = check.open.clone();
        let mine = open.into_iter().rev().find(|id| {
            let operation = &check.operations[*id];
            operation.life == life && operation.kind == Kind::Login
        });
        check.tab(life);
        mine
    }

    pub(crate) fn died(&self, life: Life) {
        let open: Vec<usize> = {
            let mut check = self.check.borrow_mut();
            check.disturb(life);
            check.tab(life).restoring = None;
            let of = |id: &&usize| check.operations[**id].life == life;
            check.open.iter().filter(of).copied().collect()
        };
        open.into_iter().for_each(|id| self.end(id, Outcome::Gone));
    }

    /// Liveness: every call ends within its bound while its tab runs. Looked at whenever time passes.
    pub(crate) fn overdue(&self) {
        let tabs = self.tabs.borrow();
        let check = self.check.borrow();
        let slow = if self.options.has(Class::TimersLate) { 12_000 } else { 0 };
        // A transaction that begins just before a bound ends after it.
        let slow = slow + if self.options.has(Class::LedgerSilent) { 2 * OPENING } else { 0 };
        let ran = |life: Life| tabs[life.tab].ran(self.monotonic());
        let late = check.open.iter().find(|id| {
            let operation = &check.operations[**id];
            let bound = match operation.kind {
                Kind::Send => SEND_BOUND,
                Kind::Login => LOGIN_BOUND,
                Kind::Look => LOOK_BOUND,
            };
            tabs[operation.life.tab].runs(operation.life)
                && ran(operation.life) > operation.began + bound + MARGIN + slow
        });
        if let Some(id) = late {
            let (tab, kind) = (check.operations[*id].life.tab, check.operations[*id].kind);
            return self.violate(Invariant::Liveness, || format!("{kind:?} {id} in tab {tab} does not end"));
        }
        for (at, tab) in tabs.iter().enumerate().filter(|(_, tab)| tab.open) {
            let seen = check.tabs.get(&tab.life(at));
            let since = seen.and_then(|seen| seen.restoring);
            if since.is_some_and(|since| ran(tab.life(at)) > since + RESTORE_BOUND + MARGIN + slow) {
                return self.violate(Invariant::Liveness, || format!("tab {at} restores for ever"));
            }
        }
    }
}
