//! The stage, which the scenarios of a module share, and helpers of several modules.

use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use e2e::browser::Engine;
use e2e::page::LOGOUT;
use e2e::proxy::Rule;
use e2e::scene::{PASSWORD, Scene, refused};
use e2e::witness;
use thirtyfour::WindowHandle;

/// The longest wait for an expected event, also on a loaded machine.
pub(crate) const DEADLINE: std::time::Duration = std::time::Duration::from_secs(20);
/// The second user.
pub(crate) const OTHER: &str = "other";

/// One scene, and the results of the scenarios that it has played so far.
pub(crate) struct Stage {
    pub(crate) scene: Scene,
    engine: Engine,
    first: WindowHandle,
    now: Option<(&'static str, Instant)>,
    failures: Vec<String>,
}

impl Stage {
    pub(crate) async fn start(engine: Engine) -> Result<Self> {
        let scene = Scene::start(engine).await?;
        scene.server.add_user(OTHER, PASSWORD).await?;
        let first = scene.browser.driver().window().await?;
        Ok(Self { scene, engine, first, now: None, failures: Vec::new() })
    }

    /// Whether to play this scenario. `E2E_SCENARIO` may exclude it.
    pub(crate) fn plays(&mut self, name: &'static str) -> bool {
        self.now = Some((name, Instant::now()));
        std::env::var("E2E_SCENARIO").map_or(true, |part| name.contains(&part))
    }

    /// Records the scenario's outcome and resets the scene. After a failure the next scenario is played
    /// all the same.
    pub(crate) async fn played(&mut self, outcome: Result<()>) -> Result<()> {
        let (name, began) = self.now.take().context("a scenario")?;
        let (engine, seconds) = (self.engine, began.elapsed().as_secs_f32());
        println!("{engine:?} {seconds:4.1} s {} {name}", if outcome.is_ok() { "ok    " } else { "FAILED" });
        if let Err(error) = outcome {
            self.failures.push(format!("{name}: {error:?}\nthe wire: {:#?}", self.scene.log().wire()));
        }
        self.scene.proxy.reset();
        self.scene.pages.preload("");
        self.scene.pages.meta("auth-access-token", "session");
        self.scene.pages.meta("auth-refresh-token", "local");
        let driver = self.scene.browser.driver();
        for tab in driver.windows().await?.into_iter().filter(|tab| *tab != self.first) {
            self.scene.browser.switch_to(&tab).await?;
            driver.close_window().await?;
        }
        self.scene.browser.switch_to(&self.first).await
    }

    pub(crate) fn end(self) -> Result<()> {
        if self.failures.is_empty() {
            return Ok(());
        }
        bail!("{:?}:\n{}", self.engine, self.failures.join("\n\n"))
    }
}

/// Makes the proxy answer the next fetch with a 401, as if its access token had expired.
pub(crate) fn expire(scene: &Scene) {
    scene.proxy.add(Rule::new("GET", "/protected-route", refused()).once());
}

/// Fails unless `tabs` other tabs show `sentence` within a second after `since` (longer on a loaded
/// machine). Does not switch to those tabs: the current tab receives their witnesses' reports.
pub(crate) async fn ensure_prompt(scene: &Scene, sentence: &str, since: f64, tabs: usize) -> Result<()> {
    let bound = 1_000.0 * crowd();
    for shown in witness::heard(&scene.browser, sentence, tabs).await? {
        let late = shown - since;
        ensure!(late <= bound, "{late} ms until \"{sentence}\", and {bound} were allowed");
    }
    Ok(())
}

/// The number of running programs per processor, at least 1. A program takes this many times as long as
/// on an idle machine.
fn crowd() -> f64 {
    let load = std::fs::read_to_string("/proc/loadavg").ok();
    let load = load.and_then(|text| text.split(' ').next()?.parse().ok()).unwrap_or(0.0);
    let processors = std::thread::available_parallelism().map_or(1.0, |n| n.get() as f64);
    f64::max(1.0, load / processors)
}

/// Presses *Logout* in the current tab and returns the time of the click. From then on the tab receives
/// the other tabs' witness reports.
pub(crate) async fn click_logout(scene: &Scene) -> Result<f64> {
    witness::watch(&scene.browser).await?;
    witness::hear(&scene.browser).await?;
    scene.page().press(LOGOUT).await?;
    witness::testimony(&scene.browser).await?.clicked.context("a click")
}
