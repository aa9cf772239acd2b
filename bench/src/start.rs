//! The start of the page over a slow network on a slow processor.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use e2e::browser::Browser;
use e2e::page::{
    BOXES, LOGIN, LOGOUT, LoginPage, NAMES, PASSWORD as PASSWORD_LABEL, Seen, USERNAME as LABEL,
};
use serde_json::{Value, json};
use thirtyfour::WindowHandle;

use crate::figures::Figures;
use crate::stage::{Contestant, PASSWORD, Stage, USERNAME, browser, command, wait_for, wipe};

/// Loads each contestant's page for each figure, in turn.
pub(crate) async fn measure(stage: &Stage, runs: usize) -> Result<Figures> {
    let mut figures = Figures::default();
    let browser = browser().await?;
    let first = browser.driver().window().await?;
    for run in 1..=runs {
        eprintln!("  start: run {run} of {runs}");
        for contestant in &stage.contestants {
            let load = Load { browser: &browser, first: &first, contestant };
            load.all(&mut figures).await.with_context(|| contestant.name.clone())?;
        }
    }
    Ok(figures)
}

struct Load<'a> {
    browser: &'a Browser,
    /// The tab that stays open, so that the browser does.
    first: &'a WindowHandle,
    contestant: &'a Contestant,
}

impl Load<'_> {
    async fn all(&self, figures: &mut Figures) -> Result<()> {
        let mut add = |name, time| figures.add(name, "ms", &self.contestant.name, time);
        self.forget().await?;
        add("first paint of the form", self.paint("button", LOGIN).await?);
        self.forget().await?;
        add("first key kept", self.first_key().await?);
        self.forget().await?;
        add("login request sent", self.login().await?);
        LoginPage::of(self.browser).wait_until("signed in", Seen::signed_in).await?;
        add("signed-in view, live session", self.paint("button", LOGOUT).await?);
        Ok(())
    }

    /// Removes what the page has stored.
    async fn forget(&self) -> Result<()> {
        self.close().await?;
        wipe(self.browser, self.contestant).await
    }

    /// Closes the last load's tab.
    async fn close(&self) -> Result<()> {
        let driver = self.browser.driver();
        if driver.window().await? != *self.first {
            driver.close_window().await?;
            self.browser.switch_to(self.first).await?;
        }
        Ok(())
    }

    /// Opens a slow tab. Each load has one, because a new tab has a process of its own: one that had run the page before
    /// would still know its compiled code.
    async fn open(&self) -> Result<()> {
        self.close().await?;
        let tab = self.browser.driver().new_tab().await?;
        self.browser.switch_to(&tab).await?;
        let network = json!({
            "offline": false, "latency": LATENCY, "downloadThroughput": DOWN / 8, "uploadThroughput": UP / 8,
        });
        command(self.browser, "Network.enable", json!({})).await?;
        command(self.browser, "Network.emulateNetworkConditions", network).await?;
        command(self.browser, "Emulation.setCPUThrottlingRate", json!({"rate": SLOWER})).await?;
        Ok(())
    }

    /// Loads the page with this script in a new tab, and returns what it has put into `probe`.
    async fn probe(&self, script: &str) -> Result<Value> {
        self.open().await?;
        let source = format!(
            "if (location.origin === {}) {{
               const probe = window.__probe = {{}};
               const look = (kind, wanted) => {{
                 if (document.body === null) return null;
                 {NAMES}
                 const fits = (it) => visible(it) && usable(it) && name(it) === wanted;
                 return [...document.querySelectorAll(kind)].find(fits) ?? null;
               }};
               {script}
             }}",
            json!(self.contestant.origin())
        );
        command(self.browser, "Page.addScriptToEvaluateOnNewDocument", json!({"source": source})).await?;
        self.browser.driver().goto(self.contestant.origin()).await?;
        tokio::time::sleep(QUIET).await;
        wait_for(self.browser, "window.__probe?.done ? window.__probe : null", PAUSE).await
    }

    /// When the page was painted first, or, if the control came later, when it was there.
    async fn paint(&self, kind: &str, control: &str) -> Result<f64> {
        let probe = self.probe(&PAINT.replace("KIND", kind).replace("CONTROL", control)).await?;
        Ok(number(&probe, "paint")?.max(number(&probe, "seen")?))
    }

    /// When the first key was typed after which none was lost.
    async fn first_key(&self) -> Result<f64> {
        let probe = self.probe(&typing()).await?;
        let typed: Vec<f64> = serde_json::from_value(probe.get("typed").cloned().unwrap_or_default())?;
        let kept: Vec<char> =
            probe.get("value").and_then(Value::as_str).unwrap_or_default().chars().collect();
        let first = first_kept(typed.len(), &kept).context("no key was kept")?;
        typed.get(first).copied().context("a key that was not typed")
    }

    async fn login(&self) -> Result<f64> {
        let script = LOGGING_IN
            .replace("BOXES", BOXES)
            .replace("USERNAME_LABEL", LABEL)
            .replace("PASSWORD_LABEL", PASSWORD_LABEL)
            .replace("USERNAME", USERNAME)
            .replace("PASSWORD", PASSWORD);
        let probe = self.probe(&script).await?;
        ensure!(number(&probe, "sent")? >= number(&probe, "pressed")?, "a login before Enter: {probe}");
        number(&probe, "sent")
    }
}

