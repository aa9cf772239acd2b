//! What happens to a tab while others go on: killed with the lock in its hands, closed with an answer
//! under way, frozen, put into the back/forward cache.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use e2e::browser::Engine;
use e2e::page::{FETCH, LoginPage, Seen};
use e2e::proxy::{Action, Entry, Rule};
use e2e::scene::{PASSWORD, Scene, USERNAME};
use e2e::tabs::Tabs;
use serde_json::{Map, Value, json};
use tokio::time::{Instant, timeout};

const DEADLINE: Duration = Duration::from_secs(20);
/// How long a lock is waited for that nobody gives back (refresh-protocol.md).
const LOCK_BOUND: Duration = Duration::from_secs(12);

#[tokio::test(flavor = "multi_thread")]
async fn tabs_live_and_die_in_chromium() -> Result<()> {
    tabs_live_and_die(Engine::Chromium).await
}

#[tokio::test(flavor = "multi_thread")]
async fn tabs_live_and_die_in_firefox() -> Result<()> {
    tabs_live_and_die(Engine::Firefox).await
}

#[tokio::test(flavor = "multi_thread")]
async fn tabs_live_and_die_in_webkit() -> Result<()> {
    tabs_live_and_die(Engine::WebKit).await
}

async fn tabs_live_and_die(engine: Engine) -> Result<()> {
    let scene = Scene::start(engine).await?;
    // A page marked `no-store` would be kept out of the back/forward cache.
    scene.pages.change(|settings| settings.cached = true);
    a_lost_answer_is_asked_for_again_at_once(&scene).await.context("lost, retried at once")?;
    a_lost_answer_is_asked_for_again_after_a_reload(&scene).await.context("lost, reloaded")?;
    a_lost_answer_is_asked_for_by_the_next_tab(&scene).await.context("lost, closed")?;
    a_tab_that_dies_with_the_lock_holds_up_nobody(&scene).await.context("killed with the lock")?;
    a_cached_page_comes_back_as_it_was(&scene).await.context("cached, and nothing happened")?;
    a_cached_page_shows_nothing_after_a_logout_elsewhere(&scene).await.context("cached, logged out")?;
    // Only Chromium's driver can freeze a page.
    if engine == Engine::Chromium {
        a_frozen_page_shows_nothing_after_a_logout_elsewhere(&scene).await.context("frozen, logged out")?;
    }
    ensure!(scene.server.reuse_events().is_empty(), "{:?}", scene.server.reuse_events());
    Ok(())
}

async fn a_lost_answer_is_asked_for_again_at_once(scene: &Scene) -> Result<()> {
    let page = with_a_stale_token(scene).await?;
    scene.proxy.add(Rule::new("POST", "/refresh", Action::DropAfter).once());
    let seen = page.press_and_settle(FETCH).await?;
    ensure!(seen.alerts.is_empty() && seen.json().is_some(), "{seen:#?}");
    scene.ensure_wire(&["POST /refresh dropped", "POST /refresh 200", "GET /protected-route 200"])?;
    ensure_one_attempt(scene)?;
    ensure_one_entry(scene, 1).await?;
    scene.ensure_quiet().await
}

async fn a_lost_answer_is_asked_for_again_after_a_reload(scene: &Scene) -> Result<()> {
    let page = with_a_stale_token(scene).await?;
    lose_an_answer(scene, &page).await?;
    scene.reload().await?;
    scene.proxy.set_rules(vec![]);
    ensure_recovered(scene, &page).await
}

async fn a_lost_answer_is_asked_for_by_the_next_tab(scene: &Scene) -> Result<()> {
    let page = with_a_stale_token(scene).await?;
    let mut tabs = Tabs::of(&scene.browser).await?;
    tabs.open("about:blank").await?;
    tabs.at(0).await?;
    lose_an_answer(scene, &page).await?;
    tabs.close(0).await?;
    scene.proxy.set_rules(vec![]);
    tabs.at(0).await?;
    let page = LoginPage::open(&scene.browser, &scene.pages.origin()).await?;
    ensure_recovered(scene, &page).await
}

/// The next life of the page is signed in and goes on, and to the server it was the same attempt.
async fn ensure_recovered(scene: &Scene, page: &LoginPage<'_>) -> Result<()> {
    let seen = page.wait_until("signed in", Seen::signed_in).await?;
    ensure!(seen.alerts.is_empty(), "{seen:#?}");
    ensure!(page.fetch().await?.json().is_some());
    ensure_one_attempt(scene)?;
    ensure_one_entry(scene, 1).await?;
    scene.ensure_quiet().await
}

