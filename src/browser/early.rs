//! The login that `early.js` sent before the code was there.

use auth::{HttpRequest, Instant, Method};
use js_sys::{Function, Promise, Reflect};
use wasm_bindgen::{JsCast as _, JsValue};

use super::moment;

/// The promise of its answer, if it was the same as `request`. If `request` is another login, its session is ended.
pub(super) fn answer_to(request: &HttpRequest) -> Option<Promise> {
    if request.method != Method::Post {
        return None;
    }
    let body = std::str::from_utf8(request.body.as_deref()?).ok()?;
    early()?.call2(&JsValue::NULL, &request.url.as_str().into(), &body.into()).ok()?.dyn_into().ok()
}

/// Ends its session, because the page has one.
pub(crate) fn end() {
    if let Some(early) = early() {
        let _ = early.call0(&JsValue::NULL);
    }
}

/// The middle of the call that brought its answer.
pub(super) fn middle_of(answer: &JsValue) -> Option<Instant> {
    Reflect::get(answer, &"at".into()).ok()?.as_f64().map(moment)
}

fn early() -> Option<Function> {
    Reflect::get(&web_sys::window()?.into(), &"earlyLogin".into()).ok()?.dyn_into().ok()
}
