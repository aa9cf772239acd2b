//! The requests of the page, and the tokens in their answers.

use anyhow::{Context, Result, anyhow};
use bytes::Bytes;
use e2e::deployment::PASSWORD;
use http_body_util::Full;
use hyper::http::request::Builder;
use hyper::{Request, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::connection::Answer;

pub(crate) type Call = Result<Request<Full<Bytes>>>;

/// A live session in storage custody.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) user: String,
    pub(crate) refresh_token: String,
    /// From the last refresh.
    pub(crate) access_token: Option<String>,
}

impl Session {
    /// Reads a line `user refresh-token`.
    pub(crate) fn read(line: &str) -> Result<Self> {
        let (user, token) = line.split_once(' ').context("a line is not `user refresh-token`")?;
        Ok(Self { user: user.to_owned(), refresh_token: token.to_owned(), access_token: None })
    }
}

/// The answer of a login or a refresh.
#[derive(Debug, Deserialize)]
pub(crate) struct Tokens {
    pub(crate) access_token: String,
    pub(crate) sid: String,
    /// Storage custody only.
    pub(crate) refresh_token: Option<String>,
    /// From a login in cookie custody only.
    pub(crate) session_key: Option<String>,
}

/// A login. The names and the password here have no character that a form must encode.
pub(crate) fn login(user: &str, custody: &str) -> Call {
    let form = format!("grant_type=password&username={user}&password={PASSWORD}&refresh_custody={custody}");
    let builder =
        own_page(Request::post("/api/token")).header("Content-Type", "application/x-www-form-urlencoded");
    with_body(builder, form)
}

/// A refresh in storage custody. The key names the attempt.
pub(crate) fn refresh(token: &str, key: &str) -> Call {
    with_json(Request::post("/api/refresh").header("Idempotency-Key", key), json!({"refresh_token": token}))
}

/// A refresh in cookie custody.
pub(crate) fn refresh_by_cookie(sid: &str, session_key: &str, cookie: &str) -> Call {
    let builder = own_page(Request::post("/api/refresh")).header("Cookie", cookie);
    with_json(builder, json!({"sid": sid, "session_key": session_key}))
}

/// A request that the server verifies an access token for.
pub(crate) fn verified(access_token: &str) -> Call {
    let builder =
        Request::get("/api/protected-route").header("Authorization", format!("Bearer {access_token}"));
    with_body(builder, String::new())
}

/// The tokens of a 200.
pub(crate) fn tokens(answer: &Answer) -> Result<Tokens> {
    expect_success(answer)?;
    serde_json::from_slice(&answer.body).context("an answer has no tokens")
}

pub(crate) fn expect_success(answer: &Answer) -> Result<()> {
    match answer.status {
        StatusCode::OK => Ok(()),
        other => Err(anyhow!("status {}: {}", other.as_u16(), String::from_utf8_lossy(&answer.body).trim())),
    }
}

/// What a browser adds for a page of the same origin, which cookie custody demands.
fn own_page(builder: Builder) -> Builder {
    builder.header("Sec-Fetch-Site", "same-origin").header("X-Requested-With", "fetch")
}

fn with_json(builder: Builder, body: Value) -> Call {
    with_body(builder.header("Content-Type", "application/json"), body.to_string())
}

fn with_body(builder: Builder, body: String) -> Call {
    Ok(builder.body(Full::new(Bytes::from(body)))?)
}
