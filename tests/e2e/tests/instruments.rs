//! Tests the test helpers themselves, because a test proves nothing if its helper never reports anything.

use std::time::Duration;

use anyhow::{Result, ensure};
use e2e::browser::{Browser, ColorScheme, Engine, Options};
use e2e::pages::Pages;
use serde_json::{Value, json};

async fn pages(html: &str) -> Result<Pages> {
    let pages = Pages::start("fixtures").await?;
    pages.change(|settings| drop(settings.files.insert("/index.html".to_owned(), html.to_owned())));
    Ok(pages)
}

#[tokio::test(flavor = "multi_thread")]
async fn chromium_reports_complaints_and_emulates_colours_and_denies_storage() -> Result<()> {
    let pages =
        pages("<head></head><script>console.error('canary'); missing(); </script><p>text</p>").await?;
    let browser =
        Browser::with(Engine::Chromium, Options { storage_denied: true, ..Options::default() }).await?;
    browser.open(&pages.origin()).await?;
    reports_complaints(&browser).await?;
    let console = browser.console().await?;
    ensure!(console.iter().any(|line| line.contains("canary")), "{console:?}");

    let path = browser.screenshot("instruments", (320, 640), ColorScheme::Dark).await?;
    // The width and height of a PNG are at bytes 16 to 24.
    let png = std::fs::read(path)?;
    ensure!(png.get(16..24) == Some(&[0, 0, 1, 64, 0, 0, 2, 128]), "320 by 640");
    let dark = browser.run("return matchMedia('(prefers-color-scheme: dark)').matches", Value::Null).await?;
    ensure!(dark == json!(true), "dark");
    for (scheme, forced) in [(ColorScheme::ForcedDark, true), (ColorScheme::Light, false)] {
        browser.emulate((320, 640), scheme).await?;
        let are = browser.run("return matchMedia('(forced-colors: active)').matches", Value::Null).await?;
        ensure!(are == json!(forced), "{scheme:?}");
    }

    is_denied_storage(&browser).await
}

#[tokio::test(flavor = "multi_thread")]
async fn firefox_reports_complaints_and_denies_storage() -> Result<()> {
    let pages = pages("<head></head><script>console.error('canary'); missing(); </script>").await?;
    let browser =
        Browser::with(Engine::Firefox, Options { storage_denied: true, ..Options::default() }).await?;
    browser.open(&pages.origin()).await?;
    reports_complaints(&browser).await?;
    is_denied_storage(&browser).await
}

#[tokio::test(flavor = "multi_thread")]
async fn webkit_reports_complaints_and_denies_storage_to_a_sandboxed_page() -> Result<()> {
    let pages = pages("<head></head><script>console.error('canary'); missing(); </script>").await?;
    let browser = Browser::start(Engine::WebKit).await?;
    browser.open(&pages.origin()).await?;
    reports_complaints(&browser).await?;
    let sandbox = ("content-security-policy".to_owned(), "sandbox allow-scripts allow-forms".to_owned());
    pages.change(|settings| settings.headers.push(sandbox));
    browser.open(&pages.origin()).await?;
    is_denied_storage(&browser).await
}

async fn reports_complaints(browser: &Browser) -> Result<()> {
    let complaints = browser.complaints().await?;
    ensure!(complaints.iter().any(|line| line == "error: canary"), "{complaints:?}");
    ensure!(complaints.iter().any(|line| line.contains("missing")), "{complaints:?}");
    Ok(())
}

async fn is_denied_storage(browser: &Browser) -> Result<()> {
    let denied = "try { localStorage.getItem('x'); return false } catch (error) { return error.name }";
    let error = browser.wait_for("a denial", denied, Value::Null, Duration::from_secs(5)).await?;
    ensure!(error == json!("SecurityError"), "{error}");
    Ok(())
}