async fn a_tab_that_dies_with_the_lock_holds_up_nobody(scene: &Scene) -> Result<()> {
    let page = with_a_stale_token(scene).await?;
    let mut tabs = Tabs::of(&scene.browser).await?;
    scene.proxy.set_rules(short_lived());
    // Not a copy: a tab and its opener share a process, and would die together.
    tabs.open(&scene.pages.origin()).await?.wait_until("signed in", Seen::signed_in).await?;
    time_is_up(scene).await?;
    scene.proxy.reset();

    // The server has rotated when the tab dies, and nobody has read the answer.
    scene.proxy.add(Rule::new("POST", "/refresh", Action::HangAfter).once());
    tabs.at(0).await?.press(FETCH).await?;
    let rotated = |entries: &[Entry]| entries.iter().any(|entry| entry.upstream_status == Some(200));
    scene.log().wait_until(rotated, DEADLINE).await?;
    tabs.at(1).await?.press(FETCH).await?;
    let queued = "const {held, pending} = await navigator.locks.query(); return held.length === 1 && pending.length === 1";
    scene.browser.wait_for("one holds the lock, one waits", queued, Value::Null, DEADLINE).await?;
    scene.ensure_wire(&["POST /refresh pending"])?;

    let begun = Instant::now();
    if scene.browser.engine() == Engine::Chromium {
        tabs.at(0).await?;
        // No answer comes from a page that has crashed.
        let crash = scene.browser.driver().cdp();
        let _ = timeout(Duration::from_secs(2), crash.send_raw("Page.crash", json!({}))).await;
        scene.log().wait_for("POST", "/refresh", 1, DEADLINE).await?;
    } else {
        // No other driver can end a tab's process, which the other tab may share.
        tabs.close(0).await?;
    }
    let last = tabs.len() - 1;
    tabs.at(last).await?;
    let seen = page.wait_until("data", |seen| seen.json().is_some() && seen.disabled.is_empty()).await?;
    ensure!(seen.alerts.is_empty(), "{seen:#?}");
    ensure!(begun.elapsed() < LOCK_BOUND, "the lock was waited for: {:?}", begun.elapsed());
    scene.ensure_wire(&["POST /refresh abandoned", "POST /refresh 200", "GET /protected-route 200"])?;
    ensure_one_attempt(scene)?;
    ensure_one_entry(scene, 2).await?;
    scene.ensure_quiet().await?;
    if tabs.len() == 2 {
        tabs.close(0).await?;
        tabs.at(0).await?;
    }
    Ok(())
}

async fn a_cached_page_comes_back_as_it_was(scene: &Scene) -> Result<()> {
    let page = with_data(scene).await?;
    leave(scene).await?;
    let seen = come_back(scene, &page).await?;
    ensure!(seen.signed_in() && seen.json().is_some(), "{seen:#?}");
    ensure_never_shown(scene).await?;
    scene.ensure_wire(&[])?;
    scene.ensure_quiet().await
}

async fn a_cached_page_shows_nothing_after_a_logout_elsewhere(scene: &Scene) -> Result<()> {
    let page = with_data(scene).await?;
    let mut tabs = Tabs::of(&scene.browser).await?;
    leave(scene).await?;
    let other = tabs.open(&scene.pages.origin()).await?;
    other.wait_until("signed in", Seen::signed_in).await?;
    other.logout().await?;
    tabs.close(1).await?;
    tabs.at(0).await?;
    let seen = come_back(scene, &page).await?;
    ensure!(seen.signed_out() && seen.data.is_none() && !seen.text.contains("Hello"), "{seen:#?}");
    ensure_never_shown(scene).await?;
    ensure!(scene.stored().await?.is_empty(), "{:?}", scene.stored().await?);
    scene.ensure_quiet().await
}

async fn a_frozen_page_shows_nothing_after_a_logout_elsewhere(scene: &Scene) -> Result<()> {
    let page = with_data(scene).await?;
    let mut tabs = Tabs::of(&scene.browser).await?;
    scene.browser.run(WATCH, Value::Null).await?;
    set_life(scene, "frozen").await?;
    let other = tabs.open(&scene.pages.origin()).await?;
    other.wait_until("signed in", Seen::signed_in).await?;
    other.logout().await?;
    tabs.close(1).await?;
    tabs.at(0).await?;
    set_life(scene, "active").await?;
    let seen = page.wait_until("the form", Seen::signed_out).await?;
    ensure!(seen.data.is_none() && !seen.text.contains("Hello"), "{seen:#?}");
    ensure_never_shown(scene).await?;
    ensure!(scene.stored().await?.is_empty(), "{:?}", scene.stored().await?);
    scene.ensure_quiet().await
}

/// Signed in, the access token's time up and the log empty.
async fn with_a_stale_token(scene: &Scene) -> Result<LoginPage<'_>> {
    let page = scene.form().await?;
    scene.proxy.set_rules(short_lived());
    page.login(USERNAME, PASSWORD).await?;
    time_is_up(scene).await?;
    scene.proxy.reset();
    Ok(page)
}

