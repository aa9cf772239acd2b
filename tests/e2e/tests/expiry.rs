//! Two to five tabs whose access tokens expire together, one of them a duplicate of another: one refresh,
//! an answer for each tab, and no token sent twice.
//!
//! Runs in each engine, with the refresh token in `localStorage` and in the ledger, with and without Web
//! Locks, against a server with idempotent rotation and against one that treats each repetition as theft.
//! A page on plain HTTP has no Web Locks.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use e2e::browser::{self, Browser, Engine};
use e2e::page::{FETCH, LoginPage, Seen};
use e2e::pages::Pages;
use e2e::proxy::{Entry, Proxy, Route};
use e2e::scene::{PASSWORD, Stored, USERNAME, short_lived};
use e2e::sentences::{LOGGED_OUT, LOGGED_OUT_ELSEWHERE, UNENCRYPTED};
use e2e::server::{Options, Rotation, Server};
use e2e::session::{
    ensure_ended_at_server, ensure_kept, ensure_no_reuse, ensure_no_session, wait_until_stale,
};
use e2e::tabs::Tabs;
use serde_json::{Value, json};
use tokio::sync::Mutex;

/// The largest number of tabs.
const TABS: usize = 5;
const DEADLINE: Duration = Duration::from_secs(20);
/// An origin that is not secure, so that its pages have no Web Locks.
const PLAIN: &str = "http://app.test";

#[tokio::test(flavor = "multi_thread")]
async fn tabs_that_expire_together_refresh_once_in_chromium() -> Result<()> {
    tabs_that_expire_together_refresh_once(Engine::Chromium).await
}

#[tokio::test(flavor = "multi_thread")]
async fn tabs_that_expire_together_refresh_once_in_firefox() -> Result<()> {
    tabs_that_expire_together_refresh_once(Engine::Firefox).await
}

#[tokio::test(flavor = "multi_thread")]
async fn tabs_that_expire_together_refresh_once_in_webkit() -> Result<()> {
    tabs_that_expire_together_refresh_once(Engine::WebKit).await
}

/// One engine at a time. A tab whose siblings get no processor time for 900 ms correctly asks the server
/// itself, but that is not this scenario.
static TURN: Mutex<()> = Mutex::const_new(());

async fn tabs_that_expire_together_refresh_once(engine: Engine) -> Result<()> {
    let _turn = TURN.lock().await;
    let stand = Stand::start(engine).await?;
    let mut tabs = Tabs::of(&stand.browser).await?;
    for case in cases() {
        let begun = std::time::Instant::now();
        stand.play(&mut tabs, case).await.with_context(|| format!("{engine:?}, {case:?}"))?;
        println!("{engine:?}, {case:?}: {:.1} s", begun.elapsed().as_secs_f32());
    }
    Ok(())
}

/// Two to four tabs with the default settings, five tabs with each combination of the settings.
fn cases() -> Vec<Case> {
    let usual = |tabs| Case { tabs, custody: "local", locks: true, rotation: Rotation::Idempotent };
    let mut cases: Vec<_> = (2..TABS).map(usual).collect();
    for locks in [true, false] {
        for rotation in [Rotation::Idempotent, Rotation::Strict] {
            cases.extend(["local", "database"].map(|custody| Case { tabs: TABS, custody, locks, rotation }));
        }
    }
    cases
}

#[derive(Clone, Copy, Debug)]
struct Case {
    tabs: usize,
    custody: &'static str,
    locks: bool,
    rotation: Rotation,
}

struct Stand {
    browser: Browser,
    proxy: Proxy,
    pages: Pages,
    idempotent: Server,
    strict: Server,
}

impl Stand {
    async fn start(engine: Engine) -> Result<Self> {
        let pages = Pages::of_the_app("").await?;
        let origins = vec![pages.origin(), PLAIN.to_owned()];
        let server = |rotation| {
            let options = Options { cors_origins: origins.clone(), rotation, ..Options::default() };
            async move {
                let server = Server::start(options).await?;
                server.add_user(USERNAME, PASSWORD).await?;
                Ok::<_, anyhow::Error>(server)
            }
        };
        let (idempotent, strict) = tokio::try_join!(server(Rotation::Idempotent), server(Rotation::Strict))?;
        let to_pages = |host| Route::pages(pages.address()).host(host);
        let routes = vec![
            Route::api(idempotent.address()).host(host_of(Rotation::Idempotent)),
            Route::api(strict.address()).host(host_of(Rotation::Strict)),
            to_pages("app.test"),
            // Some engines use the proxy for localhost, others do not.
            to_pages("localhost"),
        ];
        let proxy = Proxy::with_routes(0, routes).await?;
        let options = browser::Options { proxy: Some(proxy.address()), ..browser::Options::default() };
        let browser = Browser::with(engine, options).await?;
        Ok(Self { browser, proxy, pages, idempotent, strict })
    }

