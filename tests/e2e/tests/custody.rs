//! Where tokens are stored: by the page's settings, and if the browser denies storage. Also edited records
//! and settings.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use e2e::browser::{self, Browser, Engine};
use e2e::page::{FETCH, LOGIN, LoginPage, Seen};
use e2e::pages::{Pages, dist};
use e2e::proxy::{Action, Proxy, Route, Rule};
use e2e::scene::{PASSWORD, Scene, USERNAME, refused};
use e2e::sentences::UNKEPT;
use e2e::server::{Options, Server};
use e2e::session::ensure_no_reuse;
use serde_json::{Value, json};

const DEADLINE: Duration = Duration::from_secs(20);

#[tokio::test(flavor = "multi_thread")]
async fn each_custody_keeps_what_it_says_and_no_more() -> Result<()> {
    let scene = Scene::start(Engine::Chromium).await?;
    by_default_a_session_survives_a_reload_and_a_new_tab(&scene).await.context("session, local")?;
    an_access_token_in_memory_is_refreshed_after_a_reload(&scene).await.context("memory, local")?;
    a_refresh_token_in_memory_lies_nowhere(&scene).await.context("session, memory")?;
    with_both_in_memory_a_reload_ends_the_session(&scene).await.context("memory, memory")
}

async fn by_default_a_session_survives_a_reload_and_a_new_tab(scene: &Scene) -> Result<()> {
    let page = scene.signed_in().await?;
    scene.reload().await?;
    let seen = page.wait_until("signed in", Seen::signed_in).await?;
    ensure!(!seen.text.contains(USERNAME), "nothing private before the server has answered: {seen:#?}");
    scene.ensure_wire(&[])?;
    let first = scene.browser.driver().window().await?;
    let tab = scene.browser.open_tab(&scene.pages.origin()).await?;
    page.wait_until("signed in", Seen::signed_in).await?;
    scene.ensure_wire(&["POST /refresh 200"])?;
    ensure!(page.fetch().await?.json().is_some());
    scene.ensure_quiet().await?;
    scene.browser.driver().close_window().await?;
    scene.browser.switch_to(&first).await?;
    ensure!(first != tab && page.fetch().await?.json().is_some());
    scene.ensure_quiet().await
}

async fn an_access_token_in_memory_is_refreshed_after_a_reload(scene: &Scene) -> Result<()> {
    scene.pages.meta("auth-access-token", "memory");
    let page = scene.signed_in().await?;
    ensure!(scene.stored().await?.access()?.is_none());
    ensure!(scene.stored().await?.local.len() == 1);
    scene.reload().await?;
    page.wait_until("signed in", Seen::signed_in).await?;
    ensure!(page.fetch().await?.json().is_some());
    scene.ensure_wire(&["POST /refresh 200", "GET /protected-route 200"])?;
    ensure!(scene.stored().await?.access()?.is_none());
    scene.ensure_quiet().await
}

async fn a_refresh_token_in_memory_lies_nowhere(scene: &Scene) -> Result<()> {
    scene.pages.meta("auth-access-token", "session");
    scene.pages.meta("auth-refresh-token", "memory");
    let page = scene.signed_in().await?;
    let stored = scene.stored().await?;
    ensure!(stored.local.is_empty() && stored.session.len() == 1, "{stored:?}");
    ensure!(!page.seen().await?.says(UNKEPT), "that is as configured, and no surprise");
    scene.reload().await?;
    page.wait_until("signed in", Seen::signed_in).await?;
    ensure!(page.fetch().await?.json().is_some());
    scene.ensure_wire(&["GET /protected-route 200"])?;
    page.logout().await?;
    ensure!(scene.stored().await?.is_empty());
    scene.ensure_quiet().await
}

async fn with_both_in_memory_a_reload_ends_the_session(scene: &Scene) -> Result<()> {
    scene.pages.meta("auth-access-token", "memory");
    let page = scene.signed_in().await?;
    ensure!(page.fetch().await?.json().is_some());
    ensure!(scene.stored().await?.is_empty(), "{:?}", scene.stored().await?);
    scene.reload().await?;
    let seen = page.wait_until("the form", Seen::signed_out).await?;
    ensure!(seen.alerts.is_empty() && seen.statuses.is_empty(), "{seen:#?}");
    scene.ensure_wire(&["GET /protected-route 200"])?;
    scene.ensure_quiet().await
}

