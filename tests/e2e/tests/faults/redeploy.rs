//! Other builds, other settings and other servers: what a page finds after a redeploy, and tabs whose tokens die
//! together.

use anyhow::{Result, ensure};
use e2e::page::{FETCH, Seen};
use e2e::proxy::{Action, Rule};
use e2e::scene::{PASSWORD, Scene, Stored, USERNAME, refused};
use e2e::sentences::{LOGGED_OUT_ELSEWHERE, NO_LONGER_KEPT};
use e2e::server::Rotation;
use e2e::session::{ensure_ended_at_server, ensure_no_reuse};
use e2e::tabs::Tabs;
use serde_json::Map;

use crate::stage::{DEADLINE, expire};

crate::play_in_each_engine![
    a_siblings_dead_token_costs_one_refresh_and_the_request_is_answered,
    a_session_without_a_refresh_token_is_every_tabs,
    a_token_moves_between_persistent_places_and_nobody_is_signed_out,
    a_page_that_keeps_nothing_any_more_ends_what_was_kept_and_says_so,
    a_server_that_is_rolled_back_keeps_its_sessions,
    a_login_that_takes_twelve_seconds_is_a_login,
    what_a_newer_build_left_is_left_alone,
];

async fn a_siblings_dead_token_costs_one_refresh_and_the_request_is_answered(
    scene: &mut Scene,
) -> Result<()> {
    scene.signed_in().await?;
    let mut tabs = Tabs::of(&scene.browser).await?;
    let second = tabs.open(&scene.pages.origin()).await?;
    second.wait_until("signed in", Seen::signed_in).await?;
    expire(scene);
    ensure!(second.fetch().await?.json().is_some());
    // Every access token is refused, as after a new signing key: the first tab's own, and its sibling's.
    scene.proxy.reset();
    scene.proxy.add(Rule::new("GET", "/protected-route", refused()).times(2));
    let first = tabs.at(0).await?;
    ensure!(first.fetch().await?.json().is_some());
    scene.ensure_wire(&[
        "GET /protected-route 401",
        "GET /protected-route 401",
        "POST /refresh 200",
        "GET /protected-route 200",
    ])?;
    let kept = scene.kept().await?;
    ensure!(scene.server.would_take(&kept.refresh).await?, "{kept:#?}");
    scene.ensure_quiet().await
}

async fn a_session_without_a_refresh_token_is_every_tabs(scene: &mut Scene) -> Result<()> {
    let page = scene.form().await?;
    let without = Action::RewriteJson { remove: vec!["refresh_token".to_owned()], set: Map::new() };
    scene.proxy.add(Rule::new("POST", "/token", without));
    page.login(USERNAME, PASSWORD).await?;
    let mut tabs = Tabs::of(&scene.browser).await?;
    // A new tab gets the access token from its sibling, a duplicate has it.
    let second = tabs.open(&scene.pages.origin()).await?;
    second.wait_until("signed in", Seen::signed_in).await?;
    ensure!(second.fetch().await?.json().is_some());
    let third = tabs.duplicate(0).await?;
    third.wait_until("signed in", Seen::signed_in).await?;
    third.logout().await?;
    for tab in 0..2 {
        let seen = tabs.at(tab).await?.wait_until("the form", Seen::signed_out).await?;
        ensure!(seen.says(LOGGED_OUT_ELSEWHERE), "{seen:#?}");
    }
    ensure!(scene.log().wire().iter().all(|line| !line.contains("/refresh")), "{:?}", scene.log().wire());
    scene.ensure_quiet().await
}

async fn a_token_moves_between_persistent_places_and_nobody_is_signed_out(scene: &mut Scene) -> Result<()> {
    let page = scene.signed_in().await?;
    for (custody, in_row) in [("database", true), ("local", false)] {
        scene.pages.meta("auth-refresh-token", custody);
        scene.reload().await?;
        page.wait_until("signed in", Seen::signed_in).await?;
        expire(scene);
        ensure!(page.fetch().await?.json().is_some());
        let kept = scene.kept().await?;
        ensure!(kept.row.token.is_some() == in_row, "{custody}");
        ensure!(scene.server.would_take(&kept.refresh).await?, "{custody}");
    }
    ensure_no_reuse(&scene.server)?;
    scene.ensure_quiet().await
}

