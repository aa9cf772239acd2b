//! Tests the page's behaviour in a real DOM.

use serde_json::json;
use wasm_bindgen_test::wasm_bindgen_test;
use web_sys::{Event, EventInit};

use crate::mounted::{Page, button, document, find, focused, input, is_focused, text};
use crate::script::{self, Replaced, until};
use crate::stand::{self, PASSWORD, USERNAME, fault, reset, respond, wire};

#[wasm_bindgen_test]
async fn empty_fields_are_named_and_focused_and_nothing_is_sent() {
    reset().await;
    let _page = Page::with_form().await;
    Page::submit();
    until("both", || text("[role=alert]") == "Enter your username and password.").await;
    until("focus", || focused() == "username").await;
    Page::fill("", "secret");
    Page::submit();
    until("username", || text("[role=alert]") == "Enter your username.").await;
    Page::fill("demo", "");
    Page::submit();
    until("password", || text("[role=alert]") == "Enter your password.").await;
    until("focus", || focused() == "password").await;
    assert_eq!(input("password").get_attribute("aria-invalid").as_deref(), Some("true"));
    assert_eq!(input("username").get_attribute("aria-invalid"), None);
    assert!(wire(0).await.is_empty());
}

#[wasm_bindgen_test]
async fn a_refused_password_is_marked_and_what_is_typed_next_replaces_it() {
    reset().await;
    let _page = Page::with_form().await;
    let password = input("password");
    for wrong in ["wrong", "wrong again"] {
        Page::fill(USERNAME, wrong);
        input("username").focus().unwrap();
        Page::submit();
        until("the refusal", || text("[role=alert]") == "Incorrect username or password.").await;
        until("focus", || focused() == "password").await;
        assert_eq!(password.get_attribute("aria-invalid").as_deref(), Some("true"));
        assert_eq!(password.get_attribute("aria-describedby").as_deref(), Some("login-error"));
        let selected = (password.selection_start().unwrap(), password.selection_end().unwrap());
        assert_eq!(selected, (Some(0), u32::try_from(wrong.len()).ok()));
        assert_eq!(input("username").get_attribute("aria-invalid"), None);
    }
}

#[wasm_bindgen_test]
async fn a_refusal_leaves_alone_what_is_being_typed() {
    reset().await;
    let _page = Page::with_form().await;
    fault("POST", "/token", json!({"type": "hang"})).await;
    Page::fill(USERNAME, "wrong");
    Page::submit();
    stand::arrived().await;
    let username = input("username");
    username.focus().unwrap();
    username.set_value("somebody else");
    let bubbles = EventInit::new();
    bubbles.set_bubbles(true);
    username.dispatch_event(&Event::new_with_event_init_dict("input", &bubbles).unwrap()).unwrap();
    stand::release().await;
    until("the refusal", || text("[role=alert]") == "Incorrect username or password.").await;
    script::run_async("await new Promise((done) => requestAnimationFrame(() => setTimeout(done)))").await;
    assert_eq!(focused(), "username");
    assert_eq!(username.value(), "somebody else");
}

#[wasm_bindgen_test]
async fn the_reason_of_an_end_stays_where_it_is_while_logins_fail_and_is_announced_once() {
    reset().await;
    let _page = Page::signed_in().await;
    button("Logout").unwrap().click();
    until("form", || find(".reason").is_some()).await;
    let reason = find(".reason");
    for _ in 0..2 {
        Page::fill(USERNAME, "wrong");
        Page::submit();
        until("busy", || text("form [role=status]") == "Signing in…").await;
        assert!(find(".reason") == reason);
        until("the refusal", || text("[role=alert]") == "Incorrect username or password.").await;
        assert!(find(".reason") == reason);
        // The newest message alone is announced.
        assert_eq!(find(".reason").unwrap().get_attribute("role"), None);
    }
}

#[wasm_bindgen_test]
async fn a_reason_that_comes_after_a_failed_login_is_announced() {
    reset().await;
    let _page = Page::signed_in().await;
    fault("POST", "/logout", respond(503, "application/json", "{}")).await;
    button("Logout").unwrap().click();
    until("untold", || text(".reason").starts_with("You are logged out on this device.")).await;
    Page::fill(USERNAME, "wrong");
    Page::submit();
    until("the refusal", || text("[role=alert].message") == "Incorrect username or password.").await;
    let role = || find(".reason").unwrap().get_attribute("role");
    assert_eq!(role(), None);
    stand::forget_log_and_rules().await;
    until("told", || text(".reason") == "You are logged out.").await;
    assert_eq!(role().as_deref(), Some("status"));
}

#[wasm_bindgen_test]
async fn a_double_submit_logs_in_once_and_the_password_is_cleared() {
    reset().await;
    let _page = Page::with_form().await;
    let password = input("password");
    Page::fill(USERNAME, PASSWORD);
    Page::submit();
    Page::submit();
    until("signed in", || button("Logout").is_some()).await;
    until("cleared", || password.value().is_empty()).await;
    assert_eq!(wire(1).await, ["POST /token 200"]);
    assert!(find("form").is_none());
    assert_eq!(text("h1"), "Signed in as demo");
    until("focus on what is new", || focused() == "home-title").await;
}

#[wasm_bindgen_test]
async fn progress_is_a_status_and_the_button_is_off_meanwhile() {
    reset().await;
    fault("POST", "/token", json!({"type": "hang"})).await;
    let _page = Page::with_form().await;
    Page::fill(USERNAME, PASSWORD);
    Page::submit();
    until("progress", || text("form [role=status]") == "Signing in…").await;
    assert_eq!(button("Login").unwrap().get_attribute("aria-disabled").as_deref(), Some("true"));
    stand::arrived().await;
    stand::release().await;
    until("signed in", || button("Logout").is_some()).await;
}

