//! Checks every state of the page by axe-core's rules, in both colour schemes, on a wide and a narrow
//! screen, and writes a screenshot of each for people. Checks where the focus is, and use by keyboard.

use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use e2e::browser::{ColorScheme, Engine};
use e2e::page::{FETCH, LOGIN, LOGOUT_EVERYWHERE, LoginPage, SESSIONS, SHOW_MORE, Seen};
use e2e::pages::{Fault, shipped};
use e2e::proxy::{Action, Rule};
use e2e::scene::{PASSWORD, Scene, USERNAME, refused};
use e2e::sentences::WRONG;
use serde_json::{Value, json};

#[tokio::test(flavor = "multi_thread")]
async fn every_state_is_accessible_in_both_schemes_and_at_every_width() -> Result<()> {
    let scene = Scene::start(Engine::Chromium).await?;
    let look = Look { scene: &scene, axe: std::fs::read_to_string(axe()?)? };
    let page = scene.form().await?;
    look.at("form").await?;

    page.press(LOGIN).await?;
    page.wait_until("field errors", |seen| !seen.alerts.is_empty()).await?;
    look.at("form-field-errors").await?;

    scene.proxy.add(Rule::new("POST", "/token", too_many()).once());
    page.send_form(USERNAME, PASSWORD).await?;
    page.wait_until("an alert", |seen| seen.alerts_of("Too many")).await?;
    look.at("form-countdown").await?;

    let page = scene.form().await?;
    page.send_form(USERNAME, "wrong").await?;
    page.wait_until("an alert", |seen| seen.alerts == [WRONG]).await?;
    look.at("form-alert").await?;

    scene.proxy.add(Rule::new("POST", "/token", Action::Hang).once());
    page.send_form(USERNAME, PASSWORD).await?;
    page.wait_until("progress", |seen| seen.says("Signing in…")).await?;
    look.at("form-busy").await?;
    scene.proxy.reset();
    page.wait_until("signed in", Seen::signed_in).await?;
    look.at("signed-in").await?;

    page.fetch().await?;
    look.at("signed-in-data").await?;
    scene.proxy.add(Rule::new("GET", "/protected-route", Action::html(502, "<b>bad</b>")).once());
    page.press_and_settle(FETCH).await?;
    look.at("signed-in-alert").await?;
    let wide = json!({"word": "x".repeat(400), "list": (0..60).collect::<Vec<u32>>()});
    scene.proxy.add(Rule::new("GET", "/protected-route", Action::json(200, &wide)).once());
    page.press_and_settle(FETCH).await?;
    look.at("signed-in-long-data").await?;

    scene.reload().await?;
    page.wait_until("signed in", Seen::signed_in).await?;
    scene.proxy.add(Rule::new("GET", "/sessions", Action::json(200, &sessions())).once());
    page.press_and_settle(SESSIONS).await?;
    page.wait_until("the list", |seen| seen.has_button(LOGOUT_EVERYWHERE)).await?;
    look.at("signed-in-sessions").await?;
    scene.proxy.add(Rule::new("DELETE", "/sessions", Action::html(503, "")).once());
    page.press_and_settle(LOGOUT_EVERYWHERE).await?;
    look.at("signed-in-sessions-alert").await?;

    page.logout().await?;
    look.at("logged-out").await?;
    page.login(USERNAME, PASSWORD).await?;
    end_session(&scene, &page).await?;
    look.at("ended-with-reason").await?;

    let name = "w".repeat(57);
    scene.server.add_user(&name, PASSWORD).await?;
    page.login(&name, PASSWORD).await?;
    look.at("signed-in-long-name").await?;
    let many: Vec<u32> = (0..100_000).collect();
    scene.proxy.add(Rule::new("GET", "/protected-route", Action::json(200, &json!(many))).once());
    page.press_and_settle(FETCH).await?;
    page.wait_until("the first portion", |seen| seen.has_button(SHOW_MORE)).await?;
    look.at("signed-in-portion").await?;

    scene.pages.meta("auth-contract", &asks());
    scene.pages.meta("auth-username-label", "E-mail address");
    scene.form().await?;
    look.at("form-further-fields").await?;
    scene.pages.meta("auth-contract", "keycloak");
    let page = LoginPage::open(&scene.browser, &scene.pages.origin()).await?;
    page.wait_until("an alert", |seen| seen.alerts_of("auth-contract")).await?;
    look.at("contract-unknown").await?;
    scene.pages.meta("auth-contract", "guide");

    scene.pages.meta("api-base-url", "nonsense");
    let page = LoginPage::open(&scene.browser, &scene.pages.origin()).await?;
    page.wait_until("an alert", |seen| !seen.alerts.is_empty()).await?;
    look.at("set-up-wrongly").await?;

    scene.pages.fail(&shipped("js")?, Fault::Gone);
    let page = LoginPage::open(&scene.browser, &scene.pages.origin()).await?;
    page.wait_until("an alert", |seen| seen.alerts_of("missing")).await?;
    // The console names the missing file, as it should.
    scene.browser.run("window.__complaints.length = 0", Value::Null).await?;
    look.at("not-started").await
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
    focus(&page, "the alert", WRONG).await?;
    // The same refusal a second time is announced again and gets the focus again.
    page.text_box("Password").await?.send_keys("wrong again\u{e007}").await?;
    scene.log().wait_for("POST", "/token", 2, std::time::Duration::from_secs(20)).await?;
    focus(&page, "the alert again", WRONG).await?;
    // After an alert about the whole form, an alert about an empty field moves the focus to that field.
    page.text_box("Password").await?.clear().await?;
    page.press(LOGIN).await?;
    focus(&page, "the field after the alert", "Password").await?;

    page.login(USERNAME, PASSWORD).await?;
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
    end_session(&scene, &page).await?;
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

struct Look<'a> {
    scene: &'a Scene,
    axe: String,
}

