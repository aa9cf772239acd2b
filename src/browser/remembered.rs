//! Whose session this browser had last, so that a page can show the signed-in view before anything has been looked up.
//!
//! It is a name and no credential: what it says is checked before anything else is shown. `loader.js` reads it too.

use auth::{Area, BaseUrl};

use super::storage;

/// The name of the user whose session this browser has as far as it remembers. `None` if the tab had another user's: the
/// page has to ask first.
pub(crate) fn read(base: &BaseUrl) -> Option<String> {
    // A page that is rendered outside of a browser has no storage.
    if cfg!(not(target_arch = "wasm32")) {
        return None;
    }
    let key = key(base);
    let [tab, profile] = [Area::Tab, Area::Profile].map(|area| storage::read(area, &key).ok().flatten());
    match (tab, profile) {
        (Some(tab), Some(profile)) => (tab == profile).then_some(tab),
        (tab, profile) => tab.or(profile),
    }
}

/// Remembers `user`, for this tab alone unless the session `is_shared` with others.
pub(crate) fn write(base: &BaseUrl, user: &str, is_shared: bool) {
    let key = key(base);
    // Without storage the page shows its form until it knows better.
    let _ = storage::write(Area::Tab, &key, user);
    if is_shared {
        let _ = storage::write(Area::Profile, &key, user);
    }
}

pub(crate) fn forget(base: &BaseUrl) {
    let key = key(base);
    let _ = storage::remove(Area::Tab, &key);
    let _ = storage::remove(Area::Profile, &key);
}

fn key(base: &BaseUrl) -> String {
    ["yew-jwt-auth:", base.as_str(), ":user"].concat()
}
