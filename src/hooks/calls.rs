//! A component's calls to the server, one at a time, and their state for rendering.

use std::cell::RefCell;
use std::pin::Pin;
use std::rc::Rc;

use auth::Error;
use wasm_bindgen_futures::spawn_local;
use yew::prelude::*;

/// The state of the last call.
#[derive(Clone)]
pub(crate) struct Calls {
    /// Whether the call is under way.
    pub(crate) busy: bool,
    /// The call's error.
    pub(crate) error: Option<Error>,
    /// How many calls have failed. It tells two equal errors apart: a call that fails at once sets the
    /// same error again before anything is rendered.
    pub(crate) failures: u32,
    /// Clears the error. Call it when the wait that the server asked for is over.
    pub(crate) waited: Callback<()>,
    /// Whether that wait is over and no call has been made since.
    pub(crate) ready_again: bool,
    /// Makes the next call.
    pub(crate) caller: Caller,
}

/// Makes one call at a time.
#[derive(Clone, PartialEq)]
pub(crate) struct Caller {
    busy: UseStateSetter<bool>,
    failed: UseStateSetter<(u32, Option<Error>)>,
    ready_again: UseStateSetter<bool>,
    // Set in the same task as the click, because a second click may come before the next rendering.
    under_way: Rc<RefCell<bool>>,
    failures: Rc<RefCell<u32>>,
    wait: Option<u32>,
}

impl Caller {
    /// Makes a call. Does nothing while another call is under way or the server has asked to wait.
    pub(crate) fn call(&self, call: impl Future<Output = Result<(), Error>> + 'static) {
        // Boxed, so that `begin` is compiled once instead of once for each type of call.
        self.begin(Box::pin(call));
    }

    fn begin(&self, call: Pin<Box<dyn Future<Output = Result<(), Error>>>>) {
        if self.wait.is_some() || self.under_way.replace(true) {
            return;
        }
        self.busy.set(true);
        self.show(None);
        self.ready_again.set(false);
        let caller = self.clone();
        spawn_local(async move {
            let outcome = call.await;
            *caller.under_way.borrow_mut() = false;
            caller.busy.set(false);
            caller.show(outcome.err());
        });
    }

    fn show(&self, error: Option<Error>) {
        let mut failures = self.failures.borrow_mut();
        *failures = failures.wrapping_add(error.is_some().into());
        self.failed.set((*failures, error));
    }
}

#[hook]
pub(crate) fn use_calls() -> Calls {
    let busy = use_state_eq(|| false);
    let failed = use_state_eq(|| (0, None));
    let ready_again = use_state_eq(|| false);
    let (failures, error): (u32, Option<Error>) = *failed;
    let caller = Caller {
        busy: busy.setter(),
        failed: failed.setter(),
        ready_again: ready_again.setter(),
        under_way: use_mut_ref(|| false),
        failures: use_mut_ref(|| 0),
        wait: error.and_then(|error| error.wait()),
    };
    let waited = {
        let caller = caller.clone();
        use_callback((), move |(), ()| {
            caller.show(None);
            caller.ready_again.set(true);
        })
    };
    Calls { busy: *busy, error, failures, waited, ready_again: *ready_again, caller }
}
