//! A network that comes and goes, and a server that is down, overloaded or redirects. The session stays,
//! and recovers without a click.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use e2e::browser::Engine;
use e2e::page::{FETCH, LOGIN, LOGOUT, Seen};
use e2e::proxy::{Action, Proxy, Rule};
use e2e::scene::{PASSWORD, Scene, USERNAME};
use e2e::sentences::{
    LOGGED_OUT_HERE_ONLY, REDIRECTED, TOO_MANY, UNAVAILABLE_NOTICE, UNREACHABLE, WAIT_IS_OVER,
};
use e2e::session::{ensure_no_reuse, ensure_one_attempt};
use e2e::tabs::Tabs;
use e2e::witness;
use serde_json::{Value, json};

use crate::clock;
use crate::stage::{DEADLINE, expire};

crate::play_in_each_engine![
    a_session_outlives_the_network,
    a_page_that_is_reloaded_offline_recovers_without_a_click,
    a_short_outage_of_the_server_is_waited_out,
    an_outage_that_nobody_waits_for_announces_no_data_anew,
    an_outage_is_left_alone_for_as_long_as_the_server_says,
    every_form_of_too_many_requests_is_waited_out,
    a_redirect_is_not_followed_and_ends_nothing,
    a_redirect_gets_neither_a_password_nor_the_token_of_a_logout,
];

async fn a_session_outlives_the_network(scene: &mut Scene) -> Result<()> {
    let page = scene.signed_in().await?;
    ensure!(page.fetch().await?.json().is_some());
    let before = scene.stored().await?;
    scene.proxy.reset();
    go(scene, false).await?;
    let seen = page.press_and_settle(FETCH).await?;
    ensure!(seen.alerts == [UNREACHABLE] && seen.statuses.is_empty(), "it is said once: {seen:#?}");
    ensure!(seen.signed_in() && seen.json().is_some(), "what was fetched is still there: {seen:#?}");
    ensure!(scene.stored().await?.holds(&before), "{:?}", scene.stored().await?);

    scene.proxy.reset();
    go(scene, true).await?;
    let seen = page.wait_until("the network", |seen| seen.alerts.is_empty()).await?;
    ensure!(seen.statuses == [WAIT_IS_OVER], "{seen:#?}");
    scene.ensure_wire(&["POST /refresh 200"])?;
    page.press_and_settle(FETCH).await?.ensure_data_of(USERNAME)?;
    scene.ensure_kept(1).await?;
    // If no request has failed, the events of the network cause no traffic.
    scene.proxy.reset();
    go(scene, true).await?;
    page.press_and_settle(FETCH).await?.ensure_data_of(USERNAME)?;
    scene.ensure_wire(&["GET /protected-route 200"])?;
    scene.ensure_kept(1).await?;
    scene.ensure_quiet().await
}

/// Takes the network away, or gives it back with a burst of `offline` and `online` events. Only Chromium's
/// driver can take the network away. In the other engines only the server becomes unreachable.
async fn go(scene: &Scene, online: bool) -> Result<()> {
    if scene.browser.engine() == Engine::Chromium {
        let conditions =
            json!({"offline": !online, "latency": 0, "downloadThroughput": -1, "uploadThroughput": -1});
        scene.browser.driver().cdp().send_raw("Network.emulateNetworkConditions", conditions).await?;
    }
    let rules = if online { Vec::new() } else { vec![Rule::any(Action::DropBefore)] };
    scene.proxy.set_rules(rules);
    let flap = "for (let n = 0; args && n < 20; n++) {
        dispatchEvent(new Event('offline'));
        dispatchEvent(new Event('online'));
    }";
    scene.browser.run(flap, json!(online)).await.map(drop)
}

