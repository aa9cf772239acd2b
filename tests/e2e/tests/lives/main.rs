//! A tab is closed with an answer on its way, killed while it holds the lock, frozen, or put into the
//! back/forward cache, while other tabs continue. Each scenario asserts what the server received, what
//! storage holds and what the user sees.

mod away;
mod lost;

use std::time::Duration;

use anyhow::{Context, Result};
use e2e::browser::Engine;
use e2e::scene::Scene;
use e2e::session::ensure_no_reuse;

const DEADLINE: Duration = Duration::from_secs(20);

#[tokio::test(flavor = "multi_thread")]
async fn tabs_live_and_die_in_chromium() -> Result<()> {
    tabs_live_and_die(Engine::Chromium).await
}

#[tokio::test(flavor = "multi_thread")]
async fn tabs_live_and_die_in_firefox() -> Result<()> {
    tabs_live_and_die(Engine::Firefox).await
}

#[tokio::test(flavor = "multi_thread")]
async fn tabs_live_and_die_in_webkit() -> Result<()> {
    tabs_live_and_die(Engine::WebKit).await
}

async fn tabs_live_and_die(engine: Engine) -> Result<()> {
    let scene = Scene::start(engine).await?;
    // Some engines keep a `no-store` page out of the back/forward cache.
    scene.pages.change(|settings| settings.cached = true);
    lost::an_answer_is_asked_for_again_at_once(&scene).await.context("lost, retried at once")?;
    lost::an_answer_is_asked_for_again_after_a_reload(&scene).await.context("lost, reloaded")?;
    lost::an_answer_is_asked_for_by_the_next_tab(&scene).await.context("lost, closed")?;
    lost::a_tab_that_dies_with_the_lock_holds_up_nobody(&scene).await.context("killed with the lock")?;
    cached(|| away::a_cached_page_comes_back_as_it_was(&scene))
        .await
        .context("cached, and nothing happened")?;
    cached(|| away::a_cached_page_takes_up_what_was_refreshed_elsewhere(&scene))
        .await
        .context("cached, refreshed")?;
    cached(|| away::a_cached_page_shows_nothing_after_a_logout_elsewhere(&scene))
        .await
        .context("cached, logged out")?;
    // Only Chromium's driver can freeze a page.
    if engine == Engine::Chromium {
        away::a_frozen_page_takes_up_what_was_refreshed_elsewhere(&scene)
            .await
            .context("frozen, refreshed")?;
        away::a_frozen_page_shows_nothing_after_a_logout_elsewhere(&scene)
            .await
            .context("frozen, logged out")?;
    }
    ensure_no_reuse(&scene.server)
}

/// Plays a scenario until the browser has kept its page in the back/forward cache, three times at most. On
/// a busy machine a browser sometimes drops the page, and that run proves nothing. Three such runs fail.
async fn cached(scenario: impl AsyncFn() -> Result<()>) -> Result<()> {
    for _ in 0..2 {
        match scenario().await {
            Err(error) if error.is::<away::NotCached>() => {}
            outcome => return outcome,
        }
    }
    scenario().await
}
