//! No answer at all: from a server that hangs, and where nobody listens.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use e2e::browser::{Browser, Engine};
use e2e::page::{FETCH, LOGIN, LoginPage, Seen};
use e2e::pages::Pages;
use e2e::proxy::{Action, Proxy, Route, Rule};
use e2e::scene::{PASSWORD, Scene, USERNAME, refused};
use e2e::sentences::UNREACHABLE;
use e2e::server::{Options, Server};
use serde_json::{Value, json};
use tokio::time::Instant;

use crate::cases::TIMED_OUT;

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
    ensure!(seen.statuses.is_empty(), "it is said once: {seen:#?}");
    // A reload while the server cannot be reached keeps the session.
    browser.reload().await?;
    page.wait_until("still signed in", Seen::signed_in).await?;

    let proxy = Proxy::with_routes(port, vec![Route::api(server.address())]).await?;
    let seen = page.press_and_settle(FETCH).await?;
    ensure!(seen.alerts.is_empty() && seen.statuses.is_empty() && seen.json().is_some(), "{seen:#?}");
    ensure!(proxy.log().wire() == ["GET /protected-route 200"], "{:?}", proxy.log().wire());
    Ok(())
}
