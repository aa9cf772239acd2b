//! What a server is expected to do, and the way of a session through it.

use anyhow::{Context, Result, ensure};
use e2e::browser::{Browser, Engine};
use e2e::page::{LoginPage, Seen};
use e2e::pages::Pages;
use e2e::proxy::{Proxy, Route};
use e2e::scene::Stored;
use e2e::sentences::EXPIRED;
use e2e::third_party::ThirdPartyServer;
use serde_json::Value;

use crate::stages;

/// The password of the applications' user.
pub(crate) const PASSWORD: &str = "correct horse";

/// A server, and what it is expected to send.
#[derive(Debug)]
pub(crate) struct Case {
    /// The application in tests/servers.
    pub(crate) app: &'static str,
    /// The content of `auth-contract`.
    pub(crate) contract: &'static str,
    /// The package whose version the table names.
    pub(crate) package: &'static str,
    /// The user's name.
    pub(crate) username: &'static str,
    /// The login's method and path.
    pub(crate) login: &'static str,
    /// The refresh's method and path, if the server has one.
    pub(crate) refresh: Option<&'static str>,
    /// The logout's method and path, if the server has one.
    pub(crate) logout: Option<&'static str>,
    /// The path of the data, and its field that holds the user.
    pub(crate) data: (&'static str, &'static str),
    /// The status of a login with a wrong password.
    pub(crate) wrong: u16,
    /// The status with which the data is refused to an expired access token.
    pub(crate) expired: u16,
    /// What the page says of a session that was ended at the server.
    pub(crate) ended: &'static str,
    /// Whether only a signing key vouches for its tokens.
    pub(crate) signs: bool,
    /// Whether its refresh tokens are in cookies, and page and application have one origin.
    pub(crate) cookies: bool,
}

impl Default for Case {
    fn default() -> Self {
        Self {
            app: "",
            contract: "",
            package: "",
            username: "demo",
            login: "POST /login",
            refresh: None,
            logout: None,
            data: ("/protected-route", "user"),
            wrong: 401,
            expired: 401,
            ended: EXPIRED,
            signs: false,
            cookies: false,
        }
    }
}

impl Case {
    /// The lifetime of access tokens in seconds. A session without refresh must outlive a few clicks on a loaded machine.
    fn access_seconds(&self) -> u32 {
        if self.refresh.is_some() { 3 } else { 20 }
    }

    /// The paths of its calls.
    fn paths(&self) -> Vec<&'static str> {
        let calls = [Some(self.login), self.refresh, self.logout].into_iter().flatten();
        let paths = calls.filter_map(|call| Some(call.split_once(' ')?.1));
        paths.chain([self.data.0]).collect()
    }

    /// The preset's name.
    fn preset(&self) -> Result<String> {
        match serde_json::from_str::<Value>(self.contract) {
            Ok(object) => Ok(object.get("preset").and_then(Value::as_str).context("a preset")?.to_owned()),
            Err(_) => Ok(self.contract.to_owned()),
        }
    }

    /// The package and its version, as the lock has them.
    fn version(&self) -> Result<String> {
        let version = LOCK.lines().find_map(|line| line.strip_prefix(self.package)?.strip_prefix("=="));
        let version = version.with_context(|| format!("{} is not in the lock", self.package))?;
        Ok(format!("{} {}", self.package, version.trim_end_matches(['\\', ' '])))
    }
}

/// A session's way through a server: browser, page, proxy and application.
#[derive(Debug)]
pub(crate) struct Scene<'a> {
    /// The server and what it is expected to send.
    pub(crate) case: &'a Case,
    /// The browser.
    pub(crate) browser: &'a Browser,
    /// The proxy between page and application.
    pub(crate) proxy: &'a Proxy,
    /// The application.
    pub(crate) server: &'a ThirdPartyServer,
}

impl<'a> Scene<'a> {
    /// The page in the current tab.
    pub(crate) fn page(&self) -> LoginPage<'a> {
        LoginPage::of(self.browser)
    }

    /// Logs in.
    pub(crate) async fn login(&self) -> Result<Seen> {
        self.page().login(self.case.username, PASSWORD).await
    }

    /// Reloads the current tab, which then shows the session and no data.
    pub(crate) async fn reload(&self) -> Result<()> {
        self.browser.reload().await?;
        let seen = self.page().wait_until("signed in after a reload", Seen::signed_in).await?;
        ensure!(seen.data.is_none(), "{seen:#?}");
        Ok(())
    }

    /// Fetches the data in a tab that shows none yet.
    pub(crate) async fn fetch(&self) -> Result<()> {
        self.ensure_data(&self.page().fetch().await?)
    }

    /// Fails unless the page shows the user's data and complains of nothing.
    pub(crate) fn ensure_data(&self, seen: &Seen) -> Result<()> {
        let name = self.case.data.1;
        let is_the_users =
            seen.json().is_some_and(|json| json.get(name).is_some_and(|user| user == self.case.username));
        ensure!(is_the_users && seen.alerts.is_empty() && seen.statuses.is_empty(), "{seen:#?}");
        self.ensure_own_words(seen)
    }

    /// Fails if the page shows a text that the server has sent with a refusal.
    pub(crate) fn ensure_own_words(&self, seen: &Seen) -> Result<()> {
        for refusal in self.proxy.log().refusals() {
            for text in texts(&refusal) {
                ensure!(!seen.text.contains(&text), "the page shows {text:?}: {seen:#?}");
            }
        }
        Ok(())
    }

    /// Fails unless these are the requests since the log was cleared, in this order.
    pub(crate) fn ensure_wire(&self, expected: &[String]) -> Result<()> {
        let wire = self.proxy.log().wire();
        ensure!(wire == expected, "the wire has {wire:?} and not {expected:?}");
        Ok(())
    }

    /// A request for the data, as the log has it.
    pub(crate) fn data(&self, status: u16) -> String {
        format!("GET {} {status}", self.case.data.0)
    }

    /// Waits until the server refuses the current tab's access token.
    pub(crate) async fn wait_until_refused(&self) -> Result<()> {
        let access = Stored::of(self.browser).await?.access()?.context("the tab has no access token")?;
        self.server.wait_until_refused(self.case.data.0, &access.token).await
    }
}