async fn a_page_that_keeps_nothing_any_more_ends_what_was_kept_and_says_so(scene: &mut Scene) -> Result<()> {
    for custody in ["local", "database"] {
        scene.pages.meta("auth-refresh-token", custody);
        let page = scene.signed_in().await?;
        let kept = scene.kept().await?;
        scene.pages.meta("auth-refresh-token", "memory");
        scene.reload().await?;
        page.wait_until("the reason", |seen| seen.signed_out() && seen.alerts_of(NO_LONGER_KEPT)).await?;
        scene.log().wait_for("POST", "/logout", 1, DEADLINE).await?;
        ensure_ended_at_server(&scene.server, &kept).await?;
        scene.ensure_no_session().await?;
        scene.ensure_quiet().await?;
    }
    Ok(())
}

async fn a_server_that_is_rolled_back_keeps_its_sessions(scene: &mut Scene) -> Result<()> {
    scene.signed_in().await?;
    restart_as(scene, Rotation::Strict).await?;
    for _ in 0..3 {
        expire(scene);
        scene.page().press_and_settle(FETCH).await?.ensure_data_of(USERNAME)?;
        scene.proxy.reset();
    }
    ensure_no_reuse(&scene.server)?;
    restart_as(scene, Rotation::Idempotent).await?;
    expire(scene);
    scene.page().press_and_settle(FETCH).await?.ensure_data_of(USERNAME)?;
    let kept = scene.kept().await?;
    ensure!(scene.server.would_take(&kept.refresh).await?, "{kept:#?}");
    ensure_no_reuse(&scene.server)
}

async fn restart_as(scene: &mut Scene, rotation: Rotation) -> Result<()> {
    scene.server.options_mut().rotation = rotation;
    scene.server.restart().await
}

async fn a_login_that_takes_twelve_seconds_is_a_login(scene: &mut Scene) -> Result<()> {
    let page = scene.form().await?;
    scene.proxy.add(Rule::new("POST", "/token", Action::DelayHeaders { ms: 12_000 }).once());
    page.send_form(USERNAME, PASSWORD).await?;
    page.wait_until("signed in", Seen::signed_in).await?;
    scene.ensure_kept(0).await?;
    scene.ensure_quiet().await
}

/// Makes every record of the ledger and of the page's storages one of a newer build.
const RENEW: &str = "
    for (const area of [sessionStorage, localStorage]) {
      for (const key of Object.keys(area).filter((key) => !key.endsWith(':user'))) {
        area.setItem(key, JSON.stringify({...JSON.parse(area.getItem(key)), v: 9}));
      }
    }";

async fn what_a_newer_build_left_is_left_alone(scene: &mut Scene) -> Result<()> {
    let page = scene.signed_in().await?;
    scene.edit_ledger("text = JSON.stringify({...JSON.parse(text), v: 9})").await?;
    scene.browser.run(RENEW, serde_json::Value::Null).await?;
    let newer = scene.stored().await?;
    scene.reload().await?;
    page.wait_until("the form", Seen::signed_out).await?;
    page.login(USERNAME, PASSWORD).await?;
    scene.reload().await?;
    page.wait_until("signed in", Seen::signed_in).await?;
    ensure_all_there(&newer, &scene.stored().await?)?;
    page.logout().await?;
    ensure_all_there(&newer, &scene.stored().await?)?;
    scene.ensure_quiet().await
}

fn ensure_all_there(newer: &Stored, stored: &Stored) -> Result<()> {
    let places =
        [(&newer.local, &stored.local), (&newer.session, &stored.session), (&newer.ledger, &stored.ledger)];
    for (before, now) in places {
        ensure!(before.iter().all(|(name, text)| now.get(name) == Some(text)), "{before:#?} {now:#?}");
    }
    Ok(())
}
