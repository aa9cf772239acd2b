//! The setup of each part: everybody's pages, one server for all of them, and a browser.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use e2e::browser::{self, Browser, Engine};
use e2e::pages::Pages;
use e2e::server::{Options, Server};
use serde_json::{Value, json};
use tokio::sync::Mutex;

use crate::front::Front;

/// The name of the server's user.
pub(crate) const USERNAME: &str = "demo";
/// The password of the server's user.
pub(crate) const PASSWORD: &str = "demo-password";

/// One of those who are compared.
#[derive(Debug)]
pub(crate) struct Contestant {
    pub(crate) name: String,
    pages: Pages,
}

impl Contestant {
    /// The origin of the contestant's page.
    pub(crate) fn origin(&self) -> String {
        self.pages.origin()
    }

    /// Whether it refreshes by the guide's call. bench/README.md says who does not.
    pub(crate) fn refreshes(&self) -> bool {
        !["fetch", "oidc"].contains(&self.name.as_str())
    }
}

/// Contestants and the server.
#[derive(Debug)]
pub(crate) struct Stage {
    pub(crate) contestants: Vec<Contestant>,
    pub(crate) front: Front,
    server: Mutex<Server>,
}

impl Stage {
    /// Serves each folder in `folder` as a contestant of its own, with the API at `port`, which their files name.
    pub(crate) async fn start(folder: &Path, port: u16) -> Result<Self> {
        let mut contestants = Vec::new();
        for (name, path) in folders(folder)? {
            let pages = Pages::start(path).await?;
            pages.change(|settings| {
                settings.collect_complaints = false;
                settings.brotli = true;
            });
            contestants.push(Contestant { name, pages });
        }
        ensure!(!contestants.is_empty(), "{} has no pages", folder.display());
        let cors_origins = contestants.iter().map(Contestant::origin).collect();
        let server = Server::start(Options { cors_origins, ..Options::default() }).await?;
        server.add_user(USERNAME, PASSWORD).await?;
        let front = Front::start(port, server.address()).await?;
        Ok(Self { contestants, front, server: Mutex::new(server) })
    }

    /// Lets all access tokens die and no session end: the server starts anew with another key. It waits first, because this
    /// project's client sends a new token again before it refreshes.
    pub(crate) async fn kill_tokens(&self) -> Result<()> {
        tokio::time::sleep(TOO_NEW).await;
        let mut server = self.server.lock().await;
        let variables = &mut server.options_mut().variables;
        variables.push((
            "AUTH_SECRET".to_owned(),
            format!("a key for one start of a benchmark, {}", variables.len()),
        ));
        server.restart().await
    }
}

/// The folders in a folder, by name.
fn folders(folder: &Path) -> Result<Vec<(String, PathBuf)>> {
    let entries = std::fs::read_dir(folder).with_context(|| format!("{} is no folder", folder.display()))?;
    let mut found: Vec<_> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.is_dir())
        .filter_map(|path| Some((path.file_name()?.to_str()?.to_owned(), path)))
        .collect();
    found.sort();
    Ok(found)
}

/// A browser whose driver does not wait for a page, because its questions would disturb what is measured.
pub(crate) async fn browser() -> Result<Browser> {
    Browser::with(Engine::Chromium, browser::Options { impatient: true, ..Default::default() }).await
}

/// Sends a command of the Chrome DevTools Protocol to the current tab.
pub(crate) async fn command(browser: &Browser, name: &str, parameters: Value) -> Result<Value> {
    browser.driver().cdp().send_raw(name, parameters).await.with_context(|| format!("{name} failed"))
}

/// Removes what the browser has stored for a contestant, from a page that holds none of it open.
pub(crate) async fn wipe(browser: &Browser, contestant: &Contestant) -> Result<()> {
    browser.driver().goto("about:blank").await?;
    let parameters = json!({"origin": contestant.origin(), "storageTypes": "all"});
    command(browser, "Storage.clearDataForOrigin", parameters).await.map(drop)
}

/// Asks for `expression` until it is neither null nor false, and waits `pause` before each question.
pub(crate) async fn wait_for(browser: &Browser, expression: &str, pause: Duration) -> Result<Value> {
    let end = tokio::time::Instant::now() + DEADLINE;
    loop {
        tokio::time::sleep(pause).await;
        // While a page is being left, its scripts may fail.
        let answer = browser.run(&format!("return {expression}"), Value::Null).await.unwrap_or(Value::Null);
        if !matches!(answer, Value::Null | Value::Bool(false)) {
            return Ok(answer);
        }
        ensure!(tokio::time::Instant::now() < end, "{expression}: not within {DEADLINE:?}");
    }
}

/// `NEW` in auth/src/flows/send.rs, and a second.
const TOO_NEW: Duration = Duration::from_secs(16);
const DEADLINE: Duration = Duration::from_secs(120);
