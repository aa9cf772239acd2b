//! This page's one connection to the ledger's database: opened when it is first asked for, then
//! kept. An open connection does not keep a page out of the back/forward cache.
//!
//! Browsers have a bug in which a page's first opening is never answered, while a second one is. So a second opening
//! is tried beside one that takes long.

use std::cell::RefCell;

use auth::{Area, LedgerError};
use futures_util::future::{Either, FutureExt as _, select};
use js_sys::Promise;
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::{JsFuture, future_to_promise, spawn_local};
use web_sys::{Event, IdbDatabase, IdbOpenDbRequest};

use crate::browser::storage;
use crate::browser::timer::sleep;

const NAME: &str = "yew-jwt-auth";
pub(super) const STORE: &str = "ledger";

/// How long an opening may take before a second one is tried beside it, in milliseconds.
const SECOND_OPENING: u32 = 600;
/// How long a transaction waits for the connection, in milliseconds: less than its own deadline, so that it is known to
/// have committed nothing.
const PATIENCE: u32 = 1_600;

enum Connection {
    Closed,
    /// Shared by all who wait for it. It goes on when they no longer do, since a browser that is slow
    /// must not be asked again and again.
    Opening(Promise),
    Open(IdbDatabase),
}

thread_local! {
    static CONNECTION: RefCell<Connection> = const { RefCell::new(Connection::Closed) };
    /// Another tab wants to delete or change the database, or the browser has closed it: a
    /// connection that stayed would block the one or fail for ever after the other.
    static ON_CLOSE: Closure<dyn FnMut(Event)> = Closure::new(|event: Event| {
        if let Some(database) = event.target().and_then(|target| target.dyn_into().ok()) {
            let_go(&database);
        }
    });
}

/// The open connection.
pub(super) async fn connect() -> Result<IdbDatabase, LedgerError> {
    let opening = CONNECTION.with_borrow_mut(|connection| match connection {
        Connection::Open(database) => Err(database.clone()),
        Connection::Opening(opening) => Ok(opening.clone()),
        Connection::Closed => {
            let opening = future_to_promise(keep_open());
            *connection = Connection::Opening(opening.clone());
            Ok(opening)
        }
    });
    let opening = match opening {
        Err(database) => return Ok(database),
        Ok(opening) => JsFuture::from(opening),
    };
    let opened = match select(opening, sleep(PATIENCE)).await {
        Either::Left((opened, _)) => opened.map_err(|_| LedgerError::Aborted)?,
        Either::Right(_) => return Err(LedgerError::Broken),
    };
    // Failures are values too, since a rejection that nobody waits for would be reported by the page.
    opened.dyn_into().map_err(|why| match why.as_f64() {
        Some(DENIED) => LedgerError::Denied,
        Some(BROKEN) => LedgerError::Broken,
        _ => LedgerError::Aborted,
    })
}

/// Closes a connection that is of no more use; what runs on it still ends.
pub(super) fn let_go(database: &IdbDatabase) {
    database.set_onversionchange(None);
    database.set_onclose(None);
    database.close();
    CONNECTION.with_borrow_mut(|connection| {
        if matches!(connection, Connection::Open(current) if current == database) {
            *connection = Connection::Closed;
        }
    });
}

/// How a failure is told to all who wait for one opening.
const DENIED: f64 = 1.0;
const BROKEN: f64 = 2.0;

/// Resolves to the connection, or to how it failed.
async fn keep_open() -> Result<JsValue, JsValue> {
    let opened = open_twice().await;
    let (connection, outcome) = match opened {
        Ok(database) => {
            ON_CLOSE.with(|handler| {
                let handler = handler.as_ref().unchecked_ref();
                database.set_onversionchange(Some(handler));
                database.set_onclose(Some(handler));
            });
            (Connection::Open(database.clone()), database.into())
        }
        Err(LedgerError::Denied) => (Connection::Closed, DENIED.into()),
        Err(LedgerError::Broken) => (Connection::Closed, BROKEN.into()),
        Err(LedgerError::Aborted) => (Connection::Closed, JsValue::UNDEFINED),
    };
    CONNECTION.set(connection);
    Ok(outcome)
}

/// What the first of at most two openings comes to.
async fn open_twice() -> Result<IdbDatabase, LedgerError> {
    let first = match select(open().boxed_local(), sleep(SECOND_OPENING)).await {
        Either::Left((opened, _)) => return opened,
        Either::Right(((), first)) => first,
    };
    let (Either::Left((opened, late)) | Either::Right((opened, late))) =
        select(first, open().boxed_local()).await;
    spawn_local(async move {
        // One connection is enough. A second one would block whoever wants to delete the database.
        if let Ok(database) = late.await {
            database.close();
        }
    });
    opened
}

async fn open() -> Result<IdbDatabase, LedgerError> {
    let factory = web_sys::window().and_then(|window| window.indexed_db().ok().flatten());
    let factory = factory.ok_or(LedgerError::Denied)?;
    // Without a version: whatever it is, so that no version can ever be too new.
    let database = opened(factory.open(NAME)).await?;
    if has_store(&database) {
        return Ok(database);
    }
    // Somebody made an empty database of this name; without this it would stay useless for ever.
    let next = database.version() + 1.0;
    database.close();
    let database = opened(factory.open_with_f64(NAME, next)).await?;
    Some(database).filter(has_store).ok_or(LedgerError::Aborted)
}

fn has_store(database: &IdbDatabase) -> bool {
    database.object_store_names().contains(STORE)
}

/// No handler for `blocked`: who waits has a deadline, and an opening that others delay may still
/// succeed for the next one.
async fn opened(request: Result<IdbOpenDbRequest, JsValue>) -> Result<IdbDatabase, LedgerError> {
    let request = request.map_err(|_| LedgerError::Denied)?;
    let create = Closure::once({
        let request = request.clone();
        move || {
            let database = request.result().ok().and_then(|database| database.dyn_into().ok());
            // If it fails, the store is missing afterwards, and that is seen.
            let _ = database.map(|database: IdbDatabase| database.create_object_store(STORE));
        }
    });
    request.set_onupgradeneeded(Some(create.as_ref().unchecked_ref()));
    let done = Promise::new(&mut |resolve, reject| {
        request.set_onsuccess(Some(&resolve));
        request.set_onerror(Some(&reject));
    });
    let done = JsFuture::from(done).await;
    request.set_onupgradeneeded(None);
    drop(create);
    match done {
        Ok(_) => request.result().and_then(JsCast::dyn_into).map_err(|_| LedgerError::Aborted),
        Err(_) => Err(refusal(&request)),
    }
}

/// Where storage is blocked, or in some private windows, the request fails by one of the first names.
/// Chromium blocks by the name that it has for a disk error too, and then blocks `localStorage`. Any other name may
/// be gone at the next try, such as that of an upgrade which another tab's came before.
fn refusal(request: &IdbOpenDbRequest) -> LedgerError {
    let name = request.error().ok().flatten().map(|error| error.name());
    match name.as_deref() {
        Some("SecurityError" | "InvalidStateError") => LedgerError::Denied,
        Some("UnknownError") if storage::read(Area::Profile, "").is_err() => LedgerError::Denied,
        Some("UnknownError" | "QuotaExceededError") => LedgerError::Broken,
        _ => LedgerError::Aborted,
    }
}
