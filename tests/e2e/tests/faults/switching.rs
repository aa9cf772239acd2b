//! Logout and login in another tab, by the same user and by another one.

use std::collections::BTreeSet;

use anyhow::{Context, Result, ensure};
use e2e::page::{FETCH, LOGIN, Seen};
use e2e::proxy::{Action, Entry, Rule};
use e2e::scene::{PASSWORD, Scene, USERNAME};
use e2e::sentences::{LOGGED_OUT, LOGGED_OUT_ELSEWHERE};
use e2e::session::{ensure_ended_at_server, ensure_no_reuse};
use e2e::tabs::Tabs;
use e2e::witness;
use serde_json::Value;

use crate::stage::{DEADLINE, OTHER, click_logout, ensure_prompt, expire};

crate::play_in_each_engine![
    a_logout_shows_in_every_tab_within_a_second,
    a_login_is_taken_up_by_every_tab_of_that_user,
    another_users_login_mixes_nothing,
    a_duplicated_tab_does_no_harm,
];

async fn a_logout_shows_in_every_tab_within_a_second(scene: &mut Scene) -> Result<()> {
    for custody in ["local", "database"] {
        scene.pages.meta("auth-refresh-token", custody);
        let page = scene.signed_in().await?;
        let loot = scene.kept().await?;
        ensure!(page.fetch().await?.json().is_some());
        let mut tabs = Tabs::of(&scene.browser).await?;
        for _ in 0..2 {
            tabs.open(&scene.pages.origin()).await?;
            page.wait_until("signed in", Seen::signed_in).await?;
            ensure!(page.fetch().await?.json().is_some());
            witness::watch(&scene.browser).await?;
        }
        scene.proxy.reset();

        tabs.at(0).await?;
        let clicked = click_logout(scene).await?;
        ensure_prompt(scene, LOGGED_OUT_ELSEWHERE, clicked, 2).await?;
        for tab in 1..tabs.len() {
            tabs.at(tab).await?;
            let seen = page.wait_until("the form", Seen::signed_out).await?;
            ensure!(seen.statuses == [LOGGED_OUT_ELSEWHERE] && seen.alerts.is_empty(), "{seen:#?}");
            ensure!(!seen.text.contains(USERNAME), "{seen:#?}");
            scene.ensure_no_session().await.context("another tab")?;
        }
        scene.log().wait_for("POST", "/logout", 1, DEADLINE).await?;
        tabs.at(0).await?;
        let seen = page.wait_until("the form", Seen::signed_out).await?;
        ensure!(seen.statuses == [LOGGED_OUT], "{seen:#?}");
        scene.ensure_no_session().await.context("the tab itself")?;
        scene.ensure_wire(&["POST /logout 204"])?;
        ensure_ended_at_server(&scene.server, &loot).await?;
        tabs.ensure_quiet().await?;
        // A reload does not bring the session back.
        tabs.at(1).await?;
        scene.reload().await?;
        let seen = page.wait_until("the form", Seen::signed_out).await?;
        ensure!(seen.statuses.is_empty() && seen.alerts.is_empty(), "{seen:#?}");
        scene.ensure_no_session().await.context("after a reload")?;
        scene.ensure_wire(&["POST /logout 204"])?;
        while tabs.len() > 1 {
            tabs.close(1).await?;
        }
        tabs.at(0).await?;
    }
    Ok(())
}

