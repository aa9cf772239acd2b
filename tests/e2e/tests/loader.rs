//! A page that cannot start says why: one sentence for its visitor, and one line in the console for its owner. A page whose code
//! has stopped says so.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use e2e::browser::{Browser, Engine, Options};
use e2e::page::{LoginPage, Seen};
use e2e::pages::{Fault, Pages, dist, shipped};
use e2e::sentences::CHANGED;
use serde_json::Value;

#[tokio::test(flavor = "multi_thread")]
async fn chromium_says_why_the_page_does_not_start() -> Result<()> {
    each_cause_has_its_sentence(Engine::Chromium).await
}

#[tokio::test(flavor = "multi_thread")]
async fn firefox_says_why_the_page_does_not_start() -> Result<()> {
    each_cause_has_its_sentence(Engine::Firefox).await
}

#[tokio::test(flavor = "multi_thread")]
async fn webkit_says_why_the_page_does_not_start() -> Result<()> {
    each_cause_has_its_sentence(Engine::WebKit).await
}

async fn each_cause_has_its_sentence(engine: Engine) -> Result<()> {
    let browser = Browser::start(engine).await?;
    let wasm = shipped("wasm")?;
    for extension in ["js", "wasm"] {
        let path = shipped(extension)?;
        let name = path.trim_start_matches('/');
        for (fault, sentence, cause) in [
            (Fault::Gone, MISSING, "answered 404"),
            (Fault::Html, WRONG_TYPE, "answered text/html; charset=utf-8"),
            (Fault::Cut, BLOCKED, "is out of reach, but the page is not."),
        ] {
            let cause = format!("{name} {cause}");
            says(&browser, |pages| pages.fail(&path, fault), sentence, &cause).await?;
        }
        let tamper = |pages: &Pages| pages.change(|settings| settings.tampered = Some(path.clone()));
        let cause =
            format!("{name} did not arrive, or does not have the content that this page was built with.");
        says(&browser, tamper, CHANGED, &cause).await?;
    }

    let preload = |script: &'static str| move |pages: &Pages| pages.preload(script);
    // The signed-in view was painted for a remembered session.
    let remembered = |pages: &Pages| {
        pages.preload("for (const area of [localStorage, sessionStorage]) area['yew-jwt-auth:http://127.0.0.1:9:user'] = 'demo'");
        pages.fail(&wasm, Fault::Gone);
    };
    says(&browser, remembered, MISSING, &format!("{} answered 404", wasm.trim_start_matches('/'))).await?;
    says(&browser, preload("delete self.WebAssembly"), NO_WEBASSEMBLY, "There is no WebAssembly.").await?;
    // As an engine does that lacks what the module uses.
    let old =
        "WebAssembly.instantiateStreaming = async () => { throw new WebAssembly.CompileError('unknown') }";
    says(&browser, preload(old), TOO_OLD, "CompileError: unknown").await?;

    let policy = |policy: String| move |pages: &Pages| pages.header("Content-Security-Policy", &policy);
    let no_wasm = policy("script-src 'self' 'unsafe-inline'".to_owned());
    says(&browser, no_wasm, SET_UP, "The policy of this page lacks 'wasm-unsafe-eval'.").await?;
    let forbids = |path: &str, what| {
        format!("The policy of this page forbids {}: {what}", path.trim_start_matches('/'))
    };
    let no_fetch = policy("connect-src 'none'".to_owned());
    says(&browser, no_fetch, SET_UP, &forbids(&shipped("wasm")?, "connect-src")).await?;
    let no_module = |pages: &Pages| {
        let allowed = format!("'unsafe-inline' 'wasm-unsafe-eval' {}/__complaints.js", pages.origin());
        pages.header("Content-Security-Policy", &format!("script-src {allowed}"));
    };
    says(&browser, no_module, SET_UP, &forbids(&shipped("js")?, "script-src-elem")).await?;
    let isolated = policy("sandbox allow-scripts".to_owned());
    says(&browser, isolated, ISOLATED, "The origin of this page is opaque: it gets no files.").await
}

