//! The ledger: exact transactions, late, aborted, blocked or denied.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use auth::LedgerError;

use crate::options::Class;
use crate::slot::Slot;
use crate::tasks::{Life, Owner};
use crate::timeline;
use crate::world::World;

type Rows = Vec<Option<String>>;
type Decide = Box<dyn FnOnce(&mut Rows)>;

#[derive(Default)]
pub(crate) struct Ledger {
    rows: BTreeMap<String, String>,
    /// Newest last: what a crash takes back where commits are not flushed.
    undo: Vec<(u64, String, Option<String>)>,
    jobs: BTreeMap<u64, Job>,
    waiting: VecDeque<u64>,
    running: Option<u64>,
    count: u64,
    pub(crate) blocked_until: u64,
}

struct Job {
    life: Life,
    keys: Vec<String>,
    decide: Option<Decide>,
    /// What the closure wrote, once it has run.
    written: Vec<(String, Option<String>)>,
    finish: Box<dyn FnOnce(Result<(), LedgerError>)>,
}

impl Ledger {
    pub(crate) fn entries(&self) -> impl Iterator<Item = (&str, &str)> {
        self.rows.iter().map(|(key, row)| (key.as_str(), row.as_str()))
    }

    pub(crate) fn values(&self) -> impl Iterator<Item = &str> {
        self.rows.values().map(String::as_str)
    }

    fn put(&mut self, at: u64, key: String, value: Option<String>) {
        let before = match value {
            Some(value) => self.rows.insert(key.clone(), value),
            None => self.rows.remove(&key),
        };
        self.undo.push((at, key, before));
    }

    /// The browser crashed: which rows lost what was committed after `cut`.
    pub(crate) fn roll_back(&mut self, cut: u64) -> Vec<String> {
        let kept = self.undo.partition_point(|(at, ..)| *at <= cut);
        let lost = self.undo.split_off(kept);
        let keys = lost.iter().map(|(_, key, _)| key.clone()).collect();
        for (_, key, value) in lost.into_iter().rev() {
            match value {
                Some(value) => self.rows.insert(key, value),
                None => self.rows.remove(&key),
            };
        }
        keys
    }

    /// An entry that was there before the world began.
    pub(crate) fn plant(&mut self, key: String, row: String) {
        self.rows.insert(key, row);
    }

    pub(crate) fn wipe(&mut self) {
        self.rows.clear();
        self.undo.clear();
    }
}

/// A transaction as its caller holds it: dropping it aborts it if it can still be aborted.
pub(crate) struct Transaction<T> {
    world: World,
    id: u64,
    slot: Slot<Result<T, LedgerError>>,
}

impl<T> Future for Transaction<T> {
    type Output = Result<T, LedgerError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.slot).poll(cx)
    }
}

impl<T> Drop for Transaction<T> {
    fn drop(&mut self) {
        self.world.abandon(self.id);
    }
}

