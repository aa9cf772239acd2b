//! Tasks and events in virtual time. The seed chooses which of those that can go next goes next.

use std::cmp::{Ordering, Reverse};
use std::collections::BinaryHeap;
use std::sync::atomic::{AtomicBool, Ordering as Memory};
use std::sync::{Arc, Mutex};
use std::task::{Wake, Waker};

use futures_util::future::LocalBoxFuture;

use crate::world::World;

/// One life of one tab: a reload begins another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Life {
    pub(crate) tab: usize,
    pub(crate) life: u32,
}

/// Whose event it is, which says what becomes of it when a tab freezes or the device sleeps.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Owner {
    /// Runs in a tab, by the device's clock: waits while the tab is frozen, is forgotten when it dies.
    Tab(Life),
    /// Runs on the device outside of any tab.
    Device,
    /// Runs somewhere else: a sleeping laptop does not stop it.
    Elsewhere,
}

type Action = Box<dyn FnOnce(&World)>;

pub(crate) struct Event {
    pub(crate) at: u64,
    tie: u64,
    pub(crate) owner: Owner,
    pub(crate) action: Action,
}

impl PartialEq for Event {
    fn eq(&self, other: &Self) -> bool {
        (self.at, self.tie) == (other.at, other.tie)
    }
}

impl Eq for Event {}

impl PartialOrd for Event {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Event {
    fn cmp(&self, other: &Self) -> Ordering {
        (self.at, self.tie).cmp(&(other.at, other.tie))
    }
}

struct Task {
    life: Life,
    /// `None` while it is being polled.
    future: Option<LocalBoxFuture<'static, ()>>,
    alarm: Arc<Alarm>,
}

#[derive(Default)]
pub(crate) struct Tasks {
    tasks: Vec<Option<Task>>,
    ready: Vec<usize>,
    woken: Arc<Mutex<Vec<usize>>>,
    events: BinaryHeap<Reverse<Event>>,
}

struct Alarm {
    id: usize,
    woken: Arc<Mutex<Vec<usize>>>,
    set: AtomicBool,
}

impl Wake for Alarm {
    fn wake(self: Arc<Self>) {
        if !self.set.swap(true, Memory::Relaxed)
            && let Ok(mut woken) = self.woken.lock()
        {
            woken.push(self.id);
        }
    }
}

impl Tasks {
    pub(crate) fn spawn(&mut self, life: Life, future: LocalBoxFuture<'static, ()>) -> usize {
        let id = self.tasks.len();
        let alarm = Arc::new(Alarm { id, woken: self.woken.clone(), set: AtomicBool::new(true) });
        self.tasks.push(Some(Task { life, future: Some(future), alarm }));
        self.ready.push(id);
        id
    }

    pub(crate) fn at(&mut self, at: u64, tie: u64, owner: Owner, action: Action) {
        self.events.push(Reverse(Event { at, tie, owner, action }));
    }

    pub(crate) fn put_back(&mut self, event: Event) {
        self.events.push(Reverse(event));
    }

    pub(crate) fn next_at(&self) -> Option<u64> {
        self.events.peek().map(|Reverse(event)| event.at)
    }

    pub(crate) fn any_event(&self, of: impl Fn(Owner) -> bool) -> bool {
        self.events.iter().any(|Reverse(event)| of(event.owner))
    }

    pub(crate) fn next_event(&mut self) -> Option<Event> {
        self.events.pop().map(|Reverse(event)| event)
    }

    pub(crate) fn all_events(&mut self) -> Vec<Event> {
        std::mem::take(&mut self.events).into_vec().into_iter().map(|Reverse(event)| event).collect()
    }

    /// How many tasks can go on, given which tabs run.
    pub(crate) fn collect_ready(&mut self) {
        if let Ok(mut woken) = self.woken.lock() {
            self.ready.append(&mut woken);
        }
        let tasks = &self.tasks;
        self.ready.retain(|id| tasks[*id].is_some());
    }

    pub(crate) fn candidates(&self, runs: impl Fn(Life) -> bool) -> Vec<usize> {
        let life = |id: usize| self.tasks[id].as_ref().map(|task| task.life);
        (0..self.ready.len()).filter(|at| life(self.ready[*at]).is_some_and(&runs)).collect()
    }

    /// Takes the ready task at `position` for a poll. What wakes it from now on makes it ready again.
    pub(crate) fn take(&mut self, position: usize) -> Option<(usize, LocalBoxFuture<'static, ()>, Waker)> {
        let id = self.ready.remove(position);
        let task = self.tasks[id].as_mut()?;
        task.alarm.set.store(false, Memory::Relaxed);
        Some((id, task.future.take()?, task.alarm.clone().into()))
    }

    /// Puts a task back that has more to do. One that was ended meanwhile is handed out, to be dropped.
    pub(crate) fn give_back(
        &mut self,
        id: usize,
        future: LocalBoxFuture<'static, ()>,
    ) -> Option<LocalBoxFuture<'static, ()>> {
        match self.tasks[id].as_mut() {
            Some(task) => {
                task.future = Some(future);
                None
            }
            None => Some(future),
        }
    }

    pub(crate) fn end(&mut self, id: usize) -> Option<LocalBoxFuture<'static, ()>> {
        self.tasks[id].take()?.future
    }

    /// All tasks of one life, to be dropped where nothing is borrowed.
    pub(crate) fn end_life(&mut self, life: Life) -> Vec<LocalBoxFuture<'static, ()>> {
        let of = |task: &Option<Task>| task.as_ref().is_some_and(|task| task.life == life);
        let ended = self.tasks.iter_mut().filter(|task| of(task));
        ended.filter_map(|task| task.take()?.future).collect()
    }
}
