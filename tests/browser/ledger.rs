//! Tests the ledger's guarantees (`Platform::transact`) on a real IndexedDB.

use std::cell::Cell;
use std::rc::Rc;

use futures_util::FutureExt as _;
use futures_util::future::{Either, join_all, select};
use wasm_bindgen_futures::JsFuture;
use wasm_bindgen_test::wasm_bindgen_test;
use yew_jwt_auth::Browser;
use yew_jwt_auth::auth::{LedgerError, Platform as _};

use crate::script::{Frame, Replaced, run, run_async, wipe_ledger as wipe};

async fn ledger<T: 'static>(
    keys: &[&str],
    decide: impl FnOnce(&mut [Option<String>]) -> T + 'static,
) -> Result<T, LedgerError> {
    let decided = Rc::new(Cell::new(None));
    let slot = Rc::clone(&decided);
    let keys = keys.iter().map(|&key| key.to_owned()).collect();
    Browser.transact(keys, Box::new(move |entries| slot.set(Some(decide(entries))))).await?;
    Ok(decided.take().expect("what is committed was decided"))
}

pub(crate) async fn put(key: &str, text: &str) {
    let text = text.to_owned();
    ledger(&[key], move |entries| entries[0] = Some(text)).await.unwrap();
}

pub(crate) async fn get(key: &str) -> Result<Option<String>, LedgerError> {
    ledger(&[key], |entries| entries[0].clone()).await
}

/// Adds one to the counter in the first entry.
fn count(entries: &mut [Option<String>]) {
    let before: u32 = entries[0].as_deref().map_or(0, |text| text.parse().unwrap());
    entries[0] = Some((before + 1).to_string());
}

#[wasm_bindgen_test]
async fn what_is_put_is_read_and_what_is_set_to_none_is_deleted() {
    wipe().await;
    put("a", "1").await;
    put("b", "\u{96fb} \"").await;
    let seen = ledger(&["b", "a", "c"], |entries| {
        let seen = entries.to_vec();
        entries[1] = None;
        entries[2] = Some(String::new());
        seen
    });
    assert_eq!(seen.await.unwrap(), [Some("\u{96fb} \"".to_owned()), Some("1".to_owned()), None]);
    assert_eq!(get("a").await, Ok(None));
    assert_eq!(get("b").await, Ok(Some("\u{96fb} \"".to_owned())));
    assert_eq!(get("c").await, Ok(Some(String::new())));
    assert_eq!(ledger(&[], |entries| entries.len()).await, Ok(0));
}

#[wasm_bindgen_test]
async fn interleaved_transactions_of_two_documents_lose_nothing() {
    wipe().await;
    put("n", "0").await;
    let _frame = Frame::open();
    run("window.other = new Promise((resolve, reject) => {
             const opening = frame.indexedDB.open('yew-jwt-auth');
             opening.onerror = reject;
             opening.onsuccess = () => {
                 const database = opening.result;
                 let left = 100;
                 const next = () => {
                     if (left-- === 0) return database.close(), resolve();
                     const transaction = database.transaction('ledger', 'readwrite');
                     const store = transaction.objectStore('ledger');
                     store.get('n').onsuccess = (e) => store.put(String(Number(e.target.result) + 1), 'n');
                     transaction.oncomplete = next;
                     transaction.onabort = reject;
                 };
                 next();
             };
         })");
    for _ in 0..10 {
        let batch = join_all((0..10).map(|_| ledger(&["n"], count))).await;
        assert!(batch.iter().all(Result::is_ok), "{batch:?}");
    }
    run_async("await window.other").await;
    assert_eq!(get("n").await, Ok(Some("200".to_owned())));
}

#[wasm_bindgen_test]
async fn a_transaction_that_is_dropped_before_it_decided_decides_nothing() {
    put("k", "old").await;
    let decided = Rc::new(Cell::new(false));
    let decides = Rc::clone(&decided);
    let mut transaction = Box::pin(ledger(&["k"], move |entries| {
        decides.set(true);
        entries[0] = Some("new".to_owned());
    }));
    assert!((&mut transaction).now_or_never().is_none(), "it is under way");
    drop(transaction);
    assert_eq!(get("k").await, Ok(Some("old".to_owned())));
    assert!(!decided.get());
}

#[wasm_bindgen_test]
async fn a_transaction_that_is_dropped_after_it_decided_commits_nothing() {
    put("k", "old").await;
    let decided = js_sys::Promise::new(&mut |resolve, _| {
        js_sys::Reflect::set(&js_sys::global(), &"decided".into(), &resolve).unwrap();
    });
    let transaction = Box::pin(ledger(&["k"], |entries| {
        entries[0] = Some("new".to_owned());
        run("decided()");
    }));
    match select(JsFuture::from(decided), transaction).await {
        Either::Left((_, transaction)) => drop(transaction),
        Either::Right(_) => panic!("the commit takes longer than the decision"),
    }
    assert_eq!(get("k").await, Ok(Some("old".to_owned())));
}

