//! Service workers that answer from a cache, such as one that a former app left on this origin.
//!
//! A cache that knows a request by its URL alone gives one user's data to the next one. The page cannot go past a worker, so it
//! adds a random parameter `_` to each URL, and removes what was cached with a token when a session ends. It cannot see what a worker keeps
//! anywhere else.

use auth::{HttpRequest, Method};
use js_sys::{Array, Math, Reflect};
use wasm_bindgen::JsCast as _;
use wasm_bindgen_futures::JsFuture;
use web_sys::{Cache, Request};

/// The request's URL, with a parameter of its own if a worker may have an older answer to it.
pub(super) fn unshared(request: &HttpRequest) -> String {
    if request.method != Method::Get || !is_controlled().unwrap_or(false) {
        return request.url.clone();
    }
    let joint = if request.url.contains('?') { '&' } else { '?' };
    format!("{}{joint}_={}", request.url, Math::random().to_bits())
}

/// Whether a worker sees this page's requests. Outside secure contexts there is none, and reading the property throws in a
/// sandboxed frame.
fn is_controlled() -> Option<bool> {
    let navigator = web_sys::window()?.navigator();
    let workers = Reflect::get(&navigator, &"serviceWorker".into()).ok()?;
    let controller = Reflect::get(&workers, &"controller".into()).ok()?;
    Some(controller.is_object())
}

/// Removes from every cache of this origin the answers to requests below `base` that carried a token.
pub(crate) async fn forget(base: String) -> Option<()> {
    let caches = web_sys::window()?.caches().ok().filter(|caches| !caches.is_undefined())?;
    for name in resolved(caches.keys()).await? {
        let cache = JsFuture::from(caches.open(&name.as_string()?)).await.ok()?;
        let cache: Cache = cache.unchecked_into();
        for request in resolved(cache.keys()).await? {
            let request: Request = request.unchecked_into();
            let is_private = request.headers().has("authorization").unwrap_or(false);
            // A worker that keeps the address alone keeps the parameter too.
            let is_ours = request.url().contains("_=");
            if (is_private || is_ours) && request.url().starts_with(&base) {
                let _removed = JsFuture::from(cache.delete_with_request(&request)).await;
            }
        }
    }
    Some(())
}

async fn resolved(list: js_sys::Promise) -> Option<Array> {
    JsFuture::from(list).await.ok()?.dyn_into().ok()
}
