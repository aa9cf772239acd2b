//! Somebody who sits in front of a tab and remembers everything that it ever showed, and when: a
//! flash of private data is over long before a test would look.

use anyhow::{Context, Result};
use serde::Deserialize;
use serde_json::Value;

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

const WATCH: &str = "
    const met = window.__witness !== undefined;
    const witness = window.__witness ??= {views: [], clicked: null};
    const look = () => {
      const text = document.body.innerText;
      if (witness.views.at(-1)?.text !== text) witness.views.push({at: Date.now(), text});
    };
    if (!met) {
      new MutationObserver(look).observe(document.body, {childList: true, subtree: true, characterData: true});
      addEventListener('click', () => { witness.clicked = Date.now(); }, true);
    }
    witness.views = [];
    witness.clicked = null;
    look();
";
