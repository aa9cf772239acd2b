//! Storage that is denied or full: the session continues for as long as possible, and the page tells the
//! user that it may end with the page.

use anyhow::{Context, Result, ensure};
use e2e::outsider;
use e2e::page::{FETCH, LoginPage, Seen};
use e2e::proxy::Rule;
use e2e::scene::{PASSWORD, Scene, USERNAME, refused};
use e2e::sentences::{EXPIRED, UNKEPT};
use e2e::server::Rotation;
use e2e::session::{ensure_ended_at_server, ensure_no_reuse, ensure_one_attempt};
use e2e::tabs::Tabs;
use serde_json::{Value, json};

use crate::stage::{DEADLINE, expire};

crate::play_in_each_engine![
    without_local_storage_the_session_lives_in_memory,
    without_indexed_db_the_session_lives_in_memory,
    a_full_store_at_login_is_told,
    a_full_store_at_a_refresh_costs_no_session,
    a_strict_server_survives_the_same_faults,
];

/// Denies `localStorage` only, as a browser does.
const NO_LOCAL_STORAGE: &str = "Object.defineProperty(window, 'localStorage', {
    get() { throw new DOMException('denied', 'SecurityError'); },
});";

/// The ways in which browsers deny IndexedDB: in a private window, by a policy, in an old engine.
const NO_INDEXED_DB: [&str; 3] = [
    "Object.defineProperty(window, 'indexedDB', {value: undefined});",
    "Object.defineProperty(window, 'indexedDB', {
        get() { throw new DOMException('denied', 'SecurityError'); },
    });",
    "IDBFactory.prototype.open = () => { throw new DOMException('denied', 'SecurityError'); };",
];

/// Fills storage areas to the last byte.
const FILL: &str = "
    for (const area of args.map((name) => window[name])) {
      for (let size = 1 << 22, n = 0; size > 0; n++) {
        try { area.setItem('filler' + n, 'x'.repeat(size)); } catch { size >>= 1; }
      }
    }";

const CLEAR: &str = "
    for (const area of [localStorage, sessionStorage]) {
      for (const key of Object.keys(area).filter((key) => key.startsWith('filler'))) area.removeItem(key);
    }";

async fn without_local_storage_the_session_lives_in_memory(scene: &mut Scene) -> Result<()> {
    memory_serves(scene, NO_LOCAL_STORAGE).await?;
    a_reload_keeps_what_the_tab_keeps(scene).await?;
    nothing_is_left_of_it(scene).await
}

async fn without_indexed_db_the_session_lives_in_memory(scene: &mut Scene) -> Result<()> {
    for (n, denial) in NO_INDEXED_DB.into_iter().enumerate() {
        memory_serves(scene, denial).await.with_context(|| format!("way {n}"))?;
    }
    a_reload_keeps_what_the_tab_keeps(scene).await?;
    nothing_is_left_of_it(scene).await
}

/// Fails unless login, fetch and refresh work with this storage denied, with the notice, and without a
/// token in the profile.
async fn memory_serves(scene: &Scene, denial: &str) -> Result<()> {
    let page = denied(scene, denial).await?;
    let seen = page.login(USERNAME, PASSWORD).await?;
    ensure!(seen.statuses == [UNKEPT] && seen.alerts.is_empty(), "{seen:#?}");
    for _ in 0..2 {
        expire(scene);
        let seen = page.press_and_settle(FETCH).await?;
        ensure!(
            seen.has_data_of(USERNAME) && seen.alerts.is_empty() && seen.statuses == [UNKEPT],
            "{seen:#?}"
        );
    }
    scene.ensure_wire(&[["POST /token 200"].as_slice(), &REFRESHED, &REFRESHED].concat())?;
    ensure_no_reuse(&scene.server)?;
    scene.ensure_quiet().await?;
    ensure_nothing_in_the_profile(scene, denial).await
}

