//! What tabs tell each other.

use std::cell::Cell;
use std::rc::Rc;

use super::World;

/// Where tabs of clients at [`BASE`](super::BASE) talk.
pub(crate) const CHANNEL: &str = "yew-jwt-auth:http://localhost:8000:tabs";

pub(super) struct Listener {
    pub(super) number: u64,
    pub(super) tab: u64,
    /// Listens in the tab's present life only.
    pub(super) life: u64,
    pub(super) lives: Rc<Cell<u64>>,
    pub(super) channel: String,
    pub(super) listener: Rc<dyn Fn(String)>,
}

impl World {
    /// How many clients hear others.
    pub(crate) fn listeners(&self) -> usize {
        self.0.tabs.borrow().len()
    }

    /// No message arrives.
    pub(crate) fn without_messages(&self) {
        self.0.messages.set(None);
    }

    /// Each message arrives so many milliseconds late: the tabs get little processor time.
    pub(crate) fn with_late_messages(&self, milliseconds: u64) {
        self.0.messages.set(Some(milliseconds));
    }
}

/// Ends the listening when it is dropped.
pub(crate) struct Deafening {
    pub(super) world: World,
    pub(super) number: u64,
}

impl Drop for Deafening {
    fn drop(&mut self) {
        self.world.0.tabs.borrow_mut().retain(|listener| listener.number != self.number);
    }
}
