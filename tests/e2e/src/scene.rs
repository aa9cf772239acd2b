//! What most scenarios need, put together: the built page, the real server with a user, the proxy
//! between them, and a browser.

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
/// The password of the scene's user: every kind of character that an encoding could lose.
pub const PASSWORD: &str = " correct horse +&% \"'\\ <b> 電池 é ";
/// A part of [`PASSWORD`] that stays the same however it is escaped.
pub const PASSWORD_PART: &str = "correct horse";

/// A stage with everything on it. All of it ends on drop.
#[derive(Debug)]
pub struct Scene {
    /// The browser.
    pub browser: Browser,
    /// What stands between page and server.
    pub proxy: Proxy,
    /// The built page.
    pub pages: Pages,
    /// The real server.
    pub server: Server,
}

/// Everything that the page's origin keeps in this profile and tab.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Stored {
    /// `localStorage`.
    pub local: BTreeMap<String, String>,
    /// `sessionStorage`.
    pub session: BTreeMap<String, String>,
    /// Anything else that can keep text: cookies, other databases, caches, the history's state,
    /// `window.name`.
    pub elsewhere: Vec<String>,
    /// The ledger's rows. They outlive the session that they end, and change with each attempt.
    pub ledger: BTreeMap<String, String>,
}

impl Stored {
    /// What the origin of a browser's current tab keeps.
    pub async fn of(browser: &Browser) -> Result<Self> {
        serde_json::from_value(browser.run(STORED, Value::Null).await?).context("what is stored")
    }

    /// Whether nothing is kept anywhere but in the ledger.
    pub fn is_empty(&self) -> bool {
        self.holds(&Self::default())
    }

    /// Whether the same is kept everywhere but in the ledger.
    pub fn holds(&self, other: &Self) -> bool {
        (&self.local, &self.session, &self.elsewhere) == (&other.local, &other.session, &other.elsewhere)
    }

    /// All of it in one text, to look for what must not be there.
    pub fn text(&self) -> String {
        format!("{:?} {:?} {:?} {:?}", self.local, self.session, self.elsewhere, self.ledger)
    }
}

impl Scene {
    /// With a server and a browser as they come.
    pub async fn start(engine: Engine) -> Result<Self> {
        Self::with(engine, browser::Options::default(), |options| options).await
    }

    /// With a browser and a server of one's choice.
    pub async fn with(
        engine: Engine,
        browser: browser::Options,
        change: impl FnOnce(Options) -> Options,
    ) -> Result<Self> {
        // The page's origin has to be known before the server, and the API's before the page.
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

    /// What went over the wire.
    pub fn log(&self) -> &Log {
        self.proxy.log()
    }

    /// The page as it is in the current tab.
    pub fn page(&self) -> LoginPage<'_> {
        LoginPage::of(&self.browser)
    }

    /// A page of the same origin without the app.
    pub fn blank(&self) -> String {
        self.pages.change(|settings| drop(settings.files.insert(BLANK.to_owned(), String::new())));
        format!("{}{BLANK}", self.pages.origin())
    }

    /// The page as somebody finds it who has never been there: the form, nothing stored, no faults.
    pub async fn form(&self) -> Result<LoginPage<'_>> {
        self.browser.open(&self.blank()).await?;
        self.browser.run(WIPE, Value::Null).await?;
        self.proxy.reset();
        let page = LoginPage::open(&self.browser, &self.pages.origin()).await?;
        page.wait_until("the form", Seen::signed_out).await?;
        Ok(page)
    }

    /// The page after a login; the log begins anew.
    pub async fn signed_in(&self) -> Result<LoginPage<'_>> {
        let page = self.form().await?;
        page.login(USERNAME, PASSWORD).await?;
        self.proxy.reset();
        Ok(page)
    }

    /// Loads the page again.
    pub async fn reload(&self) -> Result<()> {
        self.browser.reload().await
    }

    /// What the page's origin keeps.
    pub async fn stored(&self) -> Result<Stored> {
        Stored::of(&self.browser).await
    }

    /// The session that the current tab and the profile keep.
    pub async fn kept(&self) -> Result<Kept> {
        self.stored().await?.kept()
    }

    /// The current tab and the profile keep one session, refreshed so often, and the server takes its tokens.
    pub async fn ensure_kept(&self, generation: u32) -> Result<Kept> {
        session::ensure_kept(&self.browser, &self.server, generation).await
    }

    /// Neither the current tab nor the profile keep a session.
    pub async fn ensure_no_session(&self) -> Result<()> {
        session::ensure_no_session(&self.browser).await
    }

    /// Changes the record of this kind, `access` or `refresh`, by a script that finds it in `record`.
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

    /// Changes the ledger by a script for each of its rows, which finds the row's text in `text` and may
    /// replace it, and whether it is the row `now` in `isNow`.
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

    /// Nothing was thrown, rejected, warned about or blocked since the page was loaded.
    pub async fn ensure_quiet(&self) -> Result<()> {
        let complaints = self.browser.complaints().await?;
        ensure!(complaints.is_empty(), "{complaints:#?}");
        Ok(())
    }

    /// The requests since the last reset, in their order, are these.
    pub fn ensure_wire(&self, expected: &[&str]) -> Result<()> {
        let wire = self.log().wire();
        ensure!(wire == expected, "the wire has {wire:?} and not {expected:?}");
        Ok(())
    }
}

/// What FastAPI answers to an access token that it does not take.
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

/// To the page, the time of each access token is up after a second: to expire is what tokens do together.
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
    const all = (area) => { try { return {...window[area]}; } catch { return {}; } };
    return {local: all('localStorage'), session: all('sessionStorage'), elsewhere, ledger};
";