impl World {
    pub(crate) fn transact<T: 'static>(
        &self,
        life: Life,
        keys: Vec<String>,
        decide: impl FnOnce(&mut [Option<String>]) -> T + 'static,
    ) -> Transaction<T> {
        let slot = Slot::new();
        let id = {
            let mut ledger = self.ledger.borrow_mut();
            ledger.count += 1;
            ledger.count
        };
        let rng = &self.chance.ledger;
        if self.options.has(Class::LedgerDenied) {
            let denied = slot.clone();
            self.cover("ledger denied");
            self.after(rng.below(5), Owner::Tab(life), move |_| denied.fill(Err(LedgerError::Denied)));
            return Transaction { world: self.clone(), id, slot };
        }
        if self.fails_unopened(life, &slot) {
            return Transaction { world: self.clone(), id, slot };
        }
        let made: Rc<RefCell<Option<T>>> = Rc::default();
        let making = made.clone();
        let finished = slot.clone();
        let job = Job {
            life,
            keys,
            decide: Some(Box::new(move |rows: &mut Rows| *making.borrow_mut() = Some(decide(rows)))),
            written: Vec::new(),
            finish: Box::new(move |outcome| {
                let value = made.borrow_mut().take();
                finished.fill(outcome.and_then(|()| value.ok_or(LedgerError::Aborted)));
            }),
        };
        self.ledger.borrow_mut().jobs.insert(id, job);
        let slow = self.has(Class::LedgerAborts) && rng.percent(5);
        let delay = if slow { rng.below(2_500) } else { rng.below(8) };
        self.after(delay, Owner::Tab(life), move |world| world.enqueue(id));
        Transaction { world: self.clone(), id, slot }
    }

    fn enqueue(&self, id: u64) {
        self.ledger.borrow_mut().waiting.push_back(id);
        self.next_transaction();
    }

    /// Begins the next transaction, if none runs.
    pub(crate) fn next_transaction(&self) {
        loop {
            let (id, life) = {
                let mut ledger = self.ledger.borrow_mut();
                if ledger.running.is_some() || ledger.blocked_until > self.time() {
                    return;
                }
                let Some(id) = ledger.waiting.pop_front() else { return };
                let Some(job) = ledger.jobs.get(&id) else { continue };
                (id, job.life)
            };
            if !self.tabs.borrow()[life.tab].runs(life) {
                // A frozen page does not get its turn; it queues again when it runs.
                self.after(0, Owner::Tab(life), move |world| world.enqueue(id));
                continue;
            }
            self.ledger.borrow_mut().running = Some(id);
            return self.after(self.chance.ledger.below(3), Owner::Tab(life), move |world| world.decide(id));
        }
    }

    fn decide(&self, id: u64) {
        let taken = {
            let mut ledger = self.ledger.borrow_mut();
            if ledger.running != Some(id) {
                return;
            }
            let Some(job) = ledger.jobs.get_mut(&id) else { return };
            let (decide, keys, life) = (job.decide.take(), job.keys.clone(), job.life);
            let rows: Rows = keys.iter().map(|key| ledger.rows.get(key).cloned()).collect();
            decide.map(|decide| (decide, keys, rows, life))
        };
        let Some((decide, keys, rows, life)) = taken else { return };
        let mut after = rows.clone();
        // Who only asks which session is the current one has seen no row of it.
        if keys.iter().any(|key| self.named_by(key).is_some()) {
            self.check.borrow_mut().looked_at_ledger(life, self.steps.get());
        }
        let (tellable, thrown) = (self.tellable(life, &keys), self.thrown());
        // What an earlier transaction stored, and never committed, is no part of this one.
        self.check.borrow_mut().tab(life).storing = None;
        decide(&mut after);
        self.has_seen(life, tellable, thrown);
        let changed = keys.into_iter().zip(rows.into_iter().zip(after));
        let written: Vec<_> = changed
            .filter(|(_, (before, after))| before != after)
            .map(|(key, (_, after))| (key, after))
            .collect();
        if let Some(job) = self.ledger.borrow_mut().jobs.get_mut(&id) {
            job.written = written;
        }
        let rng = &self.chance.ledger;
        let aborts = self.has(Class::LedgerAborts) && rng.percent(8);
        self.after(rng.below(4), Owner::Device, move |world| world.complete(id, aborts));
    }

    fn complete(&self, id: u64, aborts: bool) {
        let job = {
            let mut ledger = self.ledger.borrow_mut();
            if ledger.running != Some(id) {
                return;
            }
            ledger.running = None;
            ledger.jobs.remove(&id)
        };
        if let Some(job) = job {
            let life = job.life;
            if aborts {
                self.cover("transaction aborted after its closure ran");
                self.note(life.tab, || "ledger: aborted after the closure ran".to_owned());
                self.check.borrow_mut().ledger_failed(life);
            } else {
                for (key, value) in job.written {
                    self.note(life.tab, || format!("ledger: {}", timeline::entry(&key, value.as_deref())));
                    self.committed(life, &key, value.as_deref());
                    self.ledger.borrow_mut().put(self.time(), key, value);
                }
                self.cover("transaction committed");
            }
            let outcome = if aborts { Err(LedgerError::Aborted) } else { Ok(()) };
            let finish = job.finish;
            let rng = &self.chance.ledger;
            let slow = self.has(Class::LedgerAborts) && rng.percent(2);
            let delay = if slow { rng.below(3_000) } else { rng.below(4) };
            self.after(delay, Owner::Tab(life), move |_| finish(outcome));
            self.suspend(life);
        }
        self.next_transaction();
    }

    /// Now and then a page is suspended just when it has decided something, and goes on with it much later.
    fn suspend(&self, life: Life) {
        let rng = &self.chance.pauses;
        if self.has(Class::Freeze) && rng.below(300) == 0 {
            self.cover("page suspended after a transaction");
            self.hang(life.tab, *rng.pick(&[3_000, 14_000, 30_000, 600_000]));
        }
    }

    /// The caller waits no longer: aborted unless it has been committed.
    fn abandon(&self, id: u64) {
        let job = {
            let Ok(mut ledger) = self.ledger.try_borrow_mut() else { return };
            if ledger.running == Some(id) {
                ledger.running = None;
            }
            ledger.jobs.remove(&id)
        };
        if let Some(job) = &job {
            if job.decide.is_none() {
                self.cover("transaction given up after its closure ran");
            }
            self.check.borrow_mut().ledger_failed(job.life);
            self.note(job.life.tab, || "ledger: transaction given up".to_owned());
        }
        drop(job);
        self.after(0, Owner::Device, Self::next_transaction);
    }

    /// A tab died (or froze, `false`): what it has not committed is aborted, or waits without blocking others.
    pub(crate) fn release_ledger(&self, life: Life, dead: bool) {
        let mut gone = Vec::new();
        {
            let mut ledger = self.ledger.borrow_mut();
            let of = |job: &Job| job.life == life;
            if let Some(id) = ledger.running
                && ledger.jobs.get(&id).is_some_and(|job| of(job) && (dead || job.decide.is_some()))
            {
                ledger.running = None;
                if !dead {
                    self.after(0, Owner::Tab(life), move |world| world.enqueue(id));
                }
            }
            if dead {
                let ids: Vec<u64> =
                    ledger.jobs.iter().filter(|(_, job)| of(job)).map(|(id, _)| *id).collect();
                gone.extend(ids.iter().filter_map(|id| ledger.jobs.remove(id)));
            }
        }
        if gone.iter().any(|job| job.decide.is_none()) {
            self.cover("tab killed between closure and commit");
        }
        drop(gone);
        self.after(0, Owner::Device, Self::next_transaction);
    }
}
