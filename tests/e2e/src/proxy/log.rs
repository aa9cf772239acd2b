//! Records the requests on the wire in their order.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, bail};
use bytes::Bytes;
use hyper::Response;
use hyper::header::{AUTHORIZATION, HeaderMap, HeaderName, ORIGIN};
use hyper::http::request::Parts;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use tokio::sync::watch;
use tokio::time::timeout;

/// A request and its outcome. An entry holds no secret. Its fingerprints only tell whether two requests
/// carried the same value.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Entry {
    /// The request's number in the order of arrival. A reset does not restart the numbers.
    pub order: u64,
    /// Whether it is a real request or a preflight. Most checks look at real requests only.
    pub kind: Kind,
    /// The method.
    pub method: String,
    /// The path without its query.
    pub path: String,
    /// Whether there was a query. A password must never be in one.
    pub query: bool,
    /// `Host`.
    pub host: Option<String>,
    /// `Origin`.
    pub origin: Option<String>,
    /// Names of all request headers, sorted.
    pub header_names: Vec<String>,
    /// Whether `Authorization` was sent.
    pub authorization: bool,
    /// The same for equal values of `Authorization`.
    pub authorization_fingerprint: Option<String>,
    /// The same for equal values of `Idempotency-Key`.
    pub idempotency_key_fingerprint: Option<String>,
    /// SHA-256 of the request's body in hexadecimal.
    pub body_sha256: String,
    /// Length of the request's body in bytes.
    pub body_bytes: usize,
    /// The status of the server's answer, even if the client never got it.
    pub upstream_status: Option<u16>,
    /// The status that was sent to the client.
    pub status: Option<u16>,
    /// How the exchange ended.
    pub outcome: Outcome,
    /// The name of the injected fault's action.
    pub fault: Option<String>,
}

impl Entry {
    /// Whether it is a real request with this method and path.
    pub fn is(&self, method: &str, path: &str) -> bool {
        self.kind == Kind::Request && self.method == method && self.path == path
    }
}

/// Who sent the request: the page's script (a real request) or the browser (a preflight).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// A real request.
    Request,
    /// A CORS preflight.
    Preflight,
}

/// How an exchange ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// It has not ended yet.
    Pending,
    /// Answered with the recorded status.
    Answered,
    /// The connection was closed without an answer.
    Dropped,
    /// The connection was closed within the body.
    Cut,
    /// The proxy could not reach the server and closed the client's connection.
    Unreachable,
    /// The client left before there was an answer.
    Abandoned,
}

/// The log of one proxy. Clones share it.
#[derive(Clone, Debug)]
pub struct Log(Arc<watch::Sender<State>>);

#[derive(Debug, Default)]
struct State {
    last: u64,
    entries: Vec<Entry>,
    refusals: Vec<String>,
}

impl Log {
    pub(super) fn new() -> Self {
        Self(Arc::new(watch::Sender::new(State::default())))
    }

    /// All entries so far, preflights included.
    pub fn entries(&self) -> Vec<Entry> {
        self.0.borrow().entries.clone()
    }

    /// The real requests so far.
    pub fn requests(&self) -> Vec<Entry> {
        self.entries().into_iter().filter(|entry| entry.kind == Kind::Request).collect()
    }

    /// The real requests with this method and path.
    pub fn matching(&self, method: &str, path: &str) -> Vec<Entry> {
        self.entries().into_iter().filter(|entry| entry.is(method, path)).collect()
    }

    /// The real requests as text: `POST /token 200`. If no status was sent, the outcome replaces it:
    /// `POST /refresh dropped`.
    pub fn wire(&self) -> Vec<String> {
        let line = |entry: &Entry| {
            let end = entry
                .status
                .map_or_else(|| format!("{:?}", entry.outcome).to_lowercase(), |status| status.to_string());
            format!("{} {} {end}", entry.method, entry.path)
        };
        self.requests().iter().map(line).collect()
    }

    /// Waits until `condition` holds, checking it at each change, and returns the entries of that moment.
    pub async fn wait_until(
        &self,
        condition: impl Fn(&[Entry]) -> bool,
        deadline: Duration,
    ) -> Result<Vec<Entry>> {
        let mut changes = self.0.subscribe();
        let waiting = changes.wait_for(|state| condition(&state.entries));
        if let Ok(Ok(state)) = timeout(deadline, waiting).await {
            return Ok(state.entries.clone());
        }
        bail!("not seen within {deadline:?}; the wire says:\n{}", self.wire().join("\n"))
    }