#[wasm_bindgen_test]
async fn fetched_json_is_text_and_never_markup() {
    reset().await;
    let body = r#"{"note":"<img src=x onerror=alert(1)>","id":12345678901234567890}"#;
    fault("GET", "/protected-route", respond(200, "application/json", body)).await;
    let _page = Page::signed_in().await;
    button("Fetch Protected Data").unwrap().click();
    button("Fetch Protected Data").unwrap().click();
    until("data", || find("pre").is_some()).await;
    assert_eq!(
        text("pre"),
        "{\n  \"note\": \"<img src=x onerror=alert(1)>\",\n  \"id\": 12345678901234567890\n}"
    );
    assert!(find("img").is_none());
    assert_eq!(wire(2).await, ["POST /token 200", "GET /protected-route 200"], "a double click fetches once");
}

#[wasm_bindgen_test]
async fn a_logout_brings_the_form_back_with_the_reason() {
    reset().await;
    let _page = Page::signed_in().await;
    button("Logout").unwrap().click();
    until("form", || find("form").is_some()).await;
    assert_eq!(text(".reason"), "You are logged out.");
    assert_eq!(find(".reason").unwrap().get_attribute("role").as_deref(), Some("status"));
    until("focus", || focused() == "username").await;
    until("gone", || script::stored() == "[{},{}]").await;
    assert_eq!(wire(2).await, ["POST /token 200", "POST /logout 204"]);
}

#[wasm_bindgen_test]
async fn who_types_while_the_reason_changes_keeps_the_caret() {
    reset().await;
    let _page = Page::signed_in().await;
    fault("POST", "/logout", respond(503, "application/json", "{}")).await;
    button("Logout").unwrap().click();
    until("focus", || focused() == "username").await;
    input("password").focus().unwrap();
    until("untold", || text(".reason").starts_with("You are logged out on this device.")).await;
    assert_eq!(focused(), "password", "the rest of it would be in plain sight");
    stand::forget_log_and_rules().await;
    until("told", || text(".reason") == "You are logged out.").await;
    assert_eq!(focused(), "password");
}

#[wasm_bindgen_test]
async fn what_is_private_leaves_the_document_while_the_page_is_put_away_and_comes_back_as_it_was() {
    reset().await;
    let _page = Page::signed_in().await;
    button("Fetch Protected Data").unwrap().click();
    until("data", || find("pre").is_some()).await;
    let (data, shown) = (text("pre"), find("pre").unwrap());
    for (event, stop, go_on) in [
        (script::page_event as fn(&'static str), "pagehide", "pageshow"),
        (script::document_event, "freeze", "resume"),
    ] {
        let had_focus = button("Fetch Protected Data");
        had_focus.as_ref().unwrap().focus().unwrap();
        // The page must conceal its content within the event: a page that is put away runs no later task.
        event(stop);
        assert_eq!(
            document().get_element_by_id("app").unwrap().text_content().unwrap(),
            "Restoring your session…"
        );
        event(go_on);
        until("back", || text("pre") == data).await;
        assert_eq!(text("h1"), "Signed in as demo");
        assert_eq!(find("pre").unwrap(), shown, "the very element");
        assert!(button("Logout").is_some() && button("Fetch Protected Data").is_some());
        assert!(is_focused(had_focus), "who had the focus has it again");
    }
    button("Logout").unwrap().click();
    until("form", || find("form").is_some()).await;
    wire(3).await;
}

#[wasm_bindgen_test]
async fn a_page_that_cannot_look_whether_its_session_exists_says_so_after_a_while_and_lets_one_log_out() {
    reset().await;
    let _page = Page::signed_in().await;
    // Makes intervals twenty times as fast: one second takes 50 ms.
    script::run("window.realInterval = setInterval");
    let hurried = Replaced::new("window", "setInterval", "value: (f, ms) => realInterval(f, ms / 20)");
    let broken = || {
        let broken = "value() { throw new DOMException('broken', 'UnknownError') }";
        Replaced::new("IDBObjectStore.prototype", "get", broken)
    };
    let stop_and_go_on = || {
        script::page_event("pagehide");
        script::page_event("pageshow");
    };
    let shown = || document().get_element_by_id("app").unwrap().text_content().unwrap();
    for heals in [true, false] {
        let storage = broken();
        stop_and_go_on();
        until("concealed", || shown() == "Restoring your session…").await;
        until("told", || find("[role=alert]").is_some()).await;
        assert_eq!(
            shown(),
            "Restoring your session…This browser's storage does not answer, so your session cannot be shown. \
             Reload the page, or log out.Logout"
        );
        if heals {
            drop(storage);
            until("back", || button("Fetch Protected Data").is_some()).await;
            assert!(find("[role=alert]").is_none());
        } else {
            button("Logout").unwrap().click();
            until("form", || text(".reason") == "You are logged out.").await;
            drop(storage);
        }
    }
    drop(hurried);
    assert_eq!(wire(2).await, ["POST /token 200", "POST /logout 204"]);
}

#[wasm_bindgen_test]
async fn a_page_that_is_set_up_wrongly_says_so() {
    let _page = Page::open("ftp://nowhere");
    until("alert", || text("[role=alert]").contains("api-base-url")).await;
    assert!(find("form").is_none());
}

#[wasm_bindgen_test]
async fn a_connection_in_the_clear_is_called_out() {
    script::clear_storage();
    let _page = Page::open("http://api.example.org");
    until("form", || find("form").is_some()).await;
    assert!(text(".notices").contains("not encrypted"));
}
