//! Sends one request with `fetch` and reads the whole answer.

use auth::{Answer, CacheMode, HttpError, HttpRequest, Method};
use gloo_net::http::{Method as GlooMethod, Request, RequestBuilder};
use js_sys::{Array, ArrayBuffer, Reflect, Uint8Array};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    AbortController, AbortSignal, Headers, HtmlDocument, ReadableStream, ReadableStreamDefaultReader,
    ReadableStreamReadResult, ReferrerPolicy, RequestCache, RequestCredentials, RequestInit, RequestMode,
    RequestRedirect, Response, ResponseType,
};

use super::{hint, now, worker};

#[wasm_bindgen]
extern "C" {
    /// An answer whose body may be missing, or may throw: old browsers and scripts that replace `fetch` give such.
    #[wasm_bindgen(extends = Response)]
    type Received;

    #[wasm_bindgen(method, getter, catch, js_name = body)]
    fn stream(this: &Received) -> Result<JsValue, JsValue>;

    #[wasm_bindgen(extends = ReadableStream)]
    type Stream;

    #[wasm_bindgen(method, catch, js_name = getReader)]
    fn reader(this: &Stream) -> Result<ReadableStreamDefaultReader, JsValue>;
}

pub(super) async fn send(request: HttpRequest) -> Result<Answer, HttpError> {
    let abort = AbortOnDrop(AbortController::new().ok());
    let fetch = build(&request, abort.signal()).map_err(|_| HttpError::Unreachable)?;
    let window = web_sys::window().ok_or(HttpError::Unreachable)?;
    // gloo-net's `Request::send` panics if the promise is rejected with a value that is no `Error`.
    let response = JsFuture::from(window.fetch_with_request(&fetch)).await.map_err(|_| {
        hint::no_answer(&request.url);
        HttpError::Unreachable
    })?;
    let response: Response = response.dyn_into().map_err(|_| HttpError::Unreachable)?;
    if response.type_() == ResponseType::Opaqueredirect {
        return Err(HttpError::Redirected);
    }
    let body = read(&response, request.body_limit).await?;
    Ok(Answer { status: response.status(), headers: readable(&response.headers()), body, received: now() })
}

/// The headers that the browser lets the page read.
fn readable(headers: &Headers) -> Vec<(String, String)> {
    let pair = |pair: JsValue| {
        let pair: Array = pair.dyn_into().ok()?;
        Some((pair.get(0).as_string()?, pair.get(1).as_string()?))
    };
    headers.entries().into_iter().flatten().filter_map(pair).collect()
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
    let credentials = if request.cookies { RequestCredentials::SameOrigin } else { RequestCredentials::Omit };
    let mut builder = RequestBuilder::new(&worker::unshared(request))
        .method(method)
        .mode(RequestMode::Cors)
        .redirect(RequestRedirect::Manual)
        .cache(cache)
        .credentials(credentials)
        .referrer_policy(ReferrerPolicy::NoReferrer)
        .abort_signal(signal.as_ref());
    for (name, value) in &request.headers {
        builder = builder.header(name, value);
    }
    if let Some((cookie, header)) = &request.echo
        && let Some(value) = readable_cookie(cookie)
    {
        builder = builder.header(header, &value);
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

/// The value of a cookie that script can read, without percent-encoding. `None` if no header can carry it.
fn readable_cookie(name: &str) -> Option<String> {
    let document: HtmlDocument = web_sys::window()?.document()?.dyn_into().ok()?;
    let cookies = document.cookie().ok()?;
    let mut pairs = cookies.split("; ").filter_map(|pair| pair.split_once('='));
    let (_, value) = pairs.find(|(found, _)| *found == name)?;
    let decoded = js_sys::decode_uri_component(value).map_or_else(|_| value.to_owned(), String::from);
    let fits = !decoded.is_empty() && decoded.bytes().all(|byte| byte.is_ascii_graphic());
    fits.then_some(decoded)
}

/// Reads the body chunk by chunk and stops at `limit`, because a body may be endless. A body that is no stream is read as a
/// whole.
async fn read(response: &Response, limit: usize) -> Result<Vec<u8>, HttpError> {
    let mut body = Vec::new();
    let received: &Received = response.unchecked_ref();
    let reader = received.stream().and_then(|stream| stream.dyn_into::<ReadableStream>());
    let reader = reader.and_then(|stream| stream.unchecked_ref::<Stream>().reader());
    let Ok(reader) = reader else { return read_whole(response, limit).await };
    loop {
        let step = JsFuture::from(reader.read()).await.map_err(|_| HttpError::Interrupted)?;
        let step: ReadableStreamReadResult = step.unchecked_into();
        if step.get_done().unwrap_or(true) {
            return Ok(body);
        }
        let chunk: Uint8Array = step.get_value().dyn_into().map_err(|_| HttpError::Interrupted)?;
        let length = usize::try_from(chunk.length()).unwrap_or(usize::MAX);
        if length > limit.saturating_sub(body.len()) {
            return Err(HttpError::TooLarge);
        }
        body.extend(chunk.to_vec());
    }
}

async fn read_whole(response: &Response, limit: usize) -> Result<Vec<u8>, HttpError> {
    let whole = response.array_buffer().map_err(|_| HttpError::Interrupted)?;
    let whole = JsFuture::from(whole).await.map_err(|_| HttpError::Interrupted)?;
    let whole: ArrayBuffer = whole.dyn_into().map_err(|_| HttpError::Interrupted)?;
    let bytes = Uint8Array::new(&whole);
    let fits = usize::try_from(bytes.length()).is_ok_and(|length| length <= limit);
    if fits { Ok(bytes.to_vec()) } else { Err(HttpError::TooLarge) }
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