    async fn play(&self, tabs: &mut Tabs<'_>, case: Case) -> Result<()> {
        let Case { custody, locks, rotation, .. } = case;
        let origin = if locks { self.pages.origin() } else { PLAIN.to_owned() };
        self.pages.meta("auth-refresh-token", custody);
        self.pages.meta("api-base-url", &format!("http://{}", host_of(rotation)));
        self.proxy.reset();
        self.proxy.set_rules(short_lived());
        for tab in 0..case.tabs - 1 {
            if tab == tabs.len() {
                tabs.open("about:blank").await?;
            }
            tabs.at(tab).await?;
            let page = LoginPage::open(&self.browser, &origin).await?;
            if tab == 0 {
                page.login(USERNAME, PASSWORD).await?;
            } else {
                page.wait_until("the same session", Seen::signed_in).await?;
            }
        }
        // The duplicate starts with the access token of tab 0.
        tabs.duplicate(0).await?.wait_until("the same session", Seen::signed_in).await?;
        let has = self.browser.run("return navigator.locks !== undefined", Value::Null).await?;
        ensure!(has == json!(locks), "Web Locks: {has}");
        for tab in 0..tabs.len() {
            tabs.at(tab).await?;
            wait_until_stale(&self.browser).await?;
        }
        let before = self.stored().await?.kept()?;
        self.proxy.reset();

        tabs.press_in_all(FETCH).await?;
        let all = tabs.wait_until("data", |seen| seen.json().is_some() && seen.disabled.is_empty()).await?;
        for seen in &all {
            ensure!(seen.has_data_of(USERNAME) && seen.alerts.is_empty(), "{seen:#?}");
            ensure!(seen.statuses == [UNENCRYPTED], "{seen:#?}");
        }
        self.ensure_one_refresh(case)?;
        ensure_no_reuse(self.server(rotation))?;
        let mut tokens = BTreeSet::new();
        for tab in 0..tabs.len() {
            tabs.at(tab).await?;
            let kept = ensure_kept(&self.browser, self.server(rotation), before.row.generation + 1).await?;
            ensure!(kept.row.sid == before.row.sid, "another session: {before:?} {kept:?}");
            ensure!(kept.row.token.is_some() == (custody == "database"), "not where it should be: {kept:?}");
            tokens.insert(kept.access_token()?.to_owned());
        }
        ensure!(tokens.len() == 1, "the tabs keep {} access tokens", tokens.len());
        tabs.ensure_quiet().await?;
        self.log_out(tabs, rotation).await
    }

    /// Logs out in the duplicate and closes it, because the next case makes its own.
    async fn log_out(&self, tabs: &mut Tabs<'_>, rotation: Rotation) -> Result<()> {
        let copy = tabs.len() - 1;
        let page = tabs.at(copy).await?;
        let loot = self.stored().await?.kept()?;
        self.proxy.reset();
        page.logout().await?;
        let all = tabs.wait_until("signed out everywhere", Seen::signed_out).await?;
        for (tab, seen) in all.iter().enumerate() {
            let told = if tab == copy { LOGGED_OUT } else { LOGGED_OUT_ELSEWHERE };
            ensure!(seen.says(told) && seen.alerts.is_empty() && seen.data.is_none(), "tab {tab}: {seen:#?}");
        }
        self.proxy.log().wait_for("POST", "/logout", 1, DEADLINE).await?;
        ensure!(self.proxy.log().wire() == ["POST /logout 204"], "{:?}", self.proxy.log().wire());
        ensure_ended_at_server(self.server(rotation), &loot).await?;
        for tab in 0..tabs.len() {
            tabs.at(tab).await?;
            ensure_no_session(&self.browser).await.with_context(|| format!("tab {tab}"))?;
        }
        tabs.close(copy).await?;
        tabs.at(0).await.map(drop)
    }

    /// Fails unless the proxy saw one refresh and then one request per tab, all with the same access token.
    fn ensure_one_refresh(&self, Case { tabs, rotation, .. }: Case) -> Result<()> {
        let wire = self.proxy.log().wire();
        let expected = [vec!["POST /refresh 200"], vec!["GET /protected-route 200"; tabs]].concat();
        ensure!(wire == expected, "{wire:?}");
        let fetches = self.proxy.log().matching("GET", "/protected-route");
        let token = |entry: &Entry| entry.authorization_fingerprint.clone();
        ensure!(fetches.iter().map(token).collect::<BTreeSet<_>>().len() == 1, "{fetches:#?}");
        // Only the idempotent server gets the key: another server's CORS check would refuse the header.
        let refreshes = self.proxy.log().matching("POST", "/refresh");
        let keyed = refreshes.iter().all(|entry| entry.idempotency_key_fingerprint.is_some());
        ensure!(keyed == (rotation == Rotation::Idempotent), "{refreshes:#?}");
        Ok(())
    }

    fn server(&self, rotation: Rotation) -> &Server {
        match rotation {
            Rotation::Idempotent => &self.idempotent,
            Rotation::Strict => &self.strict,
        }
    }

    async fn stored(&self) -> Result<Stored> {
        Stored::of(&self.browser).await
    }
}

fn host_of(rotation: Rotation) -> &'static str {
    match rotation {
        Rotation::Idempotent => "api.test",
        Rotation::Strict => "strict.test",
    }
}
