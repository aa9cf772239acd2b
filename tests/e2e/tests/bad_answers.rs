//! Bad answers of a server, a gateway or a captive portal. The page shows a sentence of its own, keeps
//! the session or the form's input, and works again at the next good answer.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use e2e::browser::{Browser, Engine};
use e2e::page::{FETCH, LOGIN, LoginPage, Seen};
use e2e::pages::Pages;
use e2e::proxy::{Action, Proxy, Route, Rule};
use e2e::scene::{PASSWORD, PASSWORD_PART, Scene, USERNAME, refused};
use e2e::sentences::{DISABLED, EXPIRED, PASSWORD_CHANGED, REDIRECTED, REUSE, TOO_MANY, UNREACHABLE, WRONG};
use e2e::server::{Options, Server};
use serde_json::{Value, json};
use tokio::time::Instant;

const UNINTELLIGIBLE: &str = "The server's answer could not be understood. Try again later.";
/// How the sentence about an answer that is not the server's begins.
const STOPPED: &str = "The request was stopped on its way";
const UNUSABLE: &str = "The server sent a token that this page cannot use. Tell whoever runs this page.";
const NO_DATA: &str = "The server answered without any data.";
const INTERRUPTED: &str = "The connection broke off before the answer was complete. Try again.";
const TIMED_OUT: &str = "The server did not answer in time. Try again in a moment.";
const FORBIDDEN: &str = "You do not have permission for this (403).";
const NOT_THERE: &str = "The server has nothing at this address (404).";
/// A session's rate gate lets ten refreshes pass without a wait: five cases with two refreshes each.
const SESSION: usize = 5;
/// A server's internal text in the injected bodies. The page must never show it.
const INTERNALS: &str = "Traceback (most recent call last): File \"/srv/secret.py\"";

