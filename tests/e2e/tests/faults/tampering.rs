//! Storage that is edited, wiped or blocked. At worst the page shows the form with a reason, and at once.

use anyhow::{Context, Result, ensure};
use e2e::page::{FETCH, Seen};
use e2e::scene::{PASSWORD, Scene, USERNAME};
use e2e::sentences::LOST;
use e2e::session::ensure_no_reuse;
use e2e::tabs::Tabs;
use e2e::witness;
use serde_json::{Value, json};

use crate::stage::{DEADLINE, expire};

crate::play_in_each_engine![
    what_was_edited_leads_to_the_form_at_worst,
    what_was_wiped_leads_to_the_form_with_a_reason,
    a_ledger_that_is_held_up_is_waited_for,
];

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
    // A session's row, or the row `now`, is unreadable or names an unknown session.
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
            // The access token is still valid.
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
    // The page works normally although the edited rows are still in the ledger.
    let page = scene.page();
    scene.reload().await?;
    page.wait_until("the form", Seen::signed_out).await?;
    page.login(USERNAME, PASSWORD).await?;
    expire(scene);
    page.press_and_settle(FETCH).await?.ensure_data_of(USERNAME)?;
    scene.ensure_kept(1).await?;
    // The vault's entry, to which the row belongs, is edited.
    for change in ["record.v = 0", "record.refresh_token = 7"] {
        let case = async {
            let page = scene.signed_in().await?;
            scene.edit("refresh", change).await?;
            expire(scene);
            page.press(FETCH).await?;
            let seen = page.wait_until("the form", Seen::signed_out).await?;
            ensure!(seen.alerts == [LOST], "{seen:#?}");
            scene.ensure_no_session().await?;
            scene.ensure_wire(&["GET /protected-route 401"])?;
            scene.ensure_quiet().await
        };
        case.await.with_context(|| change.to_owned())?;
    }
    // An unreadable access token is replaced without a message.
    let page = scene.signed_in().await?;
    scene.edit("access", "record.v = 0").await?;
    scene.reload().await?;
    let seen = page.wait_until("signed in", Seen::signed_in).await?;
    ensure!(seen.alerts.is_empty() && seen.statuses.is_empty(), "{seen:#?}");
    scene.ensure_wire(&["POST /refresh 200"])?;
    scene.ensure_kept(1).await?;
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
            scene.ensure_no_session().await?;
            scene.ensure_wire(&["GET /protected-route 200", "GET /protected-route 401"])?;
            scene.ensure_quiet().await
        };
        case.await.with_context(|| wipe.to_owned())?;
    }
    // The page works again without a reload.
    let page = scene.page();
    page.login(USERNAME, PASSWORD).await?;
    expire(scene);
    page.press_and_settle(FETCH).await?.ensure_data_of(USERNAME)?;
    scene.reload().await?;
    page.wait_until("signed in", Seen::signed_in).await?;
    scene.ensure_kept(1).await?;
    scene.ensure_quiet().await?;
    // After a wipe and a reload the page is as at a first visit.
    scene.proxy.reset();
    scene.browser.run(&all, Value::Null).await?;
    scene.reload().await?;
    let seen = page.wait_until("the form", Seen::signed_out).await?;
    ensure!(seen.alerts.is_empty() && seen.statuses.is_empty(), "{seen:#?}");
    scene.ensure_wire(&[])?;
    scene.ensure_no_session().await?;
    scene.ensure_quiet().await
}

/// Keeps a transaction open, so that all other transactions have to wait.
const HOLD: &str = "
    window.held = performance.now();
    window.holding = true;
    const database = await new Promise((done, failed) => {
      const opening = indexedDB.open('yew-jwt-auth');
      opening.onsuccess = () => done(opening.result);
      opening.onerror = failed;
    });
    const store = database.transaction('ledger', 'readwrite').objectStore('ledger');
    await new Promise((done) => {
      const hold = () => {
        done();
        if (window.holding) store.get('nothing').onsuccess = hold;
        else database.close();
      };
      hold();
    });";

/// Ends that transaction, but not before the page has given up one of its own, which it does after 2 s.
const LET_GO: &str = "
    const left = window.held + 2500 - performance.now();
    await new Promise((done) => setTimeout(done, Math.max(0, left)));
    window.holding = false;";

async fn a_ledger_that_is_held_up_is_waited_for(scene: &mut Scene) -> Result<()> {
    let page = scene.signed_in().await?;
    let mut tabs = Tabs::of(&scene.browser).await?;
    scene.browser.run(HOLD, Value::Null).await?;
    expire(scene);
    page.press(FETCH).await?;
    scene.log().wait_for("GET", "/protected-route", 1, DEADLINE).await?;
    // A page that cannot read the ledger shows neither the form nor the signed-in view.
    tabs.open(&scene.pages.origin()).await?;
    page.wait_until("patience", |seen| seen.says("Restoring your session")).await?;
    witness::watch(&scene.browser).await?;
    tabs.at(0).await?;
    ensure!(page.seen().await?.signed_in(), "{:#?}", page.seen().await?);
    scene.ensure_wire(&["GET /protected-route 401"])?;

    scene.browser.run(LET_GO, Value::Null).await?;
    page.wait_until("data", |seen| seen.json().is_some()).await?.ensure_data_of(USERNAME)?;
    tabs.at(1).await?;
    let seen = page.wait_until("signed in", Seen::signed_in).await?;
    ensure!(seen.alerts.is_empty() && seen.statuses.is_empty(), "{seen:#?}");
    let testimony = witness::testimony(&scene.browser).await?;
    ensure!(!testimony.saw("Username"), "the form was shown: {testimony:#?}");
    let refreshes = scene.log().matching("POST", "/refresh");
    ensure!(refreshes.iter().all(|it| it.status == Some(200)), "{refreshes:#?}");
    scene.ensure_kept(u32::try_from(refreshes.len())?).await?;
    ensure_no_reuse(&scene.server)?;
    tabs.ensure_quiet().await
}