/// Opens another tab, which may use all storage. Fails if that tab finds a session in the profile.
async fn ensure_nothing_in_the_profile(scene: &Scene, denial: &str) -> Result<()> {
    let mut tabs = Tabs::of(&scene.browser).await?;
    scene.pages.preload("");
    tabs.open(&scene.blank()).await?;
    scene.ensure_no_session().await.context("the profile")?;
    tabs.close(1).await?;
    scene.pages.preload(denial);
    tabs.at(0).await.map(drop)
}

/// The requests of a fetch whose access token the server refuses once.
const REFRESHED: [&str; 3] = ["GET /protected-route 401", "POST /refresh 200", "GET /protected-route 200"];

async fn a_reload_keeps_what_the_tab_keeps(scene: &Scene) -> Result<()> {
    let page = scene.page();
    scene.proxy.reset();
    scene.reload().await?;
    let seen = page.wait_until("signed in", Seen::signed_in).await?;
    ensure!(seen.statuses == [UNKEPT], "the notice is as true as before: {seen:#?}");
    ensure!(page.fetch().await?.json().is_some());
    // The refresh token was in the memory of the page before the reload and is lost.
    // A new token that is refused is sent once more.
    scene.proxy.add(Rule::new("GET", "/protected-route", refused()));
    page.press(FETCH).await?;
    let seen = page.wait_until("the form", Seen::signed_out).await?;
    ensure!(seen.alerts == [EXPIRED] && seen.data.is_none(), "{seen:#?}");
    ensure!(scene.stored().await?.is_empty(), "{:?}", scene.stored().await?);
    let sent = scene.log().wire();
    ensure!(sent.first().is_some_and(|first| first == "GET /protected-route 200"), "{sent:?}");
    ensure!(sent.len() <= 3 && sent[1..].iter().all(|next| next == "GET /protected-route 401"), "{sent:?}");
    scene.ensure_quiet().await
}

/// Logs in and out, then reloads with all storage allowed. Fails if the page has left a session.
async fn nothing_is_left_of_it(scene: &Scene) -> Result<()> {
    let page = scene.page();
    page.login(USERNAME, PASSWORD).await?;
    let access = scene.stored().await?.access()?.context("an access token")?.token;
    scene.proxy.reset();
    page.logout().await?;
    scene.log().wait_for("POST", "/logout", 1, DEADLINE).await?;
    scene.ensure_wire(&["POST /logout 204"])?;
    ensure!(!outsider::is_let_in(&scene.server, &access).await?, "the family lives on");
    scene.ensure_quiet().await?;
    scene.pages.preload("");
    scene.reload().await?;
    page.wait_until("the form", Seen::signed_out).await?;
    scene.ensure_no_session().await
}

/// Opens the form with this storage denied.
async fn denied<'a>(scene: &'a Scene, denial: &str) -> Result<LoginPage<'a>> {
    scene.pages.preload("");
    let page = scene.form().await?;
    scene.pages.preload(denial);
    scene.reload().await?;
    page.wait_until("the form", Seen::signed_out).await?;
    Ok(page)
}

async fn a_full_store_at_login_is_told(scene: &mut Scene) -> Result<()> {
    let page = scene.form().await?;
    fill(scene, &["localStorage", "sessionStorage"]).await?;
    let seen = page.login(USERNAME, PASSWORD).await?;
    ensure!(seen.statuses == [UNKEPT] && seen.alerts.is_empty(), "{seen:#?}");
    expire(scene);
    let seen = page.press_and_settle(FETCH).await?;
    ensure!(seen.has_data_of(USERNAME) && seen.alerts.is_empty() && seen.statuses == [UNKEPT], "{seen:#?}");
    scene.browser.run(CLEAR, Value::Null).await?;
    scene.ensure_no_session().await.context("while it lives")?;
    scene.reload().await?;
    let seen = page.wait_until("the form", Seen::signed_out).await?;
    ensure!(seen.statuses.is_empty() && seen.alerts.is_empty(), "{seen:#?}");
    scene.ensure_wire(&[["POST /token 200"].as_slice(), &REFRESHED].concat())?;
    ensure_no_reuse(&scene.server)?;
    scene.ensure_no_session().await?;
    scene.ensure_quiet().await
}

