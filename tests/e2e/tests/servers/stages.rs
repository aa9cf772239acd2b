//! The stages of a session's way. Each leaves the session as it says.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use e2e::page::{FETCH, Seen};
use e2e::proxy::{Action, Log, Rule};
use e2e::scene::Stored;
use e2e::sentences::{EXPIRED, LOGGED_OUT, WRONG};
use e2e::session::{ensure_no_session, wait_until_stale};
use e2e::tabs::Tabs;
use serde_json::json;

use crate::walk::Scene;

const DEADLINE: Duration = Duration::from_secs(20);

/// A wrong password leads to the page's own sentence.
pub(crate) async fn wrong_password(scene: &Scene<'_>) -> Result<()> {
    let page = scene.page();
    page.wait_until("the form", Seen::signed_out).await?;
    page.send_form(scene.case.username, "wrong").await?;
    let seen = page.wait_until("the refusal", |seen| !seen.alerts.is_empty()).await?;
    ensure!(seen.alerts == [WRONG] && seen.signed_out(), "{seen:#?}");
    scene.ensure_own_words(&seen)?;
    scene.ensure_wire(&[format!("{} {}", scene.case.login, scene.case.wrong)])
}

/// From now on a session lives whose data is shown.
pub(crate) async fn login_and_data(scene: &Scene<'_>) -> Result<()> {
    if let Some(refresh) = scene.case.refresh {
        tell_lifetime(scene, refresh)?;
    }
    scene.login().await?;
    scene.fetch().await?;
    let success = format!("{} 20", scene.case.login);
    let wire = scene.proxy.log().wire();
    ensure!(wire.iter().any(|line| line.starts_with(&success)), "{wire:?}");
    Ok(())
}

/// Tells the page in each token answer that its access token lives for an hour. So the page learns of the expiry by the
/// server's real refusal.
fn tell_lifetime(scene: &Scene<'_>, refresh: &str) -> Result<()> {
    let set = [("expires_in".to_owned(), json!(3600))].into_iter().collect();
    let long = Action::RewriteJson { remove: vec![], set };
    let rule = |call: &str| {
        let (method, path) = call.split_once(' ').context("a method and a path")?;
        Ok(Rule::new(method, path, long.clone()))
    };
    scene.proxy.set_rules([scene.case.login, refresh].into_iter().map(rule).collect::<Result<_>>()?);
    Ok(())
}

/// A refused request is sent again after one refresh.
pub(crate) async fn retry(scene: &Scene<'_>, refresh: &str) -> Result<()> {
    scene.reload().await?;
    scene.wait_until_refused().await?;
    scene.proxy.log().clear();
    scene.fetch().await?;
    let expired = scene.data(scene.case.expired);
    scene.ensure_wire(&[expired, format!("{refresh} 200"), scene.data(200)])
}

/// Two tabs whose token is refused at the same time need one refresh, and both show data.
pub(crate) async fn two_tabs(scene: &Scene<'_>, refresh: &str) -> Result<()> {
    let mut tabs = two_refused(scene).await?;
    tabs.press_in_all(FETCH).await?;
    let seen = tabs.wait_until("data", |seen| seen.data.is_some() || !seen.alerts.is_empty()).await?;
    seen.iter().try_for_each(|seen| scene.ensure_data(seen))?;
    let wire = scene.proxy.log().wire();
    let count = |line: &str| wire.iter().filter(|found| *found == line).count();
    let (expired, data) = (count(&scene.data(scene.case.expired)), count(&scene.data(200)));
    let refreshes = count(&format!("{refresh} 200"));
    // One tab may hear of the new token before it sends the old one.
    ensure!(refreshes == 1 && data == 2 && (1..=2).contains(&expired), "{wire:?}");
    ensure!(wire.len() == refreshes + data + expired, "{wire:?}");
    tabs.ensure_quiet().await?;
    tabs.close(1).await?;
    tabs.at(0).await.map(drop)
}

/// A token whose time is up is refreshed before it is sent.
pub(crate) async fn refresh(scene: &Scene<'_>, refresh: &str) -> Result<()> {
    scene.proxy.set_rules(Vec::new());
    scene.reload().await?;
    scene.wait_until_refused().await?;
    // This refresh brings the server's own word on the lifetime.
    scene.fetch().await?;
    wait_until_stale(scene.browser).await?;
    scene.proxy.log().clear();
    scene.ensure_data(&scene.page().press_and_settle(FETCH).await?)?;
    scene.ensure_wire(&[format!("{refresh} 200"), scene.data(200)])
}

/// Without refresh both tabs' sessions end when the server refuses their token.
pub(crate) async fn two_tabs_that_end(scene: &Scene<'_>) -> Result<()> {
    let mut tabs = two_refused(scene).await?;
    tabs.press_in_all(FETCH).await?;
    let seen = tabs.wait_until("the end", Seen::signed_out).await?;
    for seen in &seen {
        ensure!(seen.alerts == [EXPIRED], "{seen:#?}");
        scene.ensure_own_words(seen)?;
    }
    // One tab may hear of the end before it sends its request.
    let wire = scene.proxy.log().wire();
    let expired = scene.data(scene.case.expired);
    ensure!((1..=2).contains(&wire.len()) && wire.iter().all(|line| *line == expired), "{wire:?}");
    tabs.ensure_quiet().await?;
    tabs.close(1).await?;
    tabs.at(0).await.map(drop)
}

