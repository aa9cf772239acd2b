//! `localStorage` and `sessionStorage`. Every call can fail.

use auth::{Area, StorageError};
use gloo_storage::{LocalStorage, SessionStorage, Storage as _};
use wasm_bindgen::JsValue;
use web_sys::Storage;

pub(super) fn read(area: Area, key: &str) -> Result<Option<String>, StorageError> {
    open(area)?.get_item(key).map_err(refused)
}

pub(super) fn write(area: Area, key: &str, text: &str) -> Result<(), StorageError> {
    open(area)?.set_item(key, text).map_err(refused)
}

pub(super) fn remove(area: Area, key: &str) -> Result<(), StorageError> {
    open(area)?.remove_item(key).map_err(refused)
}

pub(super) fn keys(area: Area, prefix: &str) -> Result<Vec<String>, StorageError> {
    let storage = open(area)?;
    let mut keys = Vec::new();
    for index in 0..storage.length().map_err(refused)? {
        // `None` if another tab removed an entry during the loop.
        keys.extend(storage.key(index).map_err(refused)?.filter(|key| key.starts_with(prefix)));
    }
    Ok(keys)
}

/// gloo-storage's handle, taken after a probe. This module calls only the handle's fallible methods:
/// gloo-storage's own accessors panic if storage is blocked, or if a damaged profile makes `getItem` throw.
fn open(area: Area) -> Result<Storage, StorageError> {
    let window = web_sys::window().ok_or(StorageError)?;
    let probe = match area {
        Area::Profile => window.local_storage(),
        Area::Tab => window.session_storage(),
    };
    match (probe, area) {
        (Ok(Some(_)), Area::Profile) => Ok(LocalStorage::raw()),
        (Ok(Some(_)), Area::Tab) => Ok(SessionStorage::raw()),
        (Ok(None) | Err(_), _) => Err(StorageError),
    }
}

fn refused(_: JsValue) -> StorageError {
    StorageError
}
