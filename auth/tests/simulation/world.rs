//! The world: true time, the device's clocks, and the loop that lets one thing happen after the other.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::future::Future;
use std::rc::Rc;
use std::task::Context;

use auth::{Custody, Instant};
use futures_util::FutureExt as _;

use crate::check::{Check, Invariant};
use crate::cookies::Jar;
use crate::ledger::Ledger;
use crate::locks::Locks;
use crate::network::Network;
use crate::options::{Class, Options};
use crate::rng::Rng;
use crate::server::Server;
use crate::storage::Profile;
use crate::tab::Tab;
use crate::tasks::{Life, Owner, Tasks};
use crate::timeline::{self, Line};

/// 2026-01-01, in milliseconds.
const EPOCH: u64 = 1_767_225_600_000;

/// What a seed's run ends with if a rule was broken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Violation {
    pub(crate) invariant: Invariant,
    pub(crate) text: String,
    pub(crate) at: u64,
}

#[derive(Clone)]
pub(crate) struct World(Rc<Inner>);

pub(crate) struct Inner {
    pub(crate) options: Options,
    time: Cell<u64>,
    /// What the monotonic clock missed.
    slept: Cell<u64>,
    /// How far the wall clock is off.
    pub(crate) skew: Cell<i64>,
    /// The server is an older version by now, which is not idempotent.
    pub(crate) rolled_back: Cell<bool>,
    /// Whether the rolled back server's preflight lets the key's header through.
    pub(crate) key_passes: Cell<bool>,
    /// Where pages keep their tokens, by deployment. The last one counts for a page that loads now.
    pub(crate) deployments: RefCell<Vec<Custody>>,
    /// Set when all faults are over and the rest must come right.
    pub(crate) healed: Cell<bool>,
    pub(crate) chance: Chance,
    pub(crate) tasks: RefCell<Tasks>,
    pub(crate) tabs: RefCell<Vec<Tab>>,
    /// The browser's cookies.
    pub(crate) jar: RefCell<Jar>,
    pub(crate) profile: RefCell<Profile>,
    pub(crate) ledger: RefCell<Ledger>,
    pub(crate) locks: RefCell<Locks>,
    pub(crate) network: RefCell<Network>,
    pub(crate) server: RefCell<Server>,
    pub(crate) check: RefCell<Check>,
    pub(crate) covered: RefCell<BTreeMap<&'static str, u64>>,
    timeline: Option<RefCell<Vec<Line>>>,
    violation: RefCell<Option<Violation>>,
    pub(crate) steps: Cell<u64>,
}

/// One stream of chance for each part of the world.
pub(crate) struct Chance {
    pub(crate) schedule: Rng,
    pub(crate) network: Rng,
    pub(crate) storage: Rng,
    pub(crate) ledger: Rng,
    pub(crate) messages: Rng,
    pub(crate) timers: Rng,
    pub(crate) random: Rng,
    pub(crate) pauses: Rng,
}

impl std::ops::Deref for World {
    type Target = Inner;

    fn deref(&self) -> &Inner {
        &self.0
    }
}

impl World {
    pub(crate) fn new(seed: u64, options: Options, traced: bool) -> Self {
        let rng = |stream| Rng::new(seed, stream);
        Self(Rc::new(Inner {
            time: Cell::new(1_000),
            slept: Cell::new(0),
            skew: Cell::new(0),
            rolled_back: Cell::new(false),
            key_passes: Cell::new(false),
            deployments: RefCell::new(vec![options.custody]),
            healed: Cell::new(false),
            chance: Chance {
                schedule: rng(10),
                network: rng(11),
                storage: rng(12),
                ledger: rng(13),
                messages: rng(14),
                timers: rng(15),
                random: rng(16),
                pauses: rng(17),
            },
            tasks: RefCell::default(),
            tabs: RefCell::default(),
            profile: RefCell::default(),
            jar: RefCell::default(),
            ledger: RefCell::default(),
            locks: RefCell::default(),
            network: RefCell::default(),
            server: RefCell::new(Server::new(&options)),
            check: RefCell::new(Check::default()),
            covered: RefCell::default(),
            timeline: traced.then(RefCell::default),
            violation: RefCell::default(),
            steps: Cell::new(0),
            options,
        }))
    }

    /// Whether faults of `class` happen now.
    pub(crate) fn has(&self, class: Class) -> bool {
        self.options.has(class) && !self.healed.get()
    }

    // Time.

    /// True time in milliseconds: the server's.
    pub(crate) fn time(&self) -> u64 {
        self.time.get()
    }

    pub(crate) fn monotonic(&self) -> u64 {
        self.time.get() - self.slept.get()
    }

    pub(crate) fn now(&self) -> Instant {
        let wall = (EPOCH + self.time()).saturating_add_signed(self.skew.get());
        Instant { monotonic: self.monotonic(), wall }
    }

