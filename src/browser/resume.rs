//! The page's life cycle. Private content leaves the document before the page is frozen or enters the
//! back/forward cache, and returns after a check.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::rc::{Rc, Weak};

use gloo_events::EventListener;
use gloo_timers::callback::Timeout;
use wasm_bindgen::JsCast as _;
use wasm_bindgen_futures::spawn_local;
use web_sys::{Event, EventTarget, PageTransitionEvent, VisibilityState};

/// The longest random delay of a check after `online`, in milliseconds: all tabs get that event at the
/// same time and should not all send at the same time.
const JITTER: f64 = 300.0;
/// The pause before a check without a result is repeated, in milliseconds. It is repeated only while
/// content is concealed.
const PAUSE: u32 = 1_000;

/// Watches the page until it is dropped.
pub struct Watch {
    _page: Rc<Page>,
    _listeners: Vec<EventListener>,
}

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Watch")
    }
}

/// Calls `conceal(true)` when the page is about to stop (`pagehide`, `freeze`), and `check` when the
/// page goes on, becomes visible or gets its network back. Events that come together cause one check.
/// Calls `conceal(false)` after a check that returned `true` (it has a result), if the page did not
/// stop during the check.
pub fn watch<F: Future<Output = bool> + 'static>(
    conceal: impl Fn(bool) + 'static,
    check: impl Fn() -> F + 'static,
) -> Watch {
    let page = Rc::new(Page {
        conceal: Box::new(conceal),
        check: Box::new(move || Box::pin(check())),
        due: RefCell::new(None),
        checking: Cell::new(false),
        again: Cell::new(false),
        stops: Cell::new(0),
        concealed: Cell::new(false),
    });
    let window = web_sys::window();
    let document: Option<EventTarget> = window.as_ref().and_then(|w| w.document()).map(Into::into);
    let window: Option<EventTarget> = window.map(Into::into);
    let on = |target: &Option<EventTarget>, event: &'static str, act: fn(&Rc<Page>, &Event)| {
        let page = Rc::downgrade(&page);
        Some(EventListener::new(target.as_ref()?, event, move |event| {
            if let Some(page) = page.upgrade() {
                act(&page, event);
            }
        }))
    };
    let listeners = [
        on(&window, "pagehide", |page, _| page.stop()),
        on(&document, "freeze", |page, _| page.stop()),
        on(&window, "pageshow", Page::shown),
        on(&document, "resume", |page, _| page.ask(Due::Now)),
        on(&document, "visibilitychange", |page, _| {
            if is_visible() {
                page.ask(Due::Now);
            }
        }),
        on(&window, "online", |page, _| page.ask(Due::Soon)),
    ];
    let listeners = listeners.into_iter().flatten().collect();
    Watch { _page: page, _listeners: listeners }
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Due {
    /// At once: the user sees the page.
    Now,
    /// After a random delay of up to [`JITTER`].
    Soon,
    /// After [`PAUSE`].
    Later,
}

struct Page {
    conceal: Box<dyn Fn(bool)>,
    check: Box<dyn Fn() -> Pin<Box<dyn Future<Output = bool>>>>,
    due: RefCell<Option<(Due, Timeout)>>,
    checking: Cell<bool>,
    /// A check was due during a check. It runs afterwards, because the running check may have read the
    /// state too early.
    again: Cell<bool>,
    /// The number of times that the page has stopped.
    stops: Cell<u32>,
    concealed: Cell<bool>,
}

impl Page {
    fn stop(&self) {
        self.stops.set(self.stops.get().wrapping_add(1));
        self.concealed.set(true);
        (self.conceal)(true);
    }

    fn shown(self: &Rc<Self>, event: &Event) {
        let persisted = event.dyn_ref::<PageTransitionEvent>().is_some_and(PageTransitionEvent::persisted);
        // The first `pageshow` belongs to the page's load. It is not a return and needs no check.
        if persisted || self.concealed.get() {
            self.ask(Due::Now);
        }
    }

    fn ask(self: &Rc<Self>, due: Due) {
        let mut waiting = self.due.borrow_mut();
        if matches!(*waiting, Some((earlier, _)) if earlier <= due) {
            return;
        }
        let milliseconds = match due {
            Due::Now => 0,
            Due::Soon => jitter(),
            Due::Later => PAUSE,
        };
        let page = Rc::downgrade(self);
        let timeout = Timeout::new(milliseconds, move || {
            if let Some(page) = page.upgrade() {
                page.due.take();
                page.run();
            }
        });
        *waiting = Some((due, timeout));
    }

    fn run(self: &Rc<Self>) {
        if self.checking.replace(true) {
            return self.again.set(true);
        }
        let (check, stops, page) = ((self.check)(), self.stops.get(), Rc::downgrade(self));
        spawn_local(async move {
            let checked = check.await;
            if let Some(page) = Weak::upgrade(&page) {
                page.ran(stops, checked);
            }
        });
    }

    fn ran(self: &Rc<Self>, stops: u32, checked: bool) {
        self.checking.set(false);
        if self.again.take() {
            return self.run();
        }
        if stops != self.stops.get() || !self.concealed.get() {
            return;
        }
        if !checked {
            return self.ask(Due::Later);
        }
        self.concealed.set(false);
        (self.conceal)(false);
    }
}

fn is_visible() -> bool {
    let document = web_sys::window().and_then(|window| window.document());
    document.is_some_and(|document| document.visibility_state() == VisibilityState::Visible)
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and the jitter")]
fn jitter() -> u32 {
    (js_sys::Math::random() * JITTER) as u32
}
