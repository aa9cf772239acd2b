//! A component's calls to the server, one at a time, and their state for rendering.

use std::cell::{Cell, RefCell};
use std::pin::Pin;
use std::rc::Rc;

use auth::Error;
use wasm_bindgen_futures::spawn_local;
use yew::prelude::*;

use crate::render::render;

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
    /// Clears the error. Call it when the wait that the server asked for is over, or the outage that the error came from.
    pub(crate) waited: Callback<()>,
    /// Whether that is over and no call has been made since.
    pub(crate) ready_again: bool,
    /// Makes the next call.
    pub(crate) caller: Caller,
}

/// Makes one call at a time.
#[derive(Clone)]
pub(crate) struct Caller {
    last: Rc<Cell<Last>>,
    render: UseForceUpdateHandle,
}

#[derive(Clone, Copy, Default)]
struct Last {
    busy: bool,
    error: Option<Error>,
    failures: u32,
    ready_again: bool,
}

impl Caller {
    /// Makes a call, and renders the component again when it begins and when it has ended. Does nothing while another call
    /// is under way or the server has asked to wait.
    pub(crate) fn call(&self, call: impl Future<Output = Result<(), Error>> + 'static) {
        // Boxed, so that `begin` is compiled once instead of once for each type of call.
        self.begin(Box::pin(call));
    }

    fn begin(&self, call: Pin<Box<dyn Future<Output = Result<(), Error>>>>) {
        let last = self.last.get();
        if last.busy || last.error.and_then(|error| error.wait()).is_some() {
            return;
        }
        self.set(Last { busy: true, error: None, ready_again: false, ..last });
        let caller = self.clone();
        spawn_local(async move {
            let error = call.await.err();
            let last = caller.last.get();
            let failures = last.failures.wrapping_add(error.is_some().into());
            caller.set(Last { busy: false, error, failures, ..last });
            // At once, because what is said of the data and the data themselves belong together.
            render();
        });
    }

    fn set(&self, last: Last) {
        self.last.set(last);
        self.render.force_update();
    }
}

#[hook]
pub(crate) fn use_calls() -> Calls {
    let caller = Caller { last: use_memo((), |()| Cell::default()), render: use_force_update() };
    let Last { busy, error, failures, ready_again } = caller.last.get();
    let waited = {
        let caller = caller.clone();
        use_callback((), move |(): (), ()| {
            caller.set(Last { error: None, ready_again: true, ..caller.last.get() })
        })
    };
    Calls { busy, error, failures, waited, ready_again, caller }
}

/// What a component got by its calls. They render the component when they end, so this needs no rendering of its own.
pub(crate) type Got<T> = Rc<RefCell<T>>;
