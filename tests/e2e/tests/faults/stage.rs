//! The stage that scenarios share, and what several of them ask.

use std::time::Instant;

use anyhow::{Context, Result, bail, ensure};
use e2e::browser::Engine;
use e2e::outsider;
use e2e::page::LOGOUT;
use e2e::proxy::{Entry, Rule};
use e2e::scene::{PASSWORD, Scene, Stored, refused};
use e2e::witness;
use serde_json::Value;
use thirtyfour::WindowHandle;

/// Everything that is done has happened after this, also on a loaded machine.
pub(crate) const DEADLINE: std::time::Duration = std::time::Duration::from_secs(20);
/// The second user.
pub(crate) const OTHER: &str = "other";
pub(crate) const UNREACHABLE: &str = "Cannot reach the server. Check your connection and try again.";
pub(crate) const UNREACHABLE_NOTICE: &str = "The server cannot be reached at the moment. You stay signed in.";
pub(crate) const UNAVAILABLE_NOTICE: &str = "The server is not available at the moment. You stay signed in.";
pub(crate) const UNKEPT: &str =
    "This browser does not let the page remember you: you will be signed out when you close or reload it.";
pub(crate) const LOGGED_OUT: &str = "You are logged out.";
pub(crate) const LOGGED_OUT_ELSEWHERE: &str = "You logged out in another tab.";
pub(crate) const LOST: &str = "This browser no longer has your session. Log in again.";
pub(crate) const REUSE: &str =
    "You were signed out for your safety: this session was used from somewhere else.";

/// One browser, and the scenarios that were played on it so far.
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

    /// Whether this one is to be played: all are, but for those that `E2E_SCENARIO` leaves out.
    pub(crate) fn plays(&mut self, name: &'static str) -> bool {
        self.now = Some((name, Instant::now()));
        std::env::var("E2E_SCENARIO").map_or(true, |part| name.contains(&part))
    }

    /// Notes how it went, and clears the stage: one failure does not hide the next.
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

/// The next request with an access token is told that it has expired.
pub(crate) fn expire(scene: &Scene) {
    scene.proxy.add(Rule::new("GET", "/protected-route", refused()).once());
}

/// What a thief could take from the current tab.
pub(crate) struct Tokens {
    pub(crate) access: String,
    pub(crate) refresh: String,
    /// The key that goes with the refresh token.
    pub(crate) key: String,
}

pub(crate) async fn tokens(scene: &Scene) -> Result<Tokens> {
    let stored = scene.stored().await?;
    let row = live_row(&stored).with_context(|| format!("a live row in {stored:?}"))?;
    let access = field_of(stored.session.values(), "access_token").context("an access token")?;
    let refresh = row.get("token").and_then(Value::as_str).map(str::to_owned);
    let refresh = refresh.or_else(|| field_of(stored.local.values(), "refresh_token"));
    let key = row.get("key").and_then(Value::as_str).context("a key")?.to_owned();
    Ok(Tokens { access, refresh: refresh.context("a refresh token")?, key })
}

fn field_of<'a>(records: impl Iterator<Item = &'a String>, name: &str) -> Option<String> {
    let mut fields = records.filter_map(|text| Some(parsed(text).get(name)?.as_str()?.to_owned()));
    fields.next()
}

fn parsed(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_default()
}

/// The ledger's sessions.
pub(crate) fn rows(stored: &Stored) -> Vec<Value> {
    let rows = stored.ledger.iter().filter(|(key, _)| key.contains(":row:"));
    rows.map(|(_, text)| parsed(text)).collect()
}

/// The ledger's session that has not ended.
pub(crate) fn live_row(stored: &Stored) -> Option<Value> {
    rows(stored).into_iter().find(|row| row.get("ended").is_some_and(Value::is_null))
}

/// Neither this tab's storage nor the profile's nor the ledger hold a token or a session that lives.
pub(crate) async fn ensure_no_session(scene: &Scene) -> Result<()> {
    let stored = scene.stored().await?;
    ensure!(stored.is_empty(), "{stored:#?}");
    ensure!(live_row(&stored).is_none(), "{stored:#?}");
    let held = rows(&stored).iter().any(|row| row.get("token").is_some_and(|token| !token.is_null()));
    ensure!(!held, "{stored:#?}");
    Ok(())
}

/// The server's family is over: its access token is refused although its time is not up.
pub(crate) async fn ensure_ended_at_server(scene: &Scene, tokens: &Tokens) -> Result<()> {
    ensure!(!outsider::is_let_in(&scene.server, &tokens.access).await?, "the family lives on");
    Ok(())
}

/// The server never had to think that a token was stolen.
pub(crate) fn ensure_no_reuse(scene: &Scene) -> Result<()> {
    let events = scene.server.reuse_events();
    ensure!(events.is_empty(), "{events:#?}");
    Ok(())
}

/// All these carried the same token and the same key.
pub(crate) fn ensure_one_attempt(entries: &[Entry]) -> Result<()> {
    let [first, rest @ ..] = entries else { bail!("no attempt") };
    let same = |it: &Entry| {
        (&it.body_sha256, &it.idempotency_key_fingerprint)
            == (&first.body_sha256, &first.idempotency_key_fingerprint)
    };
    ensure!(first.idempotency_key_fingerprint.is_some() && rest.iter().all(same), "{entries:#?}");
    Ok(())
}

/// So many other tabs showed `sentence` within a second after `since`, without anybody looking at them:
/// what their witnesses see is heard in the current tab.
pub(crate) async fn ensure_prompt(scene: &Scene, sentence: &str, since: f64, tabs: usize) -> Result<()> {
    let bound = 1_000.0 * crowd();
    for shown in witness::heard(&scene.browser, sentence, tabs).await? {
        let late = shown - since;
        ensure!(late <= bound, "{late} ms until \"{sentence}\", and {bound} were allowed");
    }
    Ok(())
}

/// How many programs wait for each processor, at least one: what each of them does takes as many times
/// as long as it would on a machine of its own.
fn crowd() -> f64 {
    let load = std::fs::read_to_string("/proc/loadavg").ok();
    let load = load.and_then(|text| text.split(' ').next()?.parse().ok()).unwrap_or(0.0);
    let processors = std::thread::available_parallelism().map_or(1.0, |n| n.get() as f64);
    f64::max(1.0, load / processors)
}

/// Presses *Logout* in the current tab, which hears the others from then on, and answers with when that was.
pub(crate) async fn click_logout(scene: &Scene) -> Result<f64> {
    witness::watch(&scene.browser).await?;
    witness::hear(&scene.browser).await?;
    scene.page().press(LOGOUT).await?;
    witness::testimony(&scene.browser).await?.clicked.context("a click")
}
