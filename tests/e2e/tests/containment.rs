//! Follows a recognisable token through the page: it is in its record and in its header, and nowhere else.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use e2e::browser::Engine;
use e2e::page::{FETCH, Seen};
use e2e::proxy::{Action, Rule};
use e2e::scene::{PASSWORD, Scene, USERNAME, refused};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

const ACCESS: &str = "canary.aaa.bbb";
const REFRESH: &str = "canary-refresh";
const NEXT_ACCESS: &str = "canary.ccc.ddd";
const NEXT_REFRESH: &str = "canary-next";

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_found_in_its_record_and_in_its_header_and_nowhere_else() -> Result<()> {
    let scene = Scene::start(Engine::Chromium).await?;
    let page = scene.form().await?;
    drop(scene.browser.console().await?);
    let hello = Action::json(200, &json!({"user": USERNAME}));
    scene.proxy.set_rules(vec![
        Rule::new("POST", "/token", tokens(ACCESS, REFRESH)),
        Rule::new("POST", "/refresh", tokens(NEXT_ACCESS, NEXT_REFRESH)).once(),
        Rule::new("GET", "/protected-route", hello.clone()).once(),
        Rule::new("GET", "/protected-route", refused()).once(),
        Rule::new("GET", "/protected-route", hello).once(),
        // Failures, because their messages could show a token.
        Rule::new("GET", "/protected-route", Action::html(502, "<b>canary of the server</b>")).once(),
        Rule::new("GET", "/protected-route", refused()).times(2),
        Rule::new("POST", "/refresh", Action::json(422, &json!({"detail": [{"input": REFRESH}]}))).once(),
    ]);

    page.login(USERNAME, PASSWORD).await?;
    ensure_contained(&scene, ACCESS, REFRESH).await.context("signed in")?;
    ensure!(page.press_and_settle(FETCH).await?.json().is_some());
    ensure_contained(&scene, ACCESS, REFRESH).await.context("with data")?;
    ensure!(page.press_and_settle(FETCH).await?.alerts.is_empty());
    ensure_contained(&scene, NEXT_ACCESS, NEXT_REFRESH).await.context("refreshed")?;
    for _ in 0..2 {
        ensure!(!page.press_and_settle(FETCH).await?.alerts.is_empty());
        ensure_contained(&scene, NEXT_ACCESS, NEXT_REFRESH).await.context("after a failure")?;
    }
    scene.reload().await?;
    page.wait_until("signed in", Seen::signed_in).await?;
    ensure_contained(&scene, NEXT_ACCESS, NEXT_REFRESH).await.context("reloaded")?;

    let headers: Vec<_> =
        scene.log().requests().into_iter().map(|it| (it.path, it.authorization_fingerprint)).collect();
    let fetch = |token: &str| ("/protected-route".to_owned(), Some(fingerprint(token)));
    let without = |path: &str| (path.to_owned(), None);
    let expected = [
        without("/token"),
        fetch(ACCESS),
        fetch(ACCESS),
        without("/refresh"),
        fetch(NEXT_ACCESS),
        fetch(NEXT_ACCESS),
        fetch(NEXT_ACCESS),
        without("/refresh"),
    ];
    ensure!(headers == expected, "{headers:#?}");
    ensure!(scene.log().entries().iter().all(|entry| !entry.query));

    page.logout().await?;
    scene.log().wait_for("POST", "/logout", 1, Duration::from_secs(20)).await?;
    ensure!(scene.stored().await?.is_empty());
    ensure_not_shown(&scene).await.context("logged out")
}

fn tokens(access: &str, refresh: &str) -> Action {
    Action::json(200, &json!({"access_token": access, "refresh_token": refresh, "token_type": "bearer"}))
}

async fn ensure_contained(scene: &Scene, access: &str, refresh: &str) -> Result<()> {
    let stored = scene.stored().await?;
    ensure!(stored.elsewhere.is_empty(), "{:?}", stored.elsewhere);
    ensure!(stored.names.values().all(|name| name == USERNAME), "{:?}", stored.names);
    let record = |area: &std::collections::BTreeMap<String, String>, field: &str| -> Result<String> {
        ensure!(area.len() == 1, "{:?}", area.keys());
        let text = area.values().next().context("a record")?;
        ensure!(text.matches("canary").count() == 1, "the token is there twice");
        let record: Value = serde_json::from_str(text)?;
        Ok(record.get(field).and_then(Value::as_str).context("a token")?.to_owned())
    };
    ensure!(record(&stored.session, "access_token")? == access);
    ensure!(record(&stored.local, "refresh_token")? == refresh);
    ensure_not_shown(scene).await
}

/// Fails if the token is in the document, in an address, in a value that a script can reach, or in the
/// console. Also checks that the search finds a token that is there.
async fn ensure_not_shown(scene: &Scene) -> Result<()> {
    let found: Vec<String> = serde_json::from_value(scene.browser.run(LOOK_AROUND, Value::Null).await?)?;
    ensure!(found.is_empty(), "{found:#?}");
    scene.browser.run("window.proof = {a: {b: 'canary'}}", Value::Null).await?;
    let found: Vec<String> = serde_json::from_value(scene.browser.run(LOOK_AROUND, Value::Null).await?)?;
    ensure!(found == ["window.proof"], "the look around is blind: {found:#?}");
    scene.browser.run("delete window.proof", Value::Null).await?;
    let console = scene.browser.console().await?;
    ensure!(!console.iter().any(|line| line.contains("canary")), "{console:#?}");
    scene.ensure_quiet().await
}

fn fingerprint(token: &str) -> String {
    let digest = Sha256::digest(format!("Bearer {token}"));
    digest.iter().map(|byte| format!("{byte:02x}")).collect::<String>().chars().take(16).collect()
}

const LOOK_AROUND: &str = "
    const found = [];
    const look = (where, text) => { if (String(text).includes('canary')) found.push(where); };
    look('document', document.documentElement.outerHTML);
    look('title', document.title);
    look('cookies', document.cookie);
    look('address', location.href);
    look('history', JSON.stringify(history.state));
    look('referrer', document.referrer);
    for (const entry of performance.getEntries()) look('a request to ' + entry.name, entry.name);
    for (const input of document.querySelectorAll('input')) look('input', input.value);
    const dump = (value, depth) => {
      if (typeof value === 'string') return value;
      if (value === null || typeof value !== 'object' || depth === 0) return '';
      if (value instanceof Storage || value instanceof Node || value === window) return '';
      return Object.getOwnPropertyNames(value).map((name) => {
        try { return name + dump(value[name], depth - 1); } catch { return ''; }
      }).join(' ');
    };
    for (const name of Object.getOwnPropertyNames(window)) {
      try { look('window.' + name, dump(window[name], 3)); } catch {}
    }
    return found;
";
