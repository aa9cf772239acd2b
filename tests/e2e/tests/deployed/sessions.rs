//! A session from its login to its logout.

use anyhow::{Context, Result, ensure};
use e2e::browser::Engine;
use e2e::cookie::{ensure_no_cookie, ensure_one_cookie, refresh_cookies};
use e2e::page::{FETCH, Seen};
use e2e::scene::Stored;
use e2e::sentences::LOGGED_OUT;
use e2e::session::wait_until_stale;
use e2e::tabs::Tabs;
use serde_json::Value;

use crate::{Custody, Visit};

pub(crate) async fn live(visit: &Visit, custody: Custody) -> Result<()> {
    let page = visit.log_in().await?;
    ensure!(page.fetch().await?.json().is_some());
    let protocol = visit.browser.run(PROTOCOL, Value::Null).await?;
    ensure!(protocol == "h2", "the page came by {protocol}");
    ensure_no_violation(visit).await?;
    ensure_place(visit, custody).await.context("after the login")?;

    visit.browser.reload().await?;
    page.wait_until("signed in again", Seen::signed_in).await?;
    let mut tabs = Tabs::of(&visit.browser).await?;
    let second = tabs.open(&visit.address).await?;
    second.wait_until("signed in there", Seen::signed_in).await?;
    ensure!(second.fetch().await?.json().is_some());

    for round in 0..2 {
        tabs_that_expire_together_refresh_once(visit, &tabs)
            .await
            .with_context(|| format!("round {round}"))?;
    }
    ensure_place(visit, custody).await.context("after a refresh")?;

    tabs.at(1).await?.logout().await?;
    let seen = second.wait_until("the logout", |seen| seen.says(LOGGED_OUT)).await?;
    ensure!(seen.alerts.is_empty(), "{seen:#?}");
    ensure_no_cookie(&visit.browser).await?;
    ensure!(Stored::of(&visit.browser).await?.is_empty());
    tabs.at(0).await?.wait_until("the form there", Seen::signed_out).await?;
    tabs.close(1).await?;
    tabs.at(0).await?;
    Ok(())
}

async fn tabs_that_expire_together_refresh_once(visit: &Visit, tabs: &Tabs<'_>) -> Result<()> {
    let before = visit.session().await?;
    for tab in 0..tabs.len() {
        tabs.at(tab).await?;
        wait_until_stale(&visit.browser).await?;
    }
    tabs.run("performance.clearResourceTimings()", Value::Null).await?;
    tabs.press_in_all(FETCH).await?;
    let all = tabs.wait_until("data", |seen| seen.disabled.is_empty() && seen.json().is_some()).await?;
    ensure!(all.iter().all(|seen| seen.alerts.is_empty()), "{all:#?}");
    let refreshes = tabs.run(REFRESHES, Value::Null).await?;
    let sum: u64 = refreshes.iter().filter_map(Value::as_u64).sum();
    ensure!(sum == 1, "the tabs refreshed {refreshes:?} times");
    let now = visit.session().await?;
    ensure!(now.sid == before.sid && now.generation == before.generation + 1, "{before:?} {now:?}");
    Ok(())
}

/// Fails if Chromium's console has an error, as it does for what a policy forbids.
async fn ensure_no_violation(visit: &Visit) -> Result<()> {
    if visit.browser.engine() == Engine::Chromium {
        let mut errors = visit.browser.console().await?;
        errors.retain(|line| line.starts_with("SEVERE"));
        ensure!(errors.is_empty(), "{errors:#?}");
    }
    Ok(())
}

/// Fails unless the refresh token is where the custody says, and nowhere else.
async fn ensure_place(visit: &Visit, custody: Custody) -> Result<()> {
    match custody {
        Custody::Cookie => ensure_one_cookie(&visit.browser).await.map(drop),
        Custody::Local => {
            let cookies = refresh_cookies(&visit.browser).await?;
            ensure!(cookies.is_empty(), "{cookies:?}");
            Stored::of(&visit.browser).await?.kept().map(drop)
        }
    }
}

const PROTOCOL: &str = "return performance.getEntriesByType('navigation')[0].nextHopProtocol";

const REFRESHES: &str = "
    const all = performance.getEntriesByType('resource');
    return all.filter((it) => new URL(it.name).pathname === '/api/refresh').length;
";
