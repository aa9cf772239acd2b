//! A page is frozen or in the back/forward cache while other tabs continue. After its return it shows
//! nothing of an ended session and uses no outdated token.

use std::fmt;

use anyhow::{Result, ensure};
use e2e::page::{FETCH, LoginPage, Seen};
use e2e::proxy::Rule;
use e2e::scene::{Scene, USERNAME, refused};
use e2e::sentences::LOGGED_OUT_ELSEWHERE;
use e2e::session::{Kept, ensure_ended_at_server};
use e2e::tabs::Tabs;
use serde_json::{Value, json};

use crate::DEADLINE;

/// The browser did not keep the page in the back/forward cache. That is the browser's own choice.
#[derive(Debug)]
pub(crate) struct NotCached;

impl fmt::Display for NotCached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the page was not in the back/forward cache")
    }
}

impl std::error::Error for NotCached {}

pub(crate) async fn a_cached_page_comes_back_as_it_was(scene: &Scene) -> Result<()> {
    let page = with_data(scene).await?;
    let before = scene.ensure_kept(0).await?;
    leave(scene).await?;
    let seen = come_back(scene, &page).await?;
    ensure!(seen.signed_in(), "{seen:#?}");
    seen.ensure_data_of(USERNAME)?;
    ensure_never_shown(scene).await?;
    scene.ensure_wire(&[])?;
    ensure!(scene.ensure_kept(0).await?.access == before.access);
    scene.ensure_quiet().await
}

pub(crate) async fn a_cached_page_takes_up_what_was_refreshed_elsewhere(scene: &Scene) -> Result<()> {
    let page = with_data(scene).await?;
    leave(scene).await?;
    refresh_in_another_tab(scene).await?;
    come_back(scene, &page).await?.ensure_data_of(USERNAME)?;
    ensure_goes_on(scene, &page).await
}

pub(crate) async fn a_frozen_page_takes_up_what_was_refreshed_elsewhere(scene: &Scene) -> Result<()> {
    let page = with_data(scene).await?;
    set_life(scene, "frozen").await?;
    refresh_in_another_tab(scene).await?;
    set_life(scene, "active").await?;
    page.wait_until("the page", |seen| seen.signed_in() && seen.json().is_some()).await?;
    ensure_goes_on(scene, &page).await
}

pub(crate) async fn a_cached_page_shows_nothing_after_a_logout_elsewhere(scene: &Scene) -> Result<()> {
    let page = with_data(scene).await?;
    let loot = scene.kept().await?;
    leave(scene).await?;
    log_out_in_another_tab(scene).await?;
    let seen = come_back(scene, &page).await?;
    ensure_over(scene, &seen, &loot).await
}

pub(crate) async fn a_frozen_page_shows_nothing_after_a_logout_elsewhere(scene: &Scene) -> Result<()> {
    let page = with_data(scene).await?;
    let loot = scene.kept().await?;
    scene.browser.run(WATCH, Value::Null).await?;
    set_life(scene, "frozen").await?;
    log_out_in_another_tab(scene).await?;
    set_life(scene, "active").await?;
    let seen = page.wait_until("the form", Seen::signed_out).await?;
    ensure_over(scene, &seen, &loot).await
}

/// A signed-in page with data. The log is empty. A click by Firefox's driver leaves a listener for `unload`
/// in the page, which keeps the page out of the back/forward cache. So the page is reloaded after the
/// login, and a script presses its button.
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

/// Opens another tab and closes it. That tab has to refresh, because no running tab can give it an access
/// token.
async fn refresh_in_another_tab(scene: &Scene) -> Result<()> {
    let mut tabs = with_another_tab(scene).await?;
    scene.ensure_kept(1).await?;
    tabs.close(1).await?;
    tabs.at(0).await.map(drop)
}

