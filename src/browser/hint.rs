//! Lines in the console for whoever sets up the page or its server.

use std::cell::Cell;

use web_sys::Url;

use super::is_online;

thread_local! {
    static SAID: Cell<bool> = const { Cell::new(false) };
}

/// Says once what a server has to allow, if a server on another origin gave no answer that the page may read. A browser does
/// not tell a page whether the server or its CORS rules are missing. Nothing is said while the device is offline.
pub(super) fn no_answer(url: &str) {
    let Some(window) = web_sys::window().filter(|_| is_online()) else { return };
    let (Ok(server), Ok(page)) = (Url::new(url), window.location().origin()) else { return };
    let server = server.origin();
    if server == page || SAID.replace(true) {
        return;
    }
    let line = [
        &*server,
        " gave no answer that this page may read. If it runs, let its CORS rules allow the origin ",
        &page,
        ", the methods GET, POST and DELETE, the headers authorization, content-type and idempotency-key, and what \
         auth-contract names. If they do, look for a 500 in the server's log, because many servers answer that without CORS headers.",
    ];
    say(&line.concat());
}

/// Writes one line into the console.
pub(super) fn say(line: &str) {
    web_sys::console::warn_1(&["yew-jwt-auth: ", line].concat().into());
}
