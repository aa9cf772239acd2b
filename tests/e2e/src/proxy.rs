//! The fault proxy. It records each request to the API and injects the faults of its [`Rule`]s.
//!
//! It is a reverse proxy in front of the API. It is also a forward proxy for absolute-form requests, so
//! that a browser can reach `http://app.test` and `http://api.test` through it. It connects only to its
//! routes' upstream servers.

mod control;
mod forward;
mod log;
mod route;
mod rule;

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Result;
use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::header::{CONTENT_LENGTH, HeaderMap, HeaderName, HeaderValue, ORIGIN};
use hyper::http::request::Parts;
use hyper::{Method, Request, Response, StatusCode};
use tokio::sync::watch;
use tokio::time::sleep;

pub use self::log::{Entry, Kind, Log, Outcome};
pub use self::route::Route;
pub use self::rule::{Action, Rule};
use crate::serve::{Cut, Script, Serving};

/// A running proxy. Its connections end on drop.
#[derive(Debug)]
pub struct Proxy {
    serving: Serving,
    shared: Arc<Shared>,
}

impl Proxy {
    /// Starts a proxy on a free port, with the API at `upstream` as its only route.
    pub async fn start(upstream: SocketAddr) -> Result<Self> {
        Self::with_routes(0, vec![Route::api(upstream)]).await
    }

    /// Listens on `port` (0: any free port) and forwards requests by `routes`. Each connection carries one
    /// request: on a reused connection a browser may repeat a request by itself, which hides a fault.
    pub async fn with_routes(port: u16, routes: Vec<Route>) -> Result<Self> {
        let shared = Arc::new(Shared {
            routes,
            rules: Mutex::default(),
            log: Log::new(),
            released: watch::Sender::new(0),
        });
        let handler = Arc::clone(&shared);
        let serving =
            Serving::start(port, false, move |request| handle(Arc::clone(&handler), request)).await?;
        Ok(Self { serving, shared })
    }

    /// The proxy's address.
    pub fn address(&self) -> SocketAddr {
        self.serving.address
    }

    /// The proxy's base URL without a trailing slash. A page uses it as the API's base URL.
    pub fn url(&self) -> String {
        format!("http://{}", self.address())
    }

    /// The recorded requests.
    pub fn log(&self) -> &Log {
        &self.shared.log
    }

    /// Adds a rule after the existing ones.
    pub fn add(&self, rule: Rule) {
        self.shared.rules().push(rule);
    }

    /// Replaces all rules.
    pub fn set_rules(&self, rules: Vec<Rule>) {
        *self.shared.rules() = rules;
    }

    /// Releases all requests that hang now. A later request hangs until the next release.
    pub fn release_hung(&self) {
        self.shared.release_hung();
    }

    /// Removes all rules, empties the log and releases the hung requests.
    pub fn reset(&self) {
        self.shared.reset();
    }
}

#[derive(Debug)]
struct Shared {
    routes: Vec<Route>,
    rules: Mutex<Vec<Rule>>,
    log: Log,
    /// The number of releases. Each change lets the hung requests continue.
    released: watch::Sender<u64>,
}

impl Shared {
    fn rules(&self) -> MutexGuard<'_, Vec<Rule>> {
        self.rules.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fault_for(&self, head: &Parts) -> Option<Action> {
        self.rules().iter_mut().find_map(|rule| rule.fires(head).then(|| rule.action.clone()))
    }

    fn release_hung(&self) {
        self.released.send_modify(|times| *times += 1);
    }

    fn reset(&self) {
        self.rules().clear();
        self.release_hung();
        self.log.clear();
    }
}

