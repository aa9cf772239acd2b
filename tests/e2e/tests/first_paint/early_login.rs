//! A login that leaves before the code is there: the code takes up its answer, or ends the session that it began.

use std::collections::BTreeMap;

use anyhow::{Result, ensure};
use e2e::browser::{Browser, Engine, Options};
use e2e::page::{LOGIN, LoginPage, Seen};
use e2e::pages::{Fault, Pages, shipped};
use e2e::proxy::{Action, Proxy, Route, Rule};
use e2e::scene::{PASSWORD, Scene, USERNAME};
use e2e::sentences::UNENCRYPTED;
use serde_json::Value;
use thirtyfour::{By, Key};

use crate::{PATIENCE, arrive, field, nothing_moved, paint};

pub(super) async fn an_early_login_is_sent_once(scene: &Scene) -> Result<()> {
    scene.proxy.reset();
    let page = paint(scene, LOGIN).await?;
    log_in_early(scene).await?;
    // A password manager may press again.
    field(scene, "password").await?.send_keys(Key::Enter + "").await?;
    scene.log().wait_for("POST", "/token", 1, PATIENCE).await?;
    let seen = page.wait_until("progress", |seen| seen.says("Signing in…")).await?;
    ensure!(seen.painted(), "{seen:#?}");
    nothing_moved(scene).await?;
    arrive(scene);
    let seen = page.wait_until("signed in", Seen::signed_in).await?;
    ensure!(seen.text.contains(USERNAME) && seen.alerts.is_empty(), "{seen:#?}");
    ensure!(scene.log().wire() == ["POST /token 200"], "{:?}", scene.log().wire());
    page.fetch().await?.ensure_data_of(USERNAME)?;
    scene.ensure_kept(0).await?;
    scene.ensure_quiet().await
}

/// What is typed after the Enter key belongs to no login, so the one that left is over.
pub(super) async fn an_early_login_that_is_changed_is_ended(scene: &Scene) -> Result<()> {
    scene.proxy.reset();
    let page = paint(scene, LOGIN).await?;
    log_in_early(scene).await?;
    scene.log().wait_for("POST", "/token", 1, PATIENCE).await?;
    field(scene, "username").await?.send_keys("x").await?;
    page.wait_until("no progress", |seen| seen.statuses.is_empty()).await?;
    scene.log().wait_for("POST", "/logout", 1, PATIENCE).await?;
    arrive(scene);
    let seen = page.wait_until("the code", Seen::signed_out).await?;
    ensure!(seen.alerts.is_empty(), "{seen:#?}");
    ensure!(scene.log().wire() == ["POST /token 200", "POST /logout 204"], "{:?}", scene.log().wire());
    ensure!(scene.stored().await?.is_empty(), "{:?}", scene.stored().await?);
    Ok(())
}

