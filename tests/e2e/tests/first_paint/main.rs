//! The view that is painted before the code arrives: it is the right one, it takes what its user does, and the code takes over
//! without a change that can be seen.

mod early_login;

use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use e2e::browser::{Engine, Options};
use e2e::page::{FETCH, LOGIN, LOGOUT, LoginPage, Seen};
use e2e::pages::{Fault, shipped};
use e2e::scene::{PASSWORD, Scene, USERNAME};
use e2e::tabs::Tabs;
use serde::Deserialize;
use serde_json::{Value, json};
use thirtyfour::{By, Key, WebElement};

#[tokio::test(flavor = "multi_thread")]
async fn chromium_paints_first() -> Result<()> {
    each_first_view_is_right(Engine::Chromium).await
}

#[tokio::test(flavor = "multi_thread")]
async fn firefox_paints_first() -> Result<()> {
    each_first_view_is_right(Engine::Firefox).await
}

#[tokio::test(flavor = "multi_thread")]
async fn webkit_paints_first() -> Result<()> {
    each_first_view_is_right(Engine::WebKit).await
}

async fn each_first_view_is_right(engine: Engine) -> Result<()> {
    let options = Options { impatient: true, ..Options::default() };
    let scene = Scene::with(engine, options, |options| options).await?;
    scene.pages.preload(SHIFTS);
    what_is_typed_stays(&scene).await.context("typed")?;
    what_is_typed_after_the_enter_key_is_not_sent_half(&scene).await.context("typed after Enter")?;
    the_head_names_the_code_and_the_server(&scene).await.context("head")?;
    what_the_browser_fills_in_is_sent(&scene).await.context("filled in")?;
    early_login::an_early_login_that_is_changed_is_ended(&scene).await.context("changed early login")?;
    early_login::a_login_that_only_the_code_knows_waits_for_it(&scene).await.context("late login")?;
    early_login::an_early_login_is_sent_once(&scene).await.context("early login")?;
    a_session_is_shown_at_once(&scene).await.context("session")?;
    an_early_click_is_made_later(&scene).await.context("early click")?;
    an_early_logout_counts(&scene).await.context("early logout")?;
    another_label_is_there_at_once(&scene).await.context("label")
}

/// Opens the page while its code does not arrive. `wanted` is what its first view has.
async fn paint<'a>(scene: &'a Scene, wanted: &str) -> Result<LoginPage<'a>> {
    scene.pages.fail(&shipped("wasm")?, Fault::Hang);
    let page = LoginPage::begin(&scene.browser, &scene.pages.origin()).await?;
    let seen = page.wait_until("the first view", |seen| seen.painted() && seen.has_button(wanted)).await?;
    ensure!(seen.alerts.is_empty(), "{seen:#?}");
    Ok(page)
}

/// Lets the code arrive.
fn arrive(scene: &Scene) {
    scene.pages.change(|settings| settings.faults.clear());
}

async fn field(scene: &Scene, id: &str) -> Result<WebElement> {
    Ok(scene.browser.driver().find(By::Id(id)).await?)
}

async fn what_is_typed_stays(scene: &Scene) -> Result<()> {
    let page = paint(scene, LOGIN).await?;
    ensure!(page.seen().await?.statuses.is_empty(), "{:#?}", page.seen().await?);
    field(scene, "password").await?.send_keys("secret").await?;
    field(scene, "username").await?.send_keys("someone").await?;
    scene.browser.run("document.activeElement.setSelectionRange(2, 5)", Value::Null).await?;
    let before = layout(scene).await?;
    arrive(scene);
    page.wait_until("the code", Seen::signed_out).await?;
    let after = layout(scene).await?;
    ensure!(before == after, "{before:#?}\n{after:#?}");
    ensure!(before.values == ["someone", "secret"], "{before:#?}");
    ensure!(before.selection == json!(["username", 2, 5]), "{before:#?}");
    nothing_moved(scene).await?;
    ensure!(scene.log().wire().is_empty(), "{:?}", scene.log().wire());
    Ok(())
}

async fn what_is_typed_after_the_enter_key_is_not_sent_half(scene: &Scene) -> Result<()> {
    let page = paint(scene, LOGIN).await?;
    let username = field(scene, "username").await?;
    username.send_keys("someone").await?;
    username.send_keys(Key::Enter + "").await?;
    page.wait_until("progress", |seen| seen.says("Loading…")).await?;
    field(scene, "password").await?.send_keys("hal").await?;
    page.wait_until("no progress", |seen| seen.statuses.is_empty()).await?;
    arrive(scene);
    let seen = page.wait_until("the code", Seen::signed_out).await?;
    ensure!(seen.alerts.is_empty() && scene.log().wire().is_empty(), "{seen:#?} {:?}", scene.log().wire());
    Ok(())
}

