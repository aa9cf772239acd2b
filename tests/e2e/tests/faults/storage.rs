//! Storage that is denied, full, edited or wiped: the session goes on for as long as it can, the user
//! is told what to expect, and nobody is asked twice for what is lost.

use anyhow::{Context, Result, ensure};
use e2e::page::{FETCH, LoginPage, Seen};
use e2e::scene::{PASSWORD, Scene, USERNAME};
use e2e::server::Rotation;
use serde_json::{Value, json};

use crate::stage::{
    DEADLINE, LOST, UNKEPT, ensure_no_reuse, ensure_no_session, ensure_one_attempt, expire, live_row,
};

crate::play_in_each_engine![
    without_local_storage_the_session_lives_in_memory,
    without_indexed_db_the_session_lives_in_memory,
    a_full_store_at_login_is_told,
    a_full_store_at_a_refresh_costs_no_session,
    what_was_edited_leads_to_the_form_at_worst,
    what_was_wiped_leads_to_the_form_with_a_reason,
    a_strict_server_survives_the_same_faults,
];

/// What a browser says that denies `localStorage` and nothing else.
const NO_LOCAL_STORAGE: &str = "Object.defineProperty(window, 'localStorage', {
    get() { throw new DOMException('denied', 'SecurityError'); },
});";

/// The ways in which browsers have no IndexedDB: in a private window, behind a policy, in an old engine.
const NO_INDEXED_DB: [&str; 3] = [
    "Object.defineProperty(window, 'indexedDB', {value: undefined});",
    "Object.defineProperty(window, 'indexedDB', {
        get() { throw new DOMException('denied', 'SecurityError'); },
    });",
    "IDBFactory.prototype.open = () => { throw new DOMException('denied', 'SecurityError'); };",
];

/// Fills an area to the last byte.
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

/// Login, fetch and refresh work, and say that the page will not be remembered.
async fn memory_serves(scene: &Scene, denial: &str) -> Result<()> {
    let page = denied(scene, denial).await?;
    let seen = page.login(USERNAME, PASSWORD).await?;
    ensure!(seen.statuses == [UNKEPT] && seen.alerts.is_empty(), "{seen:#?}");
    for _ in 0..2 {
        expire(scene);
        let seen = page.press_and_settle(FETCH).await?;
        ensure!(seen.json().is_some() && seen.alerts.is_empty() && seen.statuses == [UNKEPT], "{seen:#?}");
    }
    let refreshes = scene.log().matching("POST", "/refresh");
    ensure!(refreshes.iter().all(|it| it.status == Some(200)) && refreshes.len() == 2, "{refreshes:#?}");
    ensure_no_reuse(scene)?;
    scene.ensure_quiet().await
}

async fn a_reload_keeps_what_the_tab_keeps(scene: &Scene) -> Result<()> {
    let page = scene.page();
    scene.proxy.reset();
    scene.reload().await?;
    let seen = page.wait_until("signed in", Seen::signed_in).await?;
    ensure!(seen.statuses == [UNKEPT], "the notice is as true as before: {seen:#?}");
    ensure!(page.fetch().await?.json().is_some());
    // The refresh token went with the page.
    expire(scene);
    page.press(FETCH).await?;
    let seen = page.wait_until("the form", Seen::signed_out).await?;
    ensure!(seen.alerts == ["Your session has expired. Log in again."], "{seen:#?}");
    scene.ensure_wire(&["GET /protected-route 200", "GET /protected-route 401"])?;
    scene.ensure_quiet().await
}

/// After a login and a logout, in a page that has all its storage again.
async fn nothing_is_left_of_it(scene: &Scene) -> Result<()> {
    let page = scene.page();
    page.login(USERNAME, PASSWORD).await?;
    scene.proxy.reset();
    page.logout().await?;
    scene.log().wait_for("POST", "/logout", 1, DEADLINE).await?;
    scene.ensure_wire(&["POST /logout 204"])?;
    scene.ensure_quiet().await?;
    scene.pages.preload("");
    scene.reload().await?;
    page.wait_until("the form", Seen::signed_out).await?;
    ensure_no_session(scene).await
}

/// The form in a browser that denies this.
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
    ensure!(seen.json().is_some() && seen.alerts.is_empty() && seen.statuses == [UNKEPT], "{seen:#?}");
    scene.reload().await?;
    let seen = page.wait_until("the form", Seen::signed_out).await?;
    ensure!(seen.statuses.is_empty() && seen.alerts.is_empty(), "{seen:#?}");
    scene.browser.run(CLEAR, Value::Null).await?;
    ensure_no_session(scene).await?;
    scene.ensure_quiet().await
}

