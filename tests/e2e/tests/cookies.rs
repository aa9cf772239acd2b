//! Custody `cookie`: the refresh token is in a cookie that script cannot read, in real tabs against the real server. Page and
//! API have one origin, as behind a reverse proxy.

use anyhow::{Result, ensure};
use e2e::browser::{Browser, Engine};
use e2e::cookie::{ensure_no_cookie, ensure_one_cookie};
use e2e::page::{FETCH, LoginPage, Seen};
use e2e::pages::{Fault, Pages, shipped};
use e2e::proxy::{Proxy, Route};
use e2e::scene::{PASSWORD, USERNAME};
use e2e::sentences::LOGGED_OUT;
use e2e::server::{Options, Server};
use e2e::session::{ensure_no_session, wait_until_stale};
use e2e::tabs::Tabs;
use serde_json::Value;
use thirtyfour::{By, Key, TypingData};

const PATIENCE: std::time::Duration = std::time::Duration::from_secs(20);

const NO_COOKIE: &str = "This browser did not keep the cookie that your session needs. Log in again. If this repeats, tell whoever runs this page.";

struct Site {
    browser: Browser,
    server: Server,
    proxy: Proxy,
    pages: Pages,
    origin: String,
}

impl Site {
    async fn start(engine: Engine) -> Result<Self> {
        let pages = Pages::of_the_app("/").await?;
        pages.meta("auth-refresh-token", "cookie");
        let (server, browser) = tokio::try_join!(
            async {
                let server = Server::start(Options::default().access_token_seconds(3)).await?;
                server.add_user(USERNAME, PASSWORD).await?;
                Ok(server)
            },
            Browser::with(engine, e2e::browser::Options { impatient: true, ..Default::default() })
        )?;
        let paths = ["/token", "/refresh", "/logout", "/protected-route", "/sessions"];
        let api = Route::api(server.address()).paths(&paths);
        let proxy = Proxy::with_routes(0, vec![api, Route::pages(pages.address())]).await?;
        let origin = format!("http://localhost:{}", proxy.address().port());
        Ok(Self { browser, server, proxy, pages, origin })
    }

    async fn type_into(&self, id: &str, keys: impl Into<TypingData>) -> Result<()> {
        Ok(self.browser.driver().find(By::Id(id)).await?.send_keys(keys).await?)
    }

    /// Fills in the form and presses the Enter key.
    async fn log_in_early(&self) -> Result<()> {
        self.type_into("username", USERNAME).await?;
        self.type_into("password", PASSWORD).await?;
        self.type_into("password", Key::Enter + "").await
    }

    async fn log_in(&self) -> Result<LoginPage<'_>> {
        let page = LoginPage::open(&self.browser, &self.origin).await?;
        page.login(USERNAME, PASSWORD).await?;
        Ok(page)
    }
}

async fn a_session_lives_in_its_cookie(engine: Engine) -> Result<()> {
    let site = Site::start(engine).await?;
    let page = site.log_in().await?;
    ensure!(page.fetch().await?.json().is_some());
    let token = ensure_one_cookie(&site.browser).await?;

    // A refresh takes no token from the page, and the cookie's token rotates.
    wait_until_stale(&site.browser).await?;
    site.proxy.log().clear();
    ensure!(page.press_and_settle(FETCH).await?.json().is_some());
    ensure!(
        site.proxy.log().wire() == ["POST /refresh 200", "GET /protected-route 200"],
        "{:?}",
        site.proxy.log().wire()
    );
    ensure!(ensure_one_cookie(&site.browser).await? != token, "the token did not rotate");

    // The session survives a reload, and reaches another tab.
    site.browser.reload().await?;
    page.wait_until("signed in again", Seen::signed_in).await?;
    let mut tabs = Tabs::of(&site.browser).await?;
    let second = tabs.open(&site.origin).await?;
    second.wait_until("signed in there", Seen::signed_in).await?;
    ensure!(second.fetch().await?.json().is_some());

    // A logout takes the cookie away, with an access token whose time is up.
    wait_until_stale(&site.browser).await?;
    second.logout().await?;
    let seen = second.wait_until("the logout", |seen| seen.says(LOGGED_OUT)).await?;
    ensure!(seen.alerts.is_empty(), "{seen:#?}");
    ensure_no_cookie(&site.browser).await?;
    tabs.at(0).await?.wait_until("the form there", Seen::signed_out).await?;
    drop(site.server);
    Ok(())
}

