//! The states of the page, each reached as its user reaches it.

use anyhow::Result;
use e2e::page::{FETCH, LOGIN, LOGOUT_EVERYWHERE, LoginPage, SESSIONS, SHOW_MORE, Seen};
use e2e::pages::{Fault, shipped};
use e2e::proxy::{Action, Rule};
use e2e::scene::{PASSWORD, Scene, USERNAME, refused};
use e2e::sentences::{UNREACHABLE, WRONG};
use e2e::tabs::Tabs;
use serde_json::{Value, json};

/// Brings the page into every state, and calls `look` with the name of each.
pub(crate) async fn walk(scene: &Scene, look: impl AsyncFn(&str) -> Result<()>) -> Result<()> {
    let page = scene.form().await?;
    look("form").await?;

    page.press(LOGIN).await?;
    page.wait_until("field errors", |seen| !seen.alerts.is_empty()).await?;
    look("form-field-errors").await?;

    scene.proxy.add(Rule::new("POST", "/token", too_many()).once());
    page.send_form(USERNAME, PASSWORD).await?;
    page.wait_until("an alert", |seen| seen.alerts_of("Too many")).await?;
    look("form-countdown").await?;

    let page = scene.form().await?;
    page.send_form(USERNAME, "wrong").await?;
    page.wait_until("an alert", |seen| seen.alerts == [WRONG]).await?;
    look("form-alert").await?;

    scene.proxy.add(Rule::new("POST", "/token", Action::Hang).once());
    page.send_form(USERNAME, PASSWORD).await?;
    page.wait_until("progress", |seen| seen.says("Signing in…")).await?;
    look("form-busy").await?;
    scene.proxy.reset();
    page.wait_until("signed in", Seen::signed_in).await?;
    look("signed-in").await?;

    page.fetch().await?;
    look("signed-in-data").await?;
    scene.proxy.add(Rule::new("GET", "/protected-route", Action::html(502, "<b>bad</b>")).once());
    page.press_and_settle(FETCH).await?;
    look("signed-in-alert").await?;
    let wide = json!({"word": "x".repeat(400), "list": (0..60).collect::<Vec<u32>>()});
    scene.proxy.add(Rule::new("GET", "/protected-route", Action::json(200, &wide)).once());
    page.press_and_settle(FETCH).await?;
    look("signed-in-long-data").await?;

    scene.reload().await?;
    page.wait_until("signed in", Seen::signed_in).await?;
    scene.proxy.add(Rule::new("GET", "/sessions", Action::json(200, &sessions())).once());
    page.press_and_settle(SESSIONS).await?;
    page.wait_until("the list", |seen| seen.has_button(LOGOUT_EVERYWHERE)).await?;
    look("signed-in-sessions").await?;
    scene.proxy.add(Rule::new("DELETE", "/sessions", Action::html(503, "")).once());
    page.press_and_settle(LOGOUT_EVERYWHERE).await?;
    look("signed-in-sessions-alert").await?;
    // The network goes. The list says so, and the view does when the list is closed.
    page.press(SESSIONS).await?;
    scene.proxy.set_rules(vec![Rule::any(Action::DropBefore)]);
    page.press_and_settle(SESSIONS).await?;
    page.wait_until("an alert", |seen| seen.alerts == [UNREACHABLE]).await?;
    look("signed-in-sessions-outage").await?;
    page.press(SESSIONS).await?;
    page.wait_until("the outage", |seen| seen.says("You stay signed in.")).await?;
    look("signed-in-outage").await?;
    scene.proxy.reset();

    page.logout().await?;
    look("logged-out").await?;
    page.login(USERNAME, PASSWORD).await?;
    end_session(scene, &page).await?;
    look("ended-with-reason").await?;
    page.send_form(USERNAME, "wrong").await?;
    page.wait_until("an alert", |seen| seen.alerts == [WRONG]).await?;
    look("ended-then-refused").await?;

    let name = "w".repeat(57);
    scene.server.add_user(&name, PASSWORD).await?;
    page.login(&name, PASSWORD).await?;
    look("signed-in-long-name").await?;
    let many: Vec<u32> = (0..100_000).collect();
    scene.proxy.add(Rule::new("GET", "/protected-route", Action::json(200, &json!(many))).once());
    page.press_and_settle(FETCH).await?;
    page.wait_until("the first portion", |seen| seen.has_button(SHOW_MORE)).await?;
    look("signed-in-portion").await?;

    let mut tabs = Tabs::of(&scene.browser).await?;
    let other = tabs.open(&scene.pages.origin()).await?;
    other.wait_until("signed in", Seen::signed_in).await?;
    other.logout().await?;
    other.login(USERNAME, PASSWORD).await?;
    let page = tabs.at(0).await?;
    page.wait_until("the other user", |seen| seen.has_button("Continue as demo")).await?;
    look("elsewhere").await?;
    tabs.close(1).await?;
    tabs.at(0).await?;

    scene.pages.meta("auth-contract", &asks());
    scene.pages.meta("auth-username-label", "E-mail address");
    scene.form().await?;
    look("form-further-fields").await?;
    scene.pages.meta("auth-contract", "keycloak");
    let page = LoginPage::open(&scene.browser, &scene.pages.origin()).await?;
    page.wait_until("an alert", |seen| seen.alerts_of("auth-contract")).await?;
    look("contract-unknown").await?;
    scene.pages.meta("auth-contract", "guide");

    let page = scene.form().await?;
    scene.browser.run(NO_ELEMENTS, Value::Null).await?;
    page.press(LOGIN).await?;
    page.wait_until("an alert", |seen| seen.alerts_of("Something went wrong")).await?;
    // The console tells of the panic, as it should. axe makes elements.
    scene.browser.run("__restore(); window.__complaints.length = 0", Value::Null).await?;
    look("stopped").await?;

    scene.pages.meta("api-base-url", "http://192.0.2.1");
    let page = LoginPage::open(&scene.browser, &scene.pages.origin()).await?;
    page.wait_until("the notice", |seen| seen.says("not encrypted")).await?;
    look("form-unencrypted").await?;

    scene.pages.meta("api-base-url", "nonsense");
    let page = LoginPage::open(&scene.browser, &scene.pages.origin()).await?;
    page.wait_until("an alert", |seen| !seen.alerts.is_empty()).await?;
    look("set-up-wrongly").await?;

    scene.pages.fail(&shipped("js")?, Fault::Gone);
    let page = LoginPage::open(&scene.browser, &scene.pages.origin()).await?;
    page.wait_until("an alert", |seen| seen.alerts_of("missing")).await?;
    // The console names the missing file, as it should.
    scene.browser.run("window.__complaints.length = 0", Value::Null).await?;
    look("not-started").await
}

/// Yew panics if the browser takes no element.
const NO_ELEMENTS: &str = "
    const {insertBefore} = Node.prototype;
    window.__restore = () => { Node.prototype.insertBefore = insertBefore; };
    Node.prototype.insertBefore = () => { throw new Error('no element'); };";

/// Ends the session: a fetch gets a 401, and its refresh is refused with the reason `revoked`.
pub(crate) async fn end_session(scene: &Scene, page: &LoginPage<'_>) -> Result<()> {
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