async fn a_full_store_at_a_refresh_costs_no_session(scene: &mut Scene) -> Result<()> {
    let page = scene.signed_in().await?;
    fill(scene, &["localStorage"]).await?;
    for _ in 0..2 {
        expire(scene);
        let seen = page.press_and_settle(FETCH).await?;
        ensure!(seen.json().is_some() && seen.alerts.is_empty() && seen.statuses == [UNKEPT], "{seen:#?}");
    }
    let row = live_row(&scene.stored().await?).context("a row")?;
    ensure!(row["generation"] == 0, "the row is ahead of what is stored: {row}");
    // Another life of the page repeats the same attempt.
    scene.reload().await?;
    page.wait_until("signed in", Seen::signed_in).await?;
    expire(scene);
    let seen = page.press_and_settle(FETCH).await?;
    ensure!(seen.json().is_some() && seen.statuses == [UNKEPT], "{seen:#?}");
    let attempts = scene.log().matching("POST", "/refresh");
    ensure!(attempts.len() == 3, "{:?}", scene.log().wire());
    ensure_one_attempt(&attempts)?;

    scene.browser.run(CLEAR, Value::Null).await?;
    expire(scene);
    let seen = page.press_and_settle(FETCH).await?;
    ensure!(seen.json().is_some() && seen.alerts.is_empty() && seen.statuses.is_empty(), "{seen:#?}");
    let stored = scene.stored().await?;
    let row = live_row(&stored).context("a row")?;
    ensure!(row["generation"] != 0 && stored.local.len() == 1, "{stored:#?}");
    ensure_no_reuse(scene)?;
    scene.ensure_quiet().await
}

async fn fill(scene: &Scene, areas: &[&str]) -> Result<()> {
    scene.browser.run(FILL, json!(areas)).await.map(drop)
}

/// Puts `args[1]` into every row of the ledger whose key contains `args[0]`.
const EDIT: &str = "
    const [part, value] = args;
    await new Promise((done, failed) => {
      const opening = indexedDB.open('yew-jwt-auth');
      opening.onerror = failed;
      opening.onsuccess = () => {
        const transaction = opening.result.transaction('ledger', 'readwrite');
        const rows = transaction.objectStore('ledger').openCursor();
        rows.onsuccess = () => {
          const row = rows.result;
          if (!row) return;
          if (String(row.key).includes(part)) row.update(value);
          row.continue();
        };
        transaction.onabort = failed;
        transaction.oncomplete = () => { opening.result.close(); done(); };
      };
    });";