/// Opens a page after `change` and expects one sentence, one line in the console, and no spinner.
async fn says(browser: &Browser, change: impl FnOnce(&Pages), sentence: &str, cause: &str) -> Result<()> {
    let pages = Pages::of_the_app(NOWHERE).await?;
    change(&pages);
    let page = LoginPage::open(browser, &pages.origin()).await?;
    let seen = page.wait_until(cause, |seen| !seen.alerts.is_empty()).await?;
    ensure!(seen.alerts == [sentence] && seen.statuses.is_empty(), "{cause}: {seen:#?}");
    ensure!(browser.run(HEADINGS, Value::Null).await? == "Log in, Log in", "{cause}: {seen:#?}");
    ensure!(spinner(browser).await? == "none", "{cause}: there is a spinner");
    let complaints = browser.complaints().await?;
    let causes = complaints.iter().filter(|line| **line == format!("error: {cause}")).count();
    ensure!(causes == 1, "{cause}: {complaints:#?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_panic_is_told_while_the_page_starts_and_later() -> Result<()> {
    for engine in Engine::ALL {
        let (pages, browser) = tokio::try_join!(Pages::of_the_app(NOWHERE), Browser::start(engine))?;
        let told = async |page: &LoginPage<'_>| {
            let seen = page.wait_until("a word about the panic", |seen| !seen.alerts.is_empty()).await?;
            ensure!(seen.alerts == [STOPPED] && seen.boxes.is_empty(), "{engine:?}: {seen:#?}");
            let headed = "This page has stopped, This page has stopped";
            ensure!(browser.run(HEADINGS, Value::Null).await? == headed, "{engine:?}: {seen:#?}");
            anyhow::Ok(())
        };
        let page = LoginPage::open(&browser, &pages.origin()).await?;
        page.wait_until("the form", Seen::signed_out).await?;
        browser.run(NO_ELEMENTS, Value::Null).await?;
        page.send_form("someone", "secret").await?;
        told(&page).await.context("later")?;

        pages.preload(NO_ELEMENTS);
        let page = LoginPage::open(&browser, &pages.origin()).await?;
        told(&page).await.context("while it starts")?;
        let complaints = browser.complaints().await?;
        ensure!(complaints.iter().any(|line| line.contains("RuntimeError")), "{engine:?}: {complaints:#?}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_document_that_is_older_than_its_files_asks_for_the_reload_that_mends_it() -> Result<()> {
    let (pages, browser) = tokio::try_join!(Pages::of_the_app(NOWHERE), impatient(Engine::Chromium))?;
    // The browser caches the document, but not yet the script.
    let script = shipped("js")?;
    pages.change(|settings| settings.cached = true);
    pages.fail(&script, Fault::Hang);
    let page = LoginPage::begin(&browser, &pages.origin()).await?;
    page.wait_until("the document", Seen::painted).await?;
    browser.driver().goto("about:blank").await?;
    // The page is built anew: its script has another name.
    let read = |name: &str| std::fs::read_to_string(dist().join(name.trim_start_matches('/')));
    let document = read("index.html")?.replace(script.trim_start_matches('/'), "newer.js");
    let newer = read(&script)?;
    pages.change(|settings| {
        settings.files = [("/index.html".to_owned(), document), ("/newer.js".to_owned(), newer)].into();
    });
    pages.fail(&script, Fault::Gone);

    let page = LoginPage::begin(&browser, &pages.origin()).await?;
    let seen = page.wait_until("a word about the update", |seen| !seen.alerts.is_empty()).await?;
    ensure!(seen.alerts == [UPDATED], "{seen:#?}");
    let complaints = browser.complaints().await?.join("\n");
    ensure!(complaints.contains("send it with Cache-Control: no-cache"), "{complaints}");
    browser.reload().await?;
    page.wait_until("the form of the new page", Seen::signed_out).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_connection_that_is_lost_while_the_page_loads_is_told() -> Result<()> {
    let (pages, browser) = tokio::try_join!(Pages::of_the_app(NOWHERE), impatient(Engine::Chromium))?;
    pages.fail(&shipped("wasm")?, Fault::Hang);
    let page = LoginPage::begin(&browser, &pages.origin()).await?;
    page.wait_until("the document", Seen::painted).await?;
    drop(pages);
    let seen = page.wait_until("a word about the connection", |seen| !seen.alerts.is_empty()).await?;
    ensure!(seen.alerts == [LOST], "{seen:#?}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_script_that_hangs_brings_a_hint_which_goes_away_when_the_page_starts() -> Result<()> {
    for engine in Engine::ALL {
        let (pages, browser) = tokio::try_join!(Pages::of_the_app(NOWHERE), impatient(engine))?;
        let script = shipped("js")?;
        pages.fail(&script, Fault::Hang);
        let page = LoginPage::begin(&browser, &pages.origin()).await?;
        page.wait_until("no hint yet", |seen| seen.painted() && seen.statuses.is_empty()).await?;
        hint(&browser).await.with_context(|| format!("{engine:?}"))?;
        pages.change(|settings| settings.faults.clear());
        let seen = page.wait_until("the form", Seen::signed_out).await?;
        ensure!(!seen.text.contains("Loading"), "{engine:?}: {seen:#?}");
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_against_inline_scripts_costs_the_sentence_and_leaves_the_hint() -> Result<()> {
    let browser = Browser::start(Engine::Chromium).await?;
    let pages = Pages::of_the_app(NOWHERE).await?;
    // A policy without the hashes of the inline scripts.
    let policy = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'unsafe-inline'; connect-src 'self' http://127.0.0.1:9; img-src data:";
    pages.header("Content-Security-Policy", policy);
    let page = LoginPage::begin(&browser, &pages.origin()).await?;
    page.wait_until("the form", Seen::signed_out).await?;
    let complaints = browser.complaints().await?;
    ensure!(complaints == ["policy: script-src-elem inline"; 2], "{complaints:#?}");

    for policy in
        ["script-src 'self'; style-src 'unsafe-inline'", "default-src 'none'; style-src 'unsafe-inline'"]
    {
        let pages = Pages::of_the_app(NOWHERE).await?;
        pages.header("Content-Security-Policy", policy);
        LoginPage::begin(&browser, &pages.origin()).await?;
        hint(&browser).await.context(policy)?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_against_its_style_leaves_the_page_working_with_its_hint_at_once() -> Result<()> {
    let browser = impatient(Engine::Chromium).await?;
    let pages = Pages::of_the_app(NOWHERE).await?;
    pages.header("Content-Security-Policy", "style-src 'none'");
    let script = shipped("js")?;
    pages.fail(&script, Fault::Hang);
    let page = LoginPage::begin(&browser, &pages.origin()).await?;
    page.wait_until("the hint", |seen| seen.statuses == [HINT]).await?;
    pages.change(|settings| settings.faults.clear());
    page.wait_until("the form", Seen::signed_out).await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_browser_without_scripts_says_so_and_loads_nothing() -> Result<()> {
    let (pages, browser) = tokio::try_join!(Pages::of_the_app(NOWHERE), Browser::start(Engine::Chromium))?;
    pages.header("Content-Security-Policy", "sandbox allow-same-origin");
    let page = LoginPage::begin(&browser, &pages.origin()).await?;
    let seen = page.wait_until("the sentence", |seen| !seen.alerts.is_empty()).await?;
    ensure!(seen.alerts == [NO_SCRIPTS] && seen.statuses.is_empty(), "{seen:#?}");
    Ok(())
}

/// Waits for the hint, and until the spinner has stopped.
async fn hint(browser: &Browser) -> Result<()> {
    let page = LoginPage::of(browser);
    page.wait_until("the hint", |seen| seen.statuses == [HINT]).await?;
    let stopped = "return document.getAnimations().every((it) => it.playState === 'finished')";
    browser.wait_for("the spinner's end", stopped, Value::Null, Duration::from_secs(20)).await?;
    Ok(())
}

/// The content of the spinner's pseudo-element: `none` if there is no spinner.
async fn spinner(browser: &Browser) -> Result<Value> {
    let script = "const boot = document.getElementById('boot');
        return boot ? getComputedStyle(boot, '::before').content : 'none'";
    browser.run(script, Value::Null).await
}

async fn impatient(engine: Engine) -> Result<Browser> {
    Browser::with(engine, Options { impatient: true, ..Options::default() }).await
}

/// An API address without a server. The form needs none.
const NOWHERE: &str = "http://127.0.0.1:9";
const HINT: &str = "Loading… If this takes long, check your connection or reload the page. It needs JavaScript and WebAssembly.";
/// Yew panics if the browser takes no element.
const NO_ELEMENTS: &str = "Node.prototype.insertBefore = () => { throw new Error('no element') }";
/// The page's title and heading.
const HEADINGS: &str = "return document.title + ', ' + document.querySelector('h1').textContent";
const STOPPED: &str = "Something went wrong in this page. Reload it to go on.";
const NO_SCRIPTS: &str = "This page needs JavaScript. Allow it for this page, then reload.";
const NO_WEBASSEMBLY: &str = "This browser has no WebAssembly, or it is switched off, as in Lockdown Mode. Allow it for this page, or use another browser.";
const TOO_OLD: &str = "This browser is too old for this page. Update it, or use another.";
const SET_UP: &str = "This page is not set up correctly: tell whoever runs this page.";
const ISOLATED: &str = "This page does not work inside a frame that isolates it, or as a file. Open its address in a tab of its own.";
const LOST: &str = "The connection was lost. Check it, then reload this page.";
const UPDATED: &str = "This page was updated. Reload it.";
const BLOCKED: &str =
    "Something in this browser or network blocks a file of this page. Allow it, then reload the page.";
const MISSING: &str = "A file of this page is missing. Try again later, or tell whoever runs this page.";
const WRONG_TYPE: &str = "The server sent something else in place of a file of this page. Try again later, or tell whoever runs this page.";
