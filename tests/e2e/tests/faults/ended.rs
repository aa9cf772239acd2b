//! The server, or somebody else, ends the session: the owner is told why, in every tab.

use anyhow::{Result, ensure};
use e2e::outsider;
use e2e::page::{FETCH, Seen};
use e2e::scene::{PASSWORD, Scene, USERNAME};
use e2e::tabs::Tabs;
use e2e::witness;

use crate::stage::{
    DEADLINE, OTHER, REUSE, Tokens, ensure_ended_at_server, ensure_no_session, ensure_prompt, expire, tokens,
};

crate::play_in_each_engine![
    a_thief_who_is_first_is_found_out_at_the_owners_next_refresh,
    a_thief_with_the_key_is_found_out_too,
    a_changed_password_ends_the_session_in_every_tab,
    a_disabled_account_is_shut_out_with_the_reason,
];

async fn a_thief_who_is_first_is_found_out_at_the_owners_next_refresh(scene: &mut Scene) -> Result<()> {
    let page = scene.signed_in().await?;
    let loot = tokens(scene).await?;
    let (status, stolen) = outsider::refresh(&scene.server, &loot.refresh, None).await?;
    ensure!(status == 200, "{stolen}");
    // Until then nobody can know.
    ensure!(page.fetch().await?.json().is_some());

    expire(scene);
    page.press(FETCH).await?;
    ensure_told(scene, REUSE).await?;
    ensure_ended_at_server(scene, &loot).await?;
    let next = stolen["refresh_token"].as_str().unwrap_or_default();
    ensure!(outsider::refresh(&scene.server, next, None).await?.0 == 401, "the thief goes on");
    ensure!(scene.server.reuse_events().len() == 1, "{:?}", scene.server.reuse_events());
    scene.reload().await?;
    page.wait_until("the form", Seen::signed_out).await?;
    scene.ensure_quiet().await
}

async fn a_thief_with_the_key_is_found_out_too(scene: &mut Scene) -> Result<()> {
    let page = scene.signed_in().await?;
    let loot = tokens(scene).await?;
    let (status, stolen) = outsider::refresh(&scene.server, &loot.refresh, Some(&loot.key)).await?;
    ensure!(status == 200, "{stolen}");
    let next = stolen["refresh_token"].as_str().unwrap_or_default();
    let (status, stolen) = outsider::refresh(&scene.server, next, Some("a-key-of-the-thiefs-own")).await?;
    ensure!(status == 200, "{stolen}");

    expire(scene);
    page.press(FETCH).await?;
    ensure_told(scene, REUSE).await?;
    // The server may only be told with the owner's own token, and that ends the thief's as well.
    scene.log().wait_for("POST", "/logout", 1, DEADLINE).await?;
    scene.ensure_wire(&["GET /protected-route 401", "POST /refresh 409", "POST /logout 204"])?;
    ensure_ended_at_server(scene, &loot).await?;
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
    let loot = tokens(scene).await?;
    let status = outsider::change_password(&scene.server, &loot.access, PASSWORD, NEW_PASSWORD).await?;
    ensure!(status == 204, "{status}");
    scene.proxy.reset();
    let sentence = "Your password was changed. Log in with the new one.";
    witness::watch(&scene.browser).await?;
    witness::hear(&scene.browser).await?;
    page.press(FETCH).await?;
    ensure_told(scene, sentence).await?;
    let told = witness::testimony(&scene.browser).await?.first(sentence).unwrap_or_default();
    ensure_prompt(scene, sentence, told, 1).await?;
    tabs.at(0).await?;
    ensure_told(scene, sentence).await?;
    scene.ensure_wire(&["GET /protected-route 401", "POST /refresh 401"])?;
    page.login(USERNAME, NEW_PASSWORD).await?;
    tabs.ensure_quiet().await?;
    // The scenarios that follow have the same user.
    let access = tokens(scene).await?.access;
    let status = outsider::change_password(&scene.server, &access, NEW_PASSWORD, PASSWORD).await?;
    ensure!(status == 204, "{status}");
    Ok(())
}

async fn a_disabled_account_is_shut_out_with_the_reason(scene: &mut Scene) -> Result<()> {
    let page = scene.form().await?;
    page.login(OTHER, PASSWORD).await?;
    let loot: Tokens = tokens(scene).await?;
    ensure!(page.fetch().await?.json().is_some());
    scene.server.disable_user(OTHER).await?;
    scene.proxy.reset();
    page.press(FETCH).await?;
    ensure_told(scene, "This account is disabled.").await?;
    ensure_ended_at_server(scene, &loot).await?;
    scene.ensure_wire(&["GET /protected-route 401", "POST /refresh 401"])?;
    page.send_form(OTHER, PASSWORD).await?;
    let wrong = "Incorrect username or password.";
    page.wait_until("a refusal", |seen| seen.alerts == [wrong] && seen.signed_out()).await?;
    // Anybody else gets in.
    page.login(USERNAME, PASSWORD).await?;
    scene.ensure_quiet().await
}

/// The form with the reason, nothing private, nothing stored.
async fn ensure_told(scene: &Scene, sentence: &str) -> Result<()> {
    let seen = scene.page().wait_until("the form", Seen::signed_out).await?;
    ensure!(seen.alerts == [sentence] && seen.data.is_none(), "{seen:#?}");
    ensure!(seen.focus == "Username", "{seen:#?}");
    ensure_no_session(scene).await
}

const NEW_PASSWORD: &str = "another battery, another staple";
