//! Real servers of others, each by one `<meta name="auth-contract">`: login, wrong password, data, expiry, two tabs,
//! reload, revocation at the server, logout as the server's own store sees it.

use anyhow::{Context, Result, ensure};
use e2e::browser::{Browser, Engine};
use e2e::others::Other;
use e2e::page::{FETCH, LoginPage, Seen};
use e2e::pages::Pages;
use e2e::proxy::Proxy;
use e2e::session::wait_until_stale;

const PASSWORD: &str = "correct horse";
/// An access token's lifetime.
const ACCESS: u32 = 3;
const WRONG: &str = "Incorrect username or password.";
const LOGGED_OUT: &str = "You are logged out.";

struct Case {
    app: &'static str,
    contract: &'static str,
    username: &'static str,
    /// Whether it has refresh tokens.
    renews: bool,
    /// What a refresh is on the wire.
    refresh: &'static str,
}

#[tokio::test(flavor = "multi_thread")]
async fn authx() -> Result<()> {
    let refresh = "POST /refresh";
    walk(Case { app: "authx_app", contract: "authx", username: "demo", renews: true, refresh }).await
}

#[tokio::test(flavor = "multi_thread")]
async fn fastapi_users() -> Result<()> {
    let username = "demo@example.org";
    walk(Case { app: "fastapi_users_app", contract: "fastapi-users", username, renews: false, refresh: "-" })
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn simple_jwt() -> Result<()> {
    let refresh = "POST /api/token/refresh/";
    walk(Case { app: "simple_jwt_app", contract: "simple-jwt", username: "demo", renews: true, refresh })
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn flask_jwt_extended() -> Result<()> {
    let refresh = "POST /refresh";
    let contract = "flask-jwt-extended";
    walk(Case { app: "flask_jwt_app", contract, username: "demo", renews: true, refresh }).await
}

#[tokio::test(flavor = "multi_thread")]
async fn django_oauth_toolkit() -> Result<()> {
    let contract = r#"{"preset": "django-oauth-toolkit", "client_id": "page"}"#;
    let refresh = "POST /o/token/";
    walk(Case { app: "oauth_toolkit_app", contract, username: "demo", renews: true, refresh }).await
}

async fn walk(case: Case) -> Result<()> {
    let pages = Pages::of_the_app("").await?;
    let (other, browser) =
        tokio::try_join!(Other::start(case.app, &pages.origin(), ACCESS), Browser::start(Engine::Chromium))?;
    let proxy = Proxy::start(other.address()).await?;
    pages.meta("api-base-url", &proxy.url());
    pages.meta("auth-contract", case.contract);
    let page = LoginPage::open(&browser, &pages.origin()).await?;
    page.wait_until("the form", Seen::signed_out).await?;

    page.send_form(case.username, "wrong").await?;
    let seen = page.wait_until("the refusal", |seen| !seen.alerts.is_empty()).await?;
    ensure!(seen.alerts == [WRONG], "{seen:#?}");

    page.login(case.username, PASSWORD).await?;
    let seen = page.fetch().await?;
    ensure!(seen.json().is_some_and(|json| json["user"] == case.username), "{seen:#?}");

    if case.renews {
        renew(&case, &page, &browser, &pages, &proxy).await.context("renewal")?;
    }
    browser.reload().await?;
    page.wait_until("signed in after a reload", Seen::signed_in).await?;

    // Ended at the server.
    let before = other.store().await?;
    ensure!(before.live > 0, "{before:?}");
    other.end_all().await?;
    page.press(FETCH).await?;
    let seen = page.wait_until("the end", Seen::signed_out).await?;
    ensure!(seen.alerts.len() == 1 && seen.alerts[0].starts_with("Your session"), "{seen:#?}");

    // A logout, as the server's own store sees it.
    page.login(case.username, PASSWORD).await?;
    let before = other.store().await?;
    page.logout().await?;
    let seen = page.wait_until("the logout", |seen| seen.says(LOGGED_OUT)).await?;
    ensure!(seen.alerts.is_empty(), "{seen:#?}");
    let after = other.store().await?;
    ensure!(after.live < before.live, "{before:?} {after:?}");
    let complaints = browser.complaints().await?;
    ensure!(complaints.is_empty(), "{complaints:#?}");
    Ok(())
}

/// An expired token is renewed, once for two tabs, and the request repeated.
async fn renew(
    case: &Case,
    page: &LoginPage<'_>,
    browser: &Browser,
    pages: &Pages,
    proxy: &Proxy,
) -> Result<()> {
    let first = browser.driver().window().await?;
    let second = browser.open_tab(&pages.origin()).await?;
    page.wait_until("a second tab", Seen::signed_in).await?;
    wait_until_stale(browser).await?;
    proxy.reset();
    for tab in [&first, &second] {
        browser.switch_to(tab).await?;
        page.press(FETCH).await?;
    }
    for tab in [&first, &second] {
        browser.switch_to(tab).await?;
        let seen = page.wait_until("data", |seen| seen.data.is_some() || !seen.alerts.is_empty()).await?;
        ensure!(seen.json().is_some() && seen.alerts.is_empty(), "{seen:#?}");
    }
    let refreshes = proxy.log().wire().into_iter().filter(|line| line.starts_with(case.refresh)).count();
    ensure!(refreshes == 1, "{:?}", proxy.log().wire());
    browser.driver().close_window().await?;
    browser.switch_to(&first).await
}
