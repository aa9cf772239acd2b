//! Checks every state of the page by axe-core's rules, in both colour schemes and in forced colours, on a wide and a narrow
//! screen, and writes a screenshot of each for people. Checks what moves from state to state, where the focus is, and use by
//! keyboard.

mod look;
mod shifts;
mod states;

use anyhow::{Result, ensure};
use e2e::browser::{Engine, Options};
use e2e::page::{FETCH, LOGIN, LOGOUT, LoginPage, Seen};
use e2e::pages::{Fault, shipped};
use e2e::proxy::{Action, Rule};
use e2e::scene::{PASSWORD, Scene, USERNAME};
use serde_json::{Value, json};
use thirtyfour::By;

use self::look::Look;

#[tokio::test(flavor = "multi_thread")]
async fn every_state_is_accessible_in_every_colour_and_at_every_width() -> Result<()> {
    let scene = Scene::start(Engine::Chromium).await?;
    let look = Look::new(&scene)?;
    states::walk(&scene, async |state: &str| look.at(state).await).await
}

/// The views of the document itself, which the code replaces.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_painted_before_the_code_arrives_is_accessible() -> Result<()> {
    let options = Options { impatient: true, ..Options::default() };
    let scene = Scene::with(Engine::Chromium, options, |options| options).await?;
    let look = Look::new(&scene)?;
    let painted = async |button: &str| {
        scene.pages.fail(&shipped("wasm")?, Fault::Hang);
        let page = LoginPage::begin(&scene.browser, &scene.pages.origin()).await?;
        page.wait_until("the first view", |seen| seen.painted() && seen.has_button(button)).await?;
        Ok::<_, anyhow::Error>(page)
    };
    let page = painted(LOGIN).await?;
    look.at("painted-form").await?;
    scene.proxy.add(Rule::new("POST", "/token", Action::Hang).once());
    let driver = scene.browser.driver();
    for (id, typed) in [("username", USERNAME.to_owned()), ("password", format!("{PASSWORD}\u{e007}"))] {
        driver.find(By::Id(id)).await?.send_keys(typed).await?;
    }
    page.wait_until("progress", |seen| seen.says("Signing in…")).await?;
    look.at("painted-form-busy").await?;
    scene.proxy.reset();
    scene.pages.change(|settings| settings.faults.clear());
    page.wait_until("signed in", Seen::signed_in).await?;
    let page = painted(LOGOUT).await?;
    look.at("painted-signed-in").await?;
    page.wait_until("the hint", |seen| seen.says("If this takes long")).await?;
    look.at("painted-signed-in-hint").await
}

#[tokio::test(flavor = "multi_thread")]
async fn bad_contrast_in_forced_colours_alone_is_noticed() -> Result<()> {
    let scene = Scene::start(Engine::Chromium).await?;
    scene.form().await?;
    let look = Look::new(&scene)?;
    look.at("form-before").await?;
    let spoil = "const style = new CSSStyleSheet();
        style.replaceSync(`@media (forced-colors: active) {
          h1 { forced-color-adjust: none; color: #777; background: #888; }
        }`);
        document.adoptedStyleSheets = [style];";
    scene.browser.run(spoil, Value::Null).await?;
    let said = look.at("form-spoilt").await.err().map(|error| format!("{error:#}")).unwrap_or_default();
    ensure!(said.starts_with("form-spoilt-forced-light-1000") && said.contains("color-contrast"), "{said}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_else_moves_from_state_to_state_than_is_known() -> Result<()> {
    shifts::are_the_known_ones().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_shift_is_noticed() -> Result<()> {
    shifts::are_noticed().await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_focus_is_where_the_user_goes_on() -> Result<()> {
    let scene = Scene::start(Engine::Chromium).await?;
    let page = scene.form().await?;
    focus(&page, "nothing takes the focus from whoever has just arrived", "").await?;

    page.press(LOGIN).await?;
    focus(&page, "the first field that is empty", "Username").await?;
    page.text_box("Username").await?.send_keys(USERNAME).await?;
    page.press(LOGIN).await?;
    focus(&page, "the other field", "Password").await?;
    page.press(LOGIN).await?;
    focus(&page, "the same field again", "Password").await?;

    page.text_box("Password").await?.send_keys("wrong").await?;
    page.press(LOGIN).await?;
    focus(&page, "the field to type again", "Password").await?;
    scene.proxy.add(Rule::new("POST", "/token", Action::json(500, &json!({}))).times(2));
    for _ in 0..2 {
        page.press_and_settle(LOGIN).await?;
        page.wait_until("the alert that is about no field", |seen| seen.alerts == [&*seen.focus]).await?;
    }
    // After an alert about no field, one about an empty field moves the focus to that field.
    page.text_box("Password").await?.clear().await?;
    page.press(LOGIN).await?;
    focus(&page, "the field after the alert", "Password").await?;

    // What is typed next replaces a refused password.
    page.text_box("Password").await?.send_keys("wrong").await?;
    page.press_and_settle(LOGIN).await?;
    focus(&page, "the field to type again", "Password").await?;
    scene.browser.driver().action_chain().send_keys(format!("{PASSWORD}\u{e007}")).perform().await?;
    page.wait_until("signed in", Seen::signed_in).await?;
    focus(&page, "the heading", "Signed in as demo").await?;
    scene.proxy.add(Rule::new("GET", "/protected-route", Action::json(403, &json!({}))).times(2));
    for _ in 0..2 {
        page.press_and_settle(FETCH).await?;
        focus(&page, "the alert", "You do not have permission for this (403).").await?;
    }
    page.press_and_settle(FETCH).await?;
    focus(&page, "the button that was pressed", FETCH).await?;

    page.logout().await?;
    focus(&page, "the form after a logout", "Username").await?;
    page.login(USERNAME, PASSWORD).await?;
    states::end_session(&scene, &page).await?;
    // The name is still there, so the next key belongs to the password.
    focus(&page, "the form after a session's end", "Password").await?;
    scene.ensure_quiet().await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_keyboard_alone_is_enough() -> Result<()> {
    const TAB: &str = "\u{e004}";
    const ENTER: &str = "\u{e007}";
    let scene = Scene::start(Engine::Chromium).await?;
    let page = scene.form().await?;
    let keys = async |keys: &str| {
        Ok::<_, anyhow::Error>(scene.browser.driver().action_chain().send_keys(keys).perform().await?)
    };
    for typed in [TAB, USERNAME, TAB, PASSWORD, TAB] {
        keys(typed).await?;
    }
    focus(&page, "the button after the fields", LOGIN).await?;
    keys(ENTER).await?;
    page.wait_until("signed in", Seen::signed_in).await?;
    keys(TAB).await?;
    focus(&page, "the button after the heading", FETCH).await?;
    keys(" ").await?;
    page.wait_until("data", |seen| seen.json().is_some()).await?;
    keys(TAB).await?;
    keys(TAB).await?;
    focus(&page, "the data, which may be scrolled", "Fetched data").await?;
    scene
        .browser
        .driver()
        .action_chain()
        .key_down('\u{e008}')
        .send_keys(TAB)
        .key_up('\u{e008}')
        .perform()
        .await?;
    focus(&page, "the button before the data", "Logout").await?;
    keys(ENTER).await?;
    page.wait_until("signed out", Seen::signed_out).await?;
    Ok(())
}

async fn focus(page: &LoginPage<'_>, what: &str, name: &str) -> Result<()> {
    page.wait_until(what, |seen| seen.focus == name).await.map(drop)
}
