//! Web Locks.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use super::{BASE, World};

/// Which locks there are, and who waits for them; the first of a queue holds it.
pub(super) type Queue = VecDeque<(u64, Option<Waker>)>;

impl World {
    /// Plain HTTP: no Web Locks.
    pub(crate) fn without_locks(&self) {
        self.0.has_locks.set(false);
    }

    /// The names of all locks that were ever asked for.
    pub(crate) fn lock_names(&self) -> Vec<String> {
        self.0.locks.borrow().keys().cloned().collect()
    }

    /// A foreign script takes every lock that is asked for and keeps it.
    pub(crate) fn hold_lock(&self, sid: &str) -> Held {
        let name = format!("yew-jwt-auth:{BASE}:lock:{sid}");
        let number = self.number();
        self.0.locks.borrow_mut().entry(name.clone()).or_default().push_front((number, None));
        Held { world: self.clone(), name, number }
    }
}

/// A place in a lock's queue; the first one holds it.
pub(crate) struct Held {
    pub(super) world: World,
    pub(super) name: String,
    pub(super) number: u64,
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut locks = self.world.0.locks.borrow_mut();
        let queue = locks.get_mut(&self.name).unwrap();
        queue.retain(|(number, _)| *number != self.number);
        let next = queue.front_mut().and_then(|(_, waker)| waker.take());
        drop(locks);
        next.into_iter().for_each(Waker::wake);
    }
}

pub(super) struct Waiting(pub(super) Option<Held>);

impl Future for Waiting {
    type Output = Option<Held>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Held>> {
        let Some(held) = &self.0 else { return Poll::Ready(None) };
        {
            let mut locks = held.world.0.locks.borrow_mut();
            let queue = locks.get_mut(&held.name).unwrap();
            if queue.front().is_some_and(|(number, _)| *number != held.number) {
                let place = queue.iter_mut().find(|(number, _)| *number == held.number).unwrap();
                place.1 = Some(cx.waker().clone());
                return Poll::Pending;
            }
        }
        Poll::Ready(self.0.take())
    }
}