#[tokio::test(flavor = "multi_thread")]
async fn where_chromium_denies_storage_the_session_lives_in_memory() -> Result<()> {
    where_storage_is_denied_the_session_lives_in_memory(Engine::Chromium).await
}

#[tokio::test(flavor = "multi_thread")]
async fn where_firefox_denies_storage_the_session_lives_in_memory() -> Result<()> {
    where_storage_is_denied_the_session_lives_in_memory(Engine::Firefox).await
}

#[tokio::test(flavor = "multi_thread")]
async fn where_webkit_denies_storage_the_session_lives_in_memory() -> Result<()> {
    where_storage_is_denied_the_session_lives_in_memory(Engine::WebKit).await
}

async fn where_storage_is_denied_the_session_lives_in_memory(engine: Engine) -> Result<()> {
    let options = browser::Options { storage_denied: true, ..browser::Options::default() };
    let scene = Scene::with(engine, options, |options| options).await?;
    if engine == Engine::WebKit {
        let headers = [
            ("content-security-policy", "sandbox allow-scripts allow-forms"),
            // To a sandboxed page its own files are cross-origin.
            ("access-control-allow-origin", "*"),
        ];
        let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned()));
        scene.pages.change(|settings| settings.headers.extend(headers));
        // Its policy's 'self' means no origin any more. The inline script stays as it is, because the policy has its hash.
        let page = std::fs::read_to_string(dist().join("index.html"))?;
        let (policy, rest) = page.split_once("<script").context("a script")?;
        let page = [&policy.replace("'self'", &scene.pages.origin()), "<script", rest].concat();
        scene.pages.change(|settings| drop(settings.files.insert("/index.html".to_owned(), page)));
        // A sandboxed page's origin is `null`. The real server never allows it, so the proxy answers.
        let tokens = json!({"access_token": "a.b.c", "refresh_token": "r", "token_type": "bearer"});
        scene.proxy.set_rules(vec![
            Rule { path: None, ..Rule::new("OPTIONS", "", permission()) },
            Rule::new("POST", "/token", Action::json(200, &tokens)),
            Rule::new("GET", "/protected-route", Action::json(200, &json!({"user": USERNAME}))).once(),
            Rule::new("GET", "/protected-route", refused()).once(),
            Rule::new("POST", "/refresh", Action::json(200, &tokens)),
            Rule::new("GET", "/protected-route", Action::json(200, &json!({"user": USERNAME}))),
        ]);
    } else {
        scene.proxy.add(Rule::new("GET", "/protected-route", refused()).skip(1).once());
    }
    let page = LoginPage::open(&scene.browser, &scene.pages.origin()).await?;
    page.wait_until("the form", Seen::signed_out).await?;
    let denied = "try { localStorage.getItem('x'); return false } catch { return true }";
    ensure!(scene.browser.run(denied, Value::Null).await? == json!(true), "the browser denies nothing");
    let seen = page.login(USERNAME, PASSWORD).await?;
    ensure!(seen.says(UNKEPT), "{seen:#?}");
    let seen = page.fetch().await?;
    ensure!(seen.json().is_some() && seen.alerts.is_empty(), "{seen:#?}");
    // The page has kept the refresh token too: after a 401 it refreshes.
    let seen = page.press_and_settle(FETCH).await?;
    ensure!(seen.json().is_some() && seen.alerts.is_empty() && seen.says(UNKEPT), "{seen:#?}");
    scene.ensure_wire(&[
        "POST /token 200",
        "GET /protected-route 200",
        "GET /protected-route 401",
        "POST /refresh 200",
        "GET /protected-route 200",
    ])?;
    // The page has stored nothing in another place either, such as the window's name.
    ensure!(scene.stored().await?.is_empty(), "{:?}", scene.stored().await?);
    ensure_no_reuse(&scene.server)?;
    // The browser blocks the style sheet of a page with the origin `null`, because it cannot check its
    // integrity. No other complaint is allowed.
    let complaints = scene.browser.complaints().await?;
    ensure!(complaints.iter().all(|line| line.ends_with(".css")), "{complaints:#?}");
    scene.reload().await?;
    let seen = page.wait_until("the form", Seen::signed_out).await?;
    ensure!(seen.alerts.is_empty() && seen.statuses.is_empty(), "{seen:#?}");
    Ok(())
}

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

