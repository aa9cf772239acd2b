//! Several tabs of one profile: opened, copied, closed, and made to act at the same time.
//!
//! WebDriver speaks to one tab at a time, so what happens "at once" is agreed upon first: each tab is
//! told what to do ([`Tabs::aim`]) and does it when one message reaches them all ([`Tabs::fire`]). A
//! message and not an instant, since engines round the timers of a tab in the background up to seconds.
//!
//! In Chromium and Firefox all tabs but one are in the background: hidden, their timers fire once a
//! second at most. In WebKit tabs are windows, and each is visible.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use thirtyfour::WindowHandle;

use crate::browser::{Browser, Engine};
use crate::page::{LoginPage, Seen};

/// Tabs of one browser, by the order in which they were opened.
#[derive(Debug)]
pub struct Tabs<'a> {
    browser: &'a Browser,
    handles: Vec<WindowHandle>,
}

impl<'a> Tabs<'a> {
    /// The browser's current tab, as the first.
    pub async fn of(browser: &'a Browser) -> Result<Self> {
        Ok(Self { browser, handles: vec![browser.driver().window().await?] })
    }

    /// How many there are.
    #[expect(clippy::len_without_is_empty, reason = "there is always one, or no browser")]
    pub fn len(&self) -> usize {
        self.handles.len()
    }

    /// Switches to a tab and answers with its page.
    pub async fn at(&self, tab: usize) -> Result<LoginPage<'a>> {
        let handle = self.handles.get(tab).with_context(|| format!("there is no tab {tab}"))?;
        self.browser.switch_to(handle).await?;
        Ok(LoginPage::of(self.browser))
    }

    /// Opens an address in one more tab and switches to it. The tab has a session storage of its own.
    pub async fn open(&mut self, address: &str) -> Result<LoginPage<'a>> {
        self.handles.push(self.browser.open_tab(address).await?);
        Ok(LoginPage::of(self.browser))
    }

    /// Copies a tab, session storage included, as "Duplicate tab" does, and switches to the copy: a
    /// link that keeps its opener is the one way to that which every engine offers to a script.
    pub async fn duplicate(&mut self, tab: usize) -> Result<LoginPage<'a>> {
        self.at(tab).await?;
        let driver = self.browser.driver();
        let before = driver.windows().await?;
        let link = driver.execute(LINK, vec![]).await?.element()?;
        // Clicked by the driver: an engine may take what a script opens for a pop-up.
        link.click().await?;
        let opened = self.browser.opened_since(&before).await?;
        self.browser.run("document.getElementById('e2e-duplicate').remove()", Value::Null).await?;
        self.browser.switch_to(&opened).await?;
        self.handles.push(opened);
        Ok(LoginPage::of(self.browser))
    }

    /// Closes a tab; the ones after it move up. Leaves no tab current: [`Tabs::at`] goes on.
    pub async fn close(&mut self, tab: usize) -> Result<()> {
        ensure!(self.len() > 1, "the browser would end with its last tab");
        self.at(tab).await?;
        self.browser.driver().close_window().await?;
        self.handles.remove(tab);
        Ok(())
    }

    /// Runs a script in each tab, in their order ([`Browser::run`]).
    pub async fn run(&self, body: &str, args: Value) -> Result<Vec<Value>> {
        let mut answers = Vec::new();
        for tab in 0..self.len() {
            self.at(tab).await?;
            answers.push(self.browser.run(body, args.clone()).await?);
        }
        Ok(answers)
    }

    /// Tells the current tab to press the button with this name when the shot is fired.
    pub async fn aim(&self, button: &str) -> Result<()> {
        self.browser.run(AIM, json!(button)).await.map(drop)
    }

    /// Lets all tabs that were told to act do it now, whichever tab is current.
    pub async fn fire(&self) -> Result<()> {
        self.browser.run(FIRE, Value::Null).await.map(drop)
    }

    /// Presses the button with this name in every tab at once.
    pub async fn press_in_all(&self, button: &str) -> Result<()> {
        for tab in 0..self.len() {
            let page = self.at(tab).await?;
            page.wait_until(button, |seen| seen.has_button(button)).await?;
            self.aim(button).await?;
        }
        self.fire().await
    }

    /// Waits until `condition` holds in every tab, and answers with what each one shows.
    pub async fn wait_until(&self, what: &str, condition: impl Fn(&Seen) -> bool) -> Result<Vec<Seen>> {
        let mut all = Vec::new();
        for tab in 0..self.len() {
            let seen = self.at(tab).await?.wait_until(what, &condition).await;
            all.push(seen.with_context(|| format!("tab {tab}"))?);
        }
        Ok(all)
    }

    /// Nothing was thrown, rejected, warned about or blocked in any tab.
    pub async fn ensure_quiet(&self) -> Result<()> {
        for tab in 0..self.len() {
            self.at(tab).await?;
            let complaints = self.browser.complaints().await?;
            ensure!(complaints.is_empty(), "tab {tab}: {complaints:#?}");
        }
        Ok(())
    }

    /// Whether tabs that are not current count as hidden.
    pub fn has_background(&self) -> bool {
        self.browser.engine() != Engine::WebKit
    }
}

const LINK: &str = "
    const link = document.createElement('a');
    Object.assign(link, {id: 'e2e-duplicate', href: location.href, target: '_blank', rel: 'opener'});
    link.textContent = 'duplicate';
    document.body.prepend(link);
    return link;
";

/// The handler closes its channel: an open one would keep the page out of the back/forward cache.
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
