//! Sends one request with `fetch` and reads the whole answer.

use auth::{Answer, CacheMode, HttpError, HttpRequest, Method};
use gloo_net::http::{Method as GlooMethod, Request, RequestBuilder};
use js_sys::{Reflect, Uint8Array};
use wasm_bindgen::{JsCast as _, JsValue};
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    AbortController, AbortSignal, ReadableStreamDefaultReader, ReadableStreamReadResult, ReferrerPolicy,
    RequestCache, RequestCredentials, RequestInit, RequestMode, RequestRedirect, Response, ResponseType,
};

use super::now;

/// The response headers that the protocol reads.
const READ: [&str; 5] = ["cache-control", "content-type", "retry-after", "www-authenticate", "date"];

pub(super) async fn send(request: HttpRequest) -> Result<Answer, HttpError> {
    let abort = AbortOnDrop(AbortController::new().ok());
    let fetch = build(&request, abort.signal()).map_err(|_| HttpError::Unreachable)?;
    let window = web_sys::window().ok_or(HttpError::Unreachable)?;
    // gloo-net's `Request::send` panics if the promise is rejected with a value that is no `Error`.
    let response =
        JsFuture::from(window.fetch_with_request(&fetch)).await.map_err(|_| HttpError::Unreachable)?;
    let response: Response = response.dyn_into().map_err(|_| HttpError::Unreachable)?;
    if response.type_() == ResponseType::Opaqueredirect {
        return Err(HttpError::Redirected);
    }
    let body = read(&response, request.body_limit).await?;
    let value = |name: &str| response.headers().get(name).ok().flatten();
    let headers = READ.iter().filter_map(|name| Some(((*name).to_owned(), value(name)?))).collect();
    Ok(Answer { status: response.status(), headers, body, received: now() })
}

fn build(request: &HttpRequest, signal: Option<AbortSignal>) -> Result<web_sys::Request, JsValue> {
    let method = match request.method {
        Method::Get => GlooMethod::GET,
        Method::Post => GlooMethod::POST,
        Method::Put => GlooMethod::PUT,
        Method::Patch => GlooMethod::PATCH,
        Method::Delete => GlooMethod::DELETE,
    };
    let cache = match request.cache {
        CacheMode::NoStore => RequestCache::NoStore,
        CacheMode::Reload => RequestCache::Reload,
        CacheMode::Default => RequestCache::Default,
    };
    let mut builder = RequestBuilder::new(&request.url)
        .method(method)
        .mode(RequestMode::Cors)
        .redirect(RequestRedirect::Manual)
        .cache(cache)
        .credentials(RequestCredentials::Omit)
        .referrer_policy(ReferrerPolicy::NoReferrer)
        .abort_signal(signal.as_ref());
    for (name, value) in &request.headers {
        builder = builder.header(name, value);
    }
    let built: Result<Request, _> = match &request.body {
        Some(bytes) => builder.body(Uint8Array::from(bytes.as_slice())),
        None => builder.build(),
    };
    let built: web_sys::Request = built.map_err(|_| JsValue::UNDEFINED)?.into();
    if !request.outlives_page {
        return Ok(built);
    }
    // gloo-net and web-sys have no setter for `keepalive` yet.
    let init = RequestInit::new();
    Reflect::set(&init, &"keepalive".into(), &JsValue::TRUE)?;
    web_sys::Request::new_with_request_and_init(&built, &init)
}

/// Reads the body chunk by chunk and stops at `limit`, because a body may be endless.
async fn read(response: &Response, limit: usize) -> Result<Vec<u8>, HttpError> {
    let mut body = Vec::new();
    let Some(stream) = response.body() else { return Ok(body) };
    let reader: ReadableStreamDefaultReader = stream.get_reader().unchecked_into();
    loop {
        let step = JsFuture::from(reader.read()).await.map_err(|_| HttpError::Interrupted)?;
        let step: ReadableStreamReadResult = step.unchecked_into();
        if step.get_done().unwrap_or(true) {
            return Ok(body);
        }
        let chunk: Uint8Array = step.get_value().unchecked_into();
        let length = usize::try_from(chunk.length()).unwrap_or(usize::MAX);
        if length > limit.saturating_sub(body.len()) {
            return Err(HttpError::TooLarge);
        }
        body.extend(chunk.to_vec());
    }
}

/// Aborts the request when the future is dropped, so that a deadline closes the connection too.
struct AbortOnDrop(Option<AbortController>);

impl AbortOnDrop {
    fn signal(&self) -> Option<AbortSignal> {
        self.0.as_ref().map(AbortController::signal)
    }
}

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        if let Some(controller) = &self.0 {
            controller.abort();
        }
    }
}
