//! How many of a tab's requests are on their way at a time.
//!
//! The others wait. So of a thousand requests whose token the server refuses only these go out twice. The limit costs
//! little speed, because a browser sends six requests at a time to a server with HTTP/1.1, and servers allow about a hundred with
//! HTTP/2.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::future::poll_fn;
use std::rc::{Rc, Weak};
use std::task::{Poll, Waker};

/// The most requests that are on their way.
const AT_ONCE: u32 = 64;

/// The turns of a tab.
#[derive(Default)]
pub(super) struct Turns {
    taken: Cell<u32>,
    waiting: RefCell<VecDeque<Weak<Waiting>>>,
}

/// The right to send a request, until it is dropped.
pub(super) struct Turn(Rc<Turns>);

#[derive(Default)]
struct Waiting {
    turn: Cell<Option<Turn>>,
    waker: Cell<Option<Waker>>,
}

impl Turns {
    /// A turn, if one is free.
    pub(super) fn free(self: &Rc<Self>) -> Option<Turn> {
        let taken = self.taken.get();
        if taken == AT_ONCE {
            return None;
        }
        self.taken.set(taken + 1);
        Some(Turn(self.clone()))
    }

    /// Waits for a turn, behind those that wait already.
    pub(super) async fn wait(self: &Rc<Self>) -> Turn {
        let waiting = Rc::new(Waiting::default());
        self.waiting.borrow_mut().push_back(Rc::downgrade(&waiting));
        poll_fn(|cx| {
            waiting.waker.set(Some(cx.waker().clone()));
            waiting.turn.take().map_or(Poll::Pending, Poll::Ready)
        })
        .await
    }

    /// The first that still waits.
    fn next(&self) -> Option<Rc<Waiting>> {
        let mut waiting = self.waiting.borrow_mut();
        std::iter::from_fn(|| waiting.pop_front()).find_map(|next| next.upgrade())
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        let Self(turns) = self;
        let Some(next) = turns.next() else { return turns.taken.set(turns.taken.get() - 1) };
        next.turn.set(Some(Self(turns.clone())));
        if let Some(waker) = next.waker.take() {
            waker.wake();
        }
    }
}