/// A session outlives a reload, with its data.
pub(crate) async fn reload(scene: &Scene<'_>) -> Result<()> {
    scene.reload().await?;
    scene.fetch().await
}

/// A session that was ended at the server ends here, and nothing of it is kept.
pub(crate) async fn end(scene: &Scene<'_>) -> Result<()> {
    let before = scene.server.store().await?;
    ensure!(before.live > 0, "{before:?}");
    scene.server.end_all().await?;
    // Access tokens that no store knows live until their end.
    scene.wait_until_refused().await?;
    ended(scene, scene.case.ended).await
}

async fn ended(scene: &Scene<'_>, sentence: &str) -> Result<()> {
    let page = scene.page();
    page.press(FETCH).await?;
    let seen = page.wait_until("the end", Seen::signed_out).await?;
    ensure!(seen.alerts == [sentence] && seen.data.is_none(), "{seen:#?}");
    scene.ensure_own_words(&seen)?;
    if !scene.case.cookies {
        return ensure_no_session(scene.browser).await;
    }
    // The server has not taken its readable cookie away.
    let stored = Stored::of(scene.browser).await?;
    ensure!(stored.access()?.is_none() && stored.local.is_empty(), "{stored:#?}");
    Ok(())
}

/// Under a new signing key no token is good any more, so the session ends.
pub(crate) async fn new_key(scene: &Scene<'_>) -> Result<()> {
    scene.login().await?;
    scene.server.rekey().await?;
    scene.wait_until_refused().await?;
    ended(scene, EXPIRED).await
}

/// The server hears of a logout, and its own store shows it.
pub(crate) async fn logout(scene: &Scene<'_>, logout: &str) -> Result<()> {
    scene.login().await?;
    let before = scene.server.store().await?;
    scene.proxy.log().clear();
    let page = scene.page();
    page.logout().await?;
    let sent = wait_for(scene.proxy.log(), logout).await?;
    ensure!(sent == [format!("{logout} 200")] || sent == [format!("{logout} 204")], "{sent:?}");
    let after = scene.server.store().await?;
    ensure!(after.live < before.live, "{before:?} {after:?}");
    logged_out(scene).await
}

/// A logout with an access token whose time is up, of a session that is nothing but this token: there is nothing to
/// complain of.
pub(crate) async fn late_logout(scene: &Scene<'_>, logout: &str) -> Result<()> {
    scene.login().await?;
    scene.wait_until_refused().await?;
    scene.proxy.log().clear();
    scene.page().logout().await?;
    let sent = wait_for(scene.proxy.log(), logout).await?;
    ensure!(sent == [format!("{logout} {}", scene.case.expired)], "{sent:?}");
    logged_out(scene).await
}

/// A server without logout is not bothered, and the page does not say that it could not be told.
pub(crate) async fn logout_here(scene: &Scene<'_>) -> Result<()> {
    scene.login().await?;
    scene.proxy.log().clear();
    scene.page().logout().await?;
    logged_out(scene).await?;
    scene.browser.reload().await?;
    scene.page().wait_until("the form", Seen::signed_out).await?;
    scene.ensure_wire(&[])
}

/// Two tabs that show the same session and no data, and whose access token the server refuses. The second is a duplicate,
/// because a tab that is opened anew refreshes if the first does not hand its token over in time.
async fn two_refused<'a>(scene: &Scene<'a>) -> Result<Tabs<'a>> {
    scene.reload().await?;
    let mut tabs = Tabs::of(scene.browser).await?;
    tabs.duplicate(0).await?.wait_until("a second tab", Seen::signed_in).await?;
    scene.wait_until_refused().await?;
    let copy = Stored::of(scene.browser).await?.access()?;
    tabs.at(0).await?;
    let original = Stored::of(scene.browser).await?.access()?;
    ensure!(original.is_some() && original == copy, "{original:?} {copy:?}");
    scene.proxy.log().clear();
    Ok(tabs)
}

async fn logged_out(scene: &Scene<'_>) -> Result<()> {
    let seen = scene.page().wait_until("the logout", |seen| seen.says(LOGGED_OUT)).await?;
    ensure!(seen.alerts.is_empty() && seen.signed_out(), "{seen:#?}");
    scene.ensure_own_words(&seen)?;
    let stored = Stored::of(scene.browser).await?;
    ensure!(stored.is_empty(), "{stored:#?}");
    Ok(())
}

/// Waits until a call was answered. Returns everything that was sent.
async fn wait_for(log: &Log, call: &str) -> Result<Vec<String>> {
    let (method, path) = call.split_once(' ').context("a method and a path")?;
    log.wait_for(method, path, 1, DEADLINE).await?;
    Ok(log.wire())
}
