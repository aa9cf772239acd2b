//! Calls to the server that a component makes, one at a time, and what there is to show of them.

use std::cell::RefCell;
use std::pin::Pin;
use std::rc::Rc;

use auth::Error;
use wasm_bindgen_futures::spawn_local;
use yew::prelude::*;

/// How the last call stands.
#[derive(Clone)]
pub(super) struct Calls {
    /// Whether it is under way.
    pub(super) busy: bool,
    /// What went wrong.
    pub(super) error: Option<Error>,
    /// Forgets the error: the time that the server asked to wait is over.
    pub(super) waited: Callback<()>,
    /// Whether that time is over, and nothing has been called since.
    pub(super) ready_again: bool,
    /// How the next one is begun.
    pub(super) line: Line,
}

/// The one way out.
#[derive(Clone, PartialEq)]
pub(super) struct Line {
    busy: UseStateSetter<bool>,
    error: UseStateSetter<Option<Error>>,
    ready_again: UseStateSetter<bool>,
    // Set in the same task as the click: a second one finds it before anything is rendered.
    under_way: Rc<RefCell<bool>>,
    wait: Option<u32>,
}

impl Line {
    /// Makes a call. Does nothing while another one is under way, or while the server wants none.
    pub(super) fn call(&self, call: impl Future<Output = Result<(), Error>> + 'static) {
        // One type for all calls: what surrounds each would otherwise be compiled for each.
        self.begin(Box::pin(call));
    }

    fn begin(&self, call: Pin<Box<dyn Future<Output = Result<(), Error>>>>) {
        if self.wait.is_some() || self.under_way.replace(true) {
            return;
        }
        self.busy.set(true);
        self.error.set(None);
        self.ready_again.set(false);
        let line = self.clone();
        spawn_local(async move {
            let outcome = call.await;
            *line.under_way.borrow_mut() = false;
            line.busy.set(false);
            line.error.set(outcome.err());
        });
    }
}

#[hook]
pub(super) fn use_calls() -> Calls {
    let busy = use_state_eq(|| false);
    let error = use_state_eq(|| None);
    let ready_again = use_state_eq(|| false);
    let under_way = use_mut_ref(|| false);
    let waited = {
        let (error, ready_again) = (error.setter(), ready_again.setter());
        use_callback((), move |(), ()| {
            error.set(None);
            ready_again.set(true);
        })
    };
    let line = Line {
        busy: busy.setter(),
        error: error.setter(),
        ready_again: ready_again.setter(),
        under_way,
        wait: error.and_then(|error: Error| error.wait()),
    };
    Calls { busy: *busy, error: *error, waited, ready_again: *ready_again, line }
}