async fn a_page_that_is_reloaded_offline_recovers_without_a_click(scene: &mut Scene) -> Result<()> {
    // The page needs a refresh after a reload, because its access token is in memory.
    scene.pages.meta("auth-access-token", "memory");
    let page = scene.signed_in().await?;
    let before = scene.stored().await?;
    scene.proxy.set_rules(vec![Rule::new("POST", "/refresh", Action::DropBefore)]);
    scene.reload().await?;
    scene.log().wait_for("POST", "/refresh", 2, DEADLINE).await?;
    let seen = page.seen().await?;
    ensure!(seen.says("Restoring your session") && !seen.signed_out() && !seen.signed_in(), "{seen:#?}");
    ensure!(scene.stored().await?.holds(&before), "{:?}", scene.stored().await?);
    // Next the server's answer is lost on its way.
    scene.proxy.set_rules(vec![Rule::new("POST", "/refresh", Action::DropAfter).once()]);
    let seen = page.wait_until("signed in", Seen::signed_in).await?;
    ensure!(seen.alerts.is_empty() && seen.text.contains(USERNAME), "{seen:#?}");
    let attempts = scene.log().matching("POST", "/refresh");
    ensure!(attempts.len() >= 4, "{attempts:#?}");
    ensure_one_attempt(scene.log())?;
    page.fetch().await?.ensure_data_of(USERNAME)?;
    let kept = scene.kept().await?;
    ensure!(kept.row.generation == 1 && kept.access.is_none(), "{kept:#?}");
    ensure!(scene.server.would_take(&kept.refresh).await?, "the lost answer was not fetched again");
    ensure_no_reuse(&scene.server)?;
    scene.ensure_quiet().await
}

async fn a_short_outage_of_the_server_is_waited_out(scene: &mut Scene) -> Result<()> {
    let page = scene.signed_in().await?;
    witness::watch(&scene.browser).await?;
    expire(scene);
    scene.proxy.add(Rule::new("POST", "/refresh", trouble(503, None)).times(2));
    page.press_and_settle(FETCH).await?.ensure_data_of(USERNAME)?;
    scene.ensure_wire(&[
        "GET /protected-route 401",
        "POST /refresh 503",
        "POST /refresh 503",
        "POST /refresh 200",
        "GET /protected-route 200",
    ])?;
    ensure_one_attempt(scene.log())?;
    let testimony = witness::testimony(&scene.browser).await?;
    ensure!(testimony.saw(UNAVAILABLE_NOTICE), "the user was told nothing: {testimony:#?}");
    scene.ensure_kept(1).await?;
    scene.ensure_quiet().await
}

async fn an_outage_that_nobody_waits_for_announces_no_data_anew(scene: &mut Scene) -> Result<()> {
    const ARRIVED: &str = "return document.querySelector('.home [role=status]').textContent";
    scene.pages.preload(clock::PRELOAD);
    let page = scene.signed_in().await?;
    // The last of them comes after the data, which say that the server is well.
    scene.proxy.add(Rule::new("POST", "/refresh", trouble(503, None)).times(3));
    // The outage lasts until the test has seen it.
    scene.proxy.add(Rule::new("POST", "/refresh", Action::Hang).once());
    // The token ages, so it is refreshed in the background.
    clock::shift(scene, 270_000).await?;
    page.press_and_settle(FETCH).await?;
    page.wait_until("the outage", |seen| seen.statuses == [UNAVAILABLE_NOTICE]).await?;
    scene.proxy.reset();
    let seen = page.wait_until("its end", |seen| seen.statuses.is_empty()).await?;
    let said = scene.browser.run(ARRIVED, Value::Null).await?;
    ensure!(said == "" && seen.json().is_some(), "{said} {seen:#?}");
    scene.ensure_kept(1).await.map(drop)
}