async fn handle(shared: Arc<Shared>, request: Request<Incoming>) -> Result<Response<Script>, Cut> {
    let (head, body) = request.into_parts();
    let body = body.collect().await.map_err(|_| Cut)?.to_bytes();
    if control::is_for(&head) {
        return Ok(control::answer(&shared, &head, &body).await);
    }
    if head.method == Method::CONNECT {
        // The browser's own traffic to the internet. The proxy opens no tunnel.
        return Ok(status_only(StatusCode::FORBIDDEN));
    }
    let Some(route) = shared.routes.iter().find(|route| route.fits(&head)) else {
        return Ok(status_only(StatusCode::BAD_GATEWAY));
    };
    if !route.recorded {
        let answer = forward::forward(route.upstream, head, body).await.map_err(|_| Cut)?;
        return Ok(answer.map(Script::whole));
    }

    let fault = shared.fault_for(&head);
    // Subscribe before the request is in the log: a test that sees it there may release it at once.
    let mut released = shared.released.subscribe();
    let exchange = shared.log.arrive(&head, &body, fault.as_ref().map(Action::name));
    match fault {
        Some(Action::Respond { status, headers, body, cors }) => {
            let answer = respond(&head, status, &headers, body, cors);
            return answered(exchange, answer);
        }
        Some(Action::Redirect { status, location }) => {
            let answer = respond(&head, status, &[("location".to_owned(), location)], String::new(), true);
            return answered(exchange, answer);
        }
        Some(Action::DropBefore) => {
            exchange.end(Outcome::Dropped, None);
            return Err(Cut);
        }
        // `changed` fails only if the proxy has been dropped.
        Some(Action::Hang) => released.changed().await.map_err(|_| Cut)?,
        _ => {}
    }

    let mut sent = head;
    if matches!(fault, Some(Action::RewriteJson { .. })) {
        // A compressed body cannot be rewritten.
        sent.headers.remove(hyper::header::ACCEPT_ENCODING);
    }
    let Some(answer) = ask(&exchange, route.upstream, sent, body).await else {
        exchange.end(Outcome::Unreachable, None);
        return Err(Cut);
    };
    match fault {
        Some(Action::DropAfter) => {
            exchange.end(Outcome::Dropped, None);
            Err(Cut)
        }
        Some(Action::CutBody { bytes }) => {
            exchange.end(Outcome::Cut, Some(answer.status().as_u16()));
            let length = answer.body().len();
            let mut answer = answer.map(|body| Script::cut_after(&body, bytes));
            answer.headers_mut().insert(CONTENT_LENGTH, HeaderValue::from(length));
            Ok(answer)
        }
        Some(Action::DelayHeaders { ms }) => {
            sleep(Duration::from_millis(ms)).await;
            answered(exchange, answer.map(Script::whole))
        }
        Some(Action::DelayBody { ms }) => {
            answered(exchange, answer.map(|body| Script::late(body, Duration::from_millis(ms))))
        }
        Some(Action::HangAfter) => {
            released.changed().await.map_err(|_| Cut)?;
            answered(exchange, answer.map(Script::whole))
        }
        Some(Action::RewriteJson { remove, set }) => {
            let rewritten = answer.map(|body| Script::whole(rewrite(body, &remove, set)));
            answered(exchange, rewritten)
        }
        _ => answered(exchange, answer.map(Script::whole)),
    }
}

/// Asks the server in a task of its own, so that the request reaches it even if the client leaves.
async fn ask(
    exchange: &log::Exchange,
    upstream: SocketAddr,
    head: Parts,
    body: Bytes,
) -> Option<Response<Bytes>> {
    let note = exchange.upstream();
    let asking = tokio::spawn(async move {
        let answer = forward::forward(upstream, head, body).await.ok()?;
        note(&answer);
        Some(answer)
    });
    asking.await.ok().flatten()
}

fn answered(exchange: log::Exchange, answer: Response<Script>) -> Result<Response<Script>, Cut> {
    exchange.end(Outcome::Answered, Some(answer.status().as_u16()));
    Ok(answer)
}

fn respond(
    head: &Parts,
    status: u16,
    headers: &[(String, String)],
    body: String,
    cors: bool,
) -> Response<Script> {
    let Ok(status) = StatusCode::from_u16(status) else { return status_only(StatusCode::NOT_IMPLEMENTED) };
    let mut answer = Response::new(Script::whole(body));
    *answer.status_mut() = status;
    for (name, value) in headers {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(name), HeaderValue::try_from(value)) {
            answer.headers_mut().append(name, value);
        }
    }
    if cors {
        allow_origin(head, answer.headers_mut());
    }
    answer
}

/// Adds the CORS headers that let the requesting origin's script read the answer, as the server does.
fn allow_origin(head: &Parts, headers: &mut HeaderMap) {
    let origin = head.headers.get(ORIGIN).cloned().unwrap_or(HeaderValue::from_static("*"));
    headers.insert("access-control-allow-origin", origin);
    headers.insert("access-control-allow-credentials", HeaderValue::from_static("true"));
    let exposed = HeaderValue::from_static("WWW-Authenticate, Retry-After, DPoP-Nonce, Date");
    headers.insert("access-control-expose-headers", exposed);
    headers.append("vary", HeaderValue::from_static("Origin"));
}

fn rewrite(body: Bytes, remove: &[String], set: serde_json::Map<String, serde_json::Value>) -> Bytes {
    let Ok(mut object) = serde_json::from_slice::<serde_json::Map<_, _>>(&body) else { return body };
    for field in remove {
        object.remove(field);
    }
    object.extend(set);
    Bytes::from(serde_json::Value::Object(object).to_string())
}

fn status_only(status: StatusCode) -> Response<Script> {
    let mut answer = Response::new(Script::default());
    *answer.status_mut() = status;
    answer
}

#[cfg(test)]
mod tests;
