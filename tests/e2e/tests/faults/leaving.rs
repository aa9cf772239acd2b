//! Logout during a refresh in this tab or another, without a network, and with a server in trouble.

use anyhow::{Context, Result, ensure};
use e2e::page::{FETCH, LOGOUT, Seen};
use e2e::proxy::{Action, Entry, Rule};
use e2e::scene::Scene;
use e2e::sentences::{LOGGED_OUT, LOGGED_OUT_ELSEWHERE, LOGGED_OUT_HERE_ONLY};
use e2e::session::ensure_ended_at_server;
use e2e::tabs::Tabs;
use e2e::witness;
use serde_json::json;

use crate::stage::{DEADLINE, click_logout, ensure_prompt, expire};

crate::play_in_each_engine![
    what_a_refresh_brings_after_a_logout_is_revoked,
    what_a_refresh_brings_after_a_logout_elsewhere_is_revoked,
    a_logout_offline_is_told_the_server_later,
    a_logout_that_the_server_cannot_take_holds_all_the_same,
];

async fn what_a_refresh_brings_after_a_logout_is_revoked(scene: &mut Scene) -> Result<()> {
    let page = scene.signed_in().await?;
    let loot = scene.kept().await?;
    begin_a_refresh(scene).await?;

    page.press(LOGOUT).await?;
    let seen = page.wait_until("the form", Seen::signed_out).await?;
    ensure!(seen.statuses == [LOGGED_OUT] && seen.alerts.is_empty(), "{seen:#?}");
    scene.ensure_no_session().await?;
    scene.log().wait_for("POST", "/logout", 1, DEADLINE).await?;
    ensure_ended_at_server(&scene.server, &loot).await?;

    ensure_late_tokens_are_revoked(scene).await?;
    let seen = page.seen().await?;
    ensure!(seen.signed_out() && seen.statuses == [LOGGED_OUT], "{seen:#?}");
    scene.ensure_no_session().await?;
    scene.ensure_quiet().await?;
    scene.reload().await?;
    let seen = page.wait_until("the form", Seen::signed_out).await?;
    ensure!(seen.statuses.is_empty() && seen.alerts.is_empty(), "{seen:#?}");
    scene.ensure_no_session().await?;
    scene.ensure_quiet().await
}

async fn what_a_refresh_brings_after_a_logout_elsewhere_is_revoked(scene: &mut Scene) -> Result<()> {
    let page = scene.signed_in().await?;
    let loot = scene.kept().await?;
    let mut tabs = Tabs::of(&scene.browser).await?;
    tabs.open(&scene.pages.origin()).await?;
    page.wait_until("signed in", Seen::signed_in).await?;
    begin_a_refresh(scene).await?;
    witness::watch(&scene.browser).await?;

    tabs.at(0).await?;
    let clicked = click_logout(scene).await?;
    ensure_prompt(scene, LOGGED_OUT_ELSEWHERE, clicked, 1).await?;
    tabs.at(1).await?;
    let seen = page.wait_until("the form", Seen::signed_out).await?;
    ensure!(seen.statuses == [LOGGED_OUT_ELSEWHERE], "{seen:#?}");
    scene.ensure_no_session().await?;
    scene.log().wait_for("POST", "/logout", 1, DEADLINE).await?;
    ensure_ended_at_server(&scene.server, &loot).await?;

    ensure_late_tokens_are_revoked(scene).await?;
    let seen = page.seen().await?;
    ensure!(seen.signed_out() && seen.statuses == [LOGGED_OUT_ELSEWHERE], "{seen:#?}");
    scene.ensure_no_session().await.context("where the late tokens came")?;
    let seen = tabs.at(0).await?.seen().await?;
    ensure!(seen.signed_out() && seen.statuses == [LOGGED_OUT], "{seen:#?}");
    scene.ensure_no_session().await.context("where the logout was")?;
    tabs.ensure_quiet().await
}