async fn an_outage_is_left_alone_for_as_long_as_the_server_says(scene: &mut Scene) -> Result<()> {
    scene.pages.preload(clock::PRELOAD);
    let page = scene.signed_in().await?;
    let before = scene.ensure_kept(0).await?;
    expire(scene);
    scene.proxy.add(Rule::new("POST", "/refresh", trouble(503, Some("30"))).once());
    let seen = page.press_and_settle(FETCH).await?;
    // The wait is longer than a caller's longest wait, so the page shows the error at once.
    ensure!(seen.alerts == ["The server has a problem (503). Try again in a moment."], "{seen:#?}");
    ensure!(seen.signed_in() && seen.statuses.is_empty(), "it is said once: {seen:#?}");
    // Another tab, which has no access token yet, sends nothing either.
    let mut tabs = Tabs::of(&scene.browser).await?;
    tabs.open(&scene.pages.origin()).await?;
    let seen = page.wait_until("signed in", Seen::signed_in).await?;
    ensure!(seen.data.is_none() && seen.text.contains(USERNAME), "the page knows the name: {seen:#?}");
    scene.ensure_wire(&["GET /protected-route 401", "POST /refresh 503"])?;
    let kept = scene.kept().await?;
    ensure!(kept.row.generation == 0 && kept.refresh == before.refresh, "{before:#?} {kept:#?}");

    tabs.at(0).await?;
    clock::shift(scene, 31_000).await?;
    page.wait_until("the server", |seen| seen.statuses == [WAIT_IS_OVER]).await?;
    page.press_and_settle(FETCH).await?.ensure_data_of(USERNAME)?;
    let kept = scene.ensure_kept(1).await?;
    tabs.at(1).await?;
    let adopted = "return Object.values({...sessionStorage}).some((text) => text.includes('access_token'))";
    scene.browser.wait_for("the other tab's token", adopted, Value::Null, DEADLINE).await?;
    let seen = page.seen().await?;
    ensure!(seen.alerts.is_empty() && seen.statuses.is_empty(), "{seen:#?}");
    ensure!(scene.ensure_kept(1).await?.access == kept.access, "the tabs have different tokens");
    let attempts = scene.log().matching("POST", "/refresh");
    ensure!(attempts.len() == 2, "{:?}", scene.log().wire());
    ensure_one_attempt(scene.log())?;
    tabs.ensure_quiet().await
}

async fn every_form_of_too_many_requests_is_waited_out(scene: &mut Scene) -> Result<()> {
    let page = scene.signed_in().await?;
    let mut generation = 0;
    // The form of `Retry-After`, and the shortest wait in seconds. A date has whole seconds, so the wait
    // until it may be a second shorter. After a readable value the page waits for 1 s at least.
    let forms =
        [("2", 2), ("a date to come", 1), ("a date long past", 1), ("0", 1), ("soon", 0), ("none", 0)];
    for (form, at_least) in forms {
        let date = "return new Date(Date.now() + args).toUTCString()";
        let away = if form == "a date to come" { 3_000 } else { -3_600_000 };
        let date = scene.browser.run(date, json!(away)).await?;
        let value = match form {
            "a date to come" | "a date long past" => Some(date.as_str().context("a date")?),
            "none" => None,
            form => Some(form),
        };
        scene.proxy.reset();
        expire(scene);
        scene.proxy.add(Rule::new("POST", "/refresh", trouble(429, value)).once());
        let began = Instant::now();
        page.press_and_settle(FETCH).await?.ensure_data_of(USERNAME).with_context(|| form)?;
        ensure!(
            began.elapsed() >= Duration::from_secs(at_least),
            "{form}: again after {:?}",
            began.elapsed()
        );
        scene.ensure_wire(&[
            "GET /protected-route 401",
            "POST /refresh 429",
            "POST /refresh 200",
            "GET /protected-route 200",
        ])?;
        ensure_one_attempt(scene.log())?;
        generation += 1;
        scene.ensure_kept(generation).await.with_context(|| form)?;
    }
    // If the resource answers 429, the user has to wait: the page counts the wait down.
    scene.proxy.reset();
    scene.proxy.add(Rule::new("GET", "/protected-route", trouble(429, Some("2"))).once());
    let seen = page.press_and_settle(FETCH).await?;
    ensure!(seen.alerts == [TOO_MANY], "{seen:#?}");
    ensure!(seen.signed_in() && seen.disabled == [FETCH] && seen.timers.len() == 1, "{seen:#?}");
    page.wait_until("the end of the wait", |seen| seen.has_button(FETCH)).await?;
    page.press_and_settle(FETCH).await?.ensure_data_of(USERNAME)?;
    scene.ensure_wire(&["GET /protected-route 429", "GET /protected-route 200"])?;
    scene.ensure_kept(generation).await?;
    scene.ensure_quiet().await
}

