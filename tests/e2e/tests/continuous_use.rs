//! In continuous use no request waits for a refresh: the page refreshes in the background before the
//! access token expires.

use std::time::Duration;

use anyhow::{Result, ensure};
use e2e::browser::{self, Engine};
use e2e::page::FETCH;
use e2e::proxy::{Action, Entry, Outcome, Rule};
use e2e::scene::{Scene, USERNAME};
use e2e::server::Options;
use e2e::session::ensure_no_reuse;
use serde_json::json;

/// The duration of each refresh here, in milliseconds. A request that waits for a refresh is sent this
/// much later, so the test can tell it from one that does not wait.
const REFRESH: u32 = 1_000;
/// After this many refreshes more than two lifetimes of an access token have passed.
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
    // The server's default leeway, which other tests set to 0. It is needed here, because a token's times
    // are rounded down to whole seconds, so that ten seconds may be less.
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
    // Two presses a second during the use of three tokens, less those that a loaded machine costs.
    ensure!(waits.len() > 20, "{waits:?}");
    ensure!(longest < f64::from(REFRESH) / 2.0, "a request waited: {waits:?}");

    scene.browser.run("clearInterval(window.using)", json!(null)).await?;
    let all_ended = |entries: &[Entry]| entries.iter().all(|it| it.outcome != Outcome::Pending);
    scene.log().wait_until(all_ended, DEADLINE).await?;
    let wire = scene.log().wire();
    let good = ["GET /protected-route 200", "POST /refresh 200"];
    ensure!(wire.iter().all(|line| good.contains(&line.as_str())), "{wire:?}");
    ensure_no_reuse(&scene.server)?;
    let seen = page.wait_until("rest", |seen| seen.disabled.is_empty()).await?;
    seen.ensure_data_of(USERNAME)?;
    // No request waits for a background refresh, so its commit may come after all of the above.
    let refreshes = scene.log().matching("POST", "/refresh").len();
    let committed = "return Object.entries(sessionStorage).some(([key, text]) => key.endsWith(':access') && JSON.parse(text).generation === args)";
    scene.browser.wait_for("the last commit", committed, json!(refreshes), DEADLINE).await?;
    scene.ensure_kept(u32::try_from(refreshes)?).await?;
    scene.ensure_quiet().await
}

/// Presses the button twice a second. Records for each press the time until the page called `fetch`, in
/// milliseconds.
const USE: &str = "
    window.waits = [];
    const send = window.fetch;
    let pressed = null;
    window.fetch = (...request) => {
      if (new Request(...request).url.endsWith('/protected-route') && pressed !== null) {
        window.waits.push(performance.now() - pressed);
        pressed = null;
      }
      return send.call(window, ...request);
    };
    window.using = setInterval(() => {
      const button = [...document.querySelectorAll('button')].find((it) => it.innerText === args);
      if (button.getAttribute('aria-disabled') === 'true') return;
      pressed = performance.now();
      button.click();
    }, 500);
";
