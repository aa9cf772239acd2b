//! The product's page as its user meets it: by the names of its controls and by what it says.

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

/// What can be perceived on the page at one moment; what is hidden does not count.
#[derive(Clone, Debug, Default, Deserialize)]
pub struct Seen {
    /// Names of the buttons that can be used.
    pub buttons: Vec<String>,
    /// Names of the buttons that are there and cannot be used now.
    pub disabled: Vec<String>,
    /// Names of the text boxes.
    pub boxes: Vec<String>,
    /// Texts with `role="alert"`.
    pub alerts: Vec<String>,
    /// Texts with `role="status"`, empty ones left out.
    pub statuses: Vec<String>,
    /// Texts with `role="timer"`.
    pub timers: Vec<String>,
    /// Accessible name, or role, of the element that has the focus.
    pub focus: String,
    /// The text of the preformatted block, which is where fetched JSON appears.
    pub data: Option<String>,
    /// All visible text.
    pub text: String,
}

impl Seen {
    /// Whether there is such a button and it can be used.
    pub fn has_button(&self, name: &str) -> bool {
        self.buttons.iter().any(|button| button == name)
    }

    /// Whether an alert contains this.
    pub fn alerts_of(&self, part: &str) -> bool {
        self.alerts.iter().any(|alert| alert.contains(part))
    }

    /// Whether a status contains this.
    pub fn says(&self, part: &str) -> bool {
        self.statuses.iter().any(|status| status.contains(part))
    }

    /// The fetched JSON, once it is there.
    pub fn json(&self) -> Option<Value> {
        serde_json::from_str(self.data.as_deref()?).ok()
    }

    /// Whether the fetched JSON is this user's.
    pub fn has_data_of(&self, user: &str) -> bool {
        self.json().is_some_and(|data| data.get("user").is_some_and(|it| it == user))
    }

    /// The fetched JSON is this user's, and there is no trouble to tell of.
    pub fn ensure_data_of(&self, user: &str) -> Result<()> {
        ensure!(self.has_data_of(user) && self.alerts.is_empty() && self.statuses.is_empty(), "{self:#?}");
        Ok(())
    }

    /// Whether the form is there and ready.
    pub fn signed_out(&self) -> bool {
        self.has_button(LOGIN)
    }

    /// Whether the signed-in view is there.
    pub fn signed_in(&self) -> bool {
        self.has_button(LOGOUT)
    }
}

impl<'a> LoginPage<'a> {
    /// The page in the current tab of `browser`, which may still be loading.
    pub fn of(browser: &'a Browser) -> Self {
        Self { browser }
    }

    /// Opens the page at `address`, in whatever state it then is.
    pub async fn open(browser: &'a Browser, address: &str) -> Result<Self> {
        browser.open(address).await?;
        Ok(Self { browser })
    }

    /// What is on the page now.
    pub async fn seen(&self) -> Result<Seen> {
        let seen = self.browser.run(&format!("{NAMES} {SEEN}"), Value::Null).await?;
        serde_json::from_value(seen).context("what is seen")
    }

    /// Waits until `condition` holds of what is on the page and answers with that.
    pub async fn wait_until(&self, what: &str, condition: impl Fn(&Seen) -> bool) -> Result<Seen> {
        let end = Instant::now() + DEADLINE;
        loop {
            let seen = self.seen().await?;
            if condition(&seen) {
                return Ok(seen);
            }
            if Instant::now() > end {
                bail!("{what}: not within {DEADLINE:?}, the page has {seen:#?}");
            }
            sleep(PAUSE).await;
        }
    }

    /// Waits for the form and fills it in without sending it.
    pub async fn fill_in(&self, username: &str, password: &str) -> Result<()> {
        for (name, value) in [(USERNAME, username), (PASSWORD, password)] {
            let control = self.text_box(name).await?;
            control.clear().await?;
            control.send_keys(value).await?;
        }
        Ok(())
    }

    /// Fills the form in and sends it.
    pub async fn send_form(&self, username: &str, password: &str) -> Result<()> {
        self.fill_in(username, password).await?;
        self.press(LOGIN).await
    }

    /// Signs in and waits until that shows.
    pub async fn login(&self, username: &str, password: &str) -> Result<Seen> {
        self.send_form(username, password).await?;
        self.wait_until("signed in", Seen::signed_in).await
    }

    /// Signs out and waits until that shows.
    pub async fn logout(&self) -> Result<Seen> {
        self.press(LOGOUT).await?;
        self.wait_until("signed out", Seen::signed_out).await
    }

    /// Fetches the protected data and waits until something came of it: data or an alert.
    pub async fn fetch(&self) -> Result<Seen> {
        self.press(FETCH).await?;
        self.wait_until("an answer", |seen| seen.data.is_some() || !seen.alerts.is_empty()).await
    }

    /// Presses the button with this name and waits until the page has dealt with that: no button is
    /// switched off any more, but for a countdown. Unlike [`LoginPage::fetch`] it is not satisfied by what was there before.
    pub async fn press_and_settle(&self, name: &str) -> Result<Seen> {
        self.browser.run(LISTEN, Value::Null).await?;
        self.press(name).await?;
        // A driver may come back before the page has heard of the click, and then nothing is switched off yet.
        self.browser.wait_for("the click", "return window.__heard", Value::Null, DEADLINE).await?;
        self.wait_until("settled", |seen| seen.disabled.is_empty() || !seen.timers.is_empty()).await
    }

    /// Waits for the button with this name and presses it.
    pub async fn press(&self, name: &str) -> Result<()> {
        let button = self.control("button, [role=button]", name).await?;
        button.click().await.with_context(|| format!("cannot press {name}"))
    }

    /// Waits for the text box with this name.
    pub async fn text_box(&self, name: &str) -> Result<WebElement> {
        self.control(BOXES, name).await
    }

    async fn control(&self, kind: &str, name: &str) -> Result<WebElement> {
        let find = format!(
            "{NAMES}
             const [kind, wanted] = arguments;
             const fits = (e) => visible(e) && usable(e) && name(e) === wanted;
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

/// The name of the button that signs in.
pub const LOGIN: &str = "Login";
/// The name of the button that signs out.
pub const LOGOUT: &str = "Logout";
/// The name of the button that asks for the protected data.
pub const FETCH: &str = "Fetch Protected Data";
/// The name of the button that shows the user's sessions, and hides them.
pub const SESSIONS: &str = "Your sessions";
/// The name of the button that ends all of them.
pub const LOGOUT_EVERYWHERE: &str = "Log out everywhere";
/// The label of the first text box.
pub const USERNAME: &str = "Username";
/// The label of the second.
pub const PASSWORD: &str = "Password";

const BOXES: &str = "input:not([type=checkbox]):not([type=hidden]), textarea";

const NAMES: &str = "
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
      statuses: texts('[role=status]'),
      timers: texts('[role=timer]'),
      focus: focused === null || focused === document.body ? '' : name(focused) || focused.getAttribute('role') || '',
      data: texts('pre')[0] ?? null,
      text: document.body === null ? '' : document.body.innerText,
    };
";

/// A timer fires after the page has rendered what the click changed.
const LISTEN: &str = "
    window.__heard = false;
    addEventListener('click', () => setTimeout(() => { window.__heard = true; }), {capture: true, once: true});
";

/// Long enough for a loaded machine; what passes needs none of it.
const DEADLINE: Duration = Duration::from_secs(20);
const PAUSE: Duration = Duration::from_millis(25);