async fn a_redirect_is_not_followed_and_ends_nothing(scene: &mut Scene) -> Result<()> {
    let trap = Proxy::start(scene.server.address()).await?;
    let page = scene.signed_in().await?;
    let before = scene.ensure_kept(0).await?;
    expire(scene);
    for (method, path) in [("POST", "/refresh"), ("GET", "/protected-route")] {
        scene.proxy.add(Rule::new(method, path, elsewhere(&trap, path)).once());
        let seen = page.press_and_settle(FETCH).await?;
        ensure!(seen.alerts == [REDIRECTED] && seen.signed_in(), "{path}: {seen:#?}");
        let kept = scene.ensure_kept(0).await.with_context(|| path)?;
        ensure!(kept.refresh == before.refresh && kept.access == before.access, "{path}: {kept:#?}");
    }
    expire(scene);
    page.press_and_settle(FETCH).await?.ensure_data_of(USERNAME)?;
    scene.ensure_wire(&[
        "GET /protected-route 401",
        "POST /refresh 307",
        "GET /protected-route 307",
        "GET /protected-route 401",
        "POST /refresh 200",
        "GET /protected-route 200",
    ])?;
    scene.ensure_kept(1).await?;
    ensure!(trap.log().entries().is_empty(), "it was followed: {:?}", trap.log().entries());
    scene.ensure_quiet().await
}

async fn a_redirect_gets_neither_a_password_nor_the_token_of_a_logout(scene: &mut Scene) -> Result<()> {
    let trap = Proxy::start(scene.server.address()).await?;
    let page = scene.form().await?;
    scene.proxy.add(Rule::new("POST", "/token", elsewhere(&trap, "/token")).once());
    page.send_form(USERNAME, PASSWORD).await?;
    let seen = page.wait_until("an alert", |seen| !seen.alerts.is_empty()).await?;
    ensure!(seen.alerts == [REDIRECTED] && seen.signed_out(), "{seen:#?}");
    scene.ensure_no_session().await?;
    scene.ensure_wire(&["POST /token 307"])?;
    page.press(LOGIN).await?;
    page.wait_until("signed in", Seen::signed_in).await?;
    let kept = scene.ensure_kept(0).await?;

    scene.proxy.reset();
    scene.proxy.add(Rule::new("POST", "/logout", elsewhere(&trap, "/logout")).once());
    page.press(LOGOUT).await?;
    let seen = page.wait_until("the alert", |seen| !seen.alerts.is_empty()).await?;
    ensure!(seen.alerts == [LOGGED_OUT_HERE_ONLY] && seen.signed_out(), "{seen:#?}");
    scene.ensure_no_session().await?;
    scene.ensure_wire(&["POST /logout 307"])?;
    ensure!(scene.server.would_take(&kept.refresh).await?, "the server was told all the same");
    ensure!(trap.log().entries().is_empty(), "it was followed: {:?}", trap.log().entries());
    scene.ensure_quiet().await
}

/// A 307 redirect: a client that follows it repeats method and body, and so the token or the password.
fn elsewhere(trap: &Proxy, path: &str) -> Action {
    Action::Redirect { status: 307, location: format!("{}{path}", trap.url()) }
}

fn trouble(status: u16, retry_after: Option<&str>) -> Action {
    let wait = retry_after.map(|value| ("retry-after".to_owned(), value.to_owned()));
    let headers = [("content-type".to_owned(), "application/json".to_owned())].into_iter().chain(wait);
    Action::Respond { status, headers: headers.collect(), body: "{}".to_owned(), cors: true }
}
