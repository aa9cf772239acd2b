//! Tests what the page makes of its storage, and of what other tabs did to it.

use wasm_bindgen_test::wasm_bindgen_test;

use crate::page::{Page, button, find, focused, input, text};
use crate::script::{self, Replaced, until};
use crate::stand::{self, api, reset, wire};

/// A script that removes every row from the ledger, as another tab's wipe of the site's data does, and
/// tells the tabs.
fn wiped_ledger(now: &str) -> String {
    format!(
        "await new Promise((resolve, reject) => {{
             const opening = indexedDB.open('yew-jwt-auth');
             opening.onsuccess = () => {{
                 const database = opening.result;
                 const transaction = database.transaction('ledger', 'readwrite');
                 transaction.objectStore('ledger').clear();
                 transaction.onabort = reject;
                 transaction.oncomplete = () => {{ database.close(); resolve(); }};
             }};
         }});
         const channel = new BroadcastChannel('{now}'.replace(/now$/, 'tabs'));
         channel.postMessage(JSON.stringify({{v: 1, say: 'Changed'}}));
         channel.close()"
    )
}

#[wasm_bindgen_test]
async fn another_user_who_signs_in_in_another_tab_is_named_and_taken_up_when_asked() {
    stand::signed_in().await;
    let page = Page::open(api());
    until("signed in", || button("Fetch Protected Data").is_some()).await;
    let now = format!("yew-jwt-auth:{}:now", stand::base().as_str());
    // Writes what the other tab's login writes into the ledger, and posts its message.
    script::run_async(&another_login(&now)).await;
    until("named", || button("Continue as \u{96fb}").is_some()).await;
    let sentence = "Another tab of this browser signed in as \u{96fb}, which ended your session here. \
                    Continue as that user, or log in again.";
    assert_eq!(text(".elsewhere [role=alert]"), sentence);
    assert!(find("form").is_some() && find("pre").is_none() && button("Logout").is_none());
    let form = find("form").unwrap();
    Page::fill("somebody", "typed so far");
    input("password").focus().unwrap();
    script::run("window.dispatchEvent(new PageTransitionEvent('pagehide', {persisted: true}))");
    until("concealed", || find(".elsewhere").is_none()).await;
    script::run("window.dispatchEvent(new PageTransitionEvent('pageshow', {persisted: true}))");
    until("named again", || find(".elsewhere").is_some()).await;
    let untouched = || {
        assert_eq!(find("form").unwrap(), form, "the very element");
        assert_eq!(input("username").value(), "somebody");
        assert_eq!(input("password").value(), "typed so far");
        assert_eq!(focused(), "password");
    };
    untouched();
    script::run_async(&wiped_ledger(&now)).await;
    until("nobody any more", || find(".elsewhere").is_none()).await;
    untouched();
    drop(page);
}

/// A script that copies the session's row to another user, makes the copy current and tells the tabs.
fn another_login(now: &str) -> String {
    format!(
        "await new Promise((resolve, reject) => {{
             const opening = indexedDB.open('yew-jwt-auth');
             opening.onsuccess = () => {{
                 const database = opening.result;
                 const transaction = database.transaction('ledger', 'readwrite');
                 const store = transaction.objectStore('ledger');
                 store.get('{now}').onsuccess = (read) => {{
                     const now = JSON.parse(read.target.result);
                     const key = (sid) => '{now}'.replace(/now$/, 'row:' + sid);
                     store.get(key(now.sid)).onsuccess = (read) => {{
                         const row = {{...JSON.parse(read.target.result), sid: 'b', sub: '\u{96fb}', who: null}};
                         store.put(JSON.stringify(row), key('b'));
                         store.put(JSON.stringify({{...now, sid: 'b'}}), '{now}');
                     }};
                 }};
                 transaction.onabort = reject;
                 transaction.oncomplete = () => {{ database.close(); resolve(); }};
             }};
         }});
         const channel = new BroadcastChannel('{now}'.replace(/now$/, 'tabs'));
         channel.postMessage(JSON.stringify({{v: 1, say: 'Changed'}}));
         channel.close()"
    )
}

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