/// Signed in, with data on the page and the log empty. Firefox's driver leaves a listener for `unload`
/// behind in a page that it has clicked in, which would keep the page out of the back/forward cache: so
/// this one was loaded after the login, and a script presses its button.
async fn with_data(scene: &Scene) -> Result<LoginPage<'_>> {
    let page = scene.signed_in().await?;
    scene.reload().await?;
    let tabs = Tabs::of(&scene.browser).await?;
    tabs.press_in_all(FETCH).await?;
    let seen = page.wait_until("data", |seen| seen.json().is_some()).await?;
    ensure!(seen.text.contains("Hello") && seen.text.contains("Signed in as"), "{seen:#?}");
    scene.proxy.reset();
    Ok(page)
}

/// The server's answer to the first attempt is lost, and the network with it.
async fn lose_an_answer(scene: &Scene, page: &LoginPage<'_>) -> Result<()> {
    let lost = Rule::new("POST", "/refresh", Action::DropAfter).once();
    scene.proxy.set_rules(vec![lost, Rule::any(Action::DropBefore)]);
    page.press(FETCH).await?;
    scene.log().wait_for("POST", "/refresh", 1, DEADLINE).await.map(drop)
}

fn short_lived() -> Vec<Rule> {
    let set: Map<String, Value> = [("expires_in".to_owned(), json!(1))].into_iter().collect();
    let short = Action::RewriteJson { remove: vec![], set };
    vec![Rule::new("POST", "/token", short.clone()), Rule::new("POST", "/refresh", short)]
}

/// Waits until the current tab's access token has run out.
async fn time_is_up(scene: &Scene) -> Result<()> {
    let script = "const record = JSON.parse(Object.values({...sessionStorage})[0]);
                  return Date.now() - record.received > record.lifetime * 1000 + 20";
    scene.browser.wait_for("the token's time is up", script, Value::Null, DEADLINE).await.map(drop)
}

/// However often it was sent: one token, one key.
fn ensure_one_attempt(scene: &Scene) -> Result<()> {
    let sent = scene.log().matching("POST", "/refresh");
    let first = sent.first().context("a refresh")?;
    let same = |entry: &Entry| {
        entry.body_sha256 == first.body_sha256
            && entry.idempotency_key_fingerprint == first.idempotency_key_fingerprint
    };
    ensure!(
        sent.len() > 1 && first.idempotency_key_fingerprint.is_some() && sent.iter().all(same),
        "{sent:#?}"
    );
    ensure!(sent.iter().filter(|entry| entry.status == Some(200)).count() == 1, "{sent:#?}");
    Ok(())
}

/// The vault has the token of this generation and no other.
async fn ensure_one_entry(scene: &Scene, generation: u32) -> Result<()> {
    let stored = scene.stored().await?;
    let entry = format!(":{generation}");
    ensure!(stored.local.len() == 1, "{:?}", stored.local.keys());
    ensure!(stored.local.keys().all(|key| key.ends_with(&entry)), "{:?}", stored.local.keys());
    Ok(())
}

/// Goes to another page and leaves this one in the back/forward cache.
async fn leave(scene: &Scene) -> Result<()> {
    scene.browser.run(WATCH, Value::Null).await?;
    scene.browser.open(&format!("{}/blank.html", scene.pages.origin())).await
}

/// Goes back, and answers with what is seen as soon as the page knows what to show.
async fn come_back(scene: &Scene, page: &LoginPage<'_>) -> Result<Seen> {
    scene.browser.driver().back().await?;
    let seen = page.wait_until("the page", |seen| seen.signed_in() || seen.signed_out()).await?;
    let persisted = scene.browser.run("return window.persisted", Value::Null).await?;
    ensure!(persisted == json!(true), "it was not in the back/forward cache: {persisted}");
    Ok(seen)
}

async fn set_life(scene: &Scene, state: &str) -> Result<()> {
    let cdp = scene.browser.driver().cdp();
    cdp.send_raw("Page.setWebLifecycleState", json!({"state": state})).await?;
    Ok(())
}

/// Nothing private was there when the page came back.
async fn ensure_never_shown(scene: &Scene) -> Result<()> {
    let shown = scene.browser.run("return window.shown", Value::Null).await?;
    let looks: Vec<bool> = serde_json::from_value(shown)?;
    ensure!(
        !looks.is_empty() && !looks.contains(&true),
        "what was private, when the page came back: {looks:?}"
    );
    Ok(())
}

/// Notes whether the page came back from the cache, and whether anything private was in it at that
/// moment: once for each event that says so. The browser paints only after that.
const WATCH: &str = "
    window.persisted = null;
    window.shown = [];
    const look = () => window.shown.push(/Hello|Signed in as/.test(document.body.innerText));
    addEventListener('pageshow', (event) => { window.persisted = event.persisted; look(); });
    document.addEventListener('resume', look);
";
