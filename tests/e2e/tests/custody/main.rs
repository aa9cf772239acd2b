//! Where tokens are stored: by the page's settings, and if the browser denies storage. Also edited records
//! and settings.

mod edited;
mod settings;

use anyhow::{Context, Result, ensure};
use e2e::browser::{self, Engine};
use e2e::page::{FETCH, LoginPage, Seen};
use e2e::pages::dist;
use e2e::proxy::{Action, Rule};
use e2e::scene::{PASSWORD, Scene, USERNAME, refused};
use e2e::sentences::UNKEPT;
use e2e::session::ensure_no_reuse;
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn each_custody_keeps_what_it_says_and_no_more() -> Result<()> {
    let scene = Scene::start(Engine::Chromium).await?;
    by_default_a_session_survives_a_reload_and_a_new_tab(&scene).await.context("session, local")?;
    an_access_token_in_memory_is_refreshed_after_a_reload(&scene).await.context("memory, local")?;
    a_refresh_token_in_memory_lies_nowhere(&scene).await.context("session, memory")?;
    with_both_in_memory_a_reload_ends_the_session(&scene).await.context("memory, memory")
}

async fn by_default_a_session_survives_a_reload_and_a_new_tab(scene: &Scene) -> Result<()> {
    let page = scene.signed_in().await?;
    scene.reload().await?;
    let seen = page.wait_until("signed in", Seen::signed_in).await?;
    ensure!(seen.text.contains(&format!("Signed in as {USERNAME}")), "the page knows the name: {seen:#?}");
    scene.ensure_wire(&[])?;
    let first = scene.browser.driver().window().await?;
    let tab = scene.browser.open_tab(&scene.pages.origin()).await?;
    page.wait_until("signed in", Seen::signed_in).await?;
    scene.ensure_wire(&["POST /refresh 200"])?;
    ensure!(page.fetch().await?.json().is_some());
    scene.ensure_quiet().await?;
    scene.browser.driver().close_window().await?;
    scene.browser.switch_to(&first).await?;
    ensure!(first != tab && page.fetch().await?.json().is_some());
    scene.ensure_quiet().await
}

async fn an_access_token_in_memory_is_refreshed_after_a_reload(scene: &Scene) -> Result<()> {
    scene.pages.meta("auth-access-token", "memory");
    let page = scene.signed_in().await?;
    ensure!(scene.stored().await?.access()?.is_none());
    ensure!(scene.stored().await?.local.len() == 1);
    scene.reload().await?;
    page.wait_until("signed in", Seen::signed_in).await?;
    ensure!(page.fetch().await?.json().is_some());
    scene.ensure_wire(&["POST /refresh 200", "GET /protected-route 200"])?;
    ensure!(scene.stored().await?.access()?.is_none());
    scene.ensure_quiet().await
}

async fn a_refresh_token_in_memory_lies_nowhere(scene: &Scene) -> Result<()> {
    scene.pages.meta("auth-access-token", "session");
    scene.pages.meta("auth-refresh-token", "memory");
    let page = scene.signed_in().await?;
    let stored = scene.stored().await?;
    ensure!(stored.local.is_empty() && stored.session.len() == 1, "{stored:?}");
    ensure!(!page.seen().await?.says(UNKEPT), "that is as configured, and no surprise");
    scene.reload().await?;
    page.wait_until("signed in", Seen::signed_in).await?;
    ensure!(page.fetch().await?.json().is_some());
    scene.ensure_wire(&["GET /protected-route 200"])?;
    page.logout().await?;
    ensure!(scene.stored().await?.is_empty());
    scene.ensure_quiet().await
}

async fn with_both_in_memory_a_reload_ends_the_session(scene: &Scene) -> Result<()> {
    scene.pages.meta("auth-access-token", "memory");
    let page = scene.signed_in().await?;
    ensure!(page.fetch().await?.json().is_some());
    ensure!(scene.stored().await?.is_empty(), "{:?}", scene.stored().await?);
    scene.reload().await?;
    let seen = page.wait_until("the form", Seen::signed_out).await?;
    ensure!(seen.alerts.is_empty() && seen.statuses.is_empty(), "{seen:#?}");
    scene.ensure_wire(&["GET /protected-route 200"])?;
    scene.ensure_quiet().await
}

#[tokio::test(flavor = "multi_thread")]
async fn where_chromium_denies_storage_the_session_lives_in_memory() -> Result<()> {
    where_storage_is_denied_the_session_lives_in_memory(Engine::Chromium).await
}

