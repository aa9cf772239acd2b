//! Tests what the page makes of what other tabs did.

use wasm_bindgen_test::wasm_bindgen_test;

use crate::mounted::{Page, button, find, focused, input, text};
use crate::script::{self, until};
use crate::stand::{self, api};

#[wasm_bindgen_test]
async fn another_user_who_signs_in_in_another_tab_is_named_and_taken_up_when_asked() {
    stand::signed_in().await;
    let page = Page::open(api());
    until("signed in", || button("Fetch Protected Data").is_some()).await;
    in_another_tab(ANOTHER_LOGIN).await;
    until("named", || button("Continue as \u{96fb}").is_some()).await;
    let sentence = "Another tab of this browser is signed in as \u{96fb}, so you are not signed in here. \
                    Continue as that user, or log in again.";
    assert_eq!(text(".elsewhere [role=alert]"), sentence);
    assert!(find("form").is_some() && find("pre").is_none() && button("Logout").is_none());
    let form = find("form").unwrap();
    Page::fill("somebody", "typed so far");
    input("password").focus().unwrap();
    script::page_event("pagehide");
    until("concealed", || find(".elsewhere").is_none()).await;
    script::page_event("pageshow");
    until("named again", || find(".elsewhere").is_some()).await;
    let untouched = || {
        assert_eq!(find("form").unwrap(), form, "the very element");
        assert_eq!(input("username").value(), "somebody");
        assert_eq!(input("password").value(), "typed so far");
        assert_eq!(focused(), "password");
    };
    untouched();
    in_another_tab(WIPE).await;
    until("nobody any more", || find(".elsewhere").is_none()).await;
    untouched();
    drop(page);
}

/// Removes every row, as another tab's wipe of the site's data does.
const WIPE: &str = "store.clear();";

/// Copies the session's row to another user, and makes the copy current.
const ANOTHER_LOGIN: &str = "
    store.get(name).onsuccess = (read) => {
        const now = JSON.parse(read.target.result);
        const key = (sid) => name.replace(/now$/, 'row:' + sid);
        store.get(key(now.sid)).onsuccess = (read) => {
            const row = {...JSON.parse(read.target.result), sid: 'b', sub: '\u{96fb}', who: null};
            store.put(JSON.stringify(row), key('b'));
            store.put(JSON.stringify({...now, sid: 'b'}), name);
        };
    };";

/// Makes `change` in one ledger transaction, as another tab does, and tells the tabs.
async fn in_another_tab(change: &str) {
    let name = format!("yew-jwt-auth:{}:now", stand::base().as_str());
    let script = format!(
        "const name = '{name}';
         await new Promise((resolve, reject) => {{
             const opening = indexedDB.open('yew-jwt-auth');
             opening.onsuccess = () => {{
                 const database = opening.result;
                 const transaction = database.transaction('ledger', 'readwrite');
                 const store = transaction.objectStore('ledger');
                 {change}
                 transaction.onabort = reject;
                 transaction.oncomplete = () => {{ database.close(); resolve(); }};
             }};
         }});
         const channel = new BroadcastChannel(name.replace(/now$/, 'tabs'));
         channel.postMessage(JSON.stringify({{v: 1, say: 'Changed'}}));
         channel.close()"
    );
    script::run_async(&script).await;
}
