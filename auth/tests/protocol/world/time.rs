//! Virtual time, and the tasks that run in it.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use auth::Instant;

use super::{EPOCH, World};

/// A client that asks for more in one world runs in circles: its test fails and does not hang.
const STEPS: u64 = 50_000;

pub(super) type Timers = BTreeMap<(u64, u64), Option<Waker>>;

impl World {
    pub(super) fn number(&self) -> u64 {
        self.step();
        self.0.counter.set(self.0.counter.get() + 1);
        self.0.counter.get()
    }

    fn step(&self) {
        self.0.steps.set(self.0.steps.get() + 1);
        assert!(self.0.steps.get() < STEPS, "the client runs in circles");
    }

    /// Runs until `future` is done, passing time when nothing else can happen.
    pub(crate) fn run<T>(&self, future: impl Future<Output = T>) -> T {
        let mut future = std::pin::pin!(future);
        let flag = Arc::new(Flag(AtomicBool::new(true)));
        let waker = flag.clone().into();
        loop {
            if flag.0.swap(false, Ordering::Relaxed)
                && let Poll::Ready(value) = future.as_mut().poll(&mut Context::from_waker(&waker))
            {
                return value;
            }
            self.idle();
            if !flag.0.load(Ordering::Relaxed) {
                assert!(self.next_timer(u64::MAX), "nothing can ever happen again");
            }
        }
    }

    /// Runs what can run without time passing.
    pub(crate) fn idle(&self) {
        self.0.pool.borrow_mut().run_until_stalled();
    }

    /// Lets `milliseconds` pass.
    pub(crate) fn pass(&self, milliseconds: u64) {
        let until = self.monotonic() + milliseconds;
        self.idle();
        while self.next_timer(until) {
            self.idle();
        }
        self.0.time.set(self.0.time.get() + until - self.monotonic());
    }

    /// Runs everything to its end.
    pub(crate) fn settle(&self) {
        self.idle();
        while self.next_timer(u64::MAX) {
            self.idle();
        }
    }

    /// True time and the wall clock go on, the monotonic clock and timers stand still.
    pub(crate) fn sleep(&self, milliseconds: u64) {
        self.0.time.set(self.0.time.get() + milliseconds);
        self.0.slept.set(self.0.slept.get() + milliseconds);
    }

    /// Somebody sets the wall clock.
    pub(crate) fn set_clock_by(&self, milliseconds: i64) {
        self.0.skew.set(self.0.skew.get() + milliseconds);
    }

    /// How many timers are running.
    pub(crate) fn timers(&self) -> usize {
        self.0.timers.borrow().len()
    }

    pub(crate) fn time(&self) -> u64 {
        self.0.time.get()
    }

    fn monotonic(&self) -> u64 {
        self.0.time.get() - self.0.slept.get()
    }

    fn next_timer(&self, until: u64) -> bool {
        let Some((at, _)) = self.0.timers.borrow().keys().next().copied().filter(|(at, _)| *at <= until)
        else {
            return false;
        };
        self.0.time.set(self.0.time.get() + at.saturating_sub(self.monotonic()));
        let due: Vec<_> = {
            let mut timers = self.0.timers.borrow_mut();
            let later = timers.split_off(&(at + 1, 0));
            std::mem::replace(&mut *timers, later).into_values().flatten().collect()
        };
        due.into_iter().for_each(Waker::wake);
        true
    }

    pub(crate) fn timer(&self, milliseconds: u64) -> Timer {
        Timer { world: self.clone(), key: (self.monotonic() + milliseconds, self.number()) }
    }

    pub(super) fn now(&self) -> Instant {
        self.step();
        let wall = (EPOCH + self.0.time.get()).checked_add_signed(self.0.skew.get()).unwrap();
        Instant { monotonic: self.monotonic(), wall }
    }
}

struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

pub(crate) struct Timer {
    world: World,
    key: (u64, u64),
}

impl Future for Timer {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.world.monotonic() >= self.key.0 {
            return Poll::Ready(());
        }
        self.world.0.timers.borrow_mut().insert(self.key, Some(cx.waker().clone()));
        Poll::Pending
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        self.world.0.timers.borrow_mut().remove(&self.key);
    }
}
