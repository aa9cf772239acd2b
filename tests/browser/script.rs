//! Helpers that act on the test's page: its storage, and JavaScript for what Rust cannot do.

use std::time::Duration;

use futures_util::future::{Either, select};
use gloo_timers::future::sleep;
use js_sys::{Function, Promise};
use wasm_bindgen::{JsCast as _, JsValue};
use wasm_bindgen_futures::JsFuture;
use yew::scheduler::flush;

/// Runs `body` as the body of a JavaScript function.
pub(crate) fn run(body: &str) -> JsValue {
    Function::new_no_args(body).call0(&JsValue::NULL).unwrap()
}

/// Runs `body` as the body of an async JavaScript function and waits for its end.
pub(crate) async fn run_async(body: &str) -> JsValue {
    let promise = run(&format!("return (async () => {{ {body} }})()")).unchecked_into::<Promise>();
    JsFuture::from(promise).await.unwrap()
}

/// Tells the page that the browser puts it away for a while (`pagehide`), or shows it again (`pageshow`).
pub(crate) fn page_event(name: &str) {
    run(&format!("window.dispatchEvent(new PageTransitionEvent('{name}', {{persisted: true}}))"));
}

/// Dispatches an event of this name at the document.
pub(crate) fn document_event(name: &str) {
    run(&format!("document.dispatchEvent(new Event('{name}'))"));
}

/// An iframe of the same origin. It stands in for another tab, because it has its own view of storage
/// and its own connections. Scripts find its window as `frame`. One at a time.
pub(crate) struct Frame;

impl Frame {
    pub(crate) fn open() -> Self {
        run("const frame = document.createElement('iframe');
             document.body.append(frame);
             window.__frame = frame;
             window.frame = frame.contentWindow");
        Self
    }
}

impl Drop for Frame {
    fn drop(&mut self) {
        run("window.__frame.remove()");
    }
}

/// Polls `future` for `milliseconds`. Gives the future back if it has not ended by then.
pub(crate) async fn within<F: Future + Unpin>(milliseconds: u64, future: F) -> Result<F::Output, F> {
    match select(future, sleep(Duration::from_millis(milliseconds))).await {
        Either::Left((output, _)) => Ok(output),
        Either::Right((_, future)) => Err(future),
    }
}

/// The content of `localStorage` and `sessionStorage` as JSON text.
pub(crate) fn stored() -> String {
    run("return JSON.stringify([{...localStorage}, {...sessionStorage}])").as_string().unwrap()
}

pub(crate) fn clear_storage() {
    run("localStorage.clear(); sessionStorage.clear()");
}

/// Deletes the ledger's database, as "clear site data" does in another tab. Fails if an open connection
/// blocks it.
pub(crate) async fn wipe_ledger() {
    run_async(
        "await new Promise((resolve, reject) => {
             const deleting = indexedDB.deleteDatabase('yew-jwt-auth');
             deleting.onsuccess = resolve;
             deleting.onblocked = deleting.onerror = () => reject(new Error('blocked'));
         })",
    )
    .await;
}

/// A property of `window`, or of an object in it, replaced until the value is dropped.
pub(crate) struct Replaced(String);

impl Replaced {
    /// Gives `object[name]` the property descriptor `descriptor` (JavaScript, without braces).
    pub(crate) fn new(object: &str, name: &str, descriptor: &str) -> Self {
        let kept = format!("window['kept {object}.{name}']");
        run(&format!(
            "{kept} = Object.getOwnPropertyDescriptor({object}, '{name}');
             Object.defineProperty({object}, '{name}', {{configurable: true, {descriptor}}})"
        ));
        Self(format!("Object.defineProperty({object}, '{name}', {kept})"))
    }

    /// Makes both storages throw, as they do if the user blocks storage.
    pub(crate) fn storage_denied() -> [Self; 2] {
        let denied = "get() { throw new DOMException('denied', 'SecurityError') }";
        ["localStorage", "sessionStorage"].map(|storage| Self::new("window", storage, denied))
    }
}

impl Drop for Replaced {
    fn drop(&mut self) {
        run(&self.0);
    }
}

/// Waits until `condition` holds and Yew has no pending rendering. Fails with `what` after ten seconds.
///
/// Yew renders for 16 ms at most before it yields to the browser. It may yield between a component and
/// its children, and the document is then half old and half new.
pub(crate) async fn until(what: &str, condition: impl Fn() -> bool) {
    for _ in 0..1000 {
        flush().await;
        if condition() {
            return;
        }
        sleep(Duration::from_millis(10)).await;
    }
    panic!("{what}: not within ten seconds");
}