async fn what_was_edited_leads_to_the_form_at_worst(scene: &mut Scene) -> Result<()> {
    // A row, or the name of the current one, that means nothing any more.
    for (part, value) in [
        (":row:", json!("{")),
        (":row:", json!({"v": 1, "generation": 0})),
        (":row:", json!(r#"{"v":1,"sid":"another","sub":"demo","generation":-1}"#)),
        (":now", json!(7)),
        (":now", json!(r#"{"v":1,"sid":"another","before":null}"#)),
    ] {
        let case = async {
            let page = scene.signed_in().await?;
            scene.browser.run(EDIT, json!([part, value])).await?;
            // The token in hand is as good as it was.
            ensure!(page.fetch().await?.json().is_some());
            expire(scene);
            page.press(FETCH).await?;
            let seen = page.wait_until("the form", Seen::signed_out).await?;
            ensure!(seen.data.is_none() && seen.alerts.len() + seen.statuses.len() == 1, "{seen:#?}");
            ensure!(scene.stored().await?.is_empty(), "{:?}", scene.stored().await?);
            scene.ensure_wire(&["GET /protected-route 200", "GET /protected-route 401"])?;
            scene.ensure_quiet().await
        };
        case.await.with_context(|| format!("{part} {value}"))?;
    }
    // The page works as if nothing had been, with what was edited still there.
    let page = scene.page();
    scene.reload().await?;
    page.wait_until("the form", Seen::signed_out).await?;
    page.login(USERNAME, PASSWORD).await?;
    expire(scene);
    ensure!(page.press_and_settle(FETCH).await?.json().is_some());
    // The entry that the row stands for.
    for change in ["record.v = 9", "record.refresh_token = 7"] {
        let case = async {
            let page = scene.signed_in().await?;
            scene.edit("refresh", change).await?;
            expire(scene);
            page.press(FETCH).await?;
            let seen = page.wait_until("the form", Seen::signed_out).await?;
            ensure!(seen.alerts == [LOST], "{seen:#?}");
            ensure_no_session(scene).await?;
            scene.ensure_wire(&["GET /protected-route 401"])?;
            scene.ensure_quiet().await
        };
        case.await.with_context(|| change.to_owned())?;
    }
    // An access token that means nothing is replaced without a word.
    let page = scene.signed_in().await?;
    scene.edit("access", "record.v = 9").await?;
    scene.reload().await?;
    page.wait_until("signed in", Seen::signed_in).await?;
    scene.ensure_wire(&["POST /refresh 200"])?;
    scene.ensure_quiet().await
}

async fn what_was_wiped_leads_to_the_form_with_a_reason(scene: &mut Scene) -> Result<()> {
    let drop_database = "await new Promise((done, failed) => {
        const deleting = indexedDB.deleteDatabase('yew-jwt-auth');
        deleting.onsuccess = done;
        deleting.onerror = failed;
    });";
    let clear = "localStorage.clear(); sessionStorage.clear();";
    let all = format!("{clear} {drop_database}");
    for wipe in [clear, drop_database, &all] {
        let case = async {
            let page = scene.signed_in().await?;
            scene.browser.run(wipe, Value::Null).await?;
            ensure!(page.fetch().await?.json().is_some(), "the token in hand is as good as it was");
            expire(scene);
            page.press(FETCH).await?;
            let seen = page.wait_until("the form", Seen::signed_out).await?;
            ensure!(seen.alerts == [LOST] && seen.data.is_none(), "{seen:#?}");
            ensure_no_session(scene).await?;
            scene.ensure_wire(&["GET /protected-route 200", "GET /protected-route 401"])?;
            scene.ensure_quiet().await
        };
        case.await.with_context(|| wipe.to_owned())?;
    }
    // The page is as good as new, without being loaded again.
    let page = scene.page();
    page.login(USERNAME, PASSWORD).await?;
    expire(scene);
    ensure!(page.press_and_settle(FETCH).await?.json().is_some());
    scene.reload().await?;
    page.wait_until("signed in", Seen::signed_in).await?;
    scene.ensure_quiet().await?;
    // Wiped and loaded anew, it is one that nobody ever signed in to.
    scene.proxy.reset();
    scene.browser.run(&all, Value::Null).await?;
    scene.reload().await?;
    let seen = page.wait_until("the form", Seen::signed_out).await?;
    ensure!(seen.alerts.is_empty() && seen.statuses.is_empty(), "{seen:#?}");
    ensure!(scene.log().requests().is_empty(), "{:?}", scene.log().wire());
    scene.ensure_quiet().await
}

/// A server to which no token may be sent twice, which is why it comes last.
async fn a_strict_server_survives_the_same_faults(scene: &mut Scene) -> Result<()> {
    scene.server.options_mut().rotation = Rotation::Strict;
    scene.server.restart().await?;
    memory_serves(scene, NO_LOCAL_STORAGE).await.context("without localStorage")?;
    memory_serves(scene, NO_INDEXED_DB[0]).await.context("without IndexedDB")?;

    // What does not fit into the vault goes into the ledger's row: a token that is spent is no good.
    scene.pages.preload("");
    let page = scene.signed_in().await?;
    fill(scene, &["localStorage"]).await?;
    expire(scene);
    let seen = page.press_and_settle(FETCH).await?;
    ensure!(seen.json().is_some() && seen.alerts.is_empty() && seen.statuses.is_empty(), "{seen:#?}");
    let row = live_row(&scene.stored().await?).context("a row")?;
    ensure!(row["generation"] == 1 && row["token"].is_string(), "{row}");
    scene.reload().await?;
    page.wait_until("signed in", Seen::signed_in).await?;
    expire(scene);
    let seen = page.press_and_settle(FETCH).await?;
    ensure!(seen.json().is_some() && seen.alerts.is_empty() && seen.statuses.is_empty(), "{seen:#?}");
    ensure!(scene.log().matching("POST", "/refresh").len() == 2, "{:?}", scene.log().wire());
    page.logout().await?;
    scene.browser.run(CLEAR, Value::Null).await?;
    ensure_no_session(scene).await?;
    ensure_no_reuse(scene)?;
    scene.ensure_quiet().await
}
