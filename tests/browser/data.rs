//! What the page shows of fetched data.

use serde_json::{Value, json};
use wasm_bindgen::JsCast as _;
use wasm_bindgen_test::wasm_bindgen_test;
use web_sys::HtmlElement;

use crate::mounted::{Page, button, find, is_focused, text};
use crate::script::{self, Replaced, until};
use crate::stand::{fault, reset, respond};

pub(crate) async fn fetched(answer: Value) {
    fault("GET", "/protected-route", answer).await;
    // Its text may be translated.
    find(".home .actions button").unwrap().unchecked_into::<HtmlElement>().click();
}

#[wasm_bindgen_test]
async fn long_data_come_in_portions() {
    reset().await;
    let _page = Page::signed_in().await;
    let deep = ["[".repeat(100_000), "]".repeat(100_000)].concat();
    fetched(respond(200, "application/json", &deep)).await;
    until("data", || find("pre").is_some()).await;
    // 32 pieces of 200 lines. The deepest lines have 64 spaces.
    let first = text("pre").lines().count();
    assert_eq!(first, 32 * 200);
    let more = button("Show more").unwrap();
    more.focus().unwrap();
    more.click();
    until("twice as much", || text("pre").lines().count() == 2 * first).await;
    assert!(is_focused(button("Show more")), "whoever wants more presses it again");
    // Other data begin anew, and short data have no button.
    fetched(respond(200, "application/json", "[1]")).await;
    until("short", || text("pre") == "[\n  1\n]").await;
    assert!(button("Show more").is_none() && !is_focused(find("pre")), "nobody asked for more of these");
    // With the last portion the button goes, and the data get its focus.
    fetched(respond(200, "application/json", &["[\"", &"x".repeat(1_100_000), "\"]"].concat())).await;
    until("long", || button("Show more").is_some()).await;
    let more = button("Show more").unwrap();
    more.focus().unwrap();
    more.click();
    until("the rest", || button("Show more").is_none()).await;
    assert!(is_focused(find("pre")));
}

#[wasm_bindgen_test]
async fn twenty_megabytes_cost_the_document_no_more_than_a_portion() {
    reset().await;
    let _page = Page::signed_in().await;
    let one = r#"{"id":1234567,"name":"somebody","tags":["a","b"]},"#;
    let many = ["[", &one.repeat(20_000_000 / one.len()), "0]"].concat();
    fetched(respond(200, "application/json", &many)).await;
    until("data", || find("pre").is_some()).await;
    assert_eq!(text(".home [role=status]"), "The data has arrived.");
    // 32 pieces of 200 lines.
    assert_eq!((find("pre").unwrap().child_element_count(), text("pre").lines().count()), (32, 32 * 200));
    assert!(button("Show more").is_some());
}

#[wasm_bindgen_test]
async fn data_are_copied_as_the_server_sent_them() {
    reset().await;
    let _page = Page::signed_in().await;
    let sent = r#"{"n":12345678901234567890,  "a":[1]}"#;
    fetched(respond(200, "application/json", sent)).await;
    until("data", || find("pre").is_some()).await;
    let writes = "get() { return {writeText: async (text) => { window.__copied = text }} }";
    let allowed = Replaced::new("Navigator.prototype", "clipboard", writes);
    button("Copy").unwrap().click();
    until("the note", || text(".home").contains("Copied.")).await;
    assert_eq!(script::run("return window.__copied").as_string().as_deref(), Some(sent));
    // A screen reader says it the second time too, because it is a new element.
    let note = find("pre ~ .progress span");
    button("Copy").unwrap().click();
    until("a new note", || {
        let now = find("pre ~ .progress span");
        now.is_some() && now != note && text(".home").contains("Copied.")
    })
    .await;
    drop(allowed);
    let _denied = Replaced::new("Navigator.prototype", "clipboard", "get() {}");
    button("Copy").unwrap().click();
    until("the other note", || text(".home").contains("does not let the page copy")).await;
}

#[wasm_bindgen_test]
async fn data_stay_until_the_server_itself_refuses_them() {
    reset().await;
    let _page = Page::signed_in().await;
    let redirect = json!({"type": "respond", "status": 302, "headers": [["location", "/login"]], "body": "", "cors": true});
    let markup = |status| respond(status, "text/html", "<!doctype html><title>Forbidden</title>");
    for (answer, sentence, stays) in [
        (redirect, "The request was redirected", true),
        (markup(403), "perhaps you do not have permission.", true),
        (markup(404), "The server has nothing at this address (404).", false),
        (respond(403, "application/json", "{}"), "You do not have permission for this (403).", false),
        (respond(418, "application/json", "{}"), "The server refused the request (418).", false),
    ] {
        fetched(respond(200, "application/json", "[1]")).await;
        until("data", || find("pre").is_some() && find("[role=alert]").is_none()).await;
        fetched(answer).await;
        until(sentence, || text("[role=alert]").contains(sentence)).await;
        assert_eq!(find("pre").is_some(), stays, "{sentence}");
    }
}

#[wasm_bindgen_test]
async fn a_success_without_content_says_so() {
    reset().await;
    let _page = Page::signed_in().await;
    fetched(json!({"type": "respond", "status": 204, "headers": [], "body": "", "cors": true})).await;
    until("the note", || text(".home [role=status]") == "The server answered without any data.").await;
    assert!(find("pre").is_none() && find("[role=alert]").is_none());
    fetched(respond(200, "application/json", "{}")).await;
    until("data", || text("pre") == "{}").await;
    assert_eq!(text(".home [role=status]"), "The data has arrived.");
}
