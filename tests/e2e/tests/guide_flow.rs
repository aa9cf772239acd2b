//! The default contract in one flow, in each engine: a refused login, login, fetch, refresh after a 401,
//! reload and logout. With the built page, the real server, and the proxy between them to see the wire.

use std::time::Duration;

use anyhow::{Result, ensure};
use e2e::browser::{Browser, Engine};
use e2e::page::{LoginPage, Seen};
use e2e::pages::Pages;
use e2e::proxy::{Action, Proxy, Rule};
use e2e::server::{Options, Server};
use serde_json::{Value, json};

const USERNAME: &str = "demo";
/// Contains every kind of character that an encoding could lose.
const PASSWORD: &str = "correct horse +&% 電池";

#[tokio::test(flavor = "multi_thread")]
async fn the_guide_works_in_chromium() -> Result<()> {
    the_guide_works(Engine::Chromium).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_guide_works_in_firefox() -> Result<()> {
    the_guide_works(Engine::Firefox).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_guide_works_in_webkit() -> Result<()> {
    the_guide_works(Engine::WebKit).await
}

async fn the_guide_works(engine: Engine) -> Result<()> {
    let stand = Stand::start(|options| options).await?;
    let (proxy, log) = (&stand.proxy, stand.proxy.log());
    let browser = Browser::start(engine).await?;
    let page = LoginPage::open(&browser, &stand.pages.origin()).await?;

    // A wrong password shows an alert and causes no refresh.
    page.send_form(USERNAME, "wrong").await?;
    page.wait_until("a refusal", |seen| !seen.alerts.is_empty()).await?;
    ensure!(log.wire() == ["POST /token 401"], "{:?}", log.wire());
    proxy.reset();

    page.login(USERNAME, PASSWORD).await?;
    let seen = page.fetch().await?;
    ensure!(seen.json().is_some_and(|data| data.is_object()), "{seen:#?}");
    ensure!(log.wire() == ["POST /token 200", "GET /protected-route 200"], "{:?}", log.wire());
    proxy.reset();

    // A 401 means that the access token has expired: one refresh, one retry with the new token, no alert.
    proxy.add(Rule::new("GET", "/protected-route", expired()).once());
    page.press(e2e::page::FETCH).await?;
    log.wait_for("GET", "/protected-route", 2, DEADLINE).await?;
    let seen = page.wait_until("the data", |seen| seen.disabled.is_empty()).await?;
    ensure!(seen.alerts.is_empty() && seen.json().is_some(), "{seen:#?}");
    let expected = ["GET /protected-route 401", "POST /refresh 200", "GET /protected-route 200"];
    ensure!(log.wire() == expected, "{:?}", log.wire());
    let fetches = log.matching("GET", "/protected-route");
    let fingerprints: Vec<_> = fetches.iter().map(|entry| &entry.authorization_fingerprint).collect();
    ensure!(fingerprints.iter().all(|fingerprint| fingerprint.is_some()));
    ensure!(fingerprints.first() != fingerprints.last(), "the retry carries the new token");
    proxy.reset();

    ensure_quiet(&browser).await?;
    browser.reload().await?;
    page.wait_until("still signed in", Seen::signed_in).await?;
    let seen = page.fetch().await?;
    ensure!(seen.json().is_some(), "{seen:#?}");
    ensure!(log.matching("POST", "/token").is_empty(), "{:?}", log.wire());
    proxy.reset();

    let tokens = stored_secrets(&browser).await?;
    ensure!(!tokens.is_empty(), "the tokens are where the guide puts them");
    page.logout().await?;
    log.wait_for("POST", "/logout", 1, DEADLINE).await?;
    let left = stored_secrets(&browser).await?;
    ensure!(!left.iter().any(|secret| tokens.contains(secret)), "tokens are left in storage");
    ensure_quiet(&browser).await?;
    browser.reload().await?;
    let seen = page.wait_until("still signed out", Seen::signed_out).await?;
    ensure!(!seen.signed_in() && seen.data.is_none(), "{seen:#?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_really_expires_is_renewed_without_a_word() -> Result<()> {
    let stand = Stand::start(|options| options.access_token_seconds(2)).await?;
    let log = stand.proxy.log();
    let browser = Browser::start(Engine::Chromium).await?;
    let page = LoginPage::open(&browser, &stand.pages.origin()).await?;
    page.login(USERNAME, PASSWORD).await?;

    // The user continues to fetch until the token has expired.
    let renewed = async {
        while log.matching("POST", "/refresh").is_empty() {
            let seen = page.fetch().await?;
            ensure!(seen.json().is_some() && seen.alerts.is_empty(), "{seen:#?}");
        }
        Ok(())
    };
    tokio::time::timeout(DEADLINE, renewed).await??;
    let refreshes = log.wait_for("POST", "/refresh", 1, DEADLINE).await?;
    ensure!(
        refreshes.iter().all(|entry| entry.path != "/refresh" || entry.status == Some(200)),
        "{:?}",
        log.wire()
    );
    let seen = page.fetch().await?;
    ensure!(seen.json().is_some() && seen.alerts.is_empty(), "{seen:#?}");
    Ok(())
}

struct Stand {
    pages: Pages,
    proxy: Proxy,
    _server: Server,
}

impl Stand {
    async fn start(change: impl FnOnce(Options) -> Options) -> Result<Self> {
        // The server's start needs the page's origin. The page needs the API's address.
        let pages = Pages::of_the_app("").await?;
        let server = Server::start(change(Options::allow(pages.origin()))).await?;
        server.add_user(USERNAME, PASSWORD).await?;
        let proxy = Proxy::start(server.address()).await?;
        pages.meta("api-base-url", &proxy.url());
        Ok(Self { pages, proxy, _server: server })
    }
}

/// Fails if the page had an error, a rejection, a warning or a policy violation since its load.
async fn ensure_quiet(browser: &Browser) -> Result<()> {
    let complaints = browser.complaints().await?;
    ensure!(complaints.is_empty(), "{complaints:#?}");
    Ok(())
}

fn expired() -> Action {
    let headers =
        [("content-type", "application/json"), ("www-authenticate", "Bearer error=\"invalid_token\"")];
    Action::Respond {
        status: 401,
        headers: headers.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec(),
        body: json!({"detail": "Could not validate credentials"}).to_string(),
        cors: true,
    }
}

/// All texts in the tab's storage that could be a token by their length and characters.
async fn stored_secrets(browser: &Browser) -> Result<Vec<String>> {
    let script = "const all = JSON.stringify([{...localStorage}, {...sessionStorage}]);
                  return all.match(/[A-Za-z0-9_.-]{40,}/g) ?? [];";
    Ok(serde_json::from_value(browser.run(script, Value::Null).await?)?)
}

const DEADLINE: Duration = Duration::from_secs(20);