impl Look<'_> {
    /// Checks the page in its current state, in each colour scheme and width.
    async fn at(&self, state: &str) -> Result<()> {
        for (scheme, colours) in [(ColorScheme::Light, "light"), (ColorScheme::Dark, "dark")] {
            for width in [1000, 320] {
                let name = format!("{state}-{colours}-{width}");
                let browser = &self.scene.browser;
                browser.screenshot(&name, (width, 800), scheme).await?;
                let scroll = "const root = document.documentElement;
                              return Math.max(root.scrollWidth, document.body.scrollWidth) - innerWidth";
                let overflow = browser.run(scroll, Value::Null).await?;
                ensure!(overflow.as_i64().is_some_and(|by| by <= 0), "{name} scrolls sideways by {overflow}");
                let violations = self.violations().await.with_context(|| name.clone())?;
                ensure!(violations.is_empty(), "{name}: {violations:#?}");
            }
        }
        self.scene.ensure_quiet().await
    }

    async fn violations(&self) -> Result<Vec<String>> {
        let driver = self.scene.browser.driver();
        if self.scene.browser.run("return window.axe === undefined", Value::Null).await? == json!(true) {
            driver.execute(self.axe.as_str(), Vec::new()).await?;
        }
        let run = "const {violations} = await axe.run(document, {resultTypes: ['violations']});
            return violations.flatMap((rule) => rule.nodes.map((node) =>
              `${rule.id}: ${node.html} ${node.failureSummary}`))";
        Ok(serde_json::from_value(self.scene.browser.run(run, Value::Null).await?)?)
    }
}

async fn focus(page: &LoginPage<'_>, what: &str, name: &str) -> Result<()> {
    page.wait_until(what, |seen| seen.focus == name).await.map(drop)
}

/// Ends the session: a fetch gets a 401, and its refresh is refused with the reason `revoked`.
async fn end_session(scene: &Scene, page: &LoginPage<'_>) -> Result<()> {
    let revoked = json!({"detail": "no", "error": "invalid_grant", "reason": "revoked"});
    scene.proxy.add(Rule::new("GET", "/protected-route", refused()).once());
    scene.proxy.add(Rule::new("POST", "/refresh", Action::json(401, &revoked)).once());
    page.press(FETCH).await?;
    page.wait_until("the reason", |seen| seen.alerts_of("Your session was ended.")).await.map(drop)
}

/// A contract whose login asks for two fields more.
fn asks() -> String {
    let tenant = json!({"name": "tenant", "label": "Organisation", "autocomplete": "organization"});
    let code =
        json!({"name": "otp", "label": "One-time code", "autocomplete": "one-time-code", "optional": true});
    json!({"asks": [tenant, code]}).to_string()
}

fn too_many() -> Action {
    let headers = vec![("retry-after".to_owned(), "300".to_owned())];
    Action::Respond { status: 429, headers, body: String::new(), cors: true }
}

/// A list of sessions with complete, overlong, malformed and missing fields.
fn sessions() -> Value {
    let agent = "Mozilla/5.0 (X11; Linux x86_64; rv:145.0) Gecko/20100101 Firefox/145.0";
    let (old, new) = ("2026-11-03T08:15:00Z", "2026-11-26T19:40:12Z");
    json!({"sessions": [
        {"sid": "a", "created_at": old, "last_used_at": new, "device": agent, "current": true},
        {"sid": "b", "created_at": old, "last_used_at": old, "device": "w".repeat(255), "current": false},
        {"sid": "c", "created_at": "yesterday", "last_used_at": null, "device": null, "current": false},
    ]})
}

/// The path of `axe.min.js`.
fn axe() -> Result<PathBuf> {
    let path = std::env::var_os("E2E_AXE").context("E2E_AXE must name axe.min.js of axe-core")?;
    Ok(path.into())
}