async fn a_login_is_taken_up_by_every_tab_of_that_user(scene: &mut Scene) -> Result<()> {
    let page = scene.signed_in().await?;
    let mut tabs = Tabs::of(&scene.browser).await?;
    // One tab was signed in before, the other never was.
    tabs.open(&scene.pages.origin()).await?;
    page.wait_until("signed in", Seen::signed_in).await?;
    page.logout().await?;
    tabs.open(&scene.pages.origin()).await?;
    tabs.wait_until("the form", Seen::signed_out).await?;
    for tab in 1..tabs.len() {
        tabs.at(tab).await?;
        witness::watch(&scene.browser).await?;
    }
    scene.log().wait_for("POST", "/logout", 1, DEADLINE).await?;
    scene.proxy.reset();

    tabs.at(0).await?;
    page.fill_in(USERNAME, PASSWORD).await?;
    // Measure from the server's answer, because the session begins with it.
    scene.proxy.add(Rule::new("POST", "/token", Action::HangAfter).once());
    witness::hear(&scene.browser).await?;
    page.press(LOGIN).await?;
    let answered = |entries: &[Entry]| entries.iter().any(|it| it.upstream_status.is_some());
    scene.log().wait_until(answered, DEADLINE).await?;
    let began = scene.browser.run("return Date.now()", Value::Null).await?.as_f64().context("a time")?;
    scene.proxy.release_hung();
    ensure_prompt(scene, FETCH, began, 2).await?;
    for tab in 1..tabs.len() {
        tabs.at(tab).await?;
        let seen = page.wait_until("signed in", Seen::signed_in).await?;
        ensure!(seen.alerts.is_empty() && seen.statuses.is_empty(), "{seen:#?}");
        page.fetch().await?.ensure_data_of(USERNAME)?;
    }
    // No tab logs in a second time.
    let refreshes = ensure_wire_but_for_refreshes(scene, &["POST /token 200", FETCHED, FETCHED])?;
    ensure!(refreshes < tabs.len(), "{:?}", scene.log().wire());
    let mut sessions = BTreeSet::new();
    for tab in 0..tabs.len() {
        tabs.at(tab).await?;
        let kept = scene.kept().await?;
        ensure!(kept.row.sub == USERNAME && kept.row.generation as usize == refreshes, "{tab}: {kept:#?}");
        ensure!(kept.access.is_some() && scene.server.would_take(&kept.refresh).await?, "{tab}: {kept:#?}");
        sessions.insert(kept.row.sid);
    }
    ensure!(sessions.len() == 1, "{sessions:?}");
    tabs.ensure_quiet().await?;
    ensure_no_reuse(&scene.server)
}

/// Fails unless these were the requests, apart from refreshes. Returns the number of refreshes: a tab gets
/// the access token from a sibling, or refreshes once if that takes longer than 900 ms (`HAND_OVER_OR_REFRESH` in
/// `auth/src/ports/siblings.rs`), as it may on a loaded machine.
fn ensure_wire_but_for_refreshes(scene: &Scene, expected: &[&str]) -> Result<usize> {
    let (refreshes, rest): (Vec<_>, Vec<_>) =
        scene.log().wire().into_iter().partition(|call| call.starts_with("POST /refresh"));
    ensure!(rest == expected, "{rest:?}");
    ensure!(refreshes.iter().all(|call| call.ends_with("200")), "{refreshes:?}");
    Ok(refreshes.len())
}

const FETCHED: &str = "GET /protected-route 200";

async fn another_users_login_mixes_nothing(scene: &mut Scene) -> Result<()> {
    let page = scene.signed_in().await?;
    let first = scene.kept().await?;
    let mut tabs = Tabs::of(&scene.browser).await?;
    tabs.open(&scene.pages.origin()).await?;
    ensure_data_of(scene, USERNAME).await?;
    // The first user's answer is still on its way when the second user logs in.
    scene.proxy.add(Rule::new("GET", "/protected-route", Action::HangAfter).once());
    page.press(FETCH).await?;
    let answered =
        |entries: &[Entry]| entries.iter().any(|it| it.fault.is_some() && it.upstream_status == Some(200));
    scene.log().wait_until(answered, DEADLINE).await?;

    witness::watch(&scene.browser).await?;

    tabs.at(0).await?;
    witness::hear(&scene.browser).await?;
    page.logout().await?;
    scene.log().wait_for("POST", "/logout", 1, DEADLINE).await?;
    page.login(OTHER, PASSWORD).await?;
    witness::heard(&scene.browser, "signed in as other", 1).await?;

    tabs.at(1).await?;
    let seen = wait_for_notice_of(scene, OTHER).await?;
    ensure!(seen.data.is_none() && seen.has_button("Continue as other"), "{seen:#?}");
    // The first user can log in again in this tab.
    ensure!(seen.signed_out() && !seen.signed_in(), "{seen:#?}");
    ensure_kept_elsewhere(scene, OTHER).await?;
    witness::watch(&scene.browser).await?;
    scene.proxy.release_hung();
    scene.log().wait_for("GET", "/protected-route", 2, DEADLINE).await?;
    page.press("Continue as other").await?;
    page.wait_until("signed in", Seen::signed_in).await?;
    ensure_data_of(scene, OTHER).await?;
    let testimony = witness::testimony(&scene.browser).await?;
    ensure!(!testimony.saw("Hello, demo!"), "the late answer was shown: {testimony:#?}");
    ensure_ended_at_server(&scene.server, &first).await?;
    ensure_wire_but_for_refreshes(
        scene,
        &[FETCHED, FETCHED, "POST /logout 204", "POST /token 200", FETCHED],
    )?;
    let second = scene.kept().await?;
    ensure!(second.row.sub == OTHER && second.access.is_some(), "{second:#?}");

    // The other way round: the first user logs in in tab 0. The second user logs in in tab 1, which shows
    // the notice of the first user's login.
    scene.proxy.reset();
    tabs.at(0).await?;
    page.logout().await?;
    scene.log().wait_for("POST", "/logout", 1, DEADLINE).await?;
    ensure_ended_at_server(&scene.server, &second).await?;
    page.login(USERNAME, PASSWORD).await?;
    let third = scene.ensure_kept(0).await?;
    tabs.at(1).await?;
    let seen = wait_for_notice_of(scene, USERNAME).await?;
    ensure!(seen.data.is_none() && !seen.text.contains("Hello"), "{seen:#?}");
    ensure_kept_elsewhere(scene, USERNAME).await?;
    page.login(OTHER, PASSWORD).await?;
    ensure_data_of(scene, OTHER).await?;
    // The replaced session is ended at the server too.
    scene.log().wait_for("POST", "/logout", 2, DEADLINE).await?;
    ensure_ended_at_server(&scene.server, &third).await?;
    ensure!(scene.ensure_kept(0).await?.row.sub == OTHER);
    let rows = scene.stored().await?.rows();
    let open = rows.iter().filter(|row| row.ended.is_none()).count();
    ensure!(open == 1, "what was replaced has not ended: {rows:#?}");
    tabs.at(0).await?;
    let seen = wait_for_notice_of(scene, OTHER).await?;
    ensure!(seen.data.is_none(), "{seen:#?}");
    ensure_kept_elsewhere(scene, OTHER).await?;
    tabs.ensure_quiet().await?;
    ensure_no_reuse(&scene.server)
}

