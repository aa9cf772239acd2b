//! The page as its user sees it: tests find controls by their names and read the visible texts.

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;
use serde_json::{Value, json};
use thirtyfour::WebElement;
use tokio::time::{Instant, sleep};

use crate::browser::Browser;

/// The page in a browser's current tab.
#[derive(Clone, Copy, Debug)]
pub struct LoginPage<'a> {
    browser: &'a Browser,
}

/// The visible content of the page at one moment.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Seen {
    /// Names of the enabled buttons.
    pub buttons: Vec<String>,
    /// Names of the disabled buttons.
    pub disabled: Vec<String>,
    /// Names of the text boxes.
    pub boxes: Vec<String>,
    /// Texts with `role="alert"`.
    pub alerts: Vec<String>,
    /// Texts with `role="status"`, without the empty ones and those that only say that something has arrived.
    pub statuses: Vec<String>,
    /// Whether the page's code has started. Until then the page shows what was built into it.
    pub running: bool,
    /// Texts with `role="timer"`.
    pub timers: Vec<String>,
    /// Accessible name, or role, of the element that has the focus.
    pub focus: String,
    /// The text of the preformatted block, which shows fetched JSON.
    pub data: Option<String>,
    /// All visible text.
    pub text: String,
}

impl Seen {
    /// Whether there is an enabled button with this name.
    pub fn has_button(&self, name: &str) -> bool {
        self.buttons.iter().any(|button| button == name)
    }

    /// Whether an alert contains `part`.
    pub fn alerts_of(&self, part: &str) -> bool {
        self.alerts.iter().any(|alert| alert.contains(part))
    }

    /// Whether a status contains `part`.
    pub fn says(&self, part: &str) -> bool {
        self.statuses.iter().any(|status| status.contains(part))
    }

    /// The fetched JSON. `None` if the page shows none.
    pub fn json(&self) -> Option<Value> {
        serde_json::from_str(self.data.as_deref()?).ok()
    }

    /// Whether the fetched JSON belongs to this user.
    pub fn has_data_of(&self, user: &str) -> bool {
        self.json().is_some_and(|data| data.get("user").is_some_and(|it| it == user))
    }

    /// Fails unless the fetched JSON belongs to this user and the page shows no alert and no status.
    pub fn ensure_data_of(&self, user: &str) -> Result<()> {
        ensure!(self.has_data_of(user) && self.alerts.is_empty() && self.statuses.is_empty(), "{self:#?}");
        Ok(())
    }

    /// Whether the page shows the login form with its button enabled.
    pub fn signed_out(&self) -> bool {
        self.running && self.has_button(LOGIN)
    }

    /// Whether the page shows the signed-in view, and knows by now that there is a session.
    pub fn signed_in(&self) -> bool {
        self.running && self.has_button(LOGOUT) && !self.says(RESTORING)
    }

    /// Whether the page shows its first view, without its code.
    pub fn painted(&self) -> bool {
        !self.running && !self.buttons.is_empty()
    }
}

impl<'a> LoginPage<'a> {
    /// The page in the current tab of `browser`. It may still be loading.
    pub fn of(browser: &'a Browser) -> Self {
        Self { browser }
    }

    /// Opens the page at `address`, without waiting for a particular state of it.
    pub async fn open(browser: &'a Browser, address: &str) -> Result<Self> {
        browser.open(address).await?;
        Ok(Self { browser })
    }

    /// Opens the page at `address`, whose loading may not end, in a browser that does not wait for that.
    pub async fn begin(browser: &'a Browser, address: &str) -> Result<Self> {
        // The page before may be at the same address.
        browser.run("window.__left = true", Value::Null).await?;
        browser.driver().goto(address).await?;
        let arrived = "return !window.__left && location.href.startsWith(args) && document.body !== null";
        let end = Instant::now() + DEADLINE;
        loop {
            // The script fails if the page before goes while it runs.
            let answer = browser.run(arrived, address.into()).await;
            if matches!(answer, Ok(Value::Bool(true))) {
                return Ok(Self { browser });
            }
            ensure!(Instant::now() < end, "no document at {address} within {DEADLINE:?}: {answer:?}");
            sleep(PAUSE).await;
        }
    }

    /// The page's visible content now.
    pub async fn seen(&self) -> Result<Seen> {
        let seen = self.browser.run(&format!("{NAMES} {SEEN}"), Value::Null).await?;
        serde_json::from_value(seen).context("what is seen")
    }

    /// Waits until `condition` holds for the page's visible content and returns that content.
    pub async fn wait_until(&self, what: &str, condition: impl Fn(&Seen) -> bool) -> Result<Seen> {
        self.wait_within(DEADLINE, what, condition).await
    }

    /// As [`wait_until`](Self::wait_until), for what takes longer.
    pub async fn wait_within(
        &self,
        deadline: Duration,
        what: &str,
        condition: impl Fn(&Seen) -> bool,
    ) -> Result<Seen> {
        let end = Instant::now() + deadline;
        loop {
            let seen = self.seen().await?;
            if condition(&seen) {
                return Ok(seen);
            }
            if Instant::now() > end {
                bail!("{what}: not within {deadline:?}, the page has {seen:#?}");
            }
            sleep(PAUSE).await;
        }
    }

    /// Waits for the form and fills it in, but does not submit it.
    pub async fn fill_in(&self, username: &str, password: &str) -> Result<()> {
        for (name, value) in [(USERNAME, username), (PASSWORD, password)] {
            let control = self.text_box(name).await?;
            control.clear().await?;
            control.send_keys(value).await?;
        }
        Ok(())
    }

