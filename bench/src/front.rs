//! Stands between the browser and the server and counts what passes. It keeps connections alive, as a server does.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use anyhow::Result;
use bytes::Bytes;
use e2e::serve::{Cut, Script, Serving};
use http_body_util::{BodyExt, Full};
use hyper::body::Incoming;
use hyper::header::{CONNECTION, CONTENT_LENGTH, HOST};
use hyper::{Method, Request, Response, Uri};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;

/// A running front. It ends on drop.
#[derive(Debug)]
pub(crate) struct Front {
    shared: Arc<Shared>,
    _serving: Serving,
}

#[derive(Debug)]
struct Shared {
    upstream: SocketAddr,
    client: Client<HttpConnector, Full<Bytes>>,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    counts: Counts,
    /// Whether the server's first answer to a GET is given to all that follow.
    repeats: bool,
    answer: Option<Response<Bytes>>,
}

/// How many answers there were, by method, path and status.
#[derive(Debug, Clone, Default)]
pub(crate) struct Counts(BTreeMap<(String, String, u16), usize>);

impl Counts {
    /// The requests that the page made itself, so without preflights.
    pub(crate) fn requests(&self) -> usize {
        self.sum(|method, _| method != "OPTIONS")
    }

    pub(crate) fn preflights(&self) -> usize {
        self.sum(|method, _| method == "OPTIONS")
    }

    pub(crate) fn refreshes(&self) -> usize {
        self.sum(|method, path| method == "POST" && path == "/refresh")
    }

    fn sum(&self, wanted: impl Fn(&str, &str) -> bool) -> usize {
        let fitting = self.0.iter().filter(|((method, path, _), _)| wanted(method, path));
        fitting.map(|(_, count)| count).sum()
    }
}

impl Front {
    /// Listens on `port`, and passes everything on to the server at `upstream`.
    pub(crate) async fn start(port: u16, upstream: SocketAddr) -> Result<Self> {
        let client = Client::builder(TokioExecutor::new()).pool_idle_timeout(IDLE).build_http();
        let shared = Arc::new(Shared { upstream, client, state: Mutex::default() });
        let handler = Arc::clone(&shared);
        let serving =
            Serving::start(port, true, move |request| answer(Arc::clone(&handler), request)).await?;
        Ok(Self { shared, _serving: serving })
    }

    /// Counts from zero.
    pub(crate) fn reset(&self) {
        self.shared.state().counts = Counts::default();
    }

    pub(crate) fn counts(&self) -> Counts {
        self.shared.state().counts.clone()
    }

    /// Gives the server's first answer to a GET to all that follow, so that many requests do not wait for the server.
    pub(crate) fn repeat(&self, repeats: bool) {
        let mut state = self.shared.state();
        state.repeats = repeats;
        state.answer = None;
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

async fn answer(shared: Arc<Shared>, request: Request<Incoming>) -> Result<Response<Script>, Cut> {
    let (method, path) = (request.method().clone(), request.uri().path().to_owned());
    let kept = if method == Method::GET { shared.state().answer.clone() } else { None };
    let answer = match kept {
        Some(answer) => answer,
        None => pass_on(&shared, request).await?,
    };
    let mut state = shared.state();
    if method == Method::GET && state.repeats && answer.status().is_success() {
        state.answer.get_or_insert_with(|| answer.clone());
    }
    *state.counts.0.entry((method.to_string(), path, answer.status().as_u16())).or_default() += 1;
    Ok(answer.map(Script::whole))
}

async fn pass_on(shared: &Shared, request: Request<Incoming>) -> Result<Response<Bytes>, Cut> {
    let (mut head, body) = request.into_parts();
    let body = body.collect().await.map_err(|_| Cut)?.to_bytes();
    let path = head.uri.path_and_query().map_or("/", |path| path.as_str());
    head.uri = Uri::try_from(format!("http://{}{path}", shared.upstream)).map_err(|_| Cut)?;
    for name in [CONNECTION, CONTENT_LENGTH, HOST] {
        head.headers.remove(name);
    }
    let answer = shared.client.request(Request::from_parts(head, Full::new(body))).await.map_err(|_| Cut)?;
    let (mut head, body) = answer.into_parts();
    for name in [CONNECTION, CONTENT_LENGTH] {
        head.headers.remove(name);
    }
    Ok(Response::from_parts(head, body.collect().await.map_err(|_| Cut)?.to_bytes()))
}

/// Shorter than the server keeps an idle connection, so that no request goes into one that is being closed.
const IDLE: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_preflight_is_no_request_of_the_page() {
        let row =
            |method: &str, path: &str, status, count| ((method.to_owned(), path.to_owned(), status), count);
        let counts = Counts(BTreeMap::from([
            row("GET", "/protected-route", 200, 4),
            row("GET", "/protected-route", 401, 3),
            row("OPTIONS", "/refresh", 200, 2),
            row("POST", "/refresh", 200, 1),
        ]));
        assert_eq!((counts.requests(), counts.preflights(), counts.refreshes()), (8, 2, 1));
    }
}