#[wasm_bindgen_test]
async fn deciding_happens_in_the_task_of_the_last_read() {
    put("k", "old").await;
    run("window.log = []; window.realGet = IDBObjectStore.prototype.get");
    let traced = Replaced::new(
        "IDBObjectStore.prototype",
        "get",
        "value(key) {
             const read = realGet.call(this, key);
             read.addEventListener('success', () => {
                 log.push('read ' + key);
                 const channel = new MessageChannel();
                 channel.port1.onmessage = () => { log.push('next task'); channel.port1.close(); };
                 channel.port2.postMessage(0);
             });
             return read;
         }",
    );
    ledger(&["j", "k"], |entries| {
        run("log.push('decided')");
        entries[1] = Some("new".to_owned());
    })
    .await
    .unwrap();
    drop(traced);
    let log = run("return log.join()").as_string().unwrap();
    assert!(log.contains("read k,decided"), "{log}");
    assert_eq!(log.matches("decided").count(), 1);
}

#[wasm_bindgen_test]
async fn a_write_that_fails_aborts_everything() {
    put("a", "old").await;
    put("b", "old").await;
    run("window.realPut = IDBObjectStore.prototype.put");
    let failing = Replaced::new(
        "IDBObjectStore.prototype",
        "put",
        "value(value, key) {
             if (key === 'b') throw new DOMException('full', 'QuotaExceededError');
             return realPut.call(this, value, key);
         }",
    );
    let both = |entries: &mut [Option<String>]| entries.fill(Some("new".to_owned()));
    assert_eq!(ledger(&["a", "b"], both).await, Err(LedgerError::Aborted));
    drop(failing);
    assert_eq!(get("a").await, Ok(Some("old".to_owned())));
}

#[wasm_bindgen_test]
async fn an_abort_by_the_browser_is_an_error_after_the_decision() {
    put("a", "old").await;
    run("window.realPut = IDBObjectStore.prototype.put");
    let aborting = Replaced::new(
        "IDBObjectStore.prototype",
        "put",
        "value(value, key) {
             const writing = realPut.call(this, value, key);
             writing.onsuccess = () => this.transaction.abort();
             return writing;
         }",
    );
    assert_eq!(ledger(&["a"], count_from_nothing).await, Err(LedgerError::Aborted));
    drop(aborting);
    assert_eq!(get("a").await, Ok(Some("old".to_owned())));
}

fn count_from_nothing(entries: &mut [Option<String>]) {
    entries[0] = Some("1".to_owned());
}

#[wasm_bindgen_test]
async fn a_disk_without_room_is_told_from_an_abort() {
    put("a", "old").await;
    for (name, error) in [("QuotaExceededError", LedgerError::Broken), ("UnknownError", LedgerError::Aborted)]
    {
        let failed = Replaced::new(
            "IDBTransaction.prototype",
            "error",
            &format!("get() {{ return new DOMException('', '{name}') }}"),
        );
        let aborting =
            Replaced::new("IDBObjectStore.prototype", "put", "value() { this.transaction.abort(); }");
        assert_eq!(ledger(&["a"], count_from_nothing).await, Err(error), "{name}");
        drop((failed, aborting));
        assert_eq!(get("a").await, Ok(Some("old".to_owned())));
    }
}

#[wasm_bindgen_test]
async fn what_is_no_text_is_nothing() {
    put("k", "text").await;
    run_async(
        "await new Promise((resolve) => {
             const opening = indexedDB.open('yew-jwt-auth');
             opening.onsuccess = () => {
                 const transaction = opening.result.transaction('ledger', 'readwrite');
                 transaction.objectStore('ledger').put({not: 'text'}, 'k');
                 transaction.oncomplete = () => { opening.result.close(); resolve(); };
             };
         })",
    )
    .await;
    assert_eq!(get("k").await, Ok(None));
}

#[wasm_bindgen_test]
async fn a_commit_is_durable_before_it_is_told() {
    wipe().await;
    run("window.realTransaction = IDBDatabase.prototype.transaction");
    let traced = Replaced::new(
        "IDBDatabase.prototype",
        "transaction",
        "value(...from) {
             window.begun = realTransaction.apply(this, from);
             return begun;
         }",
    );
    put("k", "v").await;
    drop(traced);
    assert_eq!(run("return begun.mode").as_string().as_deref(), Some("readwrite"));
    // An engine without the option has no such property.
    let durability = run("return begun.durability ?? 'strict'").as_string();
    assert_eq!(durability.as_deref(), Some("strict"));
}