    /// Waits until `times` real requests with this method and path have ended, by an answer or otherwise.
    pub async fn wait_for(
        &self,
        method: &str,
        path: &str,
        times: usize,
        deadline: Duration,
    ) -> Result<Vec<Entry>> {
        let ended = |entry: &&Entry| entry.is(method, path) && entry.outcome != Outcome::Pending;
        self.wait_until(|entries| entries.iter().filter(ended).count() >= times, deadline).await
    }

    /// The bodies of the server's refusals (status 400 and above), also of those before a [`Log::clear`]. They are
    /// no part of the entries, because a refusal may repeat what was sent.
    pub fn refusals(&self) -> Vec<String> {
        self.0.borrow().refusals.clone()
    }

    /// Removes all entries. The numbers continue, so that a late change of a removed entry does not hit a
    /// new one.
    pub fn clear(&self) {
        self.0.send_modify(|state| state.entries.clear());
    }

    pub(super) fn arrive(&self, head: &Parts, body: &Bytes, fault: Option<&str>) -> Exchange {
        let entry = entry_of(head, body, fault);
        let mut order = 0;
        self.0.send_modify(|state| {
            state.last += 1;
            order = state.last;
            state.entries.push(Entry { order, ..entry });
        });
        Exchange { log: self.clone(), order, ended: false }
    }

    fn change(&self, order: u64, change: impl FnOnce(&mut Entry)) {
        self.0.send_modify(|state| {
            if let Some(entry) = state.entries.iter_mut().find(|entry| entry.order == order) {
                change(entry);
            }
        });
    }
}

/// An exchange under way. If it is dropped before its end, it counts as abandoned: hyper drops the
/// handler when the client closes the connection.
#[derive(Debug)]
pub(super) struct Exchange {
    log: Log,
    order: u64,
    ended: bool,
}

impl Exchange {
    /// Returns a function that records the server's answer, even if the client has left by then.
    pub(super) fn upstream(&self) -> impl FnOnce(&Response<Bytes>) + Send + 'static {
        let (log, order) = (self.log.clone(), self.order);
        move |answer| {
            let status = answer.status().as_u16();
            log.change(order, |entry| entry.upstream_status = Some(status));
            if status >= 400 {
                let body = String::from_utf8_lossy(answer.body()).into_owned();
                log.0.send_modify(|state| state.refusals.push(body));
            }
        }
    }

    pub(super) fn end(mut self, outcome: Outcome, status: Option<u16>) {
        self.ended = true;
        self.log.change(self.order, |entry| {
            entry.outcome = outcome;
            entry.status = status;
        });
    }
}

impl Drop for Exchange {
    fn drop(&mut self) {
        if !self.ended {
            self.log.change(self.order, |entry| entry.outcome = Outcome::Abandoned);
        }
    }
}

/// Whether the request is a CORS preflight.
pub(super) fn is_preflight(head: &Parts) -> bool {
    head.method == hyper::Method::OPTIONS
        && head.headers.contains_key(hyper::header::ACCESS_CONTROL_REQUEST_METHOD)
}

fn entry_of(head: &Parts, body: &Bytes, fault: Option<&str>) -> Entry {
    let headers = &head.headers;
    let mut header_names: Vec<String> = headers.keys().map(|name| name.as_str().to_owned()).collect();
    header_names.sort_unstable();
    Entry {
        order: 0,
        kind: if is_preflight(head) { Kind::Preflight } else { Kind::Request },
        method: head.method.to_string(),
        path: head.uri.path().to_owned(),
        query: head.uri.query().is_some(),
        host: text(headers, &hyper::header::HOST),
        origin: text(headers, &ORIGIN),
        header_names,
        authorization: headers.contains_key(AUTHORIZATION),
        authorization_fingerprint: fingerprint(headers, &AUTHORIZATION),
        idempotency_key_fingerprint: fingerprint(headers, &HeaderName::from_static("idempotency-key")),
        body_sha256: sha256(body),
        body_bytes: body.len(),
        upstream_status: None,
        status: None,
        outcome: Outcome::Pending,
        fault: fault.map(str::to_owned),
    }
}

fn text(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    headers.get(name).map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
}

fn fingerprint(headers: &HeaderMap, name: &HeaderName) -> Option<String> {
    headers.get(name).map(|value| sha256(value.as_bytes()).chars().take(16).collect())
}

fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}
