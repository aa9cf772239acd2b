//! The login that `early.js` sent before the code was there.

use auth::{HttpRequest, Instant, Method};
use js_sys::{Array, Function, Promise, Reflect};
use wasm_bindgen::{JsCast as _, JsValue};

use super::instant_of;

/// The promise of its answer, if it was the same as `request`. If `request` is another login, the script ends its session.
pub(super) fn answer_to(request: &HttpRequest) -> Option<Promise> {
    if request.method != Method::Post {
        return None;
    }
    let body = std::str::from_utf8(request.body.as_deref()?).ok()?;
    method("take")?.call2(&JsValue::NULL, &request.url.as_str().into(), &body.into()).ok()?.dyn_into().ok()
}

/// Lets the script end the session that the login began, because nobody takes up its answer.
pub(crate) fn end() {
    if let Some(end) = method("end") {
        let _ = end.call0(&JsValue::NULL);
    }
}

/// The midpoint of the call that brought `answer`, if `early.js` made it.
pub(super) fn midpoint_of(answer: &JsValue) -> Option<Instant> {
    let clocks: Array = Reflect::get(answer, &"midpoint".into()).ok()?.dyn_into().ok()?;
    let [since_start, wall] = [0, 1].map(|at| clocks.get(at).as_f64().unwrap_or_default());
    Some(instant_of(since_start, wall))
}

fn method(name: &str) -> Option<Function> {
    let login = Reflect::get(&web_sys::window()?.into(), &"earlyLogin".into()).ok()?;
    Reflect::get(&login, &name.into()).ok()?.dyn_into().ok()
}
