//! The bad answers, and the sentence that the page shows for each.

use e2e::proxy::{Action, Proxy};
use e2e::scene::{PASSWORD, USERNAME};
use e2e::sentences::{REDIRECTED, TOO_MANY, UNREACHABLE, WRONG};
use serde_json::{Value, json};

pub(crate) const UNINTELLIGIBLE: &str = "The server's answer could not be understood. Try again later.";
/// How the sentence about an answer that is not the server's begins.
pub(crate) const STOPPED: &str = "The request was stopped on its way";
pub(crate) const UNUSABLE: &str =
    "The server sent a token that this page cannot use. Tell whoever runs this page.";
pub(crate) const NO_DATA: &str = "The server answered without any data.";
pub(crate) const INTERRUPTED: &str = "The connection broke off before the answer was complete. Try again.";
pub(crate) const TIMED_OUT: &str = "The server did not answer in time. Try again in a moment.";
pub(crate) const FORBIDDEN: &str = "You do not have permission for this (403).";
pub(crate) const NOT_THERE: &str = "The server has nothing at this address (404).";
/// A server's internal text in the injected bodies. The page must never show it.
pub(crate) const INTERNALS: &str = "Traceback (most recent call last): File \"/srv/secret.py\"";

pub(crate) struct Case {
    pub(crate) name: &'static str,
    pub(crate) action: Action,
    pub(crate) sentence: String,
}

impl Case {
    fn new(name: &'static str, action: Action, sentence: impl Into<String>) -> Self {
        Self { name, action, sentence: sentence.into() }
    }
}

/// Bad answers that mean the same to a login, a fetch and a refresh.
pub(crate) fn shared_cases(trap: &Proxy) -> Vec<Case> {
    let detail = json!({"detail": INTERNALS});
    vec![
        Case::new("403", Action::json(403, &detail), FORBIDDEN),
        Case::new("429 without Retry-After", too_many(None), TOO_MANY),
        Case::new("429 with an unreadable Retry-After", too_many(Some("soon")), TOO_MANY),
        Case::new("500", Action::json(500, &detail), problem(500)),
        Case::new("500 without CORS headers", plain(500, INTERNALS, false), UNREACHABLE),
        Case::new("502 with HTML", Action::html(502, &html()), problem(502)),
        Case::new("503", Action::json(503, &detail), problem(503)),
        Case::new("200 with HTML", Action::html(200, &html()), UNINTELLIGIBLE),
        Case::new("200 with HTML that claims to be JSON", json_text(200, &html()), UNINTELLIGIBLE),
        Case::new("cut JSON", json_text(200, "{\"access_token\": \"a.b.c\", \"tok"), UNINTELLIGIBLE),
        Case::new("a connection that closes", Action::DropBefore, UNREACHABLE),
        Case::new("418", Action::json(418, &detail), refused_with(418)),
        Case::new("410 with HTML", Action::html(410, &html()), refused_with(410)),
        Case::new("307 to another origin", redirect(307, trap), REDIRECTED),
        Case::new("302 to another origin", redirect(302, trap), REDIRECTED),
    ]
}

pub(crate) fn token_cases(trap: &Proxy) -> Vec<Case> {
    let mut cases = shared_cases(trap);
    let shape = |body: Value| Action::json(200, &body);
    let large = "x".repeat(80 * 1024);
    cases.extend([
        Case::new("404", Action::json(404, &json!({"detail": "Not Found"})), service_not_found(404)),
        Case::new("404 with HTML", Action::html(404, &html()), service_not_found(404)),
        Case::new("405", Action::json(405, &json!({"detail": INTERNALS})), service_not_found(405)),
        Case::new("empty 200", json_text(200, ""), UNINTELLIGIBLE),
        Case::new("204", plain(204, "", true), UNINTELLIGIBLE),
        Case::new("200 with {}", shape(json!({})), UNINTELLIGIBLE),
        Case::new("200 with an array", shape(json!([1])), UNINTELLIGIBLE),
        Case::new("200 with null", shape(json!({"access_token": null})), UNINTELLIGIBLE),
        Case::new("200 with a number", shape(json!({"access_token": 1})), UNINTELLIGIBLE),
        Case::new("200 with a line break", shape(json!({"access_token": "a\r\nX: y"})), UNUSABLE),
        Case::new("200 for DPoP", shape(json!({"access_token": "a", "token_type": "DPoP"})), UNUSABLE),
        Case::new("200 too large", shape(json!({"access_token": large})), UNUSABLE),
        Case::new("401 with HTML", Action::html(401, &html()), refused_with(401)),
    ]);
    cases
}

