//! Whoever uses the page all the time never waits for a refresh: it happens in the background, before
//! the token's time is up.

use std::time::Duration;

use anyhow::{Result, ensure};
use e2e::browser::{self, Engine};
use e2e::page::FETCH;
use e2e::proxy::{Action, Rule};
use e2e::scene::Scene;
use e2e::server::Options;
use serde_json::json;

/// What a refresh takes here, so that a request which waits for one is told from one that does not.
const REFRESH: u32 = 1_000;
/// After so many refreshes the token that the login brought has expired twice over.
const REFRESHES: usize = 3;
const DEADLINE: Duration = Duration::from_secs(90);

#[tokio::test(flavor = "multi_thread")]
async fn no_request_waits_for_a_refresh_in_chromium() -> Result<()> {
    no_request_waits_for_a_refresh(Engine::Chromium).await
}

#[tokio::test(flavor = "multi_thread")]
async fn no_request_waits_for_a_refresh_in_firefox() -> Result<()> {
    no_request_waits_for_a_refresh(Engine::Firefox).await
}

#[tokio::test(flavor = "multi_thread")]
async fn no_request_waits_for_a_refresh_in_webkit() -> Result<()> {
    no_request_waits_for_a_refresh(Engine::WebKit).await
}

async fn no_request_waits_for_a_refresh(engine: Engine) -> Result<()> {
    // The leeway that the server has unless a test takes it away: a token's ten seconds are rounded down.
    let leeway = ("AUTH_LEEWAY_SECONDS".to_owned(), "5".to_owned());
    let change = |it: Options| Options { variables: vec![leeway], ..it.access_token_seconds(10) };
    let scene = Scene::with(engine, browser::Options::default(), change).await?;
    let page = scene.signed_in().await?;
    scene.proxy.add(Rule::new("POST", "/refresh", Action::DelayHeaders { ms: REFRESH.into() }));
    scene.browser.run(USE, json!(FETCH)).await?;
    scene.log().wait_for("POST", "/refresh", REFRESHES, DEADLINE).await?;

    let waits: Vec<f64> =
        serde_json::from_value(scene.browser.run("return window.waits", json!(null)).await?)?;
    let longest = waits.iter().copied().fold(0.0, f64::max);
    println!("{engine:?}: {} requests, sent {longest:.0} ms after their click at the latest", waits.len());
    // Three lives of a token, less the time that a loaded machine takes to answer.
    ensure!(waits.len() > 20, "{waits:?}");
    ensure!(longest < f64::from(REFRESH) / 2.0, "a request waited: {waits:?}");
    let wire = scene.log().wire();
    let good = [
        "GET /protected-route 200",
        "POST /refresh 200",
        "GET /protected-route pending",
        "POST /refresh pending",
    ];
    ensure!(wire.iter().all(|line| good.contains(&line.as_str())), "{wire:?}");
    ensure!(page.seen().await?.alerts.is_empty());
    scene.ensure_quiet().await
}

/// Presses the button twice a second and notes for each press how long it took until its request was
/// handed to the browser.
const USE: &str = "
    window.waits = [];
    const send = window.fetch;
    let pressed = null;
    window.fetch = (request, ...more) => {
      if (request.url.endsWith('/protected-route') && pressed !== null) {
        window.waits.push(performance.now() - pressed);
        pressed = null;
      }
      return send.call(window, request, ...more);
    };
    setInterval(() => {
      const button = [...document.querySelectorAll('button')].find((it) => it.innerText === args);
      if (button.getAttribute('aria-disabled') === 'true') return;
      pressed = performance.now();
      button.click();
    }, 500);
";