/// Starts a refresh. Returns when the server has rotated. The proxy holds its answer back.
async fn begin_a_refresh(scene: &Scene) -> Result<()> {
    scene.proxy.reset();
    expire(scene);
    scene.proxy.add(Rule::new("POST", "/refresh", Action::HangAfter).once());
    scene.page().press(FETCH).await?;
    let rotated = |entries: &[Entry]| {
        entries.iter().any(|it| it.is("POST", "/refresh") && it.upstream_status.is_some())
    };
    scene.log().wait_until(rotated, DEADLINE).await.map(drop)
}

/// Releases the refresh's answer. Fails unless the page revokes the token in it at the server.
async fn ensure_late_tokens_are_revoked(scene: &Scene) -> Result<()> {
    scene.proxy.release_hung();
    scene.log().wait_for("POST", "/logout", 2, DEADLINE).await?;
    scene.ensure_wire(&[
        "GET /protected-route 401",
        "POST /refresh 200",
        "POST /logout 204",
        "POST /logout 204",
    ])?;
    let told = scene.log().matching("POST", "/logout");
    ensure!(told[0].body_sha256 != told[1].body_sha256, "not with the late token: {told:#?}");
    Ok(())
}

async fn a_logout_offline_is_told_the_server_later(scene: &mut Scene) -> Result<()> {
    let page = scene.signed_in().await?;
    ensure!(page.fetch().await?.json().is_some());
    let loot = scene.kept().await?;
    scene.proxy.reset();
    scene.proxy.add(Rule::any(Action::DropBefore));
    page.press(LOGOUT).await?;
    // The page shows the form at once. It shows the alert when it knows that the server cannot be told.
    let seen = page.wait_until("the alert", |seen| seen.alerts == [LOGGED_OUT_HERE_ONLY]).await?;
    ensure!(seen.signed_out() && seen.data.is_none(), "{seen:#?}");
    scene.ensure_no_session().await?;
    // Another tab that is opened offline is signed out too.
    let mut tabs = Tabs::of(&scene.browser).await?;
    tabs.open(&scene.pages.origin()).await?;
    page.wait_until("the form", Seen::signed_out).await?;
    scene.ensure_no_session().await?;
    tabs.at(0).await?;

    scene.proxy.set_rules(Vec::new());
    page.wait_until("the end", |seen| seen.statuses == [LOGGED_OUT]).await?;
    ensure_ended_at_server(&scene.server, &loot).await?;
    let told = scene.log().requests();
    ensure!(told.iter().all(|it| it.path == "/logout"), "{told:#?}");
    ensure!(told.last().is_some_and(|it| it.status == Some(204)), "{told:#?}");
    tabs.ensure_quiet().await?;
    tabs.at(0).await?;
    scene.reload().await?;
    let seen = page.wait_until("the form", Seen::signed_out).await?;
    ensure!(seen.alerts.is_empty() && seen.statuses.is_empty(), "nothing is left to tell: {seen:#?}");
    scene.ensure_no_session().await
}

async fn a_logout_that_the_server_cannot_take_holds_all_the_same(scene: &mut Scene) -> Result<()> {
    let page = scene.signed_in().await?;
    let loot = scene.kept().await?;
    let unavailable = Action::json(503, &json!({"detail": "Service Unavailable"}));
    scene.proxy.add(Rule::new("POST", "/logout", unavailable).times(2));
    page.press(LOGOUT).await?;
    let seen = page.wait_until("the alert", |seen| seen.alerts == [LOGGED_OUT_HERE_ONLY]).await?;
    ensure!(seen.signed_out(), "{seen:#?}");
    scene.ensure_no_session().await?;
    page.wait_until("the end", |seen| seen.statuses == [LOGGED_OUT]).await?;
    scene.ensure_wire(&["POST /logout 503", "POST /logout 503", "POST /logout 204"])?;
    ensure_ended_at_server(&scene.server, &loot).await?;
    scene.ensure_no_session().await?;
    scene.ensure_quiet().await
}
