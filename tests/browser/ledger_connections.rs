//! Tests how the ledger opens its IndexedDB, and opens it again: databases that are denied, hang, are closed or wiped.

use futures_util::FutureExt as _;
use futures_util::future::join_all;
use wasm_bindgen_test::wasm_bindgen_test;
use yew_jwt_auth::auth::LedgerError;

use crate::ledger::{get, put};
use crate::script::{Replaced, run, run_async, until, wipe_ledger as wipe};

/// Records the connections that are opened while the value is held, in the script variable `connections`.
fn connections_seen() -> Replaced {
    run("window.realOpen = IDBFactory.prototype.open; window.connections = []");
    Replaced::new(
        "IDBFactory.prototype",
        "open",
        "value(...from) {
             const opening = realOpen.apply(this, from);
             opening.addEventListener('success', () => connections.push(opening.result));
             return opening;
         }",
    )
}

#[wasm_bindgen_test]
async fn where_the_browser_gives_no_database_the_ledger_is_denied() {
    let denied = "throw new DOMException('denied', 'SecurityError')";
    let request = |name: &str| {
        format!(
            "value: {{open() {{
                 const opening = {{error: new DOMException('', '{name}')}};
                 setTimeout(() => opening.onerror(new Event('error')));
                 return opening;
             }}}}"
        )
    };
    for (descriptor, error) in [
        ("value: undefined".to_owned(), LedgerError::Denied),
        ("value: null".to_owned(), LedgerError::Denied),
        (format!("get() {{ {denied} }}"), LedgerError::Denied),
        (format!("value: {{open() {{ {denied} }}}}"), LedgerError::Denied),
        (request("InvalidStateError"), LedgerError::Denied),
        (request("SecurityError"), LedgerError::Denied),
        (request("UnknownError"), LedgerError::Broken),
        (request("QuotaExceededError"), LedgerError::Broken),
        (request("VersionError"), LedgerError::Aborted),
    ] {
        wipe().await;
        let replaced = Replaced::new("window", "indexedDB", &descriptor);
        assert_eq!(get("k").await, Err(error), "{descriptor}");
        drop(replaced);
        assert_eq!(get("k").await, Ok(None), "and asked again next time");
    }
    // Chromium answers `UnknownError` if the user blocks storage, and then denies `localStorage` too.
    // With `localStorage` available, that name means a broken disk.
    wipe().await;
    let all_storage = Replaced::storage_denied();
    let database = Replaced::new("window", "indexedDB", &request("UnknownError"));
    let error = get("k").await;
    drop(database);
    drop(all_storage);
    assert_eq!(error, Err(LedgerError::Denied));
}

#[wasm_bindgen_test]
async fn a_connection_that_was_closed_is_opened_again() {
    wipe().await;
    let seen = connections_seen();
    put("k", "kept").await;
    for close in ["connections.at(-1).close()", "connections.at(-1).dispatchEvent(new Event('close'))"] {
        run(close);
        assert_eq!(get("k").await, Ok(Some("kept".to_owned())), "{close}");
    }
    assert_eq!(run("return connections.length").as_f64(), Some(3.0));
    drop(seen);
}

#[wasm_bindgen_test]
async fn a_database_that_was_wiped_is_made_anew_and_blocks_nobody() {
    put("k", "gone").await;
    wipe().await;
    assert_eq!(get("k").await, Ok(None));
    put("k", "new").await;
    assert_eq!(get("k").await, Ok(Some("new".to_owned())));
}

#[wasm_bindgen_test]
async fn an_empty_database_of_the_same_name_is_repaired() {
    wipe().await;
    run_async(
        "await new Promise((resolve) => {
             const opening = indexedDB.open('yew-jwt-auth');
             opening.onsuccess = () => { opening.result.close(); resolve(); };
         })",
    )
    .await;
    put("k", "v").await;
    assert_eq!(get("k").await, Ok(Some("v".to_owned())));
    // A database that another version of the page has upgraded to a newer version stays usable.
    run_async(
        "await new Promise((resolve) => {
             const opening = indexedDB.open('yew-jwt-auth', 40);
             opening.onsuccess = () => { opening.result.close(); resolve(); };
         })",
    )
    .await;
    assert_eq!(get("k").await, Ok(Some("v".to_owned())));
    wipe().await;
}

#[wasm_bindgen_test]
async fn an_opening_is_shared_and_survives_who_asked_first() {
    wipe().await;
    let seen = connections_seen();
    let mut first = Box::pin(get("k"));
    assert!((&mut first).now_or_never().is_none());
    let others = join_all([get("k"), get("k")]);
    drop(first);
    assert_eq!(others.await, [Ok(None), Ok(None)]);
    until("one connection", || run("return connections.length").as_f64() == Some(1.0)).await;
    drop(seen);
}

/// From now on the first so many openings are never answered.
fn openings_that_hang(count: u32) -> Replaced {
    run(&format!("window.realOpen = IDBFactory.prototype.open; window.hanging = {count}; window.opened = 0"));
    Replaced::new(
        "IDBFactory.prototype",
        "open",
        "value(...from) {
             opened++;
             return hanging-- > 0 ? {} : realOpen.apply(this, from);
         }",
    )
}

#[wasm_bindgen_test]
async fn a_first_opening_that_is_never_answered_is_tried_a_second_time() {
    wipe().await;
    let hanging = openings_that_hang(1);
    assert_eq!(get("k").await, Ok(None));
    put("k", "v").await;
    assert_eq!(get("k").await, Ok(Some("v".to_owned())));
    assert_eq!(run("return opened").as_f64(), Some(2.0));
    drop(hanging);
}