    /// Calls `action` after so many milliseconds. Among those of one moment the seed chooses.
    pub(crate) fn after(&self, delay: u64, owner: Owner, action: impl FnOnce(&Self) + 'static) {
        let tie = self.chance.schedule.next();
        self.tasks.borrow_mut().at(self.time() + delay, tie, owner, Box::new(action));
    }

    /// The laptop is closed: nothing of it runs, and its monotonic clock stands still. The server goes on.
    pub(crate) fn sleep(&self, milliseconds: u64) {
        let until = self.time() + milliseconds;
        let events = self.tasks.borrow_mut().all_events();
        for mut event in events {
            if event.owner != Owner::Elsewhere {
                event.at += milliseconds;
            }
            self.tasks.borrow_mut().put_back(event);
        }
        while self.tasks.borrow().next_at().is_some_and(|at| at <= until) {
            let Some(event) = self.tasks.borrow_mut().next_event() else { break };
            self.time.set(event.at.max(self.time()));
            if event.owner == Owner::Elsewhere {
                (event.action)(self);
            } else {
                // Caused by the server during the sleep: the device learns of it when it wakes.
                let at = until;
                self.after(at - self.time(), event.owner, event.action);
                if self.time() >= until {
                    break;
                }
            }
        }
        self.time.set(until);
        self.slept.set(self.slept.get() + milliseconds);
    }

    // Steps.

    /// Lets one thing happen; whether anything could before `until`.
    pub(crate) fn step(&self, until: u64) -> bool {
        self.tasks.borrow_mut().collect_ready();
        let candidates = {
            let tabs = self.tabs.borrow();
            self.tasks.borrow().candidates(|life| tabs[life.tab].runs(life))
        };
        let next = self.tasks.borrow().next_at();
        let due = next.is_some_and(|at| at <= self.time());
        let choices = candidates.len() as u64 + u64::from(due);
        if choices == 0 {
            let Some(at) = next.filter(|at| *at <= until) else { return false };
            self.time.set(at.max(self.time()));
            self.overdue();
            return true;
        }
        self.steps.set(self.steps.get() + 1);
        match candidates.get(self.chance.schedule.below(choices) as usize) {
            Some(position) => self.poll(*position),
            None => self.happen(),
        }
        true
    }

    pub(crate) fn run_until(&self, until: u64) {
        while !self.is_over() && self.step(until) {}
        if !self.is_over() && self.time() < until {
            self.time.set(until);
            self.overdue();
        }
    }

    fn happen(&self) {
        let Some(mut event) = self.tasks.borrow_mut().next_event() else { return };
        if let Owner::Tab(life) = event.owner {
            let mut tabs = self.tabs.borrow_mut();
            let tab = &mut tabs[life.tab];
            if !tab.is(life) {
                return;
            }
            if !tab.runs(life) {
                event.at = 0;
                tab.parked.push(event);
                return;
            }
        }
        (event.action)(self);
    }

    fn poll(&self, position: usize) {
        let taken = self.tasks.borrow_mut().take(position);
        let Some((id, mut future, waker)) = taken else { return };
        let done = future.poll_unpin(&mut Context::from_waker(&waker)).is_ready();
        let dropped = match done {
            true => {
                self.tasks.borrow_mut().end(id);
                Some(future)
            }
            false => self.tasks.borrow_mut().give_back(id, future),
        };
        drop(dropped);
    }

    pub(crate) fn spawn(&self, life: Life, task: impl Future<Output = ()> + 'static) -> usize {
        self.tasks.borrow_mut().spawn(life, task.boxed_local())
    }

    // Records.

    pub(crate) fn cover(&self, what: &'static str) {
        *self.covered.borrow_mut().entry(what).or_default() += 1;
    }

    /// A line for the timeline, written only if somebody will read it.
    pub(crate) fn note(&self, tab: impl Into<Option<usize>>, line: impl FnOnce() -> String) {
        if let Some(timeline) = &self.timeline {
            timeline.borrow_mut().push((self.time(), tab.into(), line()));
        }
    }

    pub(crate) fn violate(&self, invariant: Invariant, text: impl FnOnce() -> String) {
        if self.violation.borrow().is_none() {
            let text = text();
            self.note(None, || format!("INVARIANT {invariant:?} BROKEN: {text}"));
            *self.violation.borrow_mut() = Some(Violation { invariant, text, at: self.time() });
        }
    }

    pub(crate) fn is_over(&self) -> bool {
        self.violation.borrow().is_some()
    }

    pub(crate) fn violation(&self) -> Option<Violation> {
        self.violation.borrow().clone()
    }

    pub(crate) fn timeline(&self) -> Vec<String> {
        self.timeline.as_ref().map(|t| t.borrow().iter().map(timeline::line).collect()).unwrap_or_default()
    }

    /// Ends all tabs, so that what they hold is freed.
    pub(crate) fn shut_down(&self) {
        let tabs = self.tabs.borrow().len();
        (0..tabs).for_each(|tab| self.close(tab));
        let events = self.tasks.borrow_mut().all_events();
        drop(events);
    }
}