async fn ensure_data_of(scene: &Scene, user: &str) -> Result<()> {
    scene.page().fetch().await?.ensure_data_of(user)
}

/// Fails unless the profile holds this user's session and the current tab, which was another user's, has
/// no access token for it.
async fn ensure_kept_elsewhere(scene: &Scene, user: &str) -> Result<()> {
    let kept = scene.kept().await?;
    ensure!(kept.row.sub == user && kept.access.is_none(), "{kept:#?}");
    Ok(())
}

async fn wait_for_notice_of(scene: &Scene, user: &str) -> Result<Seen> {
    let sentence = format!("Another tab of this browser is signed in as {user},");
    scene.page().wait_until("the notice", |seen| seen.alerts_of(&sentence)).await
}

async fn a_duplicated_tab_does_no_harm(scene: &mut Scene) -> Result<()> {
    let page = scene.signed_in().await?;
    let before = scene.stored().await?;
    let mut tabs = Tabs::of(&scene.browser).await?;
    tabs.duplicate(0).await?;
    page.wait_until("signed in", Seen::signed_in).await?;
    ensure!(scene.stored().await?.session == before.session, "it is no copy");
    scene.ensure_wire(&[])?;

    // Both tabs hold the same access token, and it expires for both.
    for tab in [1, 0] {
        tabs.at(tab).await?;
        expire(scene);
        page.press_and_settle(FETCH).await?.ensure_data_of(USERNAME)?;
    }
    scene.ensure_wire(&[
        "GET /protected-route 401",
        "POST /refresh 200",
        "GET /protected-route 200",
        "GET /protected-route 401",
        "GET /protected-route 200",
    ])?;
    ensure_no_reuse(&scene.server)?;
    let kept = scene.ensure_kept(1).await?;
    tabs.at(1).await?;
    ensure!(scene.ensure_kept(1).await?.access == kept.access, "the tabs have different tokens");

    scene.proxy.reset();
    tabs.at(0).await?;
    page.logout().await?;
    tabs.at(1).await?;
    let seen = page.wait_until("the form", Seen::signed_out).await?;
    ensure!(seen.statuses == [LOGGED_OUT_ELSEWHERE] && seen.data.is_none(), "{seen:#?}");
    scene.ensure_no_session().await?;
    scene.log().wait_for("POST", "/logout", 1, DEADLINE).await?;
    scene.ensure_wire(&["POST /logout 204"])?;
    ensure_ended_at_server(&scene.server, &kept).await?;
    tabs.ensure_quiet().await
}
