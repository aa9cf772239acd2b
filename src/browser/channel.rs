//! Messages between tabs.

use std::cell::RefCell;
use std::fmt;
use std::rc::{Rc, Weak};

use auth::Area;
use gloo_events::EventListener;
use wasm_bindgen::JsCast as _;
use web_sys::{BroadcastChannel, Event, MessageEvent, StorageEvent};

use super::storage;

type Listener = dyn Fn(String);

thread_local! {
    /// One for each channel that is listened to: a message does not come back to the instance that
    /// posted it, but it does to every other one of the same page.
    static HUBS: RefCell<Vec<Weak<Hub>>> = const { RefCell::new(Vec::new()) };
}

/// Hears the other tabs' messages until it is dropped.
pub(super) struct Listening {
    hub: Rc<Hub>,
    _listener: Rc<Listener>,
}

impl fmt::Debug for Listening {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Listening({})", self.hub.name)
    }
}

/// See [`Platform::post`](auth::Platform::post).
pub(super) fn post(name: &str, text: &str, secret: bool) {
    let open = hub(name).and_then(|hub| hub.channel.borrow().clone());
    if let Some(channel) = open {
        let _ = channel.post_message(&text.into());
    } else if let Ok(channel) = BroadcastChannel::new(name) {
        let _ = channel.post_message(&text.into());
        channel.close();
    } else if !secret {
        // The other tabs' event carries the value although it is gone by then.
        let key = entry(name);
        let _ = storage::write(Area::Profile, &key, text);
        let _ = storage::remove(Area::Profile, &key);
    }
}

/// See [`Platform::listen`](auth::Platform::listen).
pub(super) fn listen(name: &str, listener: Box<dyn Fn(String)>) -> Listening {
    let hub = hub(name).unwrap_or_else(|| Hub::new(name));
    let listener: Rc<Listener> = listener.into();
    hub.ears.borrow_mut().push((Rc::downgrade(&listener), None));
    hub.open();
    Listening { hub, _listener: listener }
}

fn hub(name: &str) -> Option<Rc<Hub>> {
    HUBS.with_borrow(|hubs| hubs.iter().filter_map(Weak::upgrade).find(|hub| hub.name == name))
}

/// The entry of `localStorage` that stands in for a channel in a browser without them.
fn entry(name: &str) -> String {
    format!("{name}:message")
}

/// What the listeners of one channel share.
struct Hub {
    name: String,
    channel: RefCell<Option<BroadcastChannel>>,
    /// Each listener has an event listener of its own, so that one that throws costs the others nothing.
    ears: RefCell<Vec<(Weak<Listener>, Option<EventListener>)>>,
    page: RefCell<Vec<EventListener>>,
}

impl Hub {
    fn new(name: &str) -> Rc<Self> {
        let hub = Rc::new(Self {
            name: name.to_owned(),
            channel: RefCell::default(),
            ears: RefCell::default(),
            page: RefCell::default(),
        });
        // A message to a page in the back/forward cache evicts it (Chromium, Firefox).
        hub.page.replace(
            [hub.on("pagehide", Self::close), hub.on("pageshow", Self::open)].into_iter().flatten().collect(),
        );
        HUBS.with_borrow_mut(|hubs| {
            hubs.retain(|hub| hub.strong_count() > 0);
            hubs.push(Rc::downgrade(&hub));
        });
        hub
    }

    fn on(self: &Rc<Self>, event: &'static str, act: fn(&Self)) -> Option<EventListener> {
        let hub = Rc::downgrade(self);
        Some(EventListener::new(&web_sys::window()?.into(), event, move |_| {
            if let Some(hub) = hub.upgrade() {
                act(&hub);
            }
        }))
    }

    fn open(&self) {
        let mut channel = self.channel.borrow_mut();
        if channel.is_none() {
            *channel = BroadcastChannel::new(&self.name).ok();
        }
        let mut ears = self.ears.borrow_mut();
        ears.retain(|(listener, _)| listener.strong_count() > 0);
        for (listener, ear) in ears.iter_mut().filter(|(_, ear)| ear.is_none()) {
            *ear = self.hear(channel.as_ref(), listener.clone());
        }
    }

    fn hear(&self, channel: Option<&BroadcastChannel>, listener: Weak<Listener>) -> Option<EventListener> {
        let entry = entry(&self.name);
        let hear = move |event: &Event| {
            if let (Some(text), Some(listener)) = (message(event, &entry), listener.upgrade()) {
                listener(text);
            }
        };
        Some(match channel {
            Some(channel) => EventListener::new(channel, "message", hear),
            None => EventListener::new(&web_sys::window()?.into(), "storage", hear),
        })
    }

    fn close(&self) {
        for (_, ear) in self.ears.borrow_mut().iter_mut() {
            *ear = None;
        }
        if let Some(channel) = self.channel.take() {
            channel.close();
        }
    }
}

impl Drop for Hub {
    fn drop(&mut self) {
        self.close();
    }
}

/// The text that arrived; what is no text was not posted here.
fn message(event: &Event, entry: &str) -> Option<String> {
    if let Some(event) = event.dyn_ref::<MessageEvent>() {
        return event.data().as_string();
    }
    let event = event.dyn_ref::<StorageEvent>()?;
    // The removal is an event too, without a value.
    event.key().filter(|key| key == entry).and(event.new_value())
}
