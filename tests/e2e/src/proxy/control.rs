//! The paths with which a test inside a page controls the proxy.
//!
//! | request | effect |
//! | --- | --- |
//! | `GET /__stand/log` | the entries; `?requests=N&ms=M` waits until N real requests have ended, M ms at most |
//! | `PUT /__stand/rules` | replaces the rules by a JSON array of rules |
//! | `POST /__stand/release` | releases hung requests |
//! | `DELETE /__stand` | removes all rules, empties the log, releases hung requests |

use std::time::Duration;

use bytes::Bytes;
use hyper::header::{CACHE_CONTROL, CONTENT_TYPE, HeaderValue};
use hyper::http::request::Parts;
use hyper::{Method, Response, StatusCode};

use super::{Kind, Outcome, Rule, Shared, allow_origin};
use crate::serve::Script;

/// Whether the request is for the proxy itself.
pub(super) fn is_for(head: &Parts) -> bool {
    head.uri.path().strip_prefix(PREFIX).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

pub(super) async fn answer(shared: &Shared, head: &Parts, body: &Bytes) -> Response<Script> {
    let path = head.uri.path().strip_prefix(PREFIX).unwrap_or_default();
    let (status, body) = match (&head.method, path) {
        (&Method::OPTIONS, _) => (StatusCode::NO_CONTENT, String::new()),
        (&Method::GET, "/log") => log(shared, head.uri.query().unwrap_or_default()).await,
        (&Method::PUT, "/rules") => match serde_json::from_slice::<Vec<Rule>>(body) {
            Ok(rules) => {
                *shared.rules() = rules;
                (StatusCode::NO_CONTENT, String::new())
            }
            Err(error) => (StatusCode::BAD_REQUEST, error.to_string()),
        },
        (&Method::POST, "/release") => {
            shared.release_hung();
            (StatusCode::NO_CONTENT, String::new())
        }
        (&Method::DELETE, "") => {
            shared.reset();
            (StatusCode::NO_CONTENT, String::new())
        }
        _ => (StatusCode::NOT_FOUND, String::new()),
    };
    let mut answer = Response::new(Script::whole(body));
    *answer.status_mut() = status;
    let headers = answer.headers_mut();
    allow_origin(head, headers);
    headers.insert("access-control-allow-methods", HeaderValue::from_static("GET, PUT, POST, DELETE"));
    headers.insert("access-control-allow-headers", HeaderValue::from_static("content-type"));
    headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
    if status == StatusCode::OK {
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    }
    answer
}

/// Answers late if the query asks for a wait, because the proxy cannot notify a page.
async fn log(shared: &Shared, query: &str) -> (StatusCode, String) {
    let number = |name: &str| {
        let value = query.split('&').find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))?;
        value.parse::<u64>().ok()
    };
    if let Some(wanted) = number("requests") {
        let deadline = Duration::from_millis(number("ms").unwrap_or(5_000));
        let ended = |entries: &[super::Entry]| {
            entries
                .iter()
                .filter(|entry| entry.kind == Kind::Request && entry.outcome != Outcome::Pending)
                .count() as u64
                >= wanted
        };
        // After the deadline the test gets the entries too. It checks itself whether all have come.
        let _ = shared.log.wait_until(ended, deadline).await;
    }
    match serde_json::to_string(&shared.log.entries()) {
        Ok(entries) => (StatusCode::OK, entries),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()),
    }
}

const PREFIX: &str = "/__stand";
