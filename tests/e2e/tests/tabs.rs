//! Real tabs of one profile share one session: a duplicated tab uses its original's access token.

use anyhow::{Context, Result, ensure};
use e2e::browser::Engine;
use e2e::page::{FETCH, Seen};
use e2e::proxy::{Action, Rule};
use e2e::scene::Scene;
use e2e::session::ensure_no_reuse;
use e2e::tabs::Tabs;
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn a_session_of_several_tabs_in_chromium() -> Result<()> {
    a_session_of_several_tabs(Engine::Chromium).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_of_several_tabs_in_firefox() -> Result<()> {
    a_session_of_several_tabs(Engine::Firefox).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_of_several_tabs_in_webkit() -> Result<()> {
    a_session_of_several_tabs(Engine::WebKit).await
}

async fn a_session_of_several_tabs(engine: Engine) -> Result<()> {
    let scene = Scene::start(engine).await?;
    scene.signed_in().await?;
    let mut tabs = Tabs::of(&scene.browser).await?;
    a_copied_tab_has_the_token_and_asks_for_none(&scene, &mut tabs).await.context("copied")
}

async fn a_copied_tab_has_the_token_and_asks_for_none(scene: &Scene, tabs: &mut Tabs<'_>) -> Result<()> {
    let before = scene.ensure_kept(0).await?;
    let page = tabs.duplicate(0).await?;
    page.wait_until("signed in", Seen::signed_in).await?;
    scene.ensure_wire(&[])?;
    scene.proxy.add(Rule::new("GET", "/protected-route", Action::json(200, &json!({"a": 1}))));
    tabs.press_in_all(FETCH).await?;
    let all = tabs.wait_until("data", |seen| seen.json().is_some()).await?;
    ensure!(all.iter().all(|seen| seen.alerts.is_empty() && seen.statuses.is_empty()), "{all:#?}");
    scene.ensure_wire(&["GET /protected-route 200", "GET /protected-route 200"])?;
    ensure_no_reuse(&scene.server)?;
    for tab in 0..tabs.len() {
        tabs.at(tab).await?;
        ensure!(scene.ensure_kept(0).await?.access == before.access, "tab {tab} has a token of its own");
    }
    tabs.ensure_quiet().await
}
