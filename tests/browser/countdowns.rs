//! Tests what the page shows while the server wants it to wait.

use std::pin::pin;

use serde_json::{Value, json};
use wasm_bindgen_test::wasm_bindgen_test;
use yew::prelude::*;
use yew_jwt_auth::Countdown;

use crate::mounted::{Mounted, Page, button, find, focused, input, is_focused, text};
use crate::script::{self, until};
use crate::stand::{PASSWORD, USERNAME, fault, reset, respond, wire};

/// An answer that asks to wait for so many seconds.
fn too_many(seconds: &str) -> Value {
    json!({"type": "respond", "status": 429, "cors": true, "body": "{}",
        "headers": [["retry-after", seconds], ["access-control-expose-headers", "Retry-After"]]})
}

#[wasm_bindgen_test]
async fn too_many_attempts_are_counted_down() {
    reset().await;
    fault("POST", "/token", too_many("2")).await;
    let _page = Page::with_form().await;
    Page::fill(USERNAME, PASSWORD);
    Page::submit();
    until("alert", || text("[role=alert]").starts_with("Too many attempts.")).await;
    assert!(text("[role=timer]").starts_with("You can try again in 2"), "{}", text("[role=timer]"));
    Page::submit();
    assert_eq!(button("Login").unwrap().get_attribute("aria-disabled").as_deref(), Some("true"));
    until("focus", || is_focused(find("[role=alert]"))).await;
    until("over", || find("[role=timer]").is_none()).await;
    assert_eq!(button("Login").unwrap().get_attribute("aria-disabled").as_deref(), Some("false"));
    assert_eq!(text("form [role=status]"), "You can try again now.");
    assert!(find("form .running").is_none(), "nothing is going on");
    assert!(is_focused(button("Login")), "the sentence that had the focus is gone");
    assert_eq!(wire(1).await, ["POST /token 429"]);
    Page::submit();
    until("again", || find("[role=timer]").is_some()).await;
    assert_eq!(text("form [role=status]"), "");
    input("password").focus().unwrap();
    until("over again", || find("[role=timer]").is_none()).await;
    assert_eq!(text("form [role=status]"), "You can try again now.");
    assert_eq!(focused(), "password", "who went on by themselves is not moved");
}

/// A parent that keeps its countdown mounted after the countdown's end.
#[component]
fn CountedDown() -> Html {
    let ends = use_state(|| 0_u32);
    let ondone = {
        let ends = ends.clone();
        let so_far = use_mut_ref(|| 0_u32);
        use_callback((), move |(), ()| {
            *so_far.borrow_mut() += 1;
            ends.set(*so_far.borrow());
        })
    };
    html! { <><Countdown seconds={1} {ondone} /><p id="ends">{ *ends }</p></> }
}

#[wasm_bindgen_test]
async fn a_countdown_ends_once() {
    let _app = Mounted::<CountedDown>::new();
    until("over", || text("#ends") == "1").await;
    let again = pin!(until("again", || text("#ends") != "1"));
    assert!(script::within(600, again).await.is_err(), "two ticks later: {}", text("#ends"));
    assert_eq!(text("[role=timer]"), "You can try again in 0 s.");
}

#[wasm_bindgen_test]
async fn a_fetch_that_came_too_soon_is_counted_down_and_a_refused_one_takes_its_data_back() {
    reset().await;
    let _page = Page::signed_in().await;
    let fetch = || button("Fetch Protected Data").unwrap();
    fetch().click();
    until("data", || find("pre").is_some()).await;
    fault("GET", "/protected-route", too_many("1")).await;
    fetch().click();
    until("countdown", || find("[role=timer]").is_some()).await;
    assert_eq!(fetch().get_attribute("aria-disabled").as_deref(), Some("true"));
    fetch().click();
    assert!(find("pre").is_some(), "the last answer still stands");
    until("over", || find("[role=timer]").is_none()).await;
    assert_eq!(text(".home [role=status]"), "You can try again now.");
    assert!(is_focused(button("Fetch Protected Data")), "the sentence that had the focus is gone");
    assert_eq!(wire(3).await.len(), 3, "none was sent meanwhile");
    fault("GET", "/protected-route", respond(403, "application/json", "{}")).await;
    fetch().click();
    until("refused", || text("[role=alert]").contains("403")).await;
    assert!(find("pre").is_none(), "what may not be seen is not shown");
    assert_eq!(text(".home [role=status]"), "");
}
