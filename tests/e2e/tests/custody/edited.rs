//! Records and ledger that somebody has edited.

use anyhow::{Context, Result, ensure};
use e2e::browser::Engine;
use e2e::page::{FETCH, LoginPage, Seen};
use e2e::proxy::Rule;
use e2e::scene::{PASSWORD, Scene, USERNAME, refused};
use serde_json::json;

#[tokio::test(flavor = "multi_thread")]
async fn what_was_done_to_the_records_leads_to_the_form_at_worst() -> Result<()> {
    let scene = Scene::start(Engine::Chromium).await?;
    let page = scene.form().await?;
    let set = "
        for (const name of [':refresh', ':refresh:s:0']) localStorage.setItem(args[0] + name, args[1]);
        sessionStorage.setItem(args[0] + ':access', args[1]);
    ";
    let prefix = format!("yew-jwt-auth:{}", scene.proxy.url());
    for garbage in [
        "",
        "{",
        "null",
        "[]",
        "0",
        "<b>",
        "{\"v\":1}",
        r#"{"v":2,"sid":"s","user":"u","generation":0,"refresh_token":"r","access_token":"a","received":0,"lifetime":1,"alone":false}"#,
        r#"{"v":1,"sid":"s","user":"u","generation":-1,"refresh_token":"r","access_token":"a","received":0,"lifetime":1,"alone":false}"#,
        r#"{"v":1,"sid":"s","user":"u","generation":1e400,"refresh_token":"r","access_token":"a","received":-1,"lifetime":1,"alone":false}"#,
        r#"{"v":1,"sid":"","user":"u","generation":0,"refresh_token":"r\n","access_token":"a\r\nb: c","received":0,"lifetime":1,"alone":true}"#,
    ] {
        scene.browser.run(set, json!([prefix, garbage])).await?;
        scene.reload().await?;
        let seen = page.wait_until("the form", Seen::signed_out).await?;
        ensure!(seen.alerts.is_empty() && seen.statuses.is_empty(), "{garbage}: {seen:#?}");
        ensure!(scene.stored().await?.is_empty(), "{garbage}: {:?}", scene.stored().await?);
        scene.ensure_quiet().await.context(garbage)?;
    }
    scene.ensure_wire(&[])?;

    // Readable records that contradict the server. At worst the page asks the server and shows the form.
    for (kind, change) in [
        ("refresh", "record.refresh_token = 'another'"),
        ("refresh", "record.refresh_token = record.refresh_token.slice(0, -1)"),
        ("refresh", "record.generation = 4294967295"),
        ("refresh", "record.v = 1"),
        ("refresh", "for (const name in record) delete record[name]"),
        ("refresh", "record.sid = 'another'"),
        ("refresh", "record.user = '<img src=x onerror=alert(1)>'"),
        ("refresh", "record.extra = {deep: [1]}"),
        ("access", "record.access_token = 'another'"),
        ("access", "record.received = 9007199254740991"),
        ("access", "record.lifetime = 0"),
        ("access", "record.generation = 7"),
        ("access", "record.alone = true"),
    ] {
        let case = async {
            let page = scene.signed_in().await?;
            scene.edit(kind, change).await?;
            let seen = reload_and_use(&scene, &page).await?;
            ensure!(
                !seen.text.contains('<') || seen.text.contains("<img src=x onerror=alert(1)>"),
                "{seen:#?}"
            );
            scene.ensure_quiet().await
        };
        case.await.with_context(|| format!("{kind}: {change}"))?;
    }
    Ok(())
}

/// Reloads the page after an edit, and fetches if it is signed in. Fails unless the page then shows data or
/// the form, after four requests at most.
async fn reload_and_use(scene: &Scene, page: &LoginPage<'_>) -> Result<Seen> {
    scene.reload().await?;
    let seen = page.wait_until("a page", |seen| seen.signed_in() || seen.signed_out()).await?;
    if seen.signed_in() {
        page.press_and_settle(FETCH).await?;
    }
    let seen = page.wait_until("rest", |seen| seen.disabled.is_empty()).await?;
    ensure!(seen.signed_out() || seen.json().is_some(), "{seen:#?}");
    ensure!(scene.log().requests().len() <= 4, "{:?}", scene.log().wire());
    Ok(seen)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_done_to_the_ledger_leads_to_the_form_at_worst() -> Result<()> {
    let scene = Scene::start(Engine::Chromium).await?;
    for change in [
        "text = ''",
        "text = 'null'",
        "if (isNow) text = '{'",
        "if (isNow) text = text.replace('\"v\":1', '\"v\":9')",
        "if (!isNow) text = '{'",
        "if (!isNow) text = JSON.stringify({...JSON.parse(text), sid: 'another'})",
        "if (!isNow) text = JSON.stringify({...JSON.parse(text), generation: 7})",
        "if (!isNow) text = JSON.stringify({...JSON.parse(text), generation: -1})",
        "if (!isNow) text = JSON.stringify({...JSON.parse(text), key: 'k'.repeat(22)})",
        "if (!isNow) text = JSON.stringify({...JSON.parse(text), key: 'a\\r\\nb: c'})",
        "if (!isNow) text = JSON.stringify({...JSON.parse(text), ended: {reason: '<b>', owed: false}})",
        "if (!isNow) text = JSON.stringify({...JSON.parse(text), sub: '<img src=x onerror=alert(1)>'})",
        "if (!isNow) text = JSON.stringify({...JSON.parse(text), token: 'another'})",
        "if (!isNow) text = JSON.stringify({...JSON.parse(text), extra: {deep: [1]}})",
    ] {
        let case = async {
            let page = scene.signed_in().await?;
            scene.edit_ledger(change).await?;
            // The page notices the edit at once, at the next refresh, or never.
            scene.proxy.add(Rule::new("GET", "/protected-route", refused()).once());
            let seen = reload_and_use(&scene, &page).await?;
            ensure!(!seen.text.contains("<b>"), "{seen:#?}");
            // A login repairs the ledger.
            if seen.signed_out() {
                page.login(USERNAME, PASSWORD).await?;
            }
            ensure!(page.press_and_settle(FETCH).await?.json().is_some());
            scene.ensure_quiet().await
        };
        case.await.context(change)?;
    }
    Ok(())
}