fn number(probe: &Value, name: &str) -> Result<f64> {
    probe.get(name).and_then(Value::as_f64).with_context(|| format!("{probe} has no {name}"))
}

/// The script that types from when there is a box until a second after the code runs. Each key is
/// another letter.
fn typing() -> String {
    TYPING.replace("BOXES", BOXES).replace("LABEL", LABEL).replace("FIRST", &FIRST.to_string())
}

/// The number of the first key from which on all keys are kept.
fn first_kept(typed: usize, kept: &[char]) -> Option<usize> {
    let mut first = None;
    for at in (0..typed).rev() {
        let key = char::from_u32(FIRST + u32::try_from(at).ok()?)?;
        if !kept.contains(&key) {
            break;
        }
        first = Some(at);
    }
    first
}

const PAINT: &str = "
    const end = () => { probe.done = probe.seen !== undefined && probe.paint !== undefined; };
    const frame = () => {
      if (!look('KIND', 'CONTROL')) return requestAnimationFrame(frame);
      probe.seen = performance.now();
      end();
    };
    requestAnimationFrame(frame);
    new PerformanceObserver((list) => {
      const paint = list.getEntries().find(({name}) => name === 'first-contentful-paint');
      if (paint) probe.paint = paint.startTime;
      end();
    }).observe({type: 'paint', buffered: true});
";

const TYPING: &str = "
    probe.typed = [];
    let more = 40;
    const tick = () => {
      const box = look('BOXES', 'LABEL');
      if (box) {
        if (document.activeElement !== box) box.focus();
        const key = String.fromCharCode(FIRST + probe.typed.length);
        probe.typed.push(performance.now());
        document.execCommand('insertText', false, key);
        if (!document.getElementById('boot')) more -= 1;
      }
      if (more > 0) return setTimeout(tick, 25);
      probe.value = box.value;
      probe.done = true;
    };
    tick();
";

/// Each step is a task of its own, as a person's would be. Enter in a form presses its button.
const LOGGING_IN: &str = "
    const type = (box, text) => { box.focus(); document.execCommand('insertText', false, text); };
    const tick = () => {
      const [username, password] = ['USERNAME_LABEL', 'PASSWORD_LABEL'].map((label) => look('BOXES', label));
      if (!username || !password) return setTimeout(tick, 10);
      type(username, 'USERNAME');
      setTimeout(() => {
        type(password, 'PASSWORD');
        setTimeout(() => {
          probe.pressed = performance.now();
          password.form.querySelector('[type=submit], button:not([type])').click();
        });
      });
    };
    tick();
    new PerformanceObserver((list) => {
      const call = list.getEntries().find(({name}) => name.endsWith('/token'));
      if (!call) return;
      probe.sent = call.startTime;
      probe.done = true;
    }).observe({type: 'resource', buffered: true});
";

/// The letter that is typed first.
const FIRST: u32 = 0x4e00;
/// Bits a second, and milliseconds: slow 4G.
const DOWN: u32 = 1_600_000;
const UP: u32 = 750_000;
const LATENCY: u32 = 150;
/// How much slower the processor is made.
const SLOWER: u32 = 4;
/// The driver asks nothing for this long after the navigation, because its questions take time of the page.
const QUIET: Duration = Duration::from_millis(2_500);
const PAUSE: Duration = Duration::from_millis(300);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_kept_key_is_the_one_after_the_last_that_was_lost() {
        let kept =
            |keys: &[u32]| keys.iter().filter_map(|key| char::from_u32(FIRST + key)).collect::<Vec<_>>();
        assert_eq!(first_kept(4, &kept(&[0, 1, 2, 3])), Some(0));
        assert_eq!(first_kept(4, &kept(&[0, 2, 3])), Some(2));
        assert_eq!(first_kept(4, &kept(&[0, 1, 2])), None);
        assert_eq!(first_kept(0, &[]), None);
    }
}
