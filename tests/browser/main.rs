//! What only a browser can tell: its storage, its `fetch`, its DOM, and the order of requests that a
//! real server sees. `cargo xtask test` runs this in headless Chromium and Firefox, against the real
//! server behind the fault proxy (`stand`).
#![cfg(target_arch = "wasm32")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may stop at what it does not expect"
)]

mod channel;
mod ledger;
mod lock;
mod own_sessions;
mod page;
mod platform;
mod resume;
mod script;
mod stand;
mod wire;

wasm_bindgen_test::wasm_bindgen_test_configure!(run_in_browser);
