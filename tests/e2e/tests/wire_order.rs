//! Which requests the page sends, in which order and with which content, with tokens that really expire
//! and a password with every kind of character.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use e2e::browser::{self, Engine};
use e2e::page::{FETCH, LOGIN, Seen};
use e2e::proxy::{Entry, Kind, Rule};
use e2e::scene::{PASSWORD, PASSWORD_PART, Scene, USERNAME, refused};
use serde_json::{Value, json};

const DEADLINE: Duration = Duration::from_secs(20);
const RENEWED: [&str; 3] = ["GET /protected-route 401", "POST /refresh 200", "GET /protected-route 200"];

#[tokio::test(flavor = "multi_thread")]
async fn a_token_whose_time_is_up_is_refreshed_before_it_is_sent() -> Result<()> {
    let scene =
        Scene::with(Engine::Chromium, browser::Options::default(), |it| it.access_token_seconds(2)).await?;
    let page = scene.signed_in().await?;
    for round in 0..2 {
        time_is_up(&scene).await?;
        scene.proxy.reset();
        let seen = page.press_and_settle(FETCH).await?;
        ensure!(seen.alerts.is_empty() && seen.json().is_some(), "{round}: {seen:#?}");
        scene.ensure_wire(&["POST /refresh 200", "GET /protected-route 200"])?;
    }
    // A page that is loaded with a stale token refreshes it at once, and once only.
    time_is_up(&scene).await?;
    scene.proxy.reset();
    scene.reload().await?;
    page.wait_until("signed in", Seen::signed_in).await?;
    scene.ensure_wire(&["POST /refresh 200"])?;
    scene.ensure_quiet().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_token_costs_one_refresh_and_a_server_that_refuses_all_of_them_no_more() -> Result<()> {
    let scene = Scene::start(Engine::Chromium).await?;
    let page = scene.signed_in().await?;
    // Changes one character of the token's signature. The page cannot see the change, but the server
    // refuses the token.
    let break_signature = "const t = record.access_token, at = t.length - 10;
        record.access_token = t.slice(0, at) + (t[at] === 'A' ? 'B' : 'A') + t.slice(at + 1)";
    scene.edit("access", break_signature).await?;
    scene.reload().await?;
    page.wait_until("signed in", Seen::signed_in).await?;
    scene.ensure_wire(&[])?;
    let seen = page.press_and_settle(FETCH).await?;
    ensure!(seen.alerts.is_empty() && seen.json().is_some(), "{seen:#?}");
    scene.ensure_wire(&RENEWED)?;
    let fetches = scene.log().matching("GET", "/protected-route");
    ensure!(
        fingerprints(&fetches).len() == 2 && fetches.iter().all(|entry| entry.authorization),
        "the second carries another token: {fetches:#?}"
    );

    scene.proxy.reset();
    scene.proxy.add(Rule::new("GET", "/protected-route", refused()));
    let seen = page.press_and_settle(FETCH).await?;
    let sentence = "The server did not accept your session for this request (401).";
    ensure!(seen.alerts == [sentence] && seen.signed_in(), "{seen:#?}");
    let (request, refresh) = ("GET /protected-route 401", "POST /refresh 200");
    // The new token is sent once more, because a clock of the server may be ahead of another.
    scene.ensure_wire(&[request, refresh, request, request])?;

    // The session goes on.
    scene.proxy.reset();
    let seen = page.press_and_settle(FETCH).await?;
    ensure!(seen.alerts.is_empty() && seen.json().is_some(), "{seen:#?}");
    scene.ensure_wire(&["GET /protected-route 200"])?;
    scene.ensure_quiet().await
}

/// Chromium remembers a preflight only for requests that may use its HTTP cache. The client lets requests
/// use the cache when it knows that the server forbids storing the answers (`auth/src/cache.rs`).
#[tokio::test(flavor = "multi_thread")]
async fn a_login_pays_no_preflight_and_repeated_fetches_soon_pay_none() -> Result<()> {
    let scene = Scene::start(Engine::Chromium).await?;
    let page = scene.form().await?;
    page.login(USERNAME, PASSWORD).await?;
    ensure!(kinds(&scene) == [Kind::Request], "a form needs no permission: {:?}", kinds(&scene));
    scene.proxy.reset();
    for _ in 0..6 {
        page.press_and_settle(FETCH).await?;
    }
    let pair = [Kind::Preflight, Kind::Request];
    let expected = [&pair[..], &pair, &[Kind::Request; 4]].concat();
    ensure!(kinds(&scene) == expected, "{:?}", kinds(&scene));
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_reaches_the_server_byte_for_byte_and_nothing_else() -> Result<()> {
    let scene = Scene::start(Engine::Chromium).await?;
    let page = scene.form().await?;
    page.fill_in(USERNAME, PASSWORD).await?;
    page.text_box("Password").await?.send_keys("\u{e007}").await?;
    let seen = page.wait_until("signed in by the Enter key", Seen::signed_in).await?;
    ensure!(seen.focus == format!("Signed in as {USERNAME}"), "{seen:#?}");
    page.fetch().await?;
    page.logout().await?;
    scene.log().wait_for("POST", "/logout", 1, DEADLINE).await?;
    scene.ensure_wire(&["POST /token 200", "GET /protected-route 200", "POST /logout 204"])?;
    let entries = scene.log().entries();
    ensure!(entries.iter().all(|entry| !entry.query), "{entries:#?}");
    let with_token: Vec<_> = entries.iter().filter(|it| it.authorization).map(|it| &*it.path).collect();
    ensure!(with_token == ["/protected-route"], "{with_token:?}");
    ensure_no_password(&scene).await?;

    // White space at its ends is a part of the password.
    let before = scene.log().matching("POST", "/token").len();
    page.send_form(USERNAME, PASSWORD.trim()).await?;
    let seen = page.wait_until("a refusal", |seen| !seen.alerts.is_empty()).await?;
    ensure!(seen.alerts == ["Incorrect username or password."], "{seen:#?}");
    ensure!(scene.log().matching("POST", "/token").len() == before + 1);
    scene.ensure_quiet().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_double_click_logs_in_once_and_fetches_once() -> Result<()> {
    let scene = Scene::start(Engine::Chromium).await?;
    let page = scene.form().await?;
    page.fill_in(USERNAME, PASSWORD).await?;
    double_click(&scene, LOGIN).await?;
    page.wait_until("signed in", Seen::signed_in).await?;
    double_click(&scene, FETCH).await?;
    page.wait_until("data", |seen| seen.json().is_some() && seen.disabled.is_empty()).await?;
    scene.ensure_wire(&["POST /token 200", "GET /protected-route 200"])?;
    scene.ensure_quiet().await
}

#[tokio::test(flavor = "multi_thread")]
async fn records_are_versioned_and_named_and_none_is_left_after_a_logout() -> Result<()> {
    let scene = Scene::start(Engine::Chromium).await?;
    let page = scene.signed_in().await?;
    let stored = scene.stored().await?;
    let prefix = format!("yew-jwt-auth:{}", scene.proxy.url());
    let sid = |text: &str| serde_json::from_str::<Value>(text).ok()?["sid"].as_str().map(str::to_owned);
    let sid = stored.session.values().next().and_then(|text| sid(text)).context("a session")?;
    ensure!(stored.local.keys().collect::<Vec<_>>() == [&format!("{prefix}:refresh:{sid}:0")], "{stored:?}");
    ensure!(stored.session.keys().collect::<Vec<_>>() == [&format!("{prefix}:access")], "{stored:?}");
    ensure!(stored.elsewhere.is_empty(), "{:?}", stored.elsewhere);
    for text in stored.local.values().chain(stored.session.values()) {
        let record: Value = serde_json::from_str(text)?;
        ensure!(record["v"] == 2 && record["sid"] == sid && record["generation"] == 0, "{record}");
    }
    // With the default custody the ledger holds no token.
    let tokens: Vec<_> = stored
        .local
        .values()
        .chain(stored.session.values())
        .filter_map(|text| {
            let record: Value = serde_json::from_str(text).ok()?;
            record.get("refresh_token").or(record.get("access_token"))?.as_str().map(str::to_owned)
        })
        .collect();
    ensure!(tokens.len() == 2 && stored.ledger.len() == 2, "{:?}", stored.ledger.keys());
    let rows = format!("{:?}", stored.ledger);
    ensure!(!tokens.iter().any(|token| rows.contains(token.as_str())), "a token in the ledger");
    let access: Value = serde_json::from_str(stored.session.values().next().context("a record")?)?;
    ensure!(
        access["lifetime"] == 300 && access["user"] == USERNAME && access.get("refresh_token").is_none(),
        "{access}"
    );

    page.fetch().await?;
    page.logout().await?;
    scene.log().wait_for("POST", "/logout", 1, DEADLINE).await?;
    ensure!(scene.stored().await?.is_empty(), "{:?}", scene.stored().await?);
    let seen = page.seen().await?;
    ensure!(seen.data.is_none() && !seen.text.contains("Hello"), "{seen:#?}");

    // Going back in the history shows nothing private either.
    scene.browser.open("about:blank").await?;
    scene.browser.back().await;
    let seen = page.wait_until("the form", Seen::signed_out).await?;
    ensure!(seen.data.is_none(), "{seen:#?}");
    Ok(())
}

/// Waits until the access token has expired, by the stored record's lifetime.
async fn time_is_up(scene: &Scene) -> Result<()> {
    let script = "const record = JSON.parse(Object.entries(sessionStorage).find(([key]) => key.endsWith(':access'))[1]);
                  return Date.now() - record.received > record.lifetime * 1000 + 20";
    scene.browser.wait_for("the token's time is up", script, Value::Null, DEADLINE).await.map(drop)
}

async fn double_click(scene: &Scene, name: &str) -> Result<()> {
    let find = "return [...document.querySelectorAll('button')].find((b) => b.innerText === arguments[0])";
    let button = scene.browser.driver().execute(find, vec![json!(name)]).await?.element()?;
    let actions = scene.browser.driver().action_chain();
    Ok(actions.double_click_element(&button).perform().await?)
}

async fn ensure_no_password(scene: &Scene) -> Result<()> {
    let values = "return [document.documentElement.outerHTML, location.href, document.title,
        ...[...document.querySelectorAll('input')].map((input) => input.value)].join(' ')";
    let page = scene.browser.run(values, Value::Null).await?;
    let stored = scene.stored().await?.text();
    ensure!(!page.as_str().context("text")?.contains(PASSWORD_PART), "{page}");
    ensure!(!stored.contains(PASSWORD_PART), "{stored}");
    Ok(())
}

fn kinds(scene: &Scene) -> Vec<Kind> {
    scene.log().entries().iter().map(|entry| entry.kind).collect()
}

fn fingerprints(entries: &[Entry]) -> BTreeSet<Option<String>> {
    entries.iter().map(|entry| entry.authorization_fingerprint.clone()).collect()
}
