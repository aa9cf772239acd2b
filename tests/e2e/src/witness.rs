//! Somebody who sits in front of a tab and remembers everything that it ever showed, and when: a
//! flash of private data is over long before a test would look. And to look is to interfere: a tab that
//! is switched to becomes visible, and checks its session for that alone. So witnesses also report to
//! whichever tab hears them.

use std::time::Duration;

use anyhow::{Context, Result};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::browser::Browser;

/// What a tab showed since its witness came.
#[derive(Clone, Debug, Deserialize)]
pub struct Testimony {
    /// Each state of the page in its order.
    pub views: Vec<View>,
    /// When a button was last clicked, by the clock that all tabs share.
    pub clicked: Option<f64>,
}

/// The page between two changes.
#[derive(Clone, Debug, Deserialize)]
pub struct View {
    /// When it came, in milliseconds, by the same clock.
    pub at: f64,
    /// Its visible text.
    pub text: String,
}

impl Testimony {
    /// Whether the tab ever showed this.
    pub fn saw(&self, part: &str) -> bool {
        self.views.iter().any(|view| view.text.contains(part))
    }

    /// When the tab first showed this.
    pub fn first(&self, part: &str) -> Option<f64> {
        self.views.iter().find(|view| view.text.contains(part)).map(|view| view.at)
    }
}

/// Places a witness in front of the current tab, or makes the one that is there forget.
pub async fn watch(browser: &Browser) -> Result<()> {
    browser.run(WATCH, Value::Null).await.map(drop)
}

/// What the current tab's witness saw.
pub async fn testimony(browser: &Browser) -> Result<Testimony> {
    serde_json::from_value(browser.run("return window.__witness", Value::Null).await?).context("a witness")
}

/// Lets the current tab hear, from now on, what witnesses of other tabs see.
pub async fn hear(browser: &Browser) -> Result<()> {
    browser.run(HEAR, Value::Null).await.map(drop)
}

/// Waits in the tab that hears until `tabs` others have shown `part`, and answers with when each first did.
pub async fn heard(browser: &Browser, part: &str, tabs: usize) -> Result<Vec<f64>> {
    let times = browser.wait_for(part, HEARD, json!([part, tabs]), DEADLINE).await?;
    serde_json::from_value(times).context("times")
}

const WATCH: &str = "
    const met = window.__witness !== undefined;
    const witness = window.__witness ??= {views: [], clicked: null, tab: Math.random()};
    const reports = met ? null : new BroadcastChannel('e2e-witness');
    const look = () => {
      const text = document.body.innerText;
      if (witness.views.at(-1)?.text === text) return;
      witness.views.push({at: Date.now(), text});
      reports?.postMessage({tab: witness.tab, at: Date.now(), text});
    };
    if (!met) {
      new MutationObserver(look).observe(document.body, {childList: true, subtree: true, characterData: true});
      addEventListener('click', () => { witness.clicked = Date.now(); }, true);
    }
    witness.views = [];
    witness.clicked = null;
    look();
";

const HEAR: &str = "
    window.__reports = [];
    const reports = new BroadcastChannel('e2e-witness');
    reports.onmessage = ({data}) => window.__reports.push(data);
";

const HEARD: &str = "
    const [part, wanted] = args;
    const times = new Map();
    for (const {tab, at, text} of window.__reports) {
      if (text.includes(part) && !times.has(tab)) times.set(tab, at);
    }
    return times.size >= wanted ? [...times.values()] : null;
";

const DEADLINE: Duration = Duration::from_secs(20);
