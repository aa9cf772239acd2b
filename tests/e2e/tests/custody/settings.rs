//! The page's settings: where the API is, and what makes no sense.

use std::time::Duration;

use anyhow::{Result, ensure};
use e2e::browser::{Browser, Engine};
use e2e::page::{LOGIN, LoginPage};
use e2e::pages::Pages;
use e2e::proxy::{Proxy, Route};
use e2e::scene::{PASSWORD, Scene, USERNAME};
use e2e::server::{Options, Server};

#[tokio::test(flavor = "multi_thread")]
async fn the_api_may_lie_on_a_path_of_the_pages_own_origin() -> Result<()> {
    let pages = Pages::of_the_app("").await?;
    let (server, browser) = tokio::try_join!(
        async {
            let server = Server::start(Options::default()).await?;
            server.add_user(USERNAME, PASSWORD).await?;
            Ok(server)
        },
        Browser::start(Engine::Chromium)
    )?;
    let api =
        Route::api(server.address()).paths(&["/token", "/refresh", "/logout", "/protected-route", "/api"]);
    let proxy = Proxy::with_routes(0, vec![api, Route::pages(pages.address())]).await?;
    let origin = format!("http://localhost:{}", proxy.address().port());
    for base in ["/", ""] {
        pages.meta("api-base-url", base);
        proxy.reset();
        let page = LoginPage::open(&browser, &origin).await?;
        page.login(USERNAME, PASSWORD).await?;
        let seen = page.fetch().await?;
        ensure!(seen.json().is_some() && seen.statuses.is_empty(), "{base:?}: {seen:#?}");
        page.logout().await?;
        proxy.log().wait_for("POST", "/logout", 1, DEADLINE).await?;
        let expected = ["POST /token 200", "GET /protected-route 200", "POST /logout 204"];
        ensure!(proxy.log().wire() == expected, "{:?}", proxy.log().wire());
        ensure!(proxy.log().entries().len() == 3, "no preflight on one's own origin");
        ensure!(browser.complaints().await?.is_empty());
    }

    // A base URL with a path. The reference server has nothing there, and the page says so.
    pages.meta("api-base-url", "/api/");
    proxy.reset();
    let page = LoginPage::open(&browser, &origin).await?;
    page.send_form(USERNAME, PASSWORD).await?;
    let seen = page.wait_until("an alert", |seen| !seen.alerts.is_empty()).await?;
    ensure!(seen.alerts_of("was not found at the configured address (404)"), "{seen:#?}");
    ensure!(proxy.log().wire() == ["POST /api/token 404"], "{:?}", proxy.log().wire());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_setting_that_makes_no_sense_is_named_and_nothing_is_sent() -> Result<()> {
    let scene = Scene::start(Engine::Chromium).await?;
    let api = scene.proxy.url();
    let sentence =
        |name: &str| format!("This page is not set up correctly. Its setting \"{name}\" is wrong: it takes ");
    for (name, content) in [
        ("api-base-url", "localhost:8000"),
        ("api-base-url", "//api.example.org"),
        ("api-base-url", "/\\api.example.org"),
        ("api-base-url", "http://user:secret@127.0.0.1:8000"),
        ("api-base-url", "ftp://127.0.0.1"),
        ("api-base-url", "http://127.0.0.1:99999"),
        ("api-base-url", "javascript:alert(1)"),
        ("auth-access-token", "cookie"),
        ("auth-access-token", ""),
        ("auth-refresh-token", "Local"),
    ] {
        for (name, content) in [
            ("api-base-url", &*api),
            ("auth-access-token", "session"),
            ("auth-refresh-token", "local"),
            (name, content),
        ] {
            scene.pages.meta(name, content);
        }
        let page = LoginPage::open(&scene.browser, &scene.pages.origin()).await?;
        let seen = page.wait_until("an alert", |seen| !seen.alerts.is_empty()).await?;
        ensure!(seen.alerts_of(&sentence(name)), "{name}={content}: {seen:#?}");
        ensure!(!seen.has_button(LOGIN) && !seen.text.contains("secret"), "{seen:#?}");
        scene.ensure_quiet().await?;
    }
    scene.ensure_wire(&[])
}

const DEADLINE: Duration = Duration::from_secs(20);
