//! Sends one request with `fetch` and reads the whole answer.

use auth::{Answer, CacheMode, Headers, HttpError, HttpRequest};
use js_sys::{ArrayBuffer, Promise, Reflect, Uint8Array};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::{
    AbortController, AbortSignal, HtmlDocument, ReadableStream, ReadableStreamDefaultReader,
    ReadableStreamReadResult, ReferrerPolicy, RequestCache, RequestCredentials, RequestInit, RequestMode,
    RequestRedirect, Response, ResponseType,
};

use super::{early, hint, now, worker};

#[wasm_bindgen]
extern "C" {
    /// `fetch`. A script that replaced it may throw, or return no promise.
    #[wasm_bindgen(catch)]
    fn fetch(url: &str, init: &RequestInit) -> Result<JsValue, JsValue>;

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
    let mut abort = AbortOnDrop(AbortController::new().ok());
    let early = early::answer_to(&request);
    let is_early = early.is_some();
    let response = match early {
        Some(answer) => answer,
        None => {
            let init = init(&request, abort.signal()).map_err(|_| HttpError::Unreachable)?;
            // gloo-net's `Request::send` panics if the promise is rejected with a value that is no `Error`, and making a
            // `Request` takes main-thread time.
            let response = fetch(&worker::unshared(&request), &init).map_err(|_| HttpError::Unreachable)?;
            Promise::resolve(&response)
        }
    };
    let response = JsFuture::from(response).await.map_err(|_| {
        hint::no_answer(&request.url);
        HttpError::Unreachable
    })?;
    let response: Response = response.dyn_into().map_err(|_| HttpError::Unreachable)?;
    if response.type_() == ResponseType::Opaqueredirect {
        return Err(HttpError::Redirected);
    }
    let body = read(&response, request.body_limit).await?;
    abort.disarm();
    let (status, headers) = (response.status(), response.headers());
    let headers = Headers::new(move |name| headers.get(name).ok().flatten());
    let received = is_early.then(|| early::midpoint_of(&response)).flatten().unwrap_or_else(now);
    Ok(Answer { status, headers, body, received })
}

fn init(request: &HttpRequest, signal: Option<AbortSignal>) -> Result<RequestInit, JsValue> {
    let init = RequestInit::new();
    init.set_method(request.method.name());
    init.set_mode(RequestMode::Cors);
    init.set_redirect(RequestRedirect::Manual);
    init.set_cache(match request.cache {
        CacheMode::NoStore => RequestCache::NoStore,
        CacheMode::Reload => RequestCache::Reload,
        CacheMode::Default => RequestCache::Default,
    });
    init.set_credentials(match request.cookies {
        true => RequestCredentials::SameOrigin,
        false => RequestCredentials::Omit,
    });
    init.set_referrer_policy(ReferrerPolicy::NoReferrer);
    init.set_signal(signal.as_ref());
    let headers = gloo_net::http::Headers::new();
    for (name, value) in &request.headers {
        headers.append(name, value);
    }
    if let Some((cookie, header)) = &request.echo
        && let Some(value) = readable_cookie(cookie)
    {
        headers.append(header, &value);
    }
    init.set_headers(&headers.into_raw());
    if let Some(bytes) = &request.body {
        init.set_body(&Uint8Array::from(bytes.as_slice()));
    }
    if request.outlives_page {
        // web-sys has no setter for `keepalive` yet.
        Reflect::set(&init, &"keepalive".into(), &JsValue::TRUE)?;
    }
    Ok(init)
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
    let read_next = || JsFuture::from(reader.read());
    // Two reads begin at once, because most bodies are one chunk and its end. The second future exists from the beginning,
    // because the browser reports to the page each rejection that nobody handles.
    let (mut next, mut second) = (read_next(), Some(read_next()));
    loop {
        let result = next.await.map_err(|_| HttpError::Interrupted)?;
        let result: ReadableStreamReadResult = result.unchecked_into();
        if result.get_done().unwrap_or(true) {
            return Ok(body);
        }
        let chunk: Uint8Array = result.get_value().dyn_into().map_err(|_| HttpError::Interrupted)?;
        let length = usize::try_from(chunk.length()).unwrap_or(usize::MAX);
        if length > limit.saturating_sub(body.len()) {
            return Err(HttpError::TooLarge);
        }
        match body.is_empty() {
            // Most bodies are one chunk, which need not be copied once more.
            true => body = chunk.to_vec(),
            false => body.extend(chunk.to_vec()),
        }
        next = second.take().unwrap_or_else(read_next);
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
    /// Aborts nothing any more, because aborting an answer that is complete takes main-thread time.
    fn disarm(&mut self) {
        self.0 = None;
    }

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
