//! The setup of most scenarios: the built page, the real server with a user, the proxy between them,
//! and a browser.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::browser::{self, Browser, Engine};
use crate::page::{LoginPage, Seen};
use crate::pages::Pages;
use crate::proxy::{Action, Log, Proxy, Rule};
use crate::server::{Options, Server};
use crate::session::{self, Kept};

/// The name of the scene's user.
pub const USERNAME: &str = "demo";
/// The password of the scene's user. It contains every kind of character that an encoding could lose.
pub const PASSWORD: &str = " correct horse +&% \"'\\ <b> 電池 é ";
/// A part of [`PASSWORD`] that no escaping changes.
pub const PASSWORD_PART: &str = "correct horse";

/// A browser, the page, the server and the proxy between them. All of it ends on drop.
#[derive(Debug)]
pub struct Scene {
    /// The browser.
    pub browser: Browser,
    /// The proxy between page and server.
    pub proxy: Proxy,
    /// The built page.
    pub pages: Pages,
    /// The real server.
    pub server: Server,
}

/// Everything that the page's origin has stored in this profile and tab.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Stored {
    /// `localStorage`, without the name that the page remembers.
    pub local: BTreeMap<String, String>,
    /// `sessionStorage`, without the name that the page remembers.
    pub session: BTreeMap<String, String>,
    /// The name of the user that the page remembers, of the profile and of the tab.
    pub names: BTreeMap<String, String>,
    /// Everything else that can hold text: cookies, other databases, caches, the history's state,
    /// `window.name`.
    pub elsewhere: Vec<String>,
    /// The ledger's rows. A row outlives its session's end, and each attempt changes it.
    pub ledger: BTreeMap<String, String>,
}

impl Stored {
    /// The stored data of the current tab's origin.
    pub async fn of(browser: &Browser) -> Result<Self> {
        serde_json::from_value(browser.run(STORED, Value::Null).await?).context("what is stored")
    }

    /// Whether nothing is stored outside of the ledger.
    pub fn is_empty(&self) -> bool {
        self.holds(&Self::default())
    }

    /// Whether both are equal outside of the ledger.
    pub fn holds(&self, other: &Self) -> bool {
        self.local == other.local
            && self.session == other.session
            && self.names == other.names
            && self.elsewhere == other.elsewhere
    }

    /// All stored data as one text, for a search for a text that must not be stored.
    pub fn text(&self) -> String {
        let Self { local, session, names, elsewhere, ledger } = self;
        format!("{local:?} {session:?} {names:?} {elsewhere:?} {ledger:?}")
    }
}

impl Scene {
    /// Starts a scene with the default options.
    pub async fn start(engine: Engine) -> Result<Self> {
        Self::with(engine, browser::Options::default(), |options| options).await
    }

    /// Starts a scene with these options of browser and server.
    pub async fn with(
        engine: Engine,
        browser: browser::Options,
        change: impl FnOnce(Options) -> Options,
    ) -> Result<Self> {
        // The server's start needs the page's origin. The page needs the API's address.
        let pages = Pages::of_the_app("").await?;
        let options = change(Options::allow(pages.origin()));
        let serving = async {
            let server = Server::start(options).await?;
            server.add_user(USERNAME, PASSWORD).await?;
            Ok(server)
        };
        let (server, browser) = tokio::try_join!(serving, Browser::with(engine, browser))?;
        let proxy = Proxy::start(server.address()).await?;
        pages.meta("api-base-url", &proxy.url());
        Ok(Self { browser, proxy, pages, server })
    }

    /// The proxy's log of requests.
    pub fn log(&self) -> &Log {
        self.proxy.log()
    }

