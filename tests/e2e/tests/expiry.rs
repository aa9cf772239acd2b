//! Five tabs whose access tokens expire together: one refresh, five answers, and no token sent twice.
//!
//! In each engine, with the refresh token in `localStorage` and in the ledger, with and without Web
//! Locks, and against a server that repeats an answer as well as one that takes every repetition for
//! theft. Plain HTTP is how a page comes to have no Web Locks.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use e2e::browser::{self, Browser, Engine};
use e2e::page::{FETCH, LoginPage, Seen};
use e2e::pages::Pages;
use e2e::proxy::{Action, Entry, Proxy, Route, Rule};
use e2e::scene::{PASSWORD, Stored, USERNAME};
use e2e::server::{Options, Rotation, Server};
use e2e::tabs::Tabs;
use serde::Deserialize;
use serde_json::{Value, json};

const TABS: usize = 5;
const DEADLINE: Duration = Duration::from_secs(20);
/// A page there is not secure, and so has no Web Locks.
const PLAIN: &str = "http://app.test";

#[tokio::test(flavor = "multi_thread")]
async fn five_tabs_that_expire_together_refresh_once_in_chromium() -> Result<()> {
    five_tabs_that_expire_together_refresh_once(Engine::Chromium).await
}

#[tokio::test(flavor = "multi_thread")]
async fn five_tabs_that_expire_together_refresh_once_in_firefox() -> Result<()> {
    five_tabs_that_expire_together_refresh_once(Engine::Firefox).await
}

#[tokio::test(flavor = "multi_thread")]
async fn five_tabs_that_expire_together_refresh_once_in_webkit() -> Result<()> {
    five_tabs_that_expire_together_refresh_once(Engine::WebKit).await
}

async fn five_tabs_that_expire_together_refresh_once(engine: Engine) -> Result<()> {
    let stand = Stand::start(engine).await?;
    let mut tabs = Tabs::of(&stand.browser).await?;
    for _ in 1..TABS {
        tabs.open("about:blank").await?;
    }
    for locks in [true, false] {
        for rotation in [Rotation::Idempotent, Rotation::Strict] {
            for custody in ["local", "database"] {
                let case = Case { custody, locks, rotation };
                let begun = std::time::Instant::now();
                stand.play(&tabs, case).await.with_context(|| format!("{engine:?}, {case:?}"))?;
                println!("{engine:?}, {case:?}: {:.1} s", begun.elapsed().as_secs_f32());
            }
        }
    }
    Ok(())
}

#[derive(Clone, Copy, Debug)]
struct Case {
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
            // Engines differ in whether a proxy is asked for localhost.
            to_pages("localhost"),
        ];
        let proxy = Proxy::with_routes(0, routes).await?;
        let options = browser::Options { proxy: Some(proxy.address()), ..browser::Options::default() };
        let browser = Browser::with(engine, options).await?;
        Ok(Self { browser, proxy, pages, idempotent, strict })
    }

    async fn play(&self, tabs: &Tabs<'_>, case: Case) -> Result<()> {
        let Case { custody, locks, rotation } = case;
        let origin = if locks { self.pages.origin() } else { PLAIN.to_owned() };
        self.pages.meta("auth-refresh-token", custody);
        self.pages.meta("api-base-url", &format!("http://{}", host_of(rotation)));
        // To the tabs a token's second is over as soon as all of them are there.
        let short = Action::RewriteJson { remove: vec![], set: short_lived() };
        self.proxy.reset();
        self.proxy.set_rules(vec![
            Rule::new("POST", "/token", short.clone()),
            Rule::new("POST", "/refresh", short),
        ]);
        for tab in 0..TABS {
            tabs.at(tab).await?;
            let page = LoginPage::open(&self.browser, &origin).await?;
            if tab == 0 {
                page.login(USERNAME, PASSWORD).await?;
            } else {
                page.wait_until("the same session", Seen::signed_in).await?;
            }
        }
        let has = self.browser.run("return navigator.locks !== undefined", Value::Null).await?;
        ensure!(has == json!(locks), "Web Locks: {has}");
        self.browser.wait_for("the last token's end", TIME_IS_UP, Value::Null, DEADLINE).await?;
        let before = row(&self.stored().await?)?;
        self.proxy.reset();

        tabs.press_in_all(FETCH).await?;
        let all = tabs.wait_until("data", |seen| seen.json().is_some() && seen.disabled.is_empty()).await?;
        ensure!(all.iter().all(|seen| seen.alerts.is_empty()), "{all:#?}");
        self.ensure_one_refresh(rotation)?;
        ensure!(
            self.server(rotation).reuse_events().is_empty(),
            "{:?}",
            self.server(rotation).reuse_events()
        );

        let stored = self.stored().await?;
        let after = row(&stored)?;
        ensure!(after.generation == before.generation + 1, "{before:?} {after:?}");
        ensure!(after.ended.is_none() && after.flight.is_none(), "{after:?}");
        let entry = format!("refresh:{}:{}", after.sid, after.generation);
        let entries: Vec<_> = stored.local.keys().collect();
        let (in_vault, in_row) = match custody {
            "local" => (1, false),
            _ => (0, true),
        };
        ensure!(entries.len() == in_vault && entries.iter().all(|key| key.ends_with(&entry)), "{entries:?}");
        ensure!(after.token.is_some() == in_row, "{after:?}");
        tabs.ensure_quiet().await?;

        self.proxy.reset();
        tabs.at(TABS - 1).await?.logout().await?;
        tabs.wait_until("signed out everywhere", Seen::signed_out).await?;
        self.proxy.log().wait_for("POST", "/logout", 1, DEADLINE).await?;
        ensure!(self.proxy.log().wire() == ["POST /logout 204"], "{:?}", self.proxy.log().wire());
        let left = self.stored().await?;
        ensure!(left.is_empty(), "{left:?}");
        Ok(())
    }

    /// One refresh before five requests, which all carry its token.
    fn ensure_one_refresh(&self, rotation: Rotation) -> Result<()> {
        let wire = self.proxy.log().wire();
        let expected = [vec!["POST /refresh 200"], vec!["GET /protected-route 200"; TABS]].concat();
        ensure!(wire == expected, "{wire:?}");
        let fetches = self.proxy.log().matching("GET", "/protected-route");
        let token = |entry: &Entry| entry.authorization_fingerprint.clone();
        ensure!(fetches.iter().map(token).collect::<BTreeSet<_>>().len() == 1, "{fetches:#?}");
        // A header that a server does not know would fail its CORS check.
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

fn short_lived() -> serde_json::Map<String, Value> {
    [("expires_in".to_owned(), json!(1))].into_iter().collect()
}

/// The row of the session that lives.
fn row(stored: &Stored) -> Result<Row> {
    let mut rows = stored.ledger.values().filter_map(|text| serde_json::from_str::<Row>(text).ok());
    rows.find(|row| row.ended.is_none()).with_context(|| format!("no row: {:?}", stored.ledger.keys()))
}

/// What the ledger says of a session.
#[derive(Debug, Deserialize)]
struct Row {
    sid: String,
    generation: u32,
    ended: Option<Value>,
    flight: Option<Value>,
    token: Option<String>,
}

const TIME_IS_UP: &str = "
    const record = JSON.parse(Object.values({...sessionStorage})[0]);
    return Date.now() - record.received > record.lifetime * 1000 + 20;
";