#[tokio::test(flavor = "multi_thread")]
async fn the_api_may_lie_on_a_path_of_the_pages_own_origin() -> Result<()> {
    let pages = Pages::of_the_app("").await?;
    let (server, browser) = tokio::try_join!(
        async {
            let server = Server::start(Options::default()).await?;
            server.add_user(USERNAME, PASSWORD).await?;
            Ok(server)
        },
        Browser::start(Engine::Chromium)
    )?;
    let api =
        Route::api(server.address()).paths(&["/token", "/refresh", "/logout", "/protected-route", "/api"]);
    let proxy = Proxy::with_routes(0, vec![api, Route::pages(pages.address())]).await?;
    let origin = format!("http://localhost:{}", proxy.address().port());
    for base in ["/", ""] {
        pages.meta("api-base-url", base);
        proxy.reset();
        let page = LoginPage::open(&browser, &origin).await?;
        page.login(USERNAME, PASSWORD).await?;
        let seen = page.fetch().await?;
        ensure!(seen.json().is_some() && seen.statuses.is_empty(), "{base:?}: {seen:#?}");
        page.logout().await?;
        proxy.log().wait_for("POST", "/logout", 1, DEADLINE).await?;
        let expected = ["POST /token 200", "GET /protected-route 200", "POST /logout 204"];
        ensure!(proxy.log().wire() == expected, "{:?}", proxy.log().wire());
        ensure!(proxy.log().entries().len() == 3, "no preflight on one's own origin");
        ensure!(browser.complaints().await?.is_empty());
    }

    // A base URL with a path. The reference server has nothing there, and the page says so.
    pages.meta("api-base-url", "/api/");
    proxy.reset();
    let page = LoginPage::open(&browser, &origin).await?;
    page.send_form(USERNAME, PASSWORD).await?;
    let seen = page.wait_until("an alert", |seen| !seen.alerts.is_empty()).await?;
    ensure!(seen.alerts_of("was not found at the configured address (404)"), "{seen:#?}");
    ensure!(proxy.log().wire() == ["POST /api/token 404"], "{:?}", proxy.log().wire());
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_setting_that_makes_no_sense_is_named_and_nothing_is_sent() -> Result<()> {
    let scene = Scene::start(Engine::Chromium).await?;
    let api = scene.proxy.url();
    let sentence =
        |name: &str| format!("This page is not set up correctly. Its setting \"{name}\" is wrong: it takes ");
    for (name, content) in [
        ("api-base-url", "localhost:8000"),
        ("api-base-url", "//api.example.org"),
        ("api-base-url", "/\\api.example.org"),
        ("api-base-url", "http://user:secret@127.0.0.1:8000"),
        ("api-base-url", "ftp://127.0.0.1"),
        ("api-base-url", "http://127.0.0.1:99999"),
        ("api-base-url", "javascript:alert(1)"),
        ("auth-access-token", "cookie"),
        ("auth-access-token", ""),
        ("auth-refresh-token", "Local"),
    ] {
        for (name, content) in [
            ("api-base-url", &*api),
            ("auth-access-token", "session"),
            ("auth-refresh-token", "local"),
            (name, content),
        ] {
            scene.pages.meta(name, content);
        }
        let page = LoginPage::open(&scene.browser, &scene.pages.origin()).await?;
        let seen = page.wait_until("an alert", |seen| !seen.alerts.is_empty()).await?;
        ensure!(seen.alerts_of(&sentence(name)), "{name}={content}: {seen:#?}");
        ensure!(!seen.has_button(LOGIN) && !seen.text.contains("secret"), "{seen:#?}");
        scene.ensure_quiet().await?;
    }
    scene.ensure_wire(&[])
}

/// A server's answer to a preflight that it allows.
fn permission() -> Action {
    let headers = [
        ("access-control-allow-methods", "GET, POST"),
        ("access-control-allow-headers", "authorization, content-type"),
    ];
    let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned()));
    Action::Respond { status: 204, headers: headers.to_vec(), body: String::new(), cors: true }
}