#[tokio::test(flavor = "multi_thread")]
async fn where_firefox_denies_storage_the_session_lives_in_memory() -> Result<()> {
    where_storage_is_denied_the_session_lives_in_memory(Engine::Firefox).await
}

#[tokio::test(flavor = "multi_thread")]
async fn where_webkit_denies_storage_the_session_lives_in_memory() -> Result<()> {
    where_storage_is_denied_the_session_lives_in_memory(Engine::WebKit).await
}

async fn where_storage_is_denied_the_session_lives_in_memory(engine: Engine) -> Result<()> {
    let options = browser::Options { storage_denied: true, ..browser::Options::default() };
    let scene = Scene::with(engine, options, |options| options).await?;
    if engine == Engine::WebKit {
        let headers = [
            ("content-security-policy", "sandbox allow-scripts allow-forms"),
            // To a sandboxed page its own files are cross-origin.
            ("access-control-allow-origin", "*"),
        ];
        let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned()));
        scene.pages.change(|settings| settings.headers.extend(headers));
        // Its policy's 'self' means no origin any more. The inline scripts and the style stay as they are, because the policy has their hashes.
        let page = std::fs::read_to_string(dist().join("index.html"))?;
        let (policy, rest) = page.split_once("<script").context("a script")?;
        let page = [&policy.replace("'self'", &scene.pages.origin()), "<script", rest].concat();
        scene.pages.change(|settings| drop(settings.files.insert("/index.html".to_owned(), page)));
        // A sandboxed page's origin is `null`. The real server never allows it, so the proxy answers.
        let tokens = json!({"access_token": "a.b.c", "refresh_token": "r", "token_type": "bearer"});
        scene.proxy.set_rules(vec![
            Rule { path: None, ..Rule::new("OPTIONS", "", permission()) },
            Rule::new("POST", "/token", Action::json(200, &tokens)),
            Rule::new("GET", "/protected-route", Action::json(200, &json!({"user": USERNAME}))).once(),
            Rule::new("GET", "/protected-route", refused()).once(),
            Rule::new("POST", "/refresh", Action::json(200, &tokens)),
            Rule::new("GET", "/protected-route", Action::json(200, &json!({"user": USERNAME}))),
        ]);
    } else {
        scene.proxy.add(Rule::new("GET", "/protected-route", refused()).skip(1).once());
    }
    let page = LoginPage::open(&scene.browser, &scene.pages.origin()).await?;
    page.wait_until("the form", Seen::signed_out).await?;
    let denied = "try { localStorage.getItem('x'); return false } catch { return true }";
    ensure!(scene.browser.run(denied, Value::Null).await? == json!(true), "the browser denies nothing");
    let seen = page.login(USERNAME, PASSWORD).await?;
    ensure!(seen.says(UNKEPT), "{seen:#?}");
    let seen = page.fetch().await?;
    ensure!(seen.json().is_some() && seen.alerts.is_empty(), "{seen:#?}");
    // The page has kept the refresh token too: after a 401 it refreshes.
    let seen = page.press_and_settle(FETCH).await?;
    ensure!(seen.json().is_some() && seen.alerts.is_empty() && seen.says(UNKEPT), "{seen:#?}");
    scene.ensure_wire(&[
        "POST /token 200",
        "GET /protected-route 200",
        "GET /protected-route 401",
        "POST /refresh 200",
        "GET /protected-route 200",
    ])?;
    // The page has stored nothing in another place either, such as the window's name.
    ensure!(scene.stored().await?.is_empty(), "{:?}", scene.stored().await?);
    ensure_no_reuse(&scene.server)?;
    let complaints = scene.browser.complaints().await?;
    ensure!(complaints.is_empty(), "{complaints:#?}");
    scene.reload().await?;
    let seen = page.wait_until("the form", Seen::signed_out).await?;
    ensure!(seen.alerts.is_empty() && seen.statuses.is_empty(), "{seen:#?}");
    Ok(())
}

/// A server's answer to a preflight that it allows.
fn permission() -> Action {
    let headers = [
        ("access-control-allow-methods", "GET, POST"),
        ("access-control-allow-headers", "authorization, content-type"),
    ];
    let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned()));
    Action::Respond { status: 204, headers: headers.to_vec(), body: String::new(), cors: true }
}
