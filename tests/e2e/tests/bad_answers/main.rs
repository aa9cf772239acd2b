//! Bad answers of a server, a gateway or a captive portal. The page shows a sentence of its own, keeps
//! the session or the form's input, and works again at the next good answer.

use anyhow::{Context, Result, ensure};
use e2e::browser::{Browser, Engine};
use e2e::page::{FETCH, LOGIN, LoginPage, Seen};
use e2e::pages::Pages;
use e2e::proxy::{Action, Proxy, Route, Rule};
use e2e::scene::{PASSWORD, PASSWORD_PART, Scene, USERNAME, refused};
use e2e::sentences::{DISABLED, EXPIRED, PASSWORD_CHANGED, REDIRECTED, REUSE, TOO_MANY};
use e2e::server::{Options, Server};
use serde_json::{Value, json};

use crate::cases::{
    Case, INTERNALS, NO_DATA, fetch_cases, is_transient, json_text, login_cases, plain, redirect,
    refresh_cases, too_many,
};

mod cases;
mod silence;

/// A session's rate gate lets ten refreshes pass without a wait: five cases with two refreshes each.
const CASES_PER_SESSION: usize = 5;

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
    // Whoever sets up the page is told which names the answers lack.
    let complaints = scene.browser.complaints().await?;
    let others: Vec<_> = complaints.iter().filter(|line| !line.contains(": The login")).collect();
    ensure!(others.is_empty() && others.len() < complaints.len(), "{complaints:#?}");
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
            if number % CASES_PER_SESSION == CASES_PER_SESSION - 1 {
                page.logout().await?;
                page.login(USERNAME, PASSWORD).await?;
            }
            scene.proxy.reset();
            let before = scene.stored().await?;
            scene.proxy.add(Rule::new("GET", "/protected-route", refused()).once());
            scene.proxy.add(Rule::new("POST", "/refresh", action).once());
            let seen = page.press_and_settle(FETCH).await?;
            ensure_nothing_shows(&scene).await?;
            if is_transient(&sentence) {
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
            ensure!(seen.focus == "Password", "{seen:#?}");
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
