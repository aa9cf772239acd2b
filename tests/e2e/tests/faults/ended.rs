//! The server or a thief ends the session. The page tells the owner why, in every tab.

use anyhow::{Result, ensure};
use e2e::outsider;
use e2e::page::{FETCH, Seen};
use e2e::scene::{PASSWORD, Scene, USERNAME};
use e2e::sentences::{DISABLED, PASSWORD_CHANGED, REUSE, WRONG};
use e2e::session::ensure_ended_at_server;
use e2e::tabs::Tabs;
use e2e::witness;

use crate::stage::{DEADLINE, OTHER, ensure_prompt, expire};

crate::play_in_each_engine![
    a_thief_who_is_first_is_found_out_at_the_owners_next_refresh,
    a_thief_with_the_key_is_found_out_too,
    a_changed_password_ends_the_session_in_every_tab,
    a_disabled_account_is_shut_out_with_the_reason,
];

async fn a_thief_who_is_first_is_found_out_at_the_owners_next_refresh(scene: &mut Scene) -> Result<()> {
    let page = scene.signed_in().await?;
    let loot = scene.kept().await?;
    let (status, stolen) = outsider::refresh(&scene.server, &loot.refresh, None).await?;
    ensure!(status == 200, "{stolen}");
    // Before the owner's next refresh neither page nor server can notice the theft.
    ensure!(page.fetch().await?.json().is_some());

    expire(scene);
    page.press(FETCH).await?;
    ensure_told(scene, REUSE).await?;
    scene.ensure_wire(&["GET /protected-route 200", "GET /protected-route 401", "POST /refresh 401"])?;
    ensure_ended_at_server(&scene.server, &loot).await?;
    let next = stolen["refresh_token"].as_str().unwrap_or_default();
    ensure!(outsider::refresh(&scene.server, next, None).await?.0 == 401, "the thief goes on");
    ensure!(scene.server.reuse_events().len() == 1, "{:?}", scene.server.reuse_events());
    scene.reload().await?;
    let seen = page.wait_until("the form", Seen::signed_out).await?;
    ensure!(seen.alerts.is_empty() && seen.statuses.is_empty(), "{seen:#?}");
    scene.ensure_no_session().await?;
    scene.ensure_quiet().await
}

async fn a_thief_with_the_key_is_found_out_too(scene: &mut Scene) -> Result<()> {
    let page = scene.signed_in().await?;
    let loot = scene.kept().await?;
    let (status, stolen) = outsider::refresh(&scene.server, &loot.refresh, Some(&loot.row.key)).await?;
    ensure!(status == 200, "{stolen}");
    let next = stolen["refresh_token"].as_str().unwrap_or_default();
    let (status, stolen) = outsider::refresh(&scene.server, next, Some("a-key-of-the-thiefs-own")).await?;
    ensure!(status == 200, "{stolen}");

    expire(scene);
    page.press(FETCH).await?;
    ensure_told(scene, REUSE).await?;
    // The page reports the theft by a logout with the owner's token. It ends the family, and so the thief's
    // token.
    scene.log().wait_for("POST", "/logout", 1, DEADLINE).await?;
    scene.ensure_wire(&["GET /protected-route 401", "POST /refresh 409", "POST /logout 204"])?;
    ensure_ended_at_server(&scene.server, &loot).await?;
    let last = stolen["refresh_token"].as_str().unwrap_or_default();
    ensure!(outsider::refresh(&scene.server, last, None).await?.0 == 401, "the thief goes on");
    scene.ensure_quiet().await
}

async fn a_changed_password_ends_the_session_in_every_tab(scene: &mut Scene) -> Result<()> {
    let page = scene.signed_in().await?;
    let mut tabs = Tabs::of(&scene.browser).await?;
    ensure!(page.fetch().await?.json().is_some());
    witness::watch(&scene.browser).await?;
    tabs.open(&scene.pages.origin()).await?;
    page.wait_until("signed in", Seen::signed_in).await?;
    let loot = scene.kept().await?;
    let status =
        outsider::change_password(&scene.server, loot.access_token()?, PASSWORD, NEW_PASSWORD).await?;
    ensure!(status == 204, "{status}");
    scene.proxy.reset();
    witness::watch(&scene.browser).await?;
    witness::hear(&scene.browser).await?;
    page.press(FETCH).await?;
    ensure_told(scene, PASSWORD_CHANGED).await?;
    let told = witness::testimony(&scene.browser).await?.first(PASSWORD_CHANGED).unwrap_or_default();
    ensure_prompt(scene, PASSWORD_CHANGED, told, 1).await?;
    tabs.at(0).await?;
    ensure_told(scene, PASSWORD_CHANGED).await?;
    scene.ensure_wire(&["GET /protected-route 401", "POST /refresh 401"])?;
    ensure_ended_at_server(&scene.server, &loot).await?;
    page.login(USERNAME, NEW_PASSWORD).await?;
    tabs.ensure_quiet().await?;
    // Goes back to the tab of the login, because the other one may still be asking it for the access token.
    tabs.at(0).await?;
    // Restores the password, because later scenarios log in with it.
    let kept = scene.kept().await?;
    let status =
        outsider::change_password(&scene.server, kept.access_token()?, NEW_PASSWORD, PASSWORD).await?;
    ensure!(status == 204, "{status}");
    Ok(())
}

async fn a_disabled_account_is_shut_out_with_the_reason(scene: &mut Scene) -> Result<()> {
    let page = scene.form().await?;
    page.login(OTHER, PASSWORD).await?;
    let loot = scene.kept().await?;
    ensure!(page.fetch().await?.json().is_some());
    scene.server.disable_user(OTHER).await?;
    scene.proxy.reset();
    page.press(FETCH).await?;
    ensure_told(scene, DISABLED).await?;
    ensure_ended_at_server(&scene.server, &loot).await?;
    scene.ensure_wire(&["GET /protected-route 401", "POST /refresh 401"])?;
    page.send_form(OTHER, PASSWORD).await?;
    page.wait_until("a refusal", |seen| seen.alerts == [WRONG] && seen.signed_out()).await?;
    scene.ensure_no_session().await?;
    // Another user can still log in.
    page.login(USERNAME, PASSWORD).await?;
    ensure!(scene.ensure_kept(0).await?.row.sub == USERNAME);
    scene.ensure_quiet().await
}

/// Fails unless the page shows the form with this reason and no data, and no session is stored.
async fn ensure_told(scene: &Scene, sentence: &str) -> Result<()> {
    let seen = scene.page().wait_until("the form", Seen::signed_out).await?;
    ensure!(seen.alerts == [sentence] && seen.data.is_none(), "{seen:#?}");
    ensure!(seen.focus == "Password", "{seen:#?}");
    scene.ensure_no_session().await
}

const NEW_PASSWORD: &str = "another battery, another staple";
