//! A witness: a script in a tab that records each text that the tab shows, and when. A test that polls
//! would miss private data that is visible for a moment only.
//!
//! Switching to a tab would change its behaviour: the tab becomes visible and checks its session because
//! of that. So a witness also sends each view to the tab that listens ([`hear`]).

use std::time::Duration;

use anyhow::{Context, Result};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::browser::Browser;

/// A witness's record since [`watch`].
#[derive(Clone, Debug, Deserialize)]
pub struct Testimony {
    /// The page's states in their order.
    pub views: Vec<View>,
    /// The time of the last click, by `Date.now()`, which all tabs share.
    pub clicked: Option<f64>,
}

/// The page between two changes.
#[derive(Clone, Debug, Deserialize)]
pub struct View {
    /// When the state began, by `Date.now()`, in milliseconds.
    pub at: f64,
    /// The page's visible text.
    pub text: String,
}

impl Testimony {
    /// Whether the tab has shown `part`.
    pub fn saw(&self, part: &str) -> bool {
        self.views.iter().any(|view| view.text.contains(part))
    }

    /// When the tab first showed `part`.
    pub fn first(&self, part: &str) -> Option<f64> {
        self.views.iter().find(|view| view.text.contains(part)).map(|view| view.at)
    }
}

/// Starts a witness in the current tab. If the tab has one, empties its record.
pub async fn watch(browser: &Browser) -> Result<()> {
    browser.run(WATCH, Value::Null).await.map(drop)
}

/// The record of the current tab's witness.
pub async fn testimony(browser: &Browser) -> Result<Testimony> {
    serde_json::from_value(browser.run("return window.__witness", Value::Null).await?).context("a witness")
}

/// Makes the current tab receive the reports of other tabs' witnesses from now on.
pub async fn hear(browser: &Browser) -> Result<()> {
    browser.run(HEAR, Value::Null).await.map(drop)
}

/// Waits until `tabs` other tabs have shown `part`, and returns when each first did. The current tab must
/// be the one that receives the reports.
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