/// A login that leaves before the page's code is there gets a cookie too, and is ended by it.
#[tokio::test(flavor = "multi_thread")]
async fn a_login_that_leaves_early_gets_its_cookie() -> Result<()> {
    let site = Site::start(Engine::Chromium).await?;
    for is_changed in [true, false] {
        site.proxy.log().clear();
        site.pages.fail(&shipped("wasm")?, Fault::Hang);
        let page = LoginPage::begin(&site.browser, &site.origin).await?;
        page.wait_until("the first view", Seen::painted).await?;
        site.log_in_early().await?;
        site.proxy.log().wait_for("POST", "/token", 1, PATIENCE).await?;
        if is_changed {
            site.type_into("password", "another").await?;
            site.proxy.log().wait_for("POST", "/logout", 1, PATIENCE).await?;
            ensure!(site.proxy.log().wire() == ["POST /token 200", "POST /logout 204"]);
        }
        site.pages.change(|settings| settings.faults.clear());
        if is_changed {
            page.wait_until("the form", Seen::signed_out).await?;
            ensure_no_cookie(&site.browser).await?;
            continue;
        }
        page.wait_until("signed in", Seen::signed_in).await?;
        ensure!(site.proxy.log().wire() == ["POST /token 200"], "{:?}", site.proxy.log().wire());
        ensure_one_cookie(&site.browser).await?;
        wait_until_stale(&site.browser).await?;
        ensure!(page.press_and_settle(FETCH).await?.json().is_some());
    }
    Ok(())
}

/// The server ends the session whose cookie a login carries, and only the code knows whose that is.
#[tokio::test(flavor = "multi_thread")]
async fn a_login_waits_for_the_code_if_the_browser_remembers_another_session() -> Result<()> {
    let site = Site::start(Engine::Chromium).await?;
    LoginPage::open(&site.browser, &site.origin).await?;
    site.browser.run("localStorage['yew-jwt-auth:/elsewhere:user'] = 'somebody'", Value::Null).await?;
    site.pages.fail(&shipped("wasm")?, Fault::Hang);
    let page = LoginPage::begin(&site.browser, &site.origin).await?;
    page.wait_until("the first view", Seen::painted).await?;
    site.log_in_early().await?;
    page.wait_until("progress", |seen| seen.says("Loading…")).await?;
    ensure!(site.proxy.log().wire().is_empty(), "{:?}", site.proxy.log().wire());
    site.pages.change(|settings| settings.faults.clear());
    page.wait_until("signed in", Seen::signed_in).await?;
    ensure!(site.proxy.log().wire() == ["POST /token 200"], "{:?}", site.proxy.log().wire());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_lives_in_its_cookie_in_chromium() -> Result<()> {
    a_session_lives_in_its_cookie(Engine::Chromium).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_lives_in_its_cookie_in_firefox() -> Result<()> {
    a_session_lives_in_its_cookie(Engine::Firefox).await
}

/// `WebKit` takes no `Secure` cookie over plain HTTP, not even from `localhost`.
#[tokio::test(flavor = "multi_thread")]
async fn a_browser_that_refuses_the_cookie_is_told_of_once() -> Result<()> {
    let site = Site::start(Engine::WebKit).await?;
    let page = site.log_in().await?;
    ensure!(page.fetch().await?.json().is_some());
    wait_until_stale(&site.browser).await?;
    site.proxy.log().clear();
    page.press(FETCH).await?;
    let seen = page.wait_until("the end", Seen::signed_out).await?;
    ensure!(seen.alerts == [NO_COOKIE], "{seen:#?}");
    ensure!(site.proxy.log().wire() == ["POST /refresh 401"], "{:?}", site.proxy.log().wire());
    ensure_no_session(&site.browser).await?;
    Ok(())
}