    /// Fills the form in and submits it.
    pub async fn send_form(&self, username: &str, password: &str) -> Result<()> {
        self.fill_in(username, password).await?;
        self.press(LOGIN).await
    }

    /// Logs in and waits for the signed-in view.
    pub async fn login(&self, username: &str, password: &str) -> Result<Seen> {
        self.send_form(username, password).await?;
        self.wait_until("signed in", Seen::signed_in).await
    }

    /// Logs out and waits for the form.
    pub async fn logout(&self) -> Result<Seen> {
        self.press(LOGOUT).await?;
        self.wait_until("signed out", Seen::signed_out).await
    }

    /// Fetches the protected data and waits until the page shows data or an alert.
    pub async fn fetch(&self) -> Result<Seen> {
        self.press(FETCH).await?;
        self.wait_until("an answer", |seen| seen.data.is_some() || !seen.alerts.is_empty()).await
    }

    /// Presses the button with this name and waits until no button is disabled, or a countdown runs.
    /// Unlike [`LoginPage::fetch`] it also waits if the page showed data or an alert before.
    pub async fn press_and_settle(&self, name: &str) -> Result<Seen> {
        self.browser.run(LISTEN, Value::Null).await?;
        self.press(name).await?;
        // A driver may return before the page has handled the click. No button is disabled yet then.
        self.browser.wait_for("the click", "return window.__heard", Value::Null, DEADLINE).await?;
        self.wait_until("settled", |seen| seen.disabled.is_empty() || !seen.timers.is_empty()).await
    }

    /// Waits for the code and the button with this name, and presses it.
    pub async fn press(&self, name: &str) -> Result<()> {
        let button = self.control("button, [role=button]", name).await?;
        button.click().await.with_context(|| format!("cannot press {name}"))
    }

    /// Waits for the code and the text box with this name.
    pub async fn text_box(&self, name: &str) -> Result<WebElement> {
        self.control(BOXES, name).await
    }

    async fn control(&self, kind: &str, name: &str) -> Result<WebElement> {
        let find = format!(
            "{NAMES}
             const [kind, wanted] = arguments;
             const fits = (e) => running && visible(e) && usable(e) && name(e) === wanted;
             return [...document.querySelectorAll(kind)].find(fits) ?? null;"
        );
        let end = Instant::now() + DEADLINE;
        loop {
            let found = self.browser.driver().execute(find.as_str(), vec![json!(kind), json!(name)]).await?;
            if !found.json().is_null() {
                return Ok(found.element()?);
            }
            if Instant::now() > end {
                bail!("no control called {name} within {DEADLINE:?}, the page has {:#?}", self.seen().await?);
            }
            sleep(PAUSE).await;
        }
    }
}

/// The name of the button that logs in.
pub const LOGIN: &str = "Login";
/// The name of the button that logs out.
pub const LOGOUT: &str = "Logout";
/// The name of the button that fetches the protected data.
pub const FETCH: &str = "Fetch Protected Data";
/// The name of the button that shows and hides the list of the user's sessions.
pub const SESSIONS: &str = "Your sessions";
/// The button below data of which a part is shown.
pub const SHOW_MORE: &str = "Show more";
/// The name of the button that ends all of the user's sessions.
pub const LOGOUT_EVERYWHERE: &str = "Log out everywhere";
/// What the page says while it looks for its session.
pub const RESTORING: &str = "Restoring your session…";
/// The label of the first text box.
pub const USERNAME: &str = "Username";
/// The label of the second text box.
pub const PASSWORD: &str = "Password";

/// The selector of text boxes.
pub const BOXES: &str = "input:not([type=checkbox]):not([type=hidden]), textarea";

/// Functions of a script that finds controls as a user does, and whether the page's code runs.
pub const NAMES: &str = "
    const running = !document.getElementById('boot');
    const visible = (e) => e.getClientRects().length > 0 && getComputedStyle(e).visibility === 'visible';
    const usable = (e) => !e.disabled && e.getAttribute('aria-disabled') !== 'true';
    const text = (e) => (e.innerText ?? e.textContent ?? '').trim();
    const name = (e) => e.getAttribute('aria-label') || [...(e.labels ?? [])].map(text).join(' ') || text(e);
";

const SEEN: &str = "
    const all = (selector) => [...document.querySelectorAll(selector)].filter(visible);
    const texts = (selector) => all(selector).map(text).filter((t) => t !== '');
    const buttons = all('button, [role=button]');
    const focused = document.activeElement;
    return {
      buttons: buttons.filter(usable).map(name),
      disabled: buttons.filter((e) => !usable(e)).map(name),
      boxes: all('input:not([type=checkbox]):not([type=hidden]), textarea').map(name),
      alerts: texts('[role=alert]'),
      statuses: texts('[role=status]').filter((t) => !/^The (data|list) has arrived[.]$/.test(t)),
      running,
      timers: texts('[role=timer]'),
      focus: focused === null || focused === document.body ? '' : name(focused) || focused.getAttribute('role') || '',
      data: texts('pre')[0] ?? null,
      text: document.body === null ? '' : document.body.innerText,
    };
";

/// Sets `__heard` by a timer, because a timer fires after the page has rendered the click's changes.
const LISTEN: &str = "
    window.__heard = false;
    addEventListener('click', () => setTimeout(() => { window.__heard = true; }), {capture: true, once: true});
";

/// Long enough for a loaded machine. A test that passes does not wait this long.
const DEADLINE: Duration = Duration::from_secs(20);
const PAUSE: Duration = Duration::from_millis(25);
