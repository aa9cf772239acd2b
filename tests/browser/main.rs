//! Tests that need a browser: its storage, its `fetch`, its DOM, and the order of requests that a real
//! server receives. `cargo xtask test` runs them in headless Chromium and Firefox, against the real
//! server behind the fault proxy (`tests/e2e/src/bin/stand.rs`).
#![cfg(target_arch = "wasm32")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may stop at what it does not expect"
)]

mod borders;
mod channel;
mod countdowns;
mod data;
mod ledger;
mod ledger_connections;
mod lock;
mod mounted;
mod other_apps;
mod other_tabs;
mod own_sessions;
mod page;
mod platform;
mod platform_storage;
mod resume;
mod script;
mod stand;
mod storage;
mod wire;

wasm_bindgen_test::wasm_bindgen_test_configure!(run_in_browser);
