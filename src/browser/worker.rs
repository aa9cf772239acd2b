//! Service workers that answer from a cache, such as one that a former app left on this origin.
//!
//! A cache that knows a request by its URL alone gives one user's data to the next one. The page cannot go past a worker,
//! and workers do not regard a request's cache mode. So the page adds a random parameter `_` to each URL, and removes what
//! was cached with a token when a session ends. It cannot see what a worker keeps anywhere else.
//!
//! No setting switches the parameter off, because the next user would then see the data of the one before. README.md says
//! what helps a server that refuses parameters that it does not know.

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
    numbered(&request.url, Math::random().to_bits())
}

/// The URL with our parameter, and without its fragment, because a fragment is never sent.
fn numbered(url: &str, number: u64) -> String {
    let url = without_fragment(url);
    let joint = if url.contains('?') { '&' } else { '?' };
    format!("{url}{joint}_={number}")
}

/// Whether the URL has our parameter.
fn is_numbered(url: &str) -> bool {
    let query = without_fragment(url).split_once('?').map_or("", |(_, query)| query);
    query.split('&').any(|parameter| parameter.starts_with("_="))
}

fn without_fragment(url: &str) -> &str {
    url.split_once('#').map_or(url, |(url, _)| url)
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
            if (is_private || is_numbered(&request.url())) && request.url().starts_with(&base) {
                let _removed = JsFuture::from(cache.delete_with_request(&request)).await;
            }
        }
    }
    Some(())
}

async fn resolved(list: js_sys::Promise) -> Option<Array> {
    JsFuture::from(list).await.ok()?.dyn_into().ok()
}

#[cfg(test)]
mod tests {
    use super::{is_numbered, numbered};

    #[test]
    fn the_parameter_comes_after_the_others_and_the_fragment_is_not_sent() {
        for (url, sent) in [
            ("https://a/b", "https://a/b?_=7"),
            ("https://a/b?c=d", "https://a/b?c=d&_=7"),
            ("https://a/b#c", "https://a/b?_=7"),
            ("https://a/b?c=d#e", "https://a/b?c=d&_=7"),
            ("https://a/b#c?d", "https://a/b?_=7"),
        ] {
            assert_eq!(numbered(url, 7), sent);
            assert!(is_numbered(sent) && !is_numbered(url));
        }
    }

    #[test]
    fn a_parameter_of_another_name_is_not_ours() {
        for url in [
            "https://a/b?foo_=1",
            "https://a/b?c=_=1",
            "https://a/_=1",
            "https://a/b&_=1",
            "https://a/b#?_=1",
        ] {
            assert!(!is_numbered(url), "{url}");
        }
        assert!(is_numbered("https://a/b?_=1&c=d"), "a worker may add to it");
    }
}
