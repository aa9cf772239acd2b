//! The built page's own policy: no script but its own, no server but its API, no frame of another site.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use e2e::browser::{Browser, Engine};
use e2e::page::{LoginPage, Seen};
use e2e::pages::Pages;
use serde_json::Value;

/// An API address without a server. The form needs none.
const NOWHERE: &str = "http://127.0.0.1:9";

const FRAMED: &str =
    "This page does not work inside a page of another site. Open its address in a tab of its own.";

/// Tries what injected script would do. The answers name what the policy forbade.
const ATTACKS: &str = r#"
    const forbidden = [];
    document.addEventListener("securitypolicyviolation", (event) => forbidden.push(event.effectiveDirective));
    const attempt = (what) => { try { what(); } catch (_) { forbidden.push("thrown"); } };
    const add = (name, more) => document.body.append(Object.assign(document.createElement(name), more));
    await fetch(args).catch(() => {});
    attempt(() => add("img", { src: args }));
    attempt(() => add("script", { textContent: "window.injected = true" }));
    attempt(() => add("iframe", { src: args }));
    attempt(() => add("base", { href: args }));
    attempt(() => { document.body.insertAdjacentHTML("beforeend", "<b id=injected>x</b>"); });
    await new Promise((done) => setTimeout(done, 500));
    return [forbidden, window.injected === true, !!document.getElementById("injected"), document.baseURI];"#;

async fn script_of_others_gets_nowhere(engine: Engine) -> Result<()> {
    let (pages, browser) = tokio::try_join!(Pages::of_the_app(NOWHERE), Browser::start(engine))?;
    let page = LoginPage::open(&browser, &pages.origin()).await?;
    page.wait_until("the form", Seen::signed_out).await?;
    ensure!(browser.complaints().await?.is_empty(), "{:?}", browser.complaints().await?);
    let other = Pages::of_the_app(NOWHERE).await?;
    let seen = browser.run(ATTACKS, format!("{}/x", other.origin()).into()).await?;
    let (forbidden, script, markup, base): (Vec<String>, bool, bool, String) =
        serde_json::from_value(seen.clone())?;
    // An older engine has no Trusted Types.
    let has_types = browser.run("return 'trustedTypes' in window", Value::Null).await? == Value::Bool(true);
    ensure!(has_types || engine != Engine::Chromium, "Chromium has no Trusted Types");
    let types = has_types.then_some("require-trusted-types-for");
    for directive in ["connect-src", "img-src", "frame-src", "base-uri"].into_iter().chain(types) {
        ensure!(forbidden.iter().any(|found| found == directive), "{engine:?} allows {directive}: {seen}");
    }
    ensure!(!script, "{engine:?}: an injected script ran");
    ensure!(!markup || !has_types, "{engine:?}: markup from a text was put into the page");
    ensure!(base.starts_with(&pages.origin()), "{engine:?}: {seen}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn script_of_others_gets_nowhere_in_chromium() -> Result<()> {
    script_of_others_gets_nowhere(Engine::Chromium).await
}

#[tokio::test(flavor = "multi_thread")]
async fn script_of_others_gets_nowhere_in_firefox() -> Result<()> {
    script_of_others_gets_nowhere(Engine::Firefox).await
}

#[tokio::test(flavor = "multi_thread")]
async fn script_of_others_gets_nowhere_in_webkit() -> Result<()> {
    script_of_others_gets_nowhere(Engine::WebKit).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_page_of_another_site_cannot_show_the_login_as_its_own() -> Result<()> {
    for engine in Engine::ALL {
        let (pages, browser) = tokio::try_join!(Pages::of_the_app(NOWHERE), Browser::start(engine))?;
        let framing = format!("<!doctype html><iframe src=\"{}/\"></iframe>", pages.origin());
        pages.change(|settings| drop(settings.files.insert("/frame.html".to_owned(), framing)));
        for (origin, alone) in [(format!("http://{}", pages.address()), false), (pages.origin(), true)] {
            browser.driver().goto(&format!("{origin}/frame.html")).await?;
            browser.driver().enter_frame(0).await?;
            let page = LoginPage::of(&browser);
            let seen =
                page.wait_until("the frame", |seen| seen.signed_out() || !seen.alerts.is_empty()).await;
            let seen = seen.with_context(|| format!("{engine:?} {origin}"))?;
            browser.driver().enter_default_frame().await?;
            ensure!(seen.alerts.is_empty() == alone, "{engine:?} {origin}: {seen:#?}");
            ensure!(alone || (seen.alerts == [FRAMED] && seen.boxes.is_empty()), "{engine:?}: {seen:#?}");
        }
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_policy_follows_the_address_of_the_api() -> Result<()> {
    let (pages, browser) = tokio::try_join!(Pages::of_the_app(NOWHERE), Browser::start(Engine::Chromium))?;
    let policies = "return [...document.querySelectorAll('meta[http-equiv=Content-Security-Policy]')].map((it) => it.content)";
    for (api, allowed) in [
        (
            "https://api.example.org/v1",
            format!("connect-src 'self' {} https://api.example.org", pages.origin()),
        ),
        ("/api", format!("connect-src 'self' {0} {0}", pages.origin())),
    ] {
        pages.meta("api-base-url", api);
        let page = LoginPage::open(&browser, &pages.origin()).await?;
        page.wait_until("the form", Seen::signed_out).await?;
        let found = browser.wait_for("the policies", policies, Value::Null, Duration::from_secs(5)).await?;
        let found: Vec<String> = serde_json::from_value(found)?;
        ensure!(found.len() == 2 && found.last() == Some(&allowed), "{api}: {found:#?}");
        ensure!(found.iter().any(|policy| policy.starts_with("default-src 'none'; script-src 'self'")));
    }
    Ok(())
}
