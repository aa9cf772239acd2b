//! One user on several devices: the page lists the user's sessions, ends a single one, and ends all.

use anyhow::{Context, Result, ensure};
use e2e::outsider;
use e2e::page::{LOGOUT_EVERYWHERE, SESSIONS, Seen};
use e2e::proxy::{Action, Rule};
use e2e::scene::{PASSWORD, Scene, USERNAME};
use e2e::sentences::{ENDED, LOGGED_OUT, LOGGED_OUT_ELSEWHERE, NOT_OFFERED};
use e2e::session::{ensure_ended_at_server, ensure_no_reuse};
use e2e::tabs::Tabs;
use serde_json::Value;

use crate::stage::DEADLINE;

crate::play_in_each_engine![
    a_session_on_another_device_is_seen_and_ended,
    a_logout_everywhere_reaches_every_tab_and_every_device,
    a_logout_everywhere_that_fails_says_so_and_can_be_tried_again,
    a_server_without_a_list_of_sessions_says_so,
];

async fn a_session_on_another_device_is_seen_and_ended(scene: &mut Scene) -> Result<()> {
    let page = scene.signed_in().await?;
    let phone = phone(scene).await?;
    page.press(SESSIONS).await?;
    let seen = page.wait_until("the list", |seen| phones(seen).len() == 1).await?;
    ensure!(seen.text.matches("This session").count() == 1, "{seen:#?}");
    let ends = seen.buttons.iter().filter(|name| name.starts_with("End session of ")).count();
    ensure!(seen.text.matches("Logged in ").count() == ends + 1, "all but this one have an end: {seen:#?}");
    ensure!(seen.focus == SESSIONS && seen.alerts.is_empty(), "{seen:#?}");

    let [button] = &*phones(&seen) else { unreachable!("it was waited for") };
    page.press(button).await?;
    let seen = page.wait_until("the end", |seen| seen.says(ENDED) && phones(seen).is_empty()).await?;
    ensure!(seen.focus == SESSIONS && seen.has_button(LOGOUT_EVERYWHERE), "{seen:#?}");
    let sid = phone["sid"].as_str().context("a sid")?;
    scene.ensure_wire(&["GET /sessions 200", &format!("DELETE /sessions/{sid} 204")])?;
    ensure_revoked(scene, &phone).await?;
    ensure!(scene.ensure_kept(0).await?.row.sub == USERNAME);

    // A new list from the server does not contain the ended session either.
    page.press(SESSIONS).await?;
    page.wait_until("closed", |seen| !seen.has_button(LOGOUT_EVERYWHERE)).await?;
    page.press_and_settle(SESSIONS).await?;
    let list = scene.log().wait_for("GET", "/sessions", 2, DEADLINE).await?;
    ensure!(list.iter().all(|entry| entry.method != "GET" || entry.status == Some(200)), "{list:#?}");
    let seen = page.wait_until("the list", |seen| seen.disabled.is_empty()).await?;
    ensure!(phones(&seen).is_empty() && seen.text.contains("This session"), "{seen:#?}");
    page.logout().await?;
    scene.ensure_quiet().await
}

async fn a_logout_everywhere_reaches_every_tab_and_every_device(scene: &mut Scene) -> Result<()> {
    let page = scene.signed_in().await?;
    let mut tabs = Tabs::of(&scene.browser).await?;
    tabs.open(&scene.pages.origin()).await?;
    ensure!(page.fetch().await?.has_data_of(USERNAME));
    scene.proxy.reset();
    let loot = scene.kept().await?;
    let phone = phone(scene).await?;
    page.press(SESSIONS).await?;
    page.press(LOGOUT_EVERYWHERE).await?;
    let seen = page.wait_until("the form", Seen::signed_out).await?;
    ensure!(seen.says(LOGGED_OUT) && seen.alerts.is_empty(), "{seen:#?}");
    scene.log().wait_for("POST", "/logout", 1, DEADLINE).await?;
    scene.ensure_wire(&["GET /sessions 200", "DELETE /sessions 200", "POST /logout 204"])?;
    scene.ensure_no_session().await?;
    tabs.at(0).await?;
    page.wait_until("told", |seen| seen.signed_out() && seen.says(LOGGED_OUT_ELSEWHERE)).await?;
    scene.ensure_no_session().await?;
    ensure_ended_at_server(&scene.server, &loot).await?;
    ensure_revoked(scene, &phone).await?;
    ensure_no_reuse(&scene.server)?;
    tabs.ensure_quiet().await
}

async fn a_logout_everywhere_that_fails_says_so_and_can_be_tried_again(scene: &mut Scene) -> Result<()> {
    let page = scene.signed_in().await?;
    let phone = phone(scene).await?;
    page.press_and_settle(SESSIONS).await?;
    scene.proxy.add(Rule::new("DELETE", "/sessions", Action::html(503, "<b>maintenance</b>")).once());
    page.press(LOGOUT_EVERYWHERE).await?;
    let seen = page.wait_until("an alert", |seen| seen.alerts_of("The server has a problem (503).")).await?;
    ensure!(seen.signed_in() && phones(&seen).len() == 1, "{seen:#?}");
    scene.ensure_kept(0).await?;
    ensure!(outsider::is_let_in(&scene.server, phone["access_token"].as_str().context("a token")?).await?);

    page.press(LOGOUT_EVERYWHERE).await?;
    page.wait_until("the form", |seen| seen.signed_out() && seen.says(LOGGED_OUT)).await?;
    ensure_revoked(scene, &phone).await?;
    scene.ensure_no_session().await?;
    scene.ensure_quiet().await
}

async fn a_server_without_a_list_of_sessions_says_so(scene: &mut Scene) -> Result<()> {
    let page = scene.signed_in().await?;
    scene.proxy.add(Rule::new(
        "GET",
        "/sessions",
        Action::json(404, &serde_json::json!({"detail": "Not Found"})),
    ));
    page.press(SESSIONS).await?;
    let seen = page.wait_until("an alert", |seen| seen.alerts == [NOT_OFFERED]).await?;
    ensure!(!seen.has_button(LOGOUT_EVERYWHERE), "{seen:#?}");
    // The session and its requests continue.
    scene.ensure_kept(0).await?;
    ensure!(page.press_and_settle(e2e::page::FETCH).await?.has_data_of(USERNAME));
    scene.ensure_wire(&["GET /sessions 404", "GET /protected-route 200"])?;
    page.logout().await?;
    scene.ensure_quiet().await
}

/// Logs the same user in on a phone. Returns the server's token answer.
async fn phone(scene: &Scene) -> Result<Value> {
    let agent = "Mozilla/5.0 (Android 15; Mobile; rv:145.0) Gecko/145.0 Firefox/145.0";
    outsider::login(&scene.server, USERNAME, PASSWORD, agent).await
}

/// The names of the buttons that end a phone's session.
fn phones(seen: &Seen) -> Vec<String> {
    let ends = |name: &&String| name.starts_with("End session of Firefox on Android, last used ");
    seen.buttons.iter().filter(ends).cloned().collect()
}

/// Fails unless the server refuses both of the device's tokens, the refresh token with the reason
/// `revoked`.
async fn ensure_revoked(scene: &Scene, device: &Value) -> Result<()> {
    let token = |name: &str| device[name].as_str().with_context(|| format!("{name} in {device}"));
    ensure!(!outsider::is_let_in(&scene.server, token("access_token")?).await?, "the device goes on");
    let (status, body) = outsider::refresh(&scene.server, token("refresh_token")?, None).await?;
    ensure!((status, body["reason"].as_str()) == (401, Some("revoked")), "{status} {body}");
    Ok(())
}
