//! Whose session this browser had last, so that a page can show the signed-in view before anything has been looked up.
//!
//! It is a name and no credential: what it says is checked before anything else is shown. `loader.js` reads it too.

use auth::{Area, BaseUrl};

use super::storage;

/// The name of the user whose session this browser has as far as it remembers. A session that `is_shared` with other tabs is
/// known by the profile, because a logout there reaches no tab that is closed. `None` if the tab had another user's: the page has to
/// ask first.
pub(crate) fn read(base: &BaseUrl, is_shared: bool) -> Option<String> {
    // A page that is rendered outside of a browser has no storage.
    if cfg!(not(target_arch = "wasm32")) {
        return None;
    }
    let key = key(base);
    let [tab, profile] = [Area::Tab, Area::Profile].map(|area| storage::read(area, &key).ok().flatten());
    let user = if is_shared { profile } else { tab.clone() }?;
    tab.is_none_or(|tab| tab == user).then_some(user)
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

/// Forgets the user of the session that is over. Another one's name in the profile stays, because that session may live.
pub(crate) fn forget(base: &BaseUrl) {
    let key = key(base);
    let [tab, profile] = [Area::Tab, Area::Profile].map(|area| storage::read(area, &key).ok().flatten());
    let _ = storage::remove(Area::Tab, &key);
    if tab.is_none() || tab == profile {
        let _ = storage::remove(Area::Profile, &key);
    }
}

fn key(base: &BaseUrl) -> String {
    ["yew-jwt-auth:", base.as_str(), ":user"].concat()
}
