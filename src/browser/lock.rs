//! Web Locks, through a binding of our own: web-sys hides them behind an unstable flag.

use js_sys::{Function, Object, Promise, Reflect};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::{JsFuture, spawn_local};
use web_sys::{AbortController, Navigator};

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(extends = Navigator)]
    type LockingNavigator;

    type LockManager;

    /// `undefined` on plain HTTP.
    #[wasm_bindgen(method, getter)]
    fn locks(this: &LockingNavigator) -> Option<LockManager>;

    #[wasm_bindgen(method, catch)]
    fn request(
        this: &LockManager,
        name: &str,
        options: &Object,
        callback: &Closure<dyn FnMut() -> Promise>,
    ) -> Result<Promise, JsValue>;
}

/// A place in the lock's queue, then the lock: dropping it gives up whichever it is.
#[derive(Debug)]
pub(super) struct Lock {
    queue: AbortController,
    release: Function,
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Granted in the same moment, the abort is too late and the promise is resolved already.
        self.queue.abort();
        let _ = self.release.call0(&JsValue::UNDEFINED);
    }
}

/// See [`Platform::lock`](auth::Platform::lock).
pub(super) async fn lock(name: String) -> Option<Lock> {
    let (lock, granted) = enter(&name)?;
    let granted = JsFuture::from(granted).await.is_ok_and(|granted| granted.is_truthy());
    granted.then_some(lock)
}

/// Enters the queue; the promise resolves to whether the lock was granted.
fn enter(name: &str) -> Option<(Lock, Promise)> {
    let navigator = web_sys::window()?.navigator();
    let locks = navigator.unchecked_ref::<LockingNavigator>().locks()?;
    let queue = AbortController::new().ok()?;
    let (held, release) = promise()?;
    let (granted, grant) = promise()?;
    let options = Object::new();
    Reflect::set(&options, &"mode".into(), &"exclusive".into()).ok()?;
    Reflect::set(&options, &"signal".into(), &queue.signal()).ok()?;
    let refuse = grant.clone();
    let callback: Closure<dyn FnMut() -> Promise> = Closure::once(move || {
        let _ = grant.call1(&JsValue::UNDEFINED, &JsValue::TRUE);
        held
    });
    let request = locks.request(name, &options, &callback).ok()?;
    // The callback has to live for as long as the browser may call it, and a rejection that nobody
    // handles would be reported by the page.
    spawn_local(async move {
        let _ = JsFuture::from(request).await;
        drop(callback);
        // Too late to matter, unless the request was refused.
        let _ = refuse.call1(&JsValue::UNDEFINED, &JsValue::FALSE);
    });
    Some((Lock { queue, release }, granted))
}

/// A promise and what resolves it.
fn promise() -> Option<(Promise, Function)> {
    let mut resolve = None;
    let promise = Promise::new(&mut |resolves, _| resolve = Some(resolves));
    Some((promise, resolve?))
}
