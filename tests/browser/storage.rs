//! Tests what the page makes of its storage.

use wasm_bindgen_test::wasm_bindgen_test;

use crate::mounted::{Page, button, find, text};
use crate::script::{self, Replaced, until};
use crate::stand::{self, api, reset, wire};

#[wasm_bindgen_test]
async fn after_a_reload_nobody_is_named_before_the_server_has_answered() {
    stand::signed_in().await;
    let _page = Page::open(api());
    until("signed in", || button("Fetch Protected Data").is_some()).await;
    assert_eq!(text("h1"), "Signed in");
    assert!(wire(0).await.is_empty(), "a fresh token causes no traffic");
    button("Fetch Protected Data").unwrap().click();
    until("named", || text("h1") == "Signed in as demo").await;
}

#[wasm_bindgen_test]
async fn garbage_in_storage_is_discarded() {
    reset().await;
    for garbage in ["", "{", "null", "[]", r#"{"v":0}"#, r#"{"v":1,"sid":"","user":"","generation":-1}"#] {
        for (area, kind) in
            [("localStorage", "refresh"), ("localStorage", "refresh:b:7"), ("sessionStorage", "access")]
        {
            script::run(&format!(
                "{area}.setItem('yew-jwt-auth:{}:{kind}', '{garbage}')",
                stand::base().as_str()
            ));
        }
        let _page = Page::with_form().await;
        assert!(find(".reason").is_none() && find("[role=alert]").is_none(), "{garbage}");
        // The ledger sweeps after the form is there.
        until("nothing stored", || script::stored() == "[{},{}]").await;
    }
    assert!(wire(0).await.is_empty());
}

#[wasm_bindgen_test]
async fn where_storage_is_denied_the_session_lives_in_memory_with_a_notice() {
    reset().await;
    let denied = Replaced::storage_denied();
    let _page = Page::signed_in().await;
    assert!(text(".notices").starts_with("This browser does not let the page remember you"));
    button("Fetch Protected Data").unwrap().click();
    until("data", || find("pre").is_some()).await;
    button("Logout").unwrap().click();
    until("form", || find("form").is_some()).await;
    drop(denied);
    wire(3).await;
}
