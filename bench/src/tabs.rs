//! Several tabs of one session whose access tokens die together.

use std::time::Duration;

use anyhow::{Context, Result};
use e2e::browser::{Browser, Engine};
use e2e::page::{FETCH, LoginPage, Seen};
use e2e::tabs::Tabs;

use crate::figures::Figures;
use crate::stage::{Contestant, PASSWORD, Stage, USERNAME};

/// How many tabs there are.
const TABS: [usize; 2] = [5, 20];

pub(crate) async fn measure(stage: &Stage, runs: usize) -> Result<Figures> {
    let mut figures = Figures::default();
    for run in 1..=runs {
        for tabs in TABS {
            for contestant in stage.contestants.iter().filter(|it| it.refreshes()) {
                eprintln!("  tabs: run {run} of {runs}, {tabs} tabs of {}", contestant.name);
                let ends = expire(stage, contestant, tabs).await;
                let (refreshes, failed) = ends.with_context(|| contestant.name.clone())?;
                figures.count(&format!("{tabs} tabs: refreshes"), &contestant.name, refreshes);
                figures.count(&format!("{tabs} tabs: failed"), &contestant.name, failed);
            }
        }
    }
    Ok(figures)
}

/// Lets each tab fetch when all their tokens have died. Returns the number of refreshes, and of the tabs that show no
/// new data afterwards.
async fn expire(stage: &Stage, contestant: &Contestant, count: usize) -> Result<(usize, usize)> {
    let browser = Browser::start(Engine::Chromium).await?;
    let origin = contestant.origin();
    let mut tabs = Tabs::of(&browser).await?;
    let mut before = Vec::new();
    for tab in 0..count {
        let page = match tab {
            0 => LoginPage::open(&browser, &origin).await?,
            _ => tabs.open(&origin).await?,
        };
        if tab == 0 {
            page.login(USERNAME, PASSWORD).await?;
        }
        page.wait_until("signed in", Seen::signed_in).await?;
        // A tab that was opened later may get its own access token only now.
        let seen = page.fetch().await?;
        seen.ensure_data_of(USERNAME).with_context(|| format!("tab {tab}"))?;
        before.push(seen.data);
    }
    stage.kill_tokens().await?;
    stage.front.reset();
    tabs.press_in_all(FETCH).await?;
    let mut failed = 0;
    for (tab, before) in before.into_iter().enumerate() {
        let page = tabs.at(tab).await?;
        // The data tell when their access token was issued.
        let has_new_data = |seen: &Seen| seen.has_data_of(USERNAME) && seen.data != before;
        let ended = |seen: &Seen| has_new_data(seen) || !seen.alerts.is_empty() || seen.signed_out();
        let seen = page.wait_within(PATIENCE, "an end", ended).await?;
        failed += usize::from(!has_new_data(&seen));
    }
    Ok((stage.front.counts().refreshes(), failed))
}

const PATIENCE: Duration = Duration::from_secs(60);