pub(crate) fn login_cases(trap: &Proxy) -> Vec<Case> {
    let invalid = |field: &str| {
        // FastAPI's answer repeats the user's input.
        let form = json!({"username": USERNAME, "password": PASSWORD});
        let problem = json!({"type": "missing", "loc": ["body", field], "msg": INTERNALS, "input": form,
            "ctx": {"error": PASSWORD}});
        Action::json(422, &json!({"detail": [problem]}))
    };
    let accept = |what: &str| format!("The server does not accept this {what}. Check it and try again.");
    let mut cases = token_cases(trap);
    cases.extend([
        Case::new("a cut connection", Action::CutBody { bytes: 9 }, INTERRUPTED),
        Case::new("an answer lost after the server's work", Action::DropAfter, UNREACHABLE),
        Case::new("422 about the username", invalid("username"), accept("username")),
        Case::new("422 about the password", invalid("password"), accept("password")),
        Case::new("422 about something else", invalid("captcha"), accept("entry")),
        Case::new("422 with a text", Action::json(422, &json!({"detail": PASSWORD})), accept("entry")),
        Case::new("401", Action::json(401, &json!({"detail": INTERNALS})), WRONG),
        Case::new("400", Action::json(400, &json!({"detail": INTERNALS})), WRONG),
        Case::new("400 invalid_grant", Action::json(400, &json!({"error": "invalid_grant"})), WRONG),
        Case::new(
            "400 for a reason of the client's",
            Action::json(400, &json!({"error": "invalid_client", "error_description": INTERNALS})),
            "The sign-in service does not accept this page (400). Tell whoever runs this page.",
        ),
    ]);
    cases
}

pub(crate) fn fetch_cases(trap: &Proxy) -> Vec<Case> {
    let mut cases = shared_cases(trap);
    cases.extend([
        Case::new("a cut connection", Action::CutBody { bytes: 9 }, INTERRUPTED),
        Case::new("404", Action::json(404, &json!({"detail": "Not Found"})), NOT_THERE),
        Case::new("404 with HTML", Action::html(404, &html()), NOT_THERE),
        Case::new("405", Action::json(405, &json!({"detail": INTERNALS})), refused_with(405)),
        Case::new("409", Action::json(409, &json!({"detail": INTERNALS})), refused_with(409)),
        Case::new(
            "422",
            Action::json(422, &json!({"detail": [{"loc": ["query", 0], "input": PASSWORD}]})),
            refused_with(422),
        ),
        Case::new("429 with Retry-After", too_many(Some("1")), TOO_MANY),
    ]);
    cases
}

pub(crate) fn refresh_cases(trap: &Proxy) -> Vec<Case> {
    let mut cases = token_cases(trap);
    cases.extend([
        Case::new("422", Action::json(422, &json!({"detail": INTERNALS})), refused_with(422)),
        Case::new("408", Action::json(408, &json!({"detail": INTERNALS})), TIMED_OUT),
        Case::new("429 with Retry-After", too_many(Some("1")), TOO_MANY),
        Case::new("400 with HTML", Action::html(400, &html()), STOPPED),
        Case::new(
            "400 for a reason of the client's",
            Action::json(400, &json!({"error": "invalid_request"})),
            refused_with(400),
        ),
    ]);
    cases
}

/// Whether this sentence is about a transient failure.
pub(crate) fn is_transient(sentence: &str) -> bool {
    let passing = [UNREACHABLE, UNINTELLIGIBLE, INTERRUPTED, TIMED_OUT, TOO_MANY];
    passing.contains(&sentence)
        || sentence.starts_with(STOPPED)
        || sentence.starts_with("The server has a problem")
}

pub(crate) fn problem(status: u16) -> String {
    format!("The server has a problem ({status}). Try again in a moment.")
}

fn refused_with(status: u16) -> String {
    format!("The server refused the request ({status}).")
}

pub(crate) fn service_not_found(status: u16) -> String {
    format!(
        "The sign-in service was not found at the configured address ({status}). Tell whoever runs this page."
    )
}

pub(crate) fn html() -> String {
    format!("<!doctype html><html><body><h1>It works!</h1><b>{INTERNALS}</b></body></html>")
}

pub(crate) fn plain(status: u16, body: &str, cors: bool) -> Action {
    let headers = vec![("content-type".to_owned(), "text/plain; charset=utf-8".to_owned())];
    Action::Respond { status, headers, body: body.to_owned(), cors }
}

/// An answer with JSON's media type and any text as its body.
pub(crate) fn json_text(status: u16, body: &str) -> Action {
    let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
    Action::Respond { status, headers, body: body.to_owned(), cors: true }
}

pub(crate) fn too_many(retry_after: Option<&str>) -> Action {
    let wait = retry_after.map(|value| ("retry-after".to_owned(), value.to_owned()));
    let headers = [("content-type".to_owned(), "application/json".to_owned())].into_iter().chain(wait);
    Action::Respond { status: 429, headers: headers.collect(), body: "{}".to_owned(), cors: true }
}

pub(crate) fn redirect(status: u16, trap: &Proxy) -> Action {
    Action::Redirect { status, location: format!("{}/steal", trap.url()) }
}
