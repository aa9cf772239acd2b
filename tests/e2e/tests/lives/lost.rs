//! The server has rotated, but no tab has read its answer. The next tab or page load repeats the attempt,
//! with the same token and the same key.

use std::time::Duration;

use anyhow::{Result, ensure};
use e2e::browser::Engine;
use e2e::page::{FETCH, LoginPage, Seen};
use e2e::proxy::{Action, Entry, Rule};
use e2e::scene::{PASSWORD, Scene, USERNAME, short_lived};
use e2e::sentences::UNREACHABLE_NOTICE;
use e2e::session::{ensure_one_attempt, wait_until_stale};
use e2e::tabs::Tabs;
use serde_json::{Value, json};
use tokio::time::{Instant, timeout};

use crate::DEADLINE;

/// How long the page waits for a lock that is not released (`LOCK_BOUND` in `auth/src/engine.rs`).
const LOCK_BOUND: Duration = Duration::from_secs(12);

pub(crate) async fn an_answer_is_asked_for_again_at_once(scene: &Scene) -> Result<()> {
    let page = with_a_stale_token(scene).await?;
    scene.proxy.add(Rule::new("POST", "/refresh", Action::DropAfter).once());
    page.press_and_settle(FETCH).await?.ensure_data_of(USERNAME)?;
    scene.ensure_wire(&["POST /refresh dropped", "POST /refresh 200", "GET /protected-route 200"])?;
    ensure_one_attempt(scene.log())?;
    scene.ensure_kept(1).await?;
    scene.ensure_quiet().await
}

pub(crate) async fn an_answer_is_asked_for_again_after_a_reload(scene: &Scene) -> Result<()> {
    let page = with_a_stale_token(scene).await?;
    lose_an_answer(scene, &page).await?;
    scene.reload().await?;
    scene.proxy.set_rules(vec![]);
    ensure_recovered(scene, &page).await
}

pub(crate) async fn an_answer_is_asked_for_by_the_next_tab(scene: &Scene) -> Result<()> {
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

/// Loses the server's answer to the first attempt, then the network. Fails unless the stored token and key
/// are unchanged: the token is spent, and only together with its key gets the successor.
async fn lose_an_answer(scene: &Scene, page: &LoginPage<'_>) -> Result<()> {
    let before = scene.ensure_kept(0).await?;
    let lost = Rule::new("POST", "/refresh", Action::DropAfter).once();
    scene.proxy.set_rules(vec![lost, Rule::any(Action::DropBefore)]);
    page.press(FETCH).await?;
    let seen = page.wait_until("the notice", |seen| seen.says(UNREACHABLE_NOTICE)).await?;
    ensure!(seen.signed_in() && seen.data.is_none(), "{seen:#?}");
    let answered: Vec<_> = scene.log().requests().iter().filter_map(|it| it.upstream_status).collect();
    ensure!(answered == [200], "the server has not rotated, and only once: {answered:?}");
    let kept = scene.kept().await?;
    let same = (kept.row.generation, &kept.row.key, &kept.refresh)
        == (before.row.generation, &before.row.key, &before.refresh);
    ensure!(same, "what is kept has changed: {before:#?} {kept:#?}");
    ensure!(!scene.server.would_take(&kept.refresh).await?, "the server has not rotated");
    Ok(())
}

/// Fails unless the page is signed in, fetches, and has repeated the same attempt.
async fn ensure_recovered(scene: &Scene, page: &LoginPage<'_>) -> Result<()> {
    let seen = page.wait_until("signed in", Seen::signed_in).await?;
    ensure!(seen.alerts.is_empty(), "{seen:#?}");
    page.fetch().await?.ensure_data_of(USERNAME)?;
    ensure_one_attempt(scene.log())?;
    let refreshes = scene.log().matching("POST", "/refresh");
    ensure!(refreshes.iter().filter(|it| it.status == Some(200)).count() == 1, "{refreshes:#?}");
    scene.ensure_kept(1).await?;
    scene.ensure_quiet().await
}

pub(crate) async fn a_tab_that_dies_with_the_lock_holds_up_nobody(scene: &Scene) -> Result<()> {
    let mut tabs = one_holds_the_lock_and_one_waits(scene).await?;
    let begun = Instant::now();
    if scene.browser.engine() == Engine::Chromium {
        tabs.at(0).await?;
        // A crashed page sends no answer to the driver.
        let crash = scene.browser.driver().cdp();
        let _ = timeout(Duration::from_secs(2), crash.send_raw("Page.crash", json!({}))).await;
        scene.log().wait_for("POST", "/refresh", 1, DEADLINE).await?;
    } else {
        // The other drivers cannot kill a tab's process, and the other tab may share that process.
        tabs.close(0).await?;
    }
    let last = tabs.len() - 1;
    ensure_data(&tabs.at(last).await?).await?;
    ensure!(begun.elapsed() < LOCK_BOUND, "the lock was waited for: {:?}", begun.elapsed());
    scene.ensure_wire(&["POST /refresh abandoned", "POST /refresh 200", "GET /protected-route 200"])?;
    ensure_one_attempt(scene.log())?;
    scene.ensure_kept(2).await?;
    scene.ensure_quiet().await?;
    if tabs.len() == 2 {
        tabs.close(0).await?;
        tabs.at(0).await?;
    }
    Ok(())
}

/// Two tabs that need a refresh. The server has answered the first tab, but the answer is held back. The
/// second tab waits for the lock. It is the current tab.
async fn one_holds_the_lock_and_one_waits(scene: &Scene) -> Result<Tabs<'_>> {
    with_a_stale_token(scene).await?;
    let mut tabs = Tabs::of(&scene.browser).await?;
    scene.proxy.set_rules(short_lived());
    // Not a duplicate, because a tab and its opener share a process and would crash together.
    tabs.open(&scene.pages.origin()).await?.wait_until("signed in", Seen::signed_in).await?;
    wait_until_stale(&scene.browser).await?;
    scene.proxy.reset();

    scene.proxy.add(Rule::new("POST", "/refresh", Action::HangAfter).once());
    tabs.at(0).await?.press(FETCH).await?;
    let rotated = |entries: &[Entry]| entries.iter().any(|entry| entry.upstream_status == Some(200));
    scene.log().wait_until(rotated, DEADLINE).await?;
    tabs.at(1).await?.press(FETCH).await?;
    let queued = "const {held, pending} = await navigator.locks.query(); return held.length === 1 && pending.length === 1";
    scene.browser.wait_for("one holds the lock, one waits", queued, Value::Null, DEADLINE).await?;
    scene.ensure_wire(&["POST /refresh pending"])?;
    let kept = scene.kept().await?;
    ensure!(kept.row.generation == 1 && !scene.server.would_take(&kept.refresh).await?, "{kept:#?}");
    Ok(tabs)
}

/// Waits until the page shows the fetched data. Fails if it also shows an alert or a status.
async fn ensure_data(page: &LoginPage<'_>) -> Result<()> {
    let seen = page.wait_until("data", |seen| seen.json().is_some() && seen.disabled.is_empty()).await?;
    seen.ensure_data_of(USERNAME)
}

/// A signed-in page whose access token has expired. The log is empty.
async fn with_a_stale_token(scene: &Scene) -> Result<LoginPage<'_>> {
    let page = scene.form().await?;
    scene.proxy.set_rules(short_lived());
    page.login(USERNAME, PASSWORD).await?;
    wait_until_stale(&scene.browser).await?;
    scene.proxy.reset();
    Ok(page)
}
