//! Web Locks.

use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use super::{BASE, World};

/// Who waits for a lock; the first of the queue holds it.
pub(super) type Queue = VecDeque<Place>;

pub(super) struct Place {
    number: u64,
    /// The tab and its life, if it is a page's.
    page: Option<(u64, u64)>,
    waker: Option<Waker>,
}

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
        let place = Place { number, page: None, waker: None };
        self.0.locks.borrow_mut().entry(name.clone()).or_default().push_front(place);
        Held { world: self.clone(), name, number }
    }

    /// A page asks for a lock.
    pub(super) fn ask_for_lock(&self, name: &str, page: (u64, u64)) -> Held {
        let (name, number) = (name.to_owned(), self.number());
        let place = Place { number, page: Some(page), waker: None };
        self.0.locks.borrow_mut().entry(name.clone()).or_default().push_back(place);
        Held { world: self.clone(), name, number }
    }

    /// A page that goes leaves its locks, and the queues for others.
    pub(super) fn leave_locks(&self, tab: u64, until: u64) {
        let is_gone = |place: &Place| place.page.is_some_and(|(of, life)| of == tab && life <= until);
        let names = self.lock_names();
        names.iter().for_each(|name| self.leave(name, is_gone));
    }

    fn leave(&self, name: &str, who: impl Fn(&Place) -> bool) {
        let mut locks = self.0.locks.borrow_mut();
        let Some(queue) = locks.get_mut(name) else { return };
        queue.retain(|place| !who(place));
        let next = queue.front_mut().and_then(|place| place.waker.take());
        drop(locks);
        next.into_iter().for_each(Waker::wake);
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
        self.world.leave(&self.name, |place| place.number == self.number);
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
            if queue.front().is_none_or(|place| place.number != held.number) {
                // A page that has gone has no place any more.
                let place = queue.iter_mut().find(|place| place.number == held.number);
                place.into_iter().for_each(|place| place.waker = Some(cx.waker().clone()));
                return Poll::Pending;
            }
        }
        Poll::Ready(self.0.take())
    }
}