async fn the_head_names_the_code_and_the_server(scene: &Scene) -> Result<()> {
    paint(scene, LOGIN).await?;
    let named = scene.browser.run(NAMED, Value::Null).await?;
    ensure!(named == json!({"code": ["wasm", "js"], "server": [scene.proxy.url()]}), "{named:#?}");
    Ok(())
}

/// A password manager may fill the form in without an event, before the code arrives.
async fn what_the_browser_fills_in_is_sent(scene: &Scene) -> Result<()> {
    scene.proxy.reset();
    let page = paint(scene, LOGIN).await?;
    let fill = "for (const [id, value] of args) document.getElementById(id).value = value";
    scene.browser.run(fill, json!([["username", USERNAME], ["password", PASSWORD]])).await?;
    arrive(scene);
    page.wait_until("the code", Seen::signed_out).await?;
    ensure!(layout(scene).await?.values == [USERNAME, PASSWORD]);
    page.press(LOGIN).await?;
    page.wait_until("signed in", Seen::signed_in).await?;
    ensure!(scene.log().wire() == ["POST /token 200"], "{:?}", scene.log().wire());
    page.logout().await?;
    scene.log().wait_for("POST", "/logout", 1, PATIENCE).await?;
    Ok(())
}

async fn a_session_is_shown_at_once(scene: &Scene) -> Result<()> {
    // Of this tab, and of a tab that is new.
    for forget in ["", "sessionStorage.clear()"] {
        scene.browser.run(forget, Value::Null).await?;
        let page = paint(scene, LOGOUT).await?;
        let seen = page.seen().await?;
        ensure!(seen.text.contains(&format!("Signed in as {USERNAME}")), "{seen:#?}");
        ensure!(seen.boxes.is_empty(), "{seen:#?}");
        ensure!(scene.browser.driver().title().await? == "Signed in");
        let before = layout(scene).await?;
        arrive(scene);
        page.wait_until("the code", Seen::signed_in).await?;
        let after = layout(scene).await?;
        ensure!(before.places == after.places, "{before:#?}\n{after:#?}");
        nothing_moved(scene).await?;
    }
    scene.ensure_quiet().await
}

async fn an_early_click_is_made_later(scene: &Scene) -> Result<()> {
    let page = paint(scene, LOGOUT).await?;
    let buttons = scene.browser.driver().find_all(By::Css("button")).await?;
    buttons.first().context("a button")?.click().await?;
    page.wait_until("progress", |seen| seen.says("Loading…")).await?;
    arrive(scene);
    let seen = page.wait_until("data", |seen| seen.data.is_some()).await?;
    seen.ensure_data_of(USERNAME)?;
    ensure!(seen.has_button(FETCH), "{seen:#?}");
    // The data push the card of sessions down. The browser excuses that for 500 ms after the click only.
    let moved = moved(scene).await?;
    ensure!(moved.iter().all(|shift| shift.contains("sessions-title")), "{moved:#?}");
    scene.ensure_quiet().await
}

async fn an_early_logout_counts(scene: &Scene) -> Result<()> {
    let page = paint(scene, LOGOUT).await?;
    let buttons = scene.browser.driver().find_all(By::Css("button")).await?;
    for at in [1, 0] {
        buttons.get(at).context("two buttons")?.click().await?;
    }
    arrive(scene);
    page.wait_until("the form", Seen::signed_out).await?;
    scene.log().wait_for("POST", "/logout", 1, PATIENCE).await?;
    ensure!(scene.stored().await?.is_empty(), "{:?}", scene.stored().await?);
    // Nothing is remembered of the user.
    let page = paint(scene, LOGIN).await?;
    ensure!(!page.seen().await?.text.contains(USERNAME), "{:#?}", page.seen().await?);
    arrive(scene);
    page.wait_until("the code", Seen::signed_out).await?;
    scene.ensure_quiet().await
}

async fn another_label_is_there_at_once(scene: &Scene) -> Result<()> {
    scene.pages.meta("auth-username-label", "E-mail");
    let page = paint(scene, LOGIN).await?;
    ensure!(page.seen().await?.boxes == ["E-mail", "Password"], "{:#?}", page.seen().await?);
    arrive(scene);
    page.wait_until("the code", Seen::signed_out).await?;
    nothing_moved(scene).await
}