async fn log_out_in_another_tab(scene: &Scene) -> Result<()> {
    let mut tabs = with_another_tab(scene).await?;
    scene.page().logout().await?;
    // Wait before the tab closes, because in some engines a request does not outlive its tab.
    scene.log().wait_for("POST", "/logout", 1, DEADLINE).await?;
    tabs.close(1).await?;
    tabs.at(0).await.map(drop)
}

async fn with_another_tab(scene: &Scene) -> Result<Tabs<'_>> {
    let mut tabs = Tabs::of(&scene.browser).await?;
    tabs.open(&scene.pages.origin()).await?.wait_until("signed in", Seen::signed_in).await?;
    scene.ensure_wire(&["POST /refresh 200"])?;
    Ok(tabs)
}

/// The page knew a refresh token that is spent by now, and its access token is refused. Fails unless it
/// sends the successor from storage, so that the server gets no token twice.
async fn ensure_goes_on(scene: &Scene, page: &LoginPage<'_>) -> Result<()> {
    scene.ensure_wire(&["POST /refresh 200"])?;
    scene.proxy.reset();
    scene.proxy.add(Rule::new("GET", "/protected-route", refused()).once());
    page.press_and_settle(FETCH).await?.ensure_data_of(USERNAME)?;
    scene.ensure_wire(&["GET /protected-route 401", "POST /refresh 200", "GET /protected-route 200"])?;
    scene.ensure_kept(2).await?;
    scene.ensure_quiet().await
}

/// Fails unless the page shows the form with the reason, has shown nothing private before, and the session
/// has ended in storage and at the server.
async fn ensure_over(scene: &Scene, seen: &Seen, loot: &Kept) -> Result<()> {
    ensure!(seen.signed_out() && seen.data.is_none() && !seen.text.contains("Hello"), "{seen:#?}");
    ensure!(seen.statuses == [LOGGED_OUT_ELSEWHERE] && seen.alerts.is_empty(), "{seen:#?}");
    ensure_never_shown(scene).await?;
    scene.ensure_wire(&["POST /refresh 200", "POST /logout 204"])?;
    ensure_ended_at_server(&scene.server, loot).await?;
    scene.ensure_no_session().await?;
    scene.ensure_quiet().await
}

/// Opens another page, so that this one enters the back/forward cache.
async fn leave(scene: &Scene) -> Result<()> {
    scene.browser.run(WATCH, Value::Null).await?;
    scene.browser.open(&scene.blank()).await
}

/// Goes back. Returns the page's visible content when it shows the form or the signed-in view.
async fn come_back(scene: &Scene, page: &LoginPage<'_>) -> Result<Seen> {
    scene.browser.back().await;
    let seen = page.wait_until("the page", |seen| seen.signed_in() || seen.signed_out()).await?;
    let persisted = scene.browser.run("return window.persisted", Value::Null).await?;
    if persisted != json!(true) {
        return Err(NotCached.into());
    }
    Ok(seen)
}

async fn set_life(scene: &Scene, state: &str) -> Result<()> {
    let cdp = scene.browser.driver().cdp();
    cdp.send_raw("Page.setWebLifecycleState", json!({"state": state})).await?;
    Ok(())
}

/// Fails if private content was in the page when it came back.
async fn ensure_never_shown(scene: &Scene) -> Result<()> {
    let shown = scene.browser.run("return window.shown", Value::Null).await?;
    let looks: Vec<bool> = serde_json::from_value(shown)?;
    ensure!(
        !looks.is_empty() && !looks.contains(&true),
        "what was private, when the page came back: {looks:?}"
    );
    Ok(())
}

/// Records whether the page came back from the cache, and at each event of its return whether private
/// content is in the page. The browser paints after these events.
const WATCH: &str = "
    window.persisted = null;
    window.shown = [];
    const look = () => window.shown.push(/Hello|Signed in as/.test(document.body.innerText));
    addEventListener('pageshow', (event) => { window.persisted = event.persisted; look(); });
    document.addEventListener('resume', look);
";