/// Walks a session through the server, and prints what was seen as a row of the table in docs/servers.md.
pub(crate) async fn walk(case: &Case) -> Result<()> {
    let pages = Pages::of_the_app("").await?;
    let allowed = pages.origin();
    let (server, browser) = tokio::try_join!(
        ThirdPartyServer::start(case.app, &allowed, case.access_seconds(), case.cookies),
        Browser::start(Engine::Chromium)
    )?;
    let (proxy, origin) = if case.cookies {
        let api = Route::api(server.address()).paths(&case.paths());
        let proxy = Proxy::with_routes(0, vec![api, Route::pages(pages.address())]).await?;
        let origin = format!("http://localhost:{}", proxy.address().port());
        pages.meta("auth-refresh-token", "cookie");
        pages.meta("api-base-url", "/");
        (proxy, origin)
    } else {
        let proxy = Proxy::start(server.address()).await?;
        pages.meta("api-base-url", &proxy.url());
        (proxy, allowed)
    };
    pages.meta("auth-contract", case.contract);
    pages.meta("auth-data-path", case.data.0);
    let scene = Scene { case, browser: &browser, proxy: &proxy, server: &server };
    browser.open(&origin).await?;

    stages::wrong_password(&scene).await.context("wrong password")?;
    stages::login_and_data(&scene).await.context("login and data")?;
    let (refresh, retry) = match case.refresh {
        Some(refresh) => {
            stages::retry(&scene, refresh).await.context("retry")?;
            stages::two_tabs(&scene, refresh).await.context("two tabs")?;
            stages::refresh(&scene, refresh).await.context("refresh")?;
            ("yes", "yes")
        }
        None => {
            stages::two_tabs_that_end(&scene).await.context("two tabs that end")?;
            scene.login().await?;
            scene.fetch().await?;
            ("none", "none")
        }
    };
    stages::reload(&scene).await.context("reload")?;
    stages::end(&scene).await.context("end")?;
    if case.signs {
        stages::new_key(&scene).await.context("a new signing key")?;
    }
    let logout = match case.logout {
        Some(logout) => {
            if case.refresh.is_none() {
                stages::late_logout(&scene, logout).await.context("late logout")?;
            }
            stages::logout(&scene, logout).await.context("logout")?;
            "yes"
        }
        None => {
            stages::logout_here(&scene).await.context("logout")?;
            "none"
        }
    };
    let complaints = browser.complaints().await?;
    ensure!(complaints.is_empty(), "{complaints:#?}");
    // Otherwise no refusal's text was looked for.
    ensure!(
        proxy.log().refusals().iter().any(|refusal| !texts(refusal).is_empty()),
        "no refusal said a word"
    );

    let (preset, version) = (case.preset()?, case.version()?);
    let preset = if case.cookies { format!("{preset}, cookie") } else { preset };
    let row = format!(
        "| `{preset}` | {version} | yes | yes | yes | {refresh} | {retry} | yes | {logout} | yes | yes |"
    );
    println!("{row}");
    ensure!(DOCUMENT.lines().any(|line| line == row), "docs/servers.md lacks this row:\n{row}");
    let is_there = !case.cookies || DOCUMENT.contains(case.contract);
    ensure!(is_there, "docs/servers.md lacks this contract: {}", case.contract);
    Ok(())
}

/// The texts of a refusal that the page could show: those of its JSON, else the whole body. Short ones could stand in
/// the page's own sentences.
fn texts(refusal: &str) -> Vec<String> {
    fn collect(value: &Value, texts: &mut Vec<String>) {
        match value {
            Value::String(text) => texts.push(text.clone()),
            Value::Array(values) => values.iter().for_each(|value| collect(value, texts)),
            Value::Object(fields) => fields.values().for_each(|value| collect(value, texts)),
            _ => {}
        }
    }
    let mut found = Vec::new();
    match serde_json::from_str(refusal) {
        Ok(value) => collect(&value, &mut found),
        Err(_) => found.push(refusal.trim().to_owned()),
    }
    found.retain(|text| text.len() >= 8);
    found
}

const DOCUMENT: &str = include_str!("../../../../docs/servers.md");
const LOCK: &str = include_str!("../../../servers/requirements.lock");