/// What [`LAYOUT`] returns.
#[derive(Debug, Deserialize, PartialEq)]
struct Layout {
    places: Vec<String>,
    values: Vec<String>,
    selection: Value,
}

async fn layout(scene: &Scene) -> Result<Layout> {
    Ok(serde_json::from_value(scene.browser.run(LAYOUT, Value::Null).await?)?)
}

async fn nothing_moved(scene: &Scene) -> Result<()> {
    let moved = moved(scene).await?;
    ensure!(moved.is_empty(), "{moved:#?}");
    Ok(())
}

/// The elements that have changed their places since the page was loaded (CLS). Chromium alone tells.
async fn moved(scene: &Scene) -> Result<Vec<String>> {
    // A frame's shifts are told when it is painted, which is before the next one begins.
    let script = "const frame = () => new Promise((done) => requestAnimationFrame(done));
        await frame();
        await frame();
        return __moved()";
    Ok(serde_json::from_value(scene.browser.run(script, Value::Null).await?)?)
}

#[tokio::test(flavor = "multi_thread")]
async fn another_users_name_is_not_shown_unasked() -> Result<()> {
    let options = Options { impatient: true, ..Options::default() };
    let scene = Scene::with(Engine::Chromium, options, |options| options).await?;
    scene.signed_in().await?;
    // Another tab signed in as somebody else while this one was not open.
    let other = "for (const key in localStorage) if (key.endsWith(':user')) localStorage[key] = 'somebody'";
    scene.browser.run(other, Value::Null).await?;
    let page = paint(&scene, LOGIN).await?;
    ensure!(!page.seen().await?.text.contains("somebody"), "{:#?}", page.seen().await?);
    arrive(&scene);
    page.wait_until("the session", Seen::signed_in).await?;
    scene.ensure_quiet().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_logout_that_a_closed_tab_did_not_hear_leaves_no_name() -> Result<()> {
    let options = Options { impatient: true, ..Options::default() };
    let scene = Scene::with(Engine::Chromium, options, |options| options).await?;
    scene.signed_in().await?;
    // This tab is at another page while another tab logs out.
    let mut tabs = Tabs::of(&scene.browser).await?;
    let other = tabs.open(&scene.pages.origin()).await?;
    other.wait_until("signed in", Seen::signed_in).await?;
    tabs.at(0).await?;
    scene.browser.driver().goto("about:blank").await?;
    tabs.at(1).await?.logout().await?;
    tabs.at(0).await?;
    let page = paint(&scene, LOGIN).await?;
    ensure!(!page.seen().await?.text.contains(USERNAME), "{:#?}", page.seen().await?);
    arrive(&scene);
    page.wait_until("the form", Seen::signed_out).await?;
    Ok(())
}

/// How long a request may take to be seen.
const PATIENCE: Duration = Duration::from_secs(20);

/// Records what moves, without what follows a user's action at once.
const SHIFTS: &str = "
    {
      const moved = [];
      const add = (entries) => {
        for (const {value, hadRecentInput, sources} of entries)
          if (!hadRecentInput) moved.push(value + ' ' + sources.map((s) => s.node && s.node.outerHTML));
      };
      const observer = new PerformanceObserver((list) => add(list.getEntries()));
      try {
        observer.observe({type: 'layout-shift', buffered: true});
      } catch (_) {}
      window.__moved = () => {
        add(observer.takeRecords());
        return moved;
      };
    }";

/// The files and the servers that the head names, by which the browser asks for them at once.
const NAMED: &str = "
    const named = (selector, what) => [...document.head.querySelectorAll(selector)].map(what);
    return {
      code: named('link[rel=preload], script[type=module]', (e) => (e.href || e.src).split('.').pop()),
      server: named('link[rel=preconnect]', (e) => new URL(e.href).origin),
    };";

/// Where each visible element is, what the fields hold, and what is selected.
const LAYOUT: &str = "
    const at = document.activeElement;
    const shown = [...document.querySelectorAll('#app *')].filter((e) => e.getClientRects().length && !e.closest('#boot, .progress'));
    return {
      places: shown.map((e) => [e.localName, ...['x', 'y', 'width', 'height'].map((k) => e.getBoundingClientRect()[k])].join(' ')),
      values: [...document.querySelectorAll('input')].map((e) => e.value),
      selection: [at.id, at.selectionStart ?? null, at.selectionEnd ?? null],
    };";
