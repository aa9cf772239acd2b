//! Waits. All of a page share one timer of the browser, because setting and clearing one for each request takes main-thread
//! time.

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::rc::{Rc, Weak};
use std::task::{Poll, Waker};

use gloo_timers::callback::Timeout;

use super::now;

/// The longest delay of a browser's timer, which takes a signed number of milliseconds and fires at once above it.
const LONGEST: u64 = i32::MAX as u64;

#[derive(Default)]
struct Waits {
    open: Vec<Weak<Wait>>,
    /// The timer, and when it fires.
    timer: Option<(u64, Timeout)>,
}

struct Wait {
    /// On the monotonic clock, in milliseconds.
    due: u64,
    waker: Cell<Option<Waker>>,
}

thread_local! {
    static WAITS: RefCell<Waits> = RefCell::default();
}

/// Ends after `milliseconds`, or later.
pub(super) fn sleep(milliseconds: u32) -> impl Future<Output = ()> + Unpin {
    // The clock is read in whole milliseconds, so up to one is over already.
    let due = now().monotonic.saturating_add(u64::from(milliseconds) + 1);
    let wait = Rc::new(Wait { due, waker: Cell::default() });
    WAITS.with_borrow_mut(|waits| {
        // Dropped waits are removed before the list grows.
        if waits.open.len() == waits.open.capacity() {
            waits.open.retain(|open| open.strong_count() > 0);
        }
        waits.open.push(Rc::downgrade(&wait));
        waits.fire_at(due);
    });
    poll_fn(move |cx| {
        if now().monotonic >= wait.due {
            return Poll::Ready(());
        }
        wait.waker.set(Some(cx.waker().clone()));
        Poll::Pending
    })
}

impl Waits {
    /// Sets the timer unless it fires by then. A timer that is overdue was cleared by a script, or is held back by the browser,
    /// and is set anew. A wait that is dropped leaves it set: it fires once more, and finds nothing.
    fn fire_at(&mut self, due: u64) {
        let now = now().monotonic;
        if self.timer.as_ref().is_some_and(|(at, _)| (now..=due).contains(at)) {
            return;
        }
        let delay = due.saturating_sub(now).min(LONGEST);
        let delay = u32::try_from(delay).unwrap_or(u32::MAX);
        self.timer = Some((due, Timeout::new(delay, fire)));
    }
}

fn fire() {
    let now = now().monotonic;
    let mut over = Vec::new();
    WAITS.with_borrow_mut(|waits| {
        waits.timer = None;
        waits.open.retain(|open| {
            let Some(wait) = open.upgrade() else { return false };
            if wait.due <= now {
                over.extend(wait.waker.take());
                return false;
            }
            true
        });
        let next = waits.open.iter().filter_map(Weak::upgrade).map(|wait| wait.due).min();
        if let Some(next) = next {
            waits.fire_at(next);
        }
    });
    for waker in over {
        waker.wake();
    }
}
