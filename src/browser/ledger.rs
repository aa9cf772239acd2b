//! The ledger: one object store of IndexedDB, string keys to string values.
//!
//! Between tabs `localStorage` is not coherent, not even under a Web Lock; a readwrite transaction is
//! (measured in three engines). The binding is our own because the kept crates hide `durability`
//! behind an unstable flag of web-sys, and because they resume a future after each read: here what
//! decides is called by the read's own event, whoever polls what and when.

mod connection;

use std::cell::Cell;
use std::rc::Rc;

use auth::{Decide, LedgerError};
use js_sys::{Object, Promise, Reflect};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::{IdbDatabase, IdbObjectStore, IdbRequest, IdbTransaction};

use connection::{STORE, connect, let_go};

#[wasm_bindgen]
extern "C" {
    #[wasm_bindgen(extends = IdbDatabase)]
    type Database;

    #[wasm_bindgen(method, catch, js_name = transaction)]
    fn begin(this: &Database, store: &str, mode: &str, options: &Object) -> Result<IdbTransaction, JsValue>;
}

/// See [`Platform::transact`](auth::Platform::transact).
pub(super) async fn transact(keys: Vec<String>, decide: Decide) -> Result<(), LedgerError> {
    if keys.is_empty() {
        decide(&mut []);
        return Ok(());
    }
    let (transaction, store) = begin().await?;
    let ended = ended(&transaction);
    let aborted = transaction.clone();
    let mut running = Running { transaction: Some(transaction.clone()), last_read: None };
    let reads: Result<Vec<IdbRequest>, _> = keys.iter().map(|key| store.get(&key.into())).collect();
    let reads = reads.map_err(|_| LedgerError::Aborted)?;
    let last = reads.last().cloned().ok_or(LedgerError::Aborted)?;
    let decided = Rc::new(Cell::new(false));
    let noted = Rc::clone(&decided);
    // Requests succeed in the order in which they were made, so the last success means all of them;
    // a read that fails aborts the transaction.
    let on_read = Closure::once(move || {
        let mut entries: Vec<_> = reads.iter().map(text).collect();
        let before = entries.clone();
        decide(&mut entries);
        match write(&store, &keys, &before, &entries) {
            Ok(()) => noted.set(true),
            Err(_) => drop(transaction.abort()),
        }
    });
    last.set_onsuccess(Some(on_read.as_ref().unchecked_ref()));
    running.last_read = Some((last, on_read));
    let committed = ended.await;
    running.transaction = None;
    match committed {
        Ok(_) if decided.get() => Ok(()),
        Ok(_) => Err(LedgerError::Aborted),
        Err(_) => Err(reason(&aborted, decided.get())),
    }
}

/// Why the browser aborted it: for want of room, or because what is stored cannot be read.
fn reason(aborted: &IdbTransaction, decided: bool) -> LedgerError {
    match aborted.error().map(|error| error.name()).as_deref() {
        Some("QuotaExceededError") => LedgerError::Broken,
        Some("UnknownError") if !decided => LedgerError::Broken,
        _ => LedgerError::Aborted,
    }
}

/// A transaction on the open connection. One that was closed under us, or whose database was wiped,
/// is replaced once.
async fn begin() -> Result<(IdbTransaction, IdbObjectStore), LedgerError> {
    for _ in 0..2 {
        let database = connect().await?;
        match begin_on(&database) {
            Ok(begun) => return Ok(begun),
            Err(_) => let_go(&database),
        }
    }
    Err(LedgerError::Aborted)
}

fn begin_on(database: &IdbDatabase) -> Result<(IdbTransaction, IdbObjectStore), JsValue> {
    let options = Object::new();
    // A commit that a crash takes back would bring a spent token back.
    Reflect::set(&options, &"durability".into(), &"strict".into())?;
    let transaction = database.unchecked_ref::<Database>().begin(STORE, "readwrite", &options)?;
    let store = transaction.object_store(STORE)?;
    Ok((transaction, store))
}

/// Resolves when the transaction is committed, rejects when it is aborted. The handlers are the
/// promise's own functions, so there is nothing to free; one of the two events always comes.
fn ended(transaction: &IdbTransaction) -> JsFuture {
    Promise::new(&mut |resolve, reject| {
        transaction.set_oncomplete(Some(&resolve));
        transaction.set_onabort(Some(&reject));
    })
    .into()
}

/// What cannot be read as text was not written here: as good as nothing.
fn text(read: &IdbRequest) -> Option<String> {
    read.result().ok()?.as_string()
}

fn write(
    store: &IdbObjectStore,
    keys: &[String],
    before: &[Option<String>],
    after: &[Option<String>],
) -> Result<(), JsValue> {
    for ((key, before), after) in keys.iter().zip(before).zip(after) {
        if before == after {
            continue;
        }
        match after {
            Some(text) => store.put_with_key(&text.into(), &key.into())?,
            None => store.delete(&key.into())?,
        };
    }
    Ok(())
}

/// Aborts the transaction when nobody waits for it any longer.
struct Running {
    transaction: Option<IdbTransaction>,
    last_read: Option<(IdbRequest, Closure<dyn FnMut()>)>,
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some((request, _)) = &self.last_read {
            request.set_onsuccess(None);
        }
        if let Some(transaction) = &self.transaction {
            // It may have ended by itself meanwhile.
            let _ = transaction.abort();
        }
    }
}
