//! Which storage tabs of one origin can share without losing updates.
//!
//! This test is why the ledger is in IndexedDB and not in `localStorage`. Under one exclusive Web Lock
//! `localStorage` loses updates in every engine. A readwrite transaction loses none, with and without
//! locks. The number of lost updates is random, so the test prints it and does not assert it.

use std::path::Path;
use std::time::Instant;

use anyhow::{Context, Result, ensure};
use e2e::browser::{Browser, Engine, Options};
use e2e::pages::Pages;
use e2e::proxy::{Proxy, Route};
use serde_json::{Value, json};
use thirtyfour::WindowHandle;

const TABS: u64 = 3;
const TIMES: u64 = 100;
const ALL: u64 = TABS * TIMES;

#[tokio::test(flavor = "multi_thread")]
async fn only_transactions_are_exact_in_chromium() -> Result<()> {
    only_transactions_are_exact(Engine::Chromium).await
}

#[tokio::test(flavor = "multi_thread")]
async fn only_transactions_are_exact_in_firefox() -> Result<()> {
    only_transactions_are_exact(Engine::Firefox).await
}

#[tokio::test(flavor = "multi_thread")]
async fn only_transactions_are_exact_in_webkit() -> Result<()> {
    only_transactions_are_exact(Engine::WebKit).await
}

async fn only_transactions_are_exact(engine: Engine) -> Result<()> {
    let start = Instant::now();
    let pages = Pages::start(Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures")).await?;
    let to_pages = |host| Route::pages(pages.address()).host(host);
    // Some engines use the proxy for localhost, others do not.
    let proxy = Proxy::with_routes(0, vec![to_pages("app.test"), to_pages("localhost")]).await?;
    let browser =
        Browser::with(engine, Options { proxy: Some(proxy.address()), ..Options::default() }).await?;

    let secure = Tabs::open(&browser, &pages.origin()).await?;
    ensure!(secure.has_locks().await?, "{engine:?}: localhost counts as secure");
    let loose = secure.count("localStorage under a lock").await?;
    let locked = secure.count("IndexedDB under a lock").await?;
    let bare = secure.count("IndexedDB without").await?;

    let plain = Tabs::open(&browser, "http://app.test").await?;
    ensure!(!plain.has_locks().await?, "{engine:?}: plain HTTP has no Web Locks");
    let loose_plain = plain.count("localStorage without").await?;
    let plain = plain.count("IndexedDB without").await?;

    println!(
        "| {engine:?} | of {ALL} increments by {TABS} tabs arrived |\n\
         | localStorage, secure, Web Lock | {loose} |\n\
         | localStorage, plain HTTP | {loose_plain} |\n\
         | IndexedDB, secure, Web Lock | {locked} |\n\
         | IndexedDB, secure | {bare} |\n\
         | IndexedDB, plain HTTP | {plain} |\n\
         ({:.1} s)",
        start.elapsed().as_secs_f32()
    );
    assert_eq!((locked, bare, plain), (ALL, ALL, ALL), "{engine:?}: IndexedDB is exact");
    for arrived in [loose, loose_plain] {
        assert!((1..=ALL).contains(&arrived), "{engine:?}: {arrived} of {ALL}");
    }
    Ok(())
}

struct Tabs<'a> {
    browser: &'a Browser,
    handles: Vec<WindowHandle>,
}

impl<'a> Tabs<'a> {
    async fn open(browser: &'a Browser, origin: &str) -> Result<Self> {
        let mut handles = Vec::new();
        for _ in 0..TABS {
            handles.push(browser.open_tab(&format!("{origin}/coherence.html")).await?);
        }
        Ok(Self { browser, handles })
    }

    async fn has_locks(&self) -> Result<bool> {
        let answer =
            self.browser.run("return navigator.locks !== undefined && isSecureContext", Value::Null).await?;
        answer.as_bool().context("a boolean")
    }

    /// Lets all tabs increment at the same time and returns the counter's final value.
    async fn count(&self, kind: &str) -> Result<u64> {
        for tab in &self.handles {
            self.browser.switch_to(tab).await?;
            self.browser.run("await ready(...args)", json!([kind, TIMES])).await?;
        }
        self.browser.run("fire()", Value::Null).await?;
        for tab in &self.handles {
            self.browser.switch_to(tab).await?;
            self.browser.run("await finished", Value::Null).await?;
        }
        // Tabs may read different values for a while. The largest value is the last one written.
        let mut arrived = 0;
        for tab in &self.handles {
            self.browser.switch_to(tab).await?;
            let seen = self.browser.run("return await read(args)", json!(kind)).await?;
            arrived = arrived.max(seen.as_u64().context("a number")?);
        }
        Ok(arrived)
    }
}