#[tokio::test(flavor = "multi_thread")]
async fn a_login_that_gets_a_bad_answer_says_so_and_stores_nothing_and_the_next_one_works() -> Result<()> {
    let scene = Scene::start(Engine::Chromium).await?;
    let trap = Proxy::start(scene.server.address()).await?;
    let page = scene.form().await?;
    page.fill_in(USERNAME, PASSWORD).await?;
    for Case { name, action, sentence } in login_cases(&trap) {
        let case = async {
            scene.proxy.reset();
            scene.proxy.add(Rule::new("POST", "/token", action).once());
            let seen = page.press_and_settle(LOGIN).await?;
            ensure!(seen.alerts == [sentence.clone()], "{seen:#?}");
            ensure!(seen.signed_out(), "{seen:#?}");
            ensure!(scene.log().requests().len() == 1, "{:?}", scene.log().wire());
            ensure!(scene.stored().await?.is_empty(), "{:#?}", scene.stored().await?.local.keys());
            ensure_nothing_shows(&scene).await
        };
        case.await.with_context(|| name.to_owned())?;
    }
    // The form has kept its input: the password need not be typed again.
    scene.proxy.reset();
    page.press(LOGIN).await?;
    page.wait_until("signed in", Seen::signed_in).await?;
    ensure!(page.fetch().await?.json().is_some());
    scene.ensure_quiet().await?;
    ensure!(trap.log().entries().is_empty(), "the redirect was followed: {:?}", trap.log().wire());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_fetch_that_gets_a_bad_answer_says_so_and_the_session_goes_on() -> Result<()> {
    let scene = Scene::start(Engine::Chromium).await?;
    let trap = Proxy::start(scene.server.address()).await?;
    let page = scene.signed_in().await?;
    for Case { name, action, sentence } in fetch_cases(&trap) {
        let case = async {
            scene.proxy.reset();
            scene.proxy.add(Rule::new("GET", "/protected-route", action).once());
            let seen = page.press_and_settle(FETCH).await?;
            ensure!(seen.alerts == [sentence.clone()] && seen.signed_in(), "{seen:#?}");
            ensure!(scene.log().requests().len() == 1, "{:?}", scene.log().wire());
            ensure_nothing_shows(&scene).await?;
            let seen = page.press_and_settle(FETCH).await?;
            ensure!(seen.alerts.is_empty() && seen.statuses.is_empty(), "{seen:#?}");
            ensure!(seen.json().is_some_and(|data| data.is_object()), "{seen:#?}");
            ensure!(scene.log().requests().len() == 2, "{:?}", scene.log().wire());
            Ok(())
        };
        case.await.with_context(|| name.to_owned())?;
    }
    for action in [json_text(200, ""), plain(204, "", true), plain(200, " \r\n", true)] {
        scene.proxy.reset();
        scene.proxy.add(Rule::new("GET", "/protected-route", action).once());
        let seen = page.press_and_settle(FETCH).await?;
        ensure!(seen.alerts.is_empty() && seen.statuses == [NO_DATA] && seen.data.is_none(), "{seen:#?}");
    }
    scene.ensure_quiet().await?;
    ensure!(trap.log().entries().is_empty(), "the redirect was followed: {:?}", trap.log().wire());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_that_gets_a_bad_answer_ends_no_session() -> Result<()> {
    let scene = Scene::start(Engine::Chromium).await?;
    let trap = Proxy::start(scene.server.address()).await?;
    let page = scene.signed_in().await?;
    let log = scene.log();
    for (number, Case { name, action, sentence }) in refresh_cases(&trap).into_iter().enumerate() {
        let case = async {
            if number % SESSION == SESSION - 1 {
                page.logout().await?;
                page.login(USERNAME, PASSWORD).await?;
            }
            scene.proxy.reset();
            let before = scene.stored().await?;
            scene.proxy.add(Rule::new("GET", "/protected-route", refused()).once());
            scene.proxy.add(Rule::new("POST", "/refresh", action).once());
            let seen = page.press_and_settle(FETCH).await?;
            ensure_nothing_shows(&scene).await?;
            if passes(&sentence) {
                // A transient failure: within the same click the page waits and repeats the attempt.
                ensure!(seen.alerts.is_empty() && seen.json().is_some(), "{seen:#?}");
                ensure!(log.matching("POST", "/refresh").len() == 2, "{:?}", log.wire());
                return Ok(());
            }
            ensure!(seen.alerts == [sentence.clone()] && seen.signed_in(), "{seen:#?}");
            ensure!(log.requests().len() == 2, "{:?}", log.wire());
            ensure!(scene.stored().await?.holds(&before), "the records are as they were");

            // The refresh token is unspent: the next attempt succeeds with it.
            scene.proxy.reset();
            scene.proxy.add(Rule::new("GET", "/protected-route", refused()).once());
            let seen = page.press_and_settle(FETCH).await?;
            ensure!(seen.alerts.is_empty() && seen.json().is_some(), "{seen:#?}");
            scene.ensure_wire(&["GET /protected-route 401", "POST /refresh 200", "GET /protected-route 200"])
        };
        case.await.with_context(|| name.to_owned())?;
    }
    // The answer is lost after the server has rotated. The same token with the same key gets the same
    // successor.
    for action in [Action::CutBody { bytes: 9 }, Action::DropAfter] {
        let page = scene.signed_in().await?;
        scene.proxy.add(Rule::new("GET", "/protected-route", refused()).once());
        scene.proxy.add(Rule::new("POST", "/refresh", action).once());
        let seen = page.press_and_settle(FETCH).await?;
        ensure!(seen.alerts.is_empty() && seen.json().is_some() && seen.signed_in(), "{seen:#?}");
        let attempts = log.matching("POST", "/refresh");
        let keys: Vec<_> = attempts.iter().map(|it| it.idempotency_key_fingerprint.as_ref()).collect();
        ensure!(keys.len() == 2 && keys[0].is_some() && keys[0] == keys[1], "{keys:?}");
    }
    scene.ensure_quiet().await?;
    ensure!(trap.log().entries().is_empty(), "the redirect was followed: {:?}", trap.log().wire());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refusal_to_refresh_brings_the_form_with_the_reason_and_clears_storage() -> Result<()> {
    let scene = Scene::start(Engine::Chromium).await?;
    let page = scene.form().await?;
    let reason = |reason: &str| json!({"detail": INTERNALS, "error": "invalid_grant", "reason": reason});
    for (status, body, sentence) in [
        (401, reason("expired"), EXPIRED),
        (401, reason("revoked"), "Your session was ended. Log in again."),
        (401, reason("reuse"), REUSE),
        (401, reason("password_changed"), PASSWORD_CHANGED),
        (401, reason("disabled"), DISABLED),
        (401, reason("<b>made up</b>"), EXPIRED),
        (401, json!({"detail": INTERNALS}), EXPIRED),
        (400, json!({"error": "invalid_grant"}), EXPIRED),
        (400, json!({"detail": INTERNALS}), EXPIRED),
        (409, json!({"detail": INTERNALS}), REUSE),
    ] {
        let case = async {
            page.login(USERNAME, PASSWORD).await?;
            scene.proxy.reset();
            scene.proxy.add(Rule::new("GET", "/protected-route", refused()).once());
            scene.proxy.add(Rule::new("POST", "/refresh", Action::json(status, &body)).once());
            page.press(FETCH).await?;
            let seen = page.wait_until("the form", Seen::signed_out).await?;
            ensure!(seen.alerts == [sentence] && seen.data.is_none(), "{seen:#?}");
            ensure!(seen.focus == "Username", "{seen:#?}");
            ensure!(scene.stored().await?.is_empty(), "{:?}", scene.stored().await?.local.keys());
            ensure_nothing_shows(&scene).await
        };
        case.await.with_context(|| format!("{status} {body}"))?;
    }
    scene.ensure_quiet().await
}

#[tokio::test(flavor = "multi_thread")]
async fn too_many_attempts_are_counted_down_until_the_next_one_may_be_made() -> Result<()> {
    let scene = Scene::start(Engine::Chromium).await?;
    let page = scene.form().await?;
    page.fill_in(USERNAME, PASSWORD).await?;
    scene.proxy.add(Rule::new("POST", "/token", too_many(Some("2"))).once());
    page.press(LOGIN).await?;
    let seen = page.wait_until("an alert", |seen| !seen.alerts.is_empty()).await?;
    ensure!(seen.alerts == [TOO_MANY] && seen.disabled == [LOGIN], "{seen:#?}");
    let timer = "return document.querySelector('[role=timer]')?.innerText ?? null";
    let left = scene.browser.run(timer, Value::Null).await?;
    ensure!(
        ["You can try again in 2 s.", "You can try again in 1 s."].contains(&left.as_str().unwrap_or("")),
        "{left}"
    );
    // During the countdown neither the button nor the Enter key sends a request.
    page.text_box("Password").await?.send_keys("\u{e007}").await?;
    let seen = page.wait_until("the end of the wait", |seen| seen.has_button(LOGIN)).await?;
    ensure!(seen.alerts.is_empty(), "{seen:#?}");
    ensure!(scene.browser.run(timer, Value::Null).await?.is_null());
    scene.ensure_wire(&["POST /token 429"])?;
    page.press(LOGIN).await?;
    page.wait_until("signed in", Seen::signed_in).await?;
    scene.ensure_quiet().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_never_answers_is_given_up_in_time() -> Result<()> {
    let scene = Scene::start(Engine::Chromium).await?;
    let page = scene.signed_in().await?;
    let first = scene.browser.driver().window().await?;
    scene.proxy.add(Rule::new("GET", "/protected-route", refused()).once());
    scene.proxy.add(Rule::new("POST", "/refresh", Action::Hang));
    scene.proxy.add(Rule::new("POST", "/token", Action::Hang));

    // The refresh and a login in a second tab wait at the same time, because both wait in real time. The
    // second tab uses another name of the same API, so that it has a session of its own.
    let begun = Instant::now();
    page.press(FETCH).await?;
    scene.pages.meta("api-base-url", &format!("http://localhost:{}", scene.proxy.address().port()));
    scene.browser.open_tab(&scene.pages.origin()).await?;
    page.send_form(USERNAME, PASSWORD).await?;
    let seen = page.wait_until("progress", |seen| seen.says("Signing in…")).await?;
    ensure!(seen.disabled == [LOGIN], "{seen:#?}");

    // A refresh at this server may be repeated, so its first attempt has ten seconds. At its deadline the page also
    // closes the connection.
    let second = scene.browser.driver().window().await?;
    scene.browser.switch_to(&first).await?;
    let seen = page.wait_until("the refresh's deadline", |seen| !seen.alerts.is_empty()).await?;
    ensure!(seen.alerts == [TIMED_OUT] && seen.signed_in(), "{seen:#?}");
    let elapsed = begun.elapsed();
    ensure!((9..20).contains(&elapsed.as_secs()), "{elapsed:?}");
    let entries = scene.log().wait_for("POST", "/refresh", 1, Duration::from_secs(5)).await?;
    let hung = entries.iter().find(|entry| entry.is("POST", "/refresh")).context("the request")?;
    ensure!(hung.outcome == e2e::proxy::Outcome::Abandoned, "{hung:#?}");

    // A login has thirty seconds. The page keeps the connection, because an answer that comes too late has opened a
    // session that it must end.
    scene.browser.switch_to(&second).await?;
    let deadline = Duration::from_secs(40);
    let seen = page.wait_within(deadline, "the login's deadline", |seen| !seen.alerts.is_empty()).await?;
    ensure!(seen.alerts == [TIMED_OUT] && seen.signed_out(), "{seen:#?}");
    ensure!(begun.elapsed() >= Duration::from_secs(29), "{:?}", begun.elapsed());
    let login = scene.log().matching("POST", "/token");
    ensure!(login.iter().all(|entry| entry.outcome == e2e::proxy::Outcome::Pending), "{login:#?}");

    scene.browser.switch_to(&first).await?;
    scene.proxy.reset();
    let seen = page.press_and_settle(FETCH).await?;
    ensure!(seen.alerts.is_empty() && seen.json().is_some(), "{seen:#?}");
    scene.ensure_quiet().await
}

#[tokio::test(flavor = "multi_thread")]
async fn where_nobody_listens_the_page_says_so_and_goes_on_when_somebody_does_again() -> Result<()> {
    let pages = Pages::of_the_app("").await?;
    let (server, browser) = tokio::try_join!(
        async {
            let server = Server::start(Options::allow(pages.origin())).await?;
            server.add_user(USERNAME, PASSWORD).await?;
            Ok(server)
        },
        Browser::start(Engine::Chromium)
    )?;
    let proxy = Proxy::start(server.address()).await?;
    let (url, port) = (proxy.url(), proxy.address().port());
    pages.meta("api-base-url", &url);
    drop(proxy);

    let page = LoginPage::open(&browser, &pages.origin()).await?;
    page.send_form(USERNAME, PASSWORD).await?;
    let seen = page.wait_until("an alert", |seen| !seen.alerts.is_empty()).await?;
    ensure!(seen.alerts == [UNREACHABLE] && seen.signed_out(), "{seen:#?}");
    let stored = browser.run("return localStorage.length + sessionStorage.length", Value::Null).await?;
    ensure!(stored == json!(0), "{stored}");

    let proxy = Proxy::with_routes(port, vec![Route::api(server.address())]).await?;
    page.press(LOGIN).await?;
    page.wait_until("signed in", Seen::signed_in).await?;
    drop(proxy);
    let seen = page.press_and_settle(FETCH).await?;
    ensure!(seen.alerts == [UNREACHABLE] && seen.signed_in(), "{seen:#?}");
    ensure!(seen.says("You stay signed in."), "{seen:#?}");
    // A reload while the server cannot be reached keeps the session.
    browser.reload().await?;
    page.wait_until("still signed in", Seen::signed_in).await?;

    let proxy = Proxy::with_routes(port, vec![Route::api(server.address())]).await?;
    let seen = page.press_and_settle(FETCH).await?;
    ensure!(seen.alerts.is_empty() && seen.statuses.is_empty() && seen.json().is_some(), "{seen:#?}");
    ensure!(proxy.log().wire() == ["GET /protected-route 200"], "{:?}", proxy.log().wire());
    Ok(())
}

/// A proxy in front of page and API wants a cookie of its own with each request, and redirects a request without it.
#[tokio::test(flavor = "multi_thread")]
async fn a_cookie_proxy_is_named_and_gets_its_cookie_where_the_contract_says_so() -> Result<()> {
    let pages = Pages::of_the_app("/").await?;
    let (server, trap, browser) = tokio::try_join!(
        async {
            let server = Server::start(Options::allow(pages.origin())).await?;
            server.add_user(USERNAME, PASSWORD).await?;
            Ok(server)
        },
        Proxy::start(pages.address()),
        Browser::start(Engine::Chromium)
    )?;
    let api = Route::api(server.address()).paths(&["/token", "/refresh", "/logout", "/protected-route"]);
    let proxy = Proxy::with_routes(0, vec![api, Route::pages(pages.address())]).await?;
    let gate = || Rule::any(redirect(302, &trap)).lacks("cookie");
    proxy.set_rules(vec![gate()]);
    let origin = format!("http://localhost:{}", proxy.address().port());
    let page = LoginPage::open(&browser, &origin).await?;
    browser.run("document.cookie = 'gate=1; Path=/'", Value::Null).await?;
    page.send_form(USERNAME, PASSWORD).await?;
    page.wait_until("the redirect's sentence", |seen| seen.alerts == [REDIRECTED]).await?;

    pages.meta("auth-contract", &json!({"cookies": true}).to_string());
    let page = LoginPage::open(&browser, &origin).await?;
    page.login(USERNAME, PASSWORD).await?;
    ensure!(page.fetch().await?.json().is_some());
    // The proxy's session ends while the page is open. The page's own session stays.
    browser.run("document.cookie = 'gate=; Path=/; Max-Age=0'", Value::Null).await?;
    let seen = page.press_and_settle(FETCH).await?;
    ensure!(seen.alerts == [REDIRECTED] && seen.signed_in(), "{seen:#?}");
    browser.run("document.cookie = 'gate=1; Path=/'", Value::Null).await?;
    ensure!(page.fetch().await?.alerts.is_empty());
    ensure!(trap.log().entries().is_empty(), "the redirect was followed: {:?}", trap.log().wire());
    Ok(())
}

struct Case {
    name: &'static str,
    action: Action,
    sentence: String,
}

impl Case {
    fn new(name: &'static str, action: Action, sentence: impl Into<String>) -> Self {
        Self { name, action, sentence: sentence.into() }
    }
}

/// Bad answers that mean the same to a login, a fetch and a refresh.
fn shared_cases(trap: &Proxy) -> Vec<Case> {
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
        Case::new("418", Action::json(418, &detail), "The server refused the request (418)."),
        Case::new("410 with HTML", Action::html(410, &html()), "The server refused the request (410)."),
        Case::new("307 to another origin", redirect(307, trap), REDIRECTED),
        Case::new("302 to another origin", redirect(302, trap), REDIRECTED),
    ]
}

fn token_cases(trap: &Proxy) -> Vec<Case> {
    let mut cases = shared_cases(trap);
    let shape = |body: Value| Action::json(200, &body);
    let large = "x".repeat(80 * 1024);
    cases.extend([
        Case::new("404", Action::json(404, &json!({"detail": "Not Found"})), misconfigured(404)),
        Case::new("404 with HTML", Action::html(404, &html()), misconfigured(404)),
        Case::new("405", Action::json(405, &json!({"detail": INTERNALS})), misconfigured(405)),
        Case::new("empty 200", json_text(200, ""), UNINTELLIGIBLE),
        Case::new("204", plain(204, "", true), UNINTELLIGIBLE),
        Case::new("200 with {}", shape(json!({})), UNINTELLIGIBLE),
        Case::new("200 with an array", shape(json!([1])), UNINTELLIGIBLE),
        Case::new("200 with null", shape(json!({"access_token": null})), UNINTELLIGIBLE),
        Case::new("200 with a number", shape(json!({"access_token": 1})), UNINTELLIGIBLE),
        Case::new("200 with a line break", shape(json!({"access_token": "a\r\nX: y"})), UNUSABLE),
        Case::new("200 for DPoP", shape(json!({"access_token": "a", "token_type": "DPoP"})), UNUSABLE),
        Case::new("200 too large", shape(json!({"access_token": large})), UNUSABLE),
        Case::new("401 with HTML", Action::html(401, &html()), "The server refused the request (401)."),
    ]);
    cases
}

fn login_cases(trap: &Proxy) -> Vec<Case> {
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

fn fetch_cases(trap: &Proxy) -> Vec<Case> {
    let refused = |status: u16| format!("The server refused the request ({status}).");
    let mut cases = shared_cases(trap);
    cases.extend([
        Case::new("a cut connection", Action::CutBody { bytes: 9 }, INTERRUPTED),
        Case::new("404", Action::json(404, &json!({"detail": "Not Found"})), NOT_THERE),
        Case::new("404 with HTML", Action::html(404, &html()), NOT_THERE),
        Case::new("405", Action::json(405, &json!({"detail": INTERNALS})), refused(405)),
        Case::new("409", Action::json(409, &json!({"detail": INTERNALS})), refused(409)),
        Case::new(
            "422",
            Action::json(422, &json!({"detail": [{"loc": ["query", 0], "input": PASSWORD}]})),
            refused(422),
        ),
        Case::new("429 with Retry-After", too_many(Some("1")), TOO_MANY),
    ]);
    cases
}

fn refresh_cases(trap: &Proxy) -> Vec<Case> {
    let mut cases = token_cases(trap);
    cases.extend([
        Case::new(
            "422",
            Action::json(422, &json!({"detail": INTERNALS})),
            "The server refused the request (422).",
        ),
        Case::new("408", Action::json(408, &json!({"detail": INTERNALS})), TIMED_OUT),
        Case::new("429 with Retry-After", too_many(Some("1")), TOO_MANY),
        Case::new("400 with HTML", Action::html(400, &html()), STOPPED),
        Case::new(
            "400 for a reason of the client's",
            Action::json(400, &json!({"error": "invalid_request"})),
            "The server refused the request (400).",
        ),
    ]);
    cases
}

/// Whether this sentence is about a transient failure.
fn passes(sentence: &str) -> bool {
    let passing = [UNREACHABLE, UNINTELLIGIBLE, INTERRUPTED, TIMED_OUT, TOO_MANY];
    passing.contains(&sentence)
        || sentence.starts_with(STOPPED)
        || sentence.starts_with("The server has a problem")
}

fn problem(status: u16) -> String {
    format!("The server has a problem ({status}). Try again in a moment.")
}

fn misconfigured(status: u16) -> String {
    format!(
        "The sign-in service was not found at the configured address ({status}). Tell whoever runs this page."
    )
}

fn html() -> String {
    format!("<!doctype html><html><body><h1>It works!</h1><b>{INTERNALS}</b></body></html>")
}

fn plain(status: u16, body: &str, cors: bool) -> Action {
    let headers = vec![("content-type".to_owned(), "text/plain; charset=utf-8".to_owned())];
    Action::Respond { status, headers, body: body.to_owned(), cors }
}

/// An answer with JSON's media type and any text as its body.
fn json_text(status: u16, body: &str) -> Action {
    let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
    Action::Respond { status, headers, body: body.to_owned(), cors: true }
}

fn too_many(retry_after: Option<&str>) -> Action {
    let wait = retry_after.map(|value| ("retry-after".to_owned(), value.to_owned()));
    let headers = [("content-type".to_owned(), "application/json".to_owned())].into_iter().chain(wait);
    Action::Respond { status: 429, headers: headers.collect(), body: "{}".to_owned(), cors: true }
}

fn redirect(status: u16, trap: &Proxy) -> Action {
    Action::Redirect { status, location: format!("{}/steal", trap.url()) }
}

/// Fails if the page shows markup, or contains a text of the server's or the password, visible or hidden.
async fn ensure_nothing_shows(scene: &Scene) -> Result<()> {
    let text = scene.browser.run("return document.body.innerText", Value::Null).await?;
    let markup = scene.browser.run("return document.documentElement.outerHTML", Value::Null).await?;
    let (text, markup) = (text.as_str().context("text")?, markup.as_str().context("text")?);
    ensure!(!text.contains('<'), "{text}");
    for hidden in ["Traceback", "secret.py", "It works!", "made up", PASSWORD_PART] {
        ensure!(!text.contains(hidden) && !markup.contains(hidden), "{hidden} is on the page: {markup}");
    }
    Ok(())
}