async fn a_full_store_at_a_refresh_costs_no_session(scene: &mut Scene) -> Result<()> {
    let page = scene.signed_in().await?;
    fill(scene, &["localStorage"]).await?;
    for _ in 0..2 {
        expire(scene);
        let seen = page.press_and_settle(FETCH).await?;
        ensure!(
            seen.has_data_of(USERNAME) && seen.alerts.is_empty() && seen.statuses.is_empty(),
            "a reload repeats the attempt, so there is no notice: {seen:#?}"
        );
    }
    ensure!(scene.kept().await?.row.generation == 0, "the row is ahead of what is stored");
    // The reloaded page repeats the same attempt.
    scene.reload().await?;
    page.wait_until("signed in", Seen::signed_in).await?;
    expire(scene);
    let seen = page.press_and_settle(FETCH).await?;
    ensure!(seen.has_data_of(USERNAME) && seen.statuses.is_empty(), "{seen:#?}");
    let attempts = scene.log().matching("POST", "/refresh");
    ensure!(attempts.len() == 3, "{:?}", scene.log().wire());
    ensure_one_attempt(scene.log())?;

    scene.browser.run(CLEAR, Value::Null).await?;
    expire(scene);
    let seen = page.press_and_settle(FETCH).await?;
    ensure!(seen.has_data_of(USERNAME) && seen.alerts.is_empty() && seen.statuses.is_empty(), "{seen:#?}");
    let kept = scene.kept().await?;
    ensure!(kept.row.generation != 0 && scene.server.would_take(&kept.refresh).await?, "{kept:#?}");
    ensure_no_reuse(&scene.server)?;
    scene.ensure_quiet().await
}

async fn fill(scene: &Scene, areas: &[&str]) -> Result<()> {
    scene.browser.run(FILL, json!(areas)).await.map(drop)
}

/// A strict server: no token may be sent to it twice. It is the last scenario, because the server stays
/// strict.
async fn a_strict_server_survives_the_same_faults(scene: &mut Scene) -> Result<()> {
    scene.server.options_mut().rotation = Rotation::Strict;
    scene.server.restart().await?;
    memory_serves(scene, NO_LOCAL_STORAGE).await.context("without localStorage")?;
    memory_serves(scene, NO_INDEXED_DB[0]).await.context("without IndexedDB")?;

    // The vault is full, so the new token goes into the ledger's row: the spent one would end the family.
    scene.pages.preload("");
    let page = scene.signed_in().await?;
    fill(scene, &["localStorage"]).await?;
    expire(scene);
    let seen = page.press_and_settle(FETCH).await?;
    ensure!(seen.has_data_of(USERNAME) && seen.alerts.is_empty() && seen.statuses.is_empty(), "{seen:#?}");
    ensure!(scene.ensure_kept(1).await?.row.token.is_some(), "it is not in the row");
    scene.reload().await?;
    page.wait_until("signed in", Seen::signed_in).await?;
    expire(scene);
    let seen = page.press_and_settle(FETCH).await?;
    ensure!(seen.has_data_of(USERNAME) && seen.alerts.is_empty() && seen.statuses.is_empty(), "{seen:#?}");
    ensure!(scene.log().matching("POST", "/refresh").len() == 2, "{:?}", scene.log().wire());
    let kept = scene.kept().await?;
    page.logout().await?;
    scene.browser.run(CLEAR, Value::Null).await?;
    scene.ensure_no_session().await?;
    scene.log().wait_for("POST", "/logout", 1, DEADLINE).await?;
    ensure_ended_at_server(&scene.server, &kept).await?;
    ensure_no_reuse(&scene.server)?;
    scene.ensure_quiet().await
}
