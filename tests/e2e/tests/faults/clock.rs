//! The device's clock is wrong by a day, or set by a day while the user is signed in, in both directions.

use anyhow::{Context, Result, ensure};
use e2e::page::{FETCH, Seen};
use e2e::proxy::{Action, Rule};
use e2e::scene::{PASSWORD, Scene, USERNAME};
use e2e::session::ensure_no_reuse;
use serde_json::json;

use crate::stage::expire;

crate::play_in_each_engine![
    a_clock_that_is_set_costs_one_refresh_at_most,
    a_clock_that_was_wrong_all_along_costs_nothing,
];

/// Lets a test set the page's clock. In a loaded page only `Date` moves, and `performance` does not. In a
/// page that is loaded afterwards `performance.timeOrigin` comes from the wrong clock too.
pub(crate) const PRELOAD: &str = "(() => {
    const began = Number(sessionStorage.getItem('clock') ?? 0);
    const [now, origin] = [Date.now.bind(Date), performance.timeOrigin];
    let shift = began;
    window.setClock = (by) => { shift = by; sessionStorage.setItem('clock', by); };
    Date.now = () => now() + shift;
    Object.defineProperty(performance, 'timeOrigin', {get: () => origin + began});
})();";

/// Sets the clock of the current tab's page, and of the pages that are loaded into the tab afterwards.
pub(crate) async fn shift(scene: &Scene, milliseconds: i64) -> Result<()> {
    scene.browser.run("setClock(args)", json!(milliseconds)).await.map(drop)
}

const DAY: i64 = 86_400_000;

async fn a_clock_that_is_set_costs_one_refresh_at_most(scene: &mut Scene) -> Result<()> {
    scene.pages.preload(PRELOAD);
    for shifts in [[DAY, 0], [-DAY, DAY]] {
        let page = scene.signed_in().await?;
        let mut generation = 0;
        for by in shifts {
            scene.proxy.reset();
            shift(scene, by).await?;
            for _ in 0..3 {
                page.press_and_settle(FETCH).await?.ensure_data_of(USERNAME).with_context(|| by)?;
            }
            // A clock set forward looks like a sleep of a day, after which the page has to refresh.
            ensure!(scene.log().matching("POST", "/refresh").len() <= 1, "{by}: {:?}", scene.log().wire());
            // The page refreshes after a 401 whatever the clock says, and the rate gate stays open.
            expire(scene);
            page.press_and_settle(FETCH).await?.ensure_data_of(USERNAME).with_context(|| by)?;
            ensure!(scene.log().matching("POST", "/refresh").len() <= 2, "{by}: {:?}", scene.log().wire());
            generation += refreshes(scene)?;
            scene.ensure_kept(generation).await.with_context(|| by)?;

            scene.proxy.reset();
            scene.reload().await?;
            page.wait_until("signed in", Seen::signed_in).await?;
            page.press_and_settle(FETCH).await?.ensure_data_of(USERNAME).with_context(|| by)?;
            ensure!(scene.log().requests().len() <= 2, "{by}: {:?}", scene.log().wire());
            generation += refreshes(scene)?;
            scene.ensure_kept(generation).await.with_context(|| by)?;
        }
        scene.ensure_quiet().await?;
    }
    ensure_no_reuse(&scene.server)
}

/// How often the server has rotated the session's refresh token since the last reset of the log.
fn refreshes(scene: &Scene) -> Result<u32> {
    let all = scene.log().matching("POST", "/refresh");
    Ok(u32::try_from(all.iter().filter(|it| it.upstream_status == Some(200)).count())?)
}

async fn a_clock_that_was_wrong_all_along_costs_nothing(scene: &mut Scene) -> Result<()> {
    scene.pages.preload(PRELOAD);
    for by in [DAY, -DAY] {
        let page = scene.form().await?;
        shift(scene, by).await?;
        scene.reload().await?;
        page.wait_until("the form", Seen::signed_out).await?;
        // Without `expires_in` the page knows the lifetime from the token's claims only.
        let rewrite =
            Action::RewriteJson { remove: vec!["expires_in".to_owned()], set: serde_json::Map::new() };
        scene.proxy.add(Rule::new("POST", "/token", rewrite));
        page.login(USERNAME, PASSWORD).await?;
        for _ in 0..3 {
            page.press_and_settle(FETCH).await?.ensure_data_of(USERNAME).with_context(|| by)?;
        }
        scene.reload().await?;
        page.wait_until("signed in", Seen::signed_in).await?;
        page.press_and_settle(FETCH).await?.ensure_data_of(USERNAME).with_context(|| by)?;
        ensure!(scene.log().matching("POST", "/refresh").is_empty(), "{by}: {:?}", scene.log().wire());
        scene.ensure_kept(0).await.with_context(|| by)?;
        scene.ensure_quiet().await?;
    }
    Ok(())
}
