//! Tests the list of the user's sessions in a real DOM: the effect of each click, and its messages.

use serde_json::json;
use wasm_bindgen_test::wasm_bindgen_test;

use crate::mounted::{Page, button, find, is_focused, text};
use crate::script::{self, Replaced, until};
use crate::stand::{fault, forget_log_and_rules, reset, respond, wire};

const LIST: &str = r#"{"sessions":[
    {"sid":"here","device":"\u202eLaptop","last_used_at":"2026-01-02T03:04:05Z","current":true},
    {"sid":"twice","device":"<b>Phone</b>"},
    {"sid":"twice","device":"Tablet","created_at":"yesterday","last_used_at":"2026-01-02 03:04:05"},
    {"sid":"last","device":null}]}"#;

/// The page with [`LIST`] open. The proxy answered with the list; the server knows none of its sessions.
async fn with_list() -> Page {
    reset().await;
    let page = Page::signed_in().await;
    fault("GET", "/sessions", respond(200, "application/json", LIST)).await;
    button("Your sessions").unwrap().click();
    until("the list", || find("#sessions li").is_some()).await;
    forget_log_and_rules().await;
    page
}

fn devices() -> String {
    let texts =
        "return [...document.querySelectorAll('#sessions li strong')].map((e) => e.textContent).join(', ')";
    script::run(texts).as_string().unwrap()
}

fn status() -> String {
    text(".sessions [role=status]")
}

#[wasm_bindgen_test]
async fn a_list_is_text_whatever_it_holds() {
    let _page = with_list().await;
    assert_eq!(devices(), "\u{202e}Laptop, <b>Phone</b>, Tablet, An unknown device");
    assert!(find("#sessions b").is_none() && find("#sessions bdi").is_some());
    let time = find("#sessions time").unwrap();
    assert_eq!(time.get_attribute("datetime").as_deref(), Some("2026-01-02T03:04:05Z"));
    assert!(time.text_content().unwrap().contains("Jan 2026"), "{:?}", time.text_content());
    let times = script::run("return document.querySelectorAll('#sessions time').length");
    assert_eq!(times.as_f64(), Some(2.0), "what is no time is not shown as one");
    let shown = script::run(
        "return [...document.querySelectorAll('#sessions time')].map((e) => e.textContent).join('|')",
    );
    let shown = shown.as_string().unwrap();
    let (with_offset, without) = shown.split_once('|').unwrap();
    assert_eq!(with_offset, without, "a time without an offset is UTC");
}

#[wasm_bindgen_test]
async fn the_second_click_of_a_double_one_ends_nothing() {
    let _page = with_list().await;
    script::run(
        "[...document.querySelectorAll('#sessions li button')].at(-1)
             .dispatchEvent(new MouseEvent('click', {bubbles: true, detail: 2}))",
    );
    let end = button("End session").unwrap();
    end.click();
    end.click();
    until("the end", || status() == "The session was ended.").await;
    assert_eq!(devices(), "\u{202e}Laptop, An unknown device", "a name that stands twice is one session");
    until("focus", || is_focused(button("Your sessions"))).await;
    assert_eq!(wire(1).await, ["DELETE /sessions/twice 404"]);

    // The messages are about the last call only.
    fault("DELETE", "/sessions/last", respond(500, "application/json", "{}")).await;
    button("End session").unwrap().click();
    until("an alert", || {
        text("#sessions [role=alert]") == "The server has a problem (500). Try again in a moment."
    })
    .await;
    assert_eq!((&*status(), &*devices()), ("", "\u{202e}Laptop, An unknown device"));
}

#[wasm_bindgen_test]
async fn what_is_closed_is_hidden_and_fetched_anew_when_it_is_opened() {
    let _page = with_list().await;
    let opener = button("Your sessions").unwrap();
    assert_eq!(opener.get_attribute("aria-expanded").as_deref(), Some("true"));
    button("End session").unwrap().click();
    until("the end", || status() == "The session was ended.").await;
    opener.click();
    until("closed", || opener.get_attribute("aria-expanded").as_deref() == Some("false")).await;
    assert!(find("#sessions").unwrap().has_attribute("hidden"));
    opener.click();
    until("the server's own list", || devices().split(", ").count() > 0 && !devices().contains("Laptop"))
        .await;
    assert_eq!(status(), "The list has arrived.", "nothing was ended by this");
    assert!(!find("#sessions").unwrap().has_attribute("hidden"));
    assert_eq!(wire(2).await, ["DELETE /sessions/twice 404", "GET /sessions 200"]);
}

#[wasm_bindgen_test]
async fn who_is_offline_is_not_told_that_the_server_has_no_list() {
    reset().await;
    let _page = Page::signed_in().await;
    fault("GET", "/sessions", json!({"type": "drop_before"})).await;
    let offline = Replaced::new("Navigator.prototype", "onLine", "get() { return false }");
    let opener = button("Your sessions").unwrap();
    opener.click();
    let lost = "Cannot reach the server. Check your connection and try again.";
    until("an alert", || !text("#sessions [role=alert]").is_empty()).await;
    assert_eq!(text("#sessions [role=alert]"), lost);
    drop(offline);
    forget_log_and_rules().await;
    opener.click();
    until("closed", || opener.get_attribute("aria-expanded").as_deref() == Some("false")).await;
    opener.click();
    until("the list", || devices().contains(" on ") && find("#sessions [role=alert]").is_none()).await;
    assert_eq!(wire(1).await, ["GET /sessions 200"]);
}