    /// The page in the current tab.
    pub fn page(&self) -> LoginPage<'_> {
        LoginPage::of(&self.browser)
    }

    /// The address of an empty page of the same origin.
    pub fn blank(&self) -> String {
        self.pages.change(|settings| drop(settings.files.insert(BLANK.to_owned(), String::new())));
        format!("{}{BLANK}", self.pages.origin())
    }

    /// Opens the page as at a first visit: it shows the form, nothing is stored, and no fault is set.
    pub async fn form(&self) -> Result<LoginPage<'_>> {
        self.browser.open(&self.blank()).await?;
        self.browser.run(WIPE, Value::Null).await?;
        self.proxy.reset();
        let page = LoginPage::open(&self.browser, &self.pages.origin()).await?;
        page.wait_until("the form", Seen::signed_out).await?;
        Ok(page)
    }

    /// Opens the page and logs in. The log is empty afterwards.
    pub async fn signed_in(&self) -> Result<LoginPage<'_>> {
        let page = self.form().await?;
        page.login(USERNAME, PASSWORD).await?;
        self.proxy.reset();
        Ok(page)
    }

    /// Reloads the page.
    pub async fn reload(&self) -> Result<()> {
        self.browser.reload().await
    }

    /// The stored data of the page's origin.
    pub async fn stored(&self) -> Result<Stored> {
        Stored::of(&self.browser).await
    }

    /// The session that is stored in the current tab and the profile.
    pub async fn kept(&self) -> Result<Kept> {
        self.stored().await?.kept()
    }

    /// Fails unless tab and profile have stored one session of this generation, whose tokens the server
    /// accepts.
    pub async fn ensure_kept(&self, generation: u32) -> Result<Kept> {
        session::ensure_kept(&self.browser, &self.server, generation).await
    }

    /// Fails if a session is stored in the current tab or the profile.
    pub async fn ensure_no_session(&self) -> Result<()> {
        session::ensure_no_session(&self.browser).await
    }

    /// Changes the record of this kind (`access` or `refresh`) with a script. The script finds the record
    /// in its variable `record`.
    pub async fn edit(&self, kind: &str, script: &str) -> Result<()> {
        let edit = format!(
            "const area = args === 'access' ? sessionStorage : localStorage;
             const key = Object.keys(area).find((key) => (key + ':').includes(':' + args + ':'));
             const record = JSON.parse(area.getItem(key));
             {script};
             area.setItem(key, JSON.stringify(record));"
        );
        self.browser.run(&edit, json!(kind)).await.map(drop)
    }

    /// Runs a script for each row of the ledger. The script may change the row's text, which is in its
    /// variable `text`. Its variable `isNow` says whether it is the row `now`.
    pub async fn edit_ledger(&self, script: &str) -> Result<()> {
        let edit = format!(
            "const opening = indexedDB.open('yew-jwt-auth');
             await new Promise((done, failed) => {{ opening.onsuccess = done; opening.onerror = failed; }});
             const transaction = opening.result.transaction('ledger', 'readwrite');
             const rows = transaction.objectStore('ledger').openCursor();
             rows.onsuccess = () => {{
               const row = rows.result;
               if (!row) return;
               const isNow = row.key.endsWith(':now');
               let text = row.value;
               {script};
               row.update(text);
               row.continue();
             }};
             await new Promise((done, failed) => {{
               transaction.oncomplete = done;
               transaction.onabort = failed;
             }});
             opening.result.close();"
        );
        self.browser.run(&edit, Value::Null).await.map(drop)
    }

    /// Fails if the page had an error, a rejection, a warning or a policy violation since its load.
    pub async fn ensure_quiet(&self) -> Result<()> {
        let complaints = self.browser.complaints().await?;
        ensure!(complaints.is_empty(), "{complaints:#?}");
        Ok(())
    }

    /// Fails unless these are the requests since the last reset, in this order.
    pub fn ensure_wire(&self, expected: &[&str]) -> Result<()> {
        let wire = self.log().wire();
        ensure!(wire == expected, "the wire has {wire:?} and not {expected:?}");
        Ok(())
    }
}

/// FastAPI's answer to an access token that it does not accept.
pub fn refused() -> Action {
    Action::Respond {
        status: 401,
        headers: vec![
            ("content-type".to_owned(), "application/json".to_owned()),
            ("www-authenticate".to_owned(), "Bearer error=\"invalid_token\"".to_owned()),
        ],
        body: json!({"detail": "Could not validate credentials"}).to_string(),
        cors: true,
    }
}

/// Rules that set each access token's lifetime to one second for the page, so that the tokens of several
/// tabs expire together.
pub fn short_lived() -> Vec<Rule> {
    let set: Map<String, Value> = [("expires_in".to_owned(), json!(1))].into_iter().collect();
    let short = Action::RewriteJson { remove: vec![], set };
    vec![Rule::new("POST", "/token", short.clone()), Rule::new("POST", "/refresh", short)]
}

const BLANK: &str = "/blank.html";

const WIPE: &str = "
    localStorage.clear();
    sessionStorage.clear();
    await new Promise((done, failed) => {
      const deleting = indexedDB.deleteDatabase('yew-jwt-auth');
      deleting.onsuccess = done;
      deleting.onerror = failed;
    });
";

const STORED: &str = "
    const elsewhere = [];
    const text = (value) => typeof value === 'string' ? value : JSON.stringify(value);
    try { if (document.cookie) elsewhere.push('cookie ' + document.cookie); } catch {}
    if (history.state !== null) elsewhere.push('history ' + JSON.stringify(history.state));
    if (window.name) elsewhere.push('name ' + window.name);
    const ledger = {};
    try {
      for (const {name} of await indexedDB.databases()) {
        if (name !== 'yew-jwt-auth') elsewhere.push('database ' + name);
        else await new Promise((done, failed) => {
          const opening = indexedDB.open(name);
          opening.onerror = failed;
          opening.onsuccess = () => {
            const rows = opening.result.transaction('ledger').objectStore('ledger').openCursor();
            rows.onerror = failed;
            rows.onsuccess = () => {
              const row = rows.result;
              if (row) { ledger[row.key] = text(row.value); row.continue(); }
              else { opening.result.close(); done(); }
            };
          };
        });
      }
    } catch {}
    try { for (const name of await caches.keys()) elsewhere.push('cache ' + name); } catch {}
    const names = {};
    const all = (area) => {
      const all = {};
      try {
        for (const [key, text] of Object.entries(window[area])) {
          if (key.endsWith(':user')) names[area + ' ' + key] = text;
          else all[key] = text;
        }
      } catch {}
      return all;
    };
    return {local: all('localStorage'), session: all('sessionStorage'), names, elsewhere, ledger};
";
