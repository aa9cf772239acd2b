//! Several tabs of one profile: opens, duplicates and closes them, and makes them act at the same time.
//!
//! WebDriver controls one tab at a time. So [`Tabs::aim`] tells each tab which button to press, and
//! [`Tabs::fire`] sends one message on which all of them press. A message instead of a point in time,
//! because engines round the timers of background tabs up to whole seconds.
//!
//! In Chromium and Firefox all tabs but one are in the background: they are hidden, and their timers fire
//! once a second at most. In WebKit each tab is a window and visible.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use thirtyfour::WindowHandle;

use crate::browser::Browser;
use crate::page::{LoginPage, Seen};

/// The tabs of one browser, in the order in which they were opened.
#[derive(Debug)]
pub struct Tabs<'a> {
    browser: &'a Browser,
    handles: Vec<WindowHandle>,
}

impl<'a> Tabs<'a> {
    /// Starts with the browser's current tab as tab 0.
    pub async fn of(browser: &'a Browser) -> Result<Self> {
        Ok(Self { browser, handles: vec![browser.driver().window().await?] })
    }

    /// The number of tabs.
    #[expect(clippy::len_without_is_empty, reason = "there is always one, or no browser")]
    pub fn len(&self) -> usize {
        self.handles.len()
    }

    /// Switches to a tab and returns its page.
    pub async fn at(&self, tab: usize) -> Result<LoginPage<'a>> {
        let handle = self.handles.get(tab).with_context(|| format!("there is no tab {tab}"))?;
        self.browser.switch_to(handle).await?;
        Ok(LoginPage::of(self.browser))
    }

    /// Opens an address in a new tab and switches to it. The tab has its own session storage.
    pub async fn open(&mut self, address: &str) -> Result<LoginPage<'a>> {
        self.handles.push(self.browser.open_tab(address).await?);
        Ok(LoginPage::of(self.browser))
    }

    /// Duplicates a tab with its session storage, as "Duplicate tab" does, and switches to the duplicate.
    /// Clicks a link with `rel="opener"`, the only way that works in every engine.
    pub async fn duplicate(&mut self, tab: usize) -> Result<LoginPage<'a>> {
        self.at(tab).await?;
        let driver = self.browser.driver();
        let before = driver.windows().await?;
        let link = driver.execute(LINK, vec![]).await?.element()?;
        // The driver clicks, because an engine may block a tab that a script opens as a pop-up.
        link.click().await?;
        let opened = self.browser.opened_since(&before).await?;
        self.browser.run("document.getElementById('e2e-duplicate').remove()", Value::Null).await?;
        self.browser.switch_to(&opened).await?;
        self.handles.push(opened);
        Ok(LoginPage::of(self.browser))
    }

    /// Closes a tab. The tabs after it move up. No tab is current afterwards, so call [`Tabs::at`] next.
    pub async fn close(&mut self, tab: usize) -> Result<()> {
        ensure!(self.len() > 1, "the browser would end with its last tab");
        self.at(tab).await?;
        self.browser.driver().close_window().await?;
        self.handles.remove(tab);
        Ok(())
    }

    /// Runs a script in each tab, one after the other ([`Browser::run`]).
    pub async fn run(&self, body: &str, args: Value) -> Result<Vec<Value>> {
        let mut answers = Vec::new();
        for tab in 0..self.len() {
            self.at(tab).await?;
            answers.push(self.browser.run(body, args.clone()).await?);
        }
        Ok(answers)
    }

    /// Tells the current tab to press the button with this name at the next [`Tabs::fire`].
    pub async fn aim(&self, button: &str) -> Result<()> {
        self.browser.run(AIM, json!(button)).await.map(drop)
    }

    /// Makes all tabs that [`Tabs::aim`] has prepared press their buttons now.
    pub async fn fire(&self) -> Result<()> {
        self.browser.run(FIRE, Value::Null).await.map(drop)
    }

    /// Presses the button with this name in every tab at the same time.
    pub async fn press_in_all(&self, button: &str) -> Result<()> {
        for tab in 0..self.len() {
            let page = self.at(tab).await?;
            page.wait_until(button, |seen| seen.has_button(button)).await?;
            self.aim(button).await?;
        }
        self.fire().await
    }

    /// Waits until `condition` holds in every tab. Returns each tab's visible content.
    pub async fn wait_until(&self, what: &str, condition: impl Fn(&Seen) -> bool) -> Result<Vec<Seen>> {
        let mut all = Vec::new();
        for tab in 0..self.len() {
            let seen = self.at(tab).await?.wait_until(what, &condition).await;
            all.push(seen.with_context(|| format!("tab {tab}"))?);
        }
        Ok(all)
    }

    /// Fails if a tab had an error, a rejection, a warning or a policy violation.
    pub async fn ensure_quiet(&self) -> Result<()> {
        for tab in 0..self.len() {
            self.at(tab).await?;
            let complaints = self.browser.complaints().await?;
            ensure!(complaints.is_empty(), "tab {tab}: {complaints:#?}");
        }
        Ok(())
    }
}

const LINK: &str = "
    const link = document.createElement('a');
    Object.assign(link, {id: 'e2e-duplicate', href: location.href, target: '_blank', rel: 'opener'});
    link.textContent = 'duplicate';
    document.body.prepend(link);
    return link;
";

/// The handler closes its channel, because an open channel keeps the page out of the back/forward cache.
const AIM: &str = "
    const shots = new BroadcastChannel('e2e-shots');
    shots.onmessage = () => {
      shots.close();
      const button = [...document.querySelectorAll('button')].find((it) => it.innerText === args);
      button.click();
    };
";

const FIRE: &str = "
    const shots = new BroadcastChannel('e2e-shots');
    shots.postMessage('go');
    shots.close();
";
