//! Every engine refuses a file with one wrong byte, and a page load sends requests to the page's own
//! origin only.

use anyhow::{Context, Result, ensure};
use e2e::browser::{Browser, Engine};
use e2e::page::{LoginPage, Seen};
use e2e::pages::{Pages, dist, shipped};
use e2e::sentences::CHANGED;
use serde_json::Value;

/// An API address without a server. The form needs none.
const NOWHERE: &str = "http://127.0.0.1:9";

#[tokio::test(flavor = "multi_thread")]
async fn chromium_refuses_one_wrong_byte() -> Result<()> {
    one_wrong_byte_is_refused(Engine::Chromium).await
}

#[tokio::test(flavor = "multi_thread")]
async fn firefox_refuses_one_wrong_byte() -> Result<()> {
    one_wrong_byte_is_refused(Engine::Firefox).await
}

#[tokio::test(flavor = "multi_thread")]
async fn webkit_refuses_one_wrong_byte() -> Result<()> {
    one_wrong_byte_is_refused(Engine::WebKit).await
}

async fn one_wrong_byte_is_refused(engine: Engine) -> Result<()> {
    let (pages, browser) = tokio::try_join!(Pages::of_the_app(NOWHERE), Browser::start(engine))?;
    let page = LoginPage::open(&browser, &pages.origin()).await?;
    page.wait_until("the form of the untouched page", Seen::signed_out).await?;
    let complaints = browser.complaints().await?;
    ensure!(complaints.is_empty(), "{complaints:#?}");
    only_the_own_origin_is_asked(&browser, &pages.origin()).await?;

    // The wasm module is refused, and then the script. The document says so.
    for (extension, text) in [("wasm", "Fetch Protected Data"), ("js", "module_or_path")] {
        tamper(&pages, extension, text)?;
        let page = LoginPage::open(&browser, &pages.origin()).await?;
        let seen = page.wait_until("a word about the file", |seen| !seen.alerts.is_empty()).await?;
        ensure!(seen.alerts == [CHANGED], "{extension}: {seen:#?}");
        ensure!(seen.buttons.is_empty() && seen.boxes.is_empty(), "{extension}: {seen:#?}");
    }
    Ok(())
}

/// Flips a bit of `text` in the one file with this extension. The file stays valid, so that only its
/// integrity differs.
fn tamper(pages: &Pages, extension: &str, text: &str) -> Result<()> {
    let path = shipped(extension)?;
    let bytes = std::fs::read(dist().join(path.trim_start_matches('/')))?;
    let at = bytes.windows(text.len()).position(|window| window == text.as_bytes());
    let at = at.with_context(|| format!("{path} does not hold {text}"))? + text.len() - 1;
    pages.change(|settings| {
        settings.tampered = Some(path);
        settings.tampered_at = Some(at);
    });
    Ok(())
}

async fn only_the_own_origin_is_asked(browser: &Browser, origin: &str) -> Result<()> {
    let script = "return performance.getEntriesByType('resource').map((entry) => entry.name)";
    let names: Vec<String> = serde_json::from_value(browser.run(script, Value::Null).await?)?;
    ensure!(names.iter().any(|name| name.ends_with(".wasm")), "{names:?}");
    let foreign: Vec<_> = names.iter().filter(|name| !name.starts_with(&format!("{origin}/"))).collect();
    ensure!(foreign.iter().all(|name| name.starts_with("data:")), "{foreign:?}");
    Ok(())
}

#[test]
fn the_built_page_names_no_other_origin() -> Result<()> {
    for entry in std::fs::read_dir(dist())? {
        let path = entry?.path();
        let kind = path.extension().and_then(|extension| extension.to_str()).unwrap_or_default();
        if !matches!(kind, "html" | "js") {
            continue;
        }
        let text = std::fs::read_to_string(&path)?;
        for (at, _) in text.match_indices("://") {
            let url = text.get(at.saturating_sub(5)..).unwrap_or_default();
            ensure!(
                url.contains("http://localhost:8000") || url.contains("http://www.w3.org/2000/svg'"),
                "{} names another origin: {}",
                path.display(),
                url.chars().take(60).collect::<String>()
            );
        }
    }
    Ok(())
}