pub(super) async fn a_login_that_only_the_code_knows_waits_for_it(scene: &Scene) -> Result<()> {
    let other_address = format!("{}/?version=1", scene.proxy.url());
    let cases: [(_, _, _, &[&str]); 3] = [
        ("auth-contract", r#"{"preset": "guide"}"#, USERNAME, &["POST /token 200"]),
        ("auth-contract", "guide", "änne", &["POST /token 401"]),
        // The code says that no query may stand there.
        ("api-base-url", &other_address, USERNAME, &[]),
    ];
    for (setting, value, username, wire) in cases {
        scene.proxy.reset();
        let mut before = BTreeMap::new();
        scene.pages.change(|settings| before.clone_from(&settings.meta));
        scene.pages.meta(setting, value);
        let page = paint(scene, LOGIN).await?;
        log_in_early_as(&scene.browser, username).await?;
        page.wait_until("progress", |seen| seen.says("Loading…")).await?;
        scene.pages.change(|settings| settings.meta = before);
        ensure!(scene.log().wire().is_empty(), "{value}: {:?}", scene.log().wire());
        arrive(scene);
        let seen = page.wait_until("an end", |seen| seen.signed_in() || !seen.alerts.is_empty()).await?;
        ensure!(scene.log().wire() == wire, "{value}: {:?}", scene.log().wire());
        if seen.signed_in() {
            page.logout().await?;
            scene.log().wait_for("POST", "/logout", 1, PATIENCE).await?;
        }
    }
    Ok(())
}

async fn log_in_early(scene: &Scene) -> Result<()> {
    log_in_early_as(&scene.browser, USERNAME).await
}

/// Fills in the form and presses the Enter key.
async fn log_in_early_as(browser: &Browser, username: &str) -> Result<()> {
    browser.driver().find(By::Id("username")).await?.send_keys(username).await?;
    let password = browser.driver().find(By::Id("password")).await?;
    password.send_keys(PASSWORD).await?;
    password.send_keys(Key::Enter + "").await?;
    Ok(())
}

/// The code shows first that others can read the password.
#[tokio::test(flavor = "multi_thread")]
async fn a_login_on_an_insecure_page_waits_for_the_code() -> Result<()> {
    let pages = Pages::of_the_app("http://api.test").await?;
    pages.fail(&shipped("wasm")?, Fault::Hang);
    let api = Route::api(pages.address()).host("api.test");
    let proxy = Proxy::with_routes(0, vec![Route::pages(pages.address()).host("app.test"), api]).await?;
    let options = Options { impatient: true, proxy: Some(proxy.address()), ..Options::default() };
    let browser = Browser::with(Engine::Chromium, options).await?;
    let page = LoginPage::begin(&browser, "http://app.test").await?;
    page.wait_until("the first view", Seen::painted).await?;
    log_in_early_as(&browser, USERNAME).await?;
    page.wait_until("progress", |seen| seen.says("Loading…")).await?;
    ensure!(proxy.log().matching("POST", "/token").is_empty(), "{:?}", proxy.log().wire());
    pages.change(|settings| settings.faults.clear());
    page.wait_until("the notice", |seen| seen.statuses.contains(&UNENCRYPTED.to_owned())).await?;
    proxy.log().wait_for("POST", "/token", 1, PATIENCE).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_early_login_that_nobody_takes_up_is_ended() -> Result<()> {
    let options = Options { impatient: true, ..Options::default() };
    let scene = Scene::with(Engine::Chromium, options, |options| options).await?;
    let page = paint(&scene, LOGIN).await?;
    log_in_early(&scene).await?;
    scene.log().wait_for("POST", "/token", 1, PATIENCE).await?;
    // Another tab logs in meanwhile, so the code shows the signed-in view, which has as many parts as the form.
    let remember = "const base = document.querySelector('[name=api-base-url]').content;
        localStorage[`yew-jwt-auth:${base}:user`] = 'somebody'";
    scene.browser.run(remember, Value::Null).await?;
    arrive(&scene);
    scene.log().wait_for("POST", "/logout", 1, PATIENCE).await?;
    let held = "return [...document.querySelectorAll('button')].map((button) => button.value).join('')";
    ensure!(scene.browser.run(held, Value::Null).await? == "", "a button holds the password");
    page.wait_until("the form", Seen::signed_out).await?;
    ensure!(scene.log().wire() == ["POST /token 200", "POST /logout 204"], "{:?}", scene.log().wire());

    // The code does not start.
    scene.proxy.reset();
    scene.pages.fail(&shipped("wasm")?, Fault::Gone);
    scene.pages.fail(&shipped("js")?, Fault::Hang);
    let page = LoginPage::begin(&scene.browser, &scene.pages.origin()).await?;
    page.wait_until("the first view", Seen::painted).await?;
    log_in_early(&scene).await?;
    scene.log().wait_for("POST", "/token", 1, PATIENCE).await?;
    let script = shipped("js")?;
    scene.pages.change(|settings| settings.faults.retain(|path, _| *path != script));
    page.wait_until("the alert", |seen| seen.alerts_of("missing")).await?;
    scene.log().wait_for("POST", "/logout", 1, PATIENCE).await?;
    Ok(())
}

/// The code sends again what did not reach the server.
#[tokio::test(flavor = "multi_thread")]
async fn an_early_login_that_failed_is_sent_again() -> Result<()> {
    let options = Options { impatient: true, ..Options::default() };
    let scene = Scene::with(Engine::Chromium, options, |options| options).await?;
    let page = paint(&scene, LOGIN).await?;
    scene.proxy.set_rules(vec![Rule::new("POST", "/token", Action::DropBefore)]);
    log_in_early(&scene).await?;
    scene.log().wait_for("POST", "/token", 1, PATIENCE).await?;
    scene.browser.wait_for("its end", "return !self.earlyLogin", Value::Null, PATIENCE).await?;
    scene.proxy.set_rules(Vec::new());
    arrive(&scene);
    let seen = page.wait_until("signed in", Seen::signed_in).await?;
    ensure!(seen.alerts.is_empty(), "{seen:#?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_early_login_beside_a_session_is_ended() -> Result<()> {
    let options = Options { impatient: true, ..Options::default() };
    let scene = Scene::with(Engine::Chromium, options, |options| options).await?;
    scene.signed_in().await?;
    let before = scene.kept().await?;
    // This browser remembers nobody, so the form is painted.
    let forget = "for (const key in localStorage) if (key.endsWith(':user')) delete localStorage[key];
        for (const key in sessionStorage) if (key.endsWith(':user')) delete sessionStorage[key]";
    scene.browser.run(forget, Value::Null).await?;
    let page = paint(&scene, LOGIN).await?;
    scene.proxy.reset();
    log_in_early(&scene).await?;
    scene.log().wait_for("POST", "/token", 1, PATIENCE).await?;
    arrive(&scene);
    page.wait_until("the session", Seen::signed_in).await?;
    scene.log().wait_for("POST", "/logout", 1, PATIENCE).await?;
    ensure!(scene.log().wire() == ["POST /token 200", "POST /logout 204"], "{:?}", scene.log().wire());
    let kept = scene.kept().await?;
    ensure!(kept.refresh == before.refresh, "{before:#?}\n{kept:#?}");
    page.fetch().await?.ensure_data_of(USERNAME)?;
    scene.ensure_quiet().await
}
