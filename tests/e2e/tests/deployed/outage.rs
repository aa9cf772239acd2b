//! A worker is killed and PostgreSQL restarted while two tabs fetch.

use anyhow::{Context, Result, ensure};
use e2e::cookie::refresh_cookies;
use e2e::page::{FETCH, Seen};
use e2e::tabs::Tabs;
use serde_json::{Value, json};

use crate::{Custody, Visit};

pub(crate) async fn ends_no_session(visit: &Visit, custody: Custody) -> Result<()> {
    visit.log_in().await?;
    let mut tabs = Tabs::of(&visit.browser).await?;
    tabs.open(&visit.address).await?;
    let before = visit.session().await?;
    tabs.run(KEEP_FETCHING, json!(FETCH)).await?;

    tabs_fetch_with_a_new_token(&tabs).await.context("before")?;
    visit.deployment.kill_a_worker().await?;
    tabs_fetch_with_a_new_token(&tabs).await.context("a worker was killed")?;
    visit.deployment.restart_database().await?;
    tabs_fetch_with_a_new_token(&tabs).await.context("PostgreSQL was restarted")?;

    let forms = tabs.run(STOP, Value::Null).await?;
    ensure!(forms.iter().all(|form| form == false), "a tab was signed out for a while: {forms:?}");
    for tab in 0..tabs.len() {
        tabs.at(tab).await?.press_and_settle(FETCH).await?;
    }
    let now = visit.session().await?;
    ensure!(now.sid == before.sid && now.generation >= before.generation + 3, "{before:?} {now:?}");
    ensure!(refresh_cookies(&visit.browser).await?.len() == usize::from(custody == Custody::Cookie));
    let page = tabs.at(0).await?;
    visit.browser.reload().await?;
    page.wait_until("signed in after a reload", Seen::signed_in).await?;
    page.fetch().await?.ensure_data_of("demo")?;
    let events = visit.deployment.reuse_events()?;
    ensure!(events.is_empty(), "{events:#?}");
    Ok(())
}

/// Waits until each tab shows data that it got with an access token from a refresh after now.
async fn tabs_fetch_with_a_new_token(tabs: &Tabs<'_>) -> Result<()> {
    for tab in 0..tabs.len() {
        let page = tabs.at(tab).await?;
        let has_data = |seen: &Seen| seen.alerts.is_empty() && issued_at(seen).is_some();
        let before = issued_at(&page.wait_until("data", has_data).await?);
        page.wait_until("newer data", |seen| seen.alerts.is_empty() && issued_at(seen) > before).await?;
    }
    Ok(())
}

/// When the access token with which the data came was issued. Times in this form compare as texts.
fn issued_at(seen: &Seen) -> Option<String> {
    Some(seen.json()?.get("issued_at")?.as_str()?.to_owned())
}

/// Presses the button whenever it can be pressed, and notes whether the form was ever there.
const KEEP_FETCHING: &str = "
    window.__form = false;
    window.__fetching = setInterval(() => {
      const button = [...document.querySelectorAll('button')].find((it) => it.innerText === args);
      if (button && !button.disabled && button.getAttribute('aria-disabled') !== 'true') button.click();
      window.__form ||= document.querySelector('form') !== null;
    }, 100);
";

const STOP: &str = "clearInterval(window.__fetching); return window.__form;";
