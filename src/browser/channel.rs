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
    /// One hub for each channel name, so that a page posts and listens with the same `BroadcastChannel`:
    /// the browser delivers a message to every other instance, also to one in the page that posted it.
    static HUBS: RefCell<Vec<Weak<Hub>>> = const { RefCell::new(Vec::new()) };
}

/// Receives the other tabs' messages until it is dropped.
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
        // The other tabs' `storage` event carries the value although the entry is already removed.
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

/// The `localStorage` entry that replaces the channel in a browser without `BroadcastChannel`.
fn entry(name: &str) -> String {
    format!("{name}:message")
}

/// The state that the listeners of one channel share.
struct Hub {
    name: String,
    channel: RefCell<Option<BroadcastChannel>>,
    /// Each listener has its own event listener, so that one that throws does not stop the others.
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
        // Chromium and Firefox evict a page from the back/forward cache when it receives a message there,
        // so the hub closes its channel on `pagehide`.
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

/// The text of the message. `None` if it is not text, because this module posts text only.
fn message(event: &Event, entry: &str) -> Option<String> {
    if let Some(event) = event.dyn_ref::<MessageEvent>() {
        return event.data().as_string();
    }
    let event = event.dyn_ref::<StorageEvent>()?;
    // Removing the entry fires an event too. It has no value.
    event.key().filter(|key| key == entry).and(event.new_value())
}
