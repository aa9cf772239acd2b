//! Real browsers. Each has its own profile, and none outlives its test.

mod capabilities;
mod driver;

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Value, json};
use thirtyfour::error::WebDriverResult;
use thirtyfour::{Capabilities, WebDriver, WindowHandle};
use tokio::time::{Instant, sleep};

use crate::process::Group;
use crate::temp::TempDir;

/// The engines that the product supports.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Engine {
    /// `E2E_CHROMEDRIVER`, `E2E_CHROMIUM`.
    Chromium,
    /// `E2E_GECKODRIVER`, `E2E_FIREFOX`.
    Firefox,
    /// `E2E_WEBKITDRIVER`, `E2E_MINIBROWSER`, `E2E_XVFB`.
    WebKit,
}

impl Engine {
    /// All engines.
    pub const ALL: [Self; 3] = [Self::Chromium, Self::Firefox, Self::WebKit];
}

/// A browser's start options.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The proxy for all plain HTTP. With it `http://app.test` is reachable, as an insecure origin.
    pub proxy: Option<SocketAddr>,
    /// Whether the browser denies storage to pages. WebKit has no such setting: serve its pages with
    /// `Content-Security-Policy: sandbox allow-scripts allow-forms` instead.
    pub storage_denied: bool,
    /// Whether the driver returns while a page is still loading. Without it, it waits for a file that hangs.
    pub impatient: bool,
    /// Whether the browser accepts a certificate that nobody vouches for.
    pub any_certificate: bool,
}

/// The system's colour scheme as the page sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColorScheme {
    /// `prefers-color-scheme: light`.
    Light,
    /// `prefers-color-scheme: dark`.
    Dark,
    /// `forced-colors: active`, black on white.
    ForcedLight,
    /// `forced-colors: active`, white on black.
    ForcedDark,
}

/// A browser with a new profile. It ends on drop, and when this process ends in any way.
#[derive(Debug)]
pub struct Browser {
    engine: Engine,
    driver: WebDriver,
    // Dropped in this order: the browser must end before its display and its profile.
    _process: Group,
    _display: Option<Group>,
    _profile: TempDir,
}

/// How the page's hint about CORS begins.
const HINT: &str = "warn: yew-jwt-auth: http";

impl Browser {
    /// Starts a browser with the default options.
    pub async fn start(engine: Engine) -> Result<Self> {
        Self::with(engine, Options::default()).await
    }

    /// Starts a browser.
    pub async fn with(engine: Engine, options: Options) -> Result<Self> {
        let profile = TempDir::new("e2e-browser")?;
        let display = if engine == Engine::WebKit { Some(driver::display().await?) } else { None };
        let mut variables = driver::own_folders(profile.path())?;
        if let Some((_, number)) = &display {
            variables.push(("DISPLAY".to_owned(), format!(":{number}")));
        }
        let (process, port) = driver::driver(engine, &variables).await?;
        let capabilities = capabilities::of(engine, &options, profile.path());
        let session =
            WebDriver::builder(format!("http://127.0.0.1:{port}"), Capabilities::from(capabilities))
                .request_timeout(DEADLINE)
                .connect();
        let driver =
            session.await.with_context(|| format!("{engine:?} does not start:\n{}", process.output()))?;
        driver.set_script_timeout(DEADLINE).await?;
        let display = display.map(|(display, _)| display);
        Ok(Self { engine, driver, _process: process, _display: display, _profile: profile })
    }

    /// The browser's engine.
    pub fn engine(&self) -> Engine {
        self.engine
    }

    /// The WebDriver session, for commands that this type does not wrap.
    pub fn driver(&self) -> &WebDriver {
        &self.driver
    }

    /// Opens an address in the current tab.
    pub async fn open(&self, address: &str) -> Result<()> {
        self.arrive(self.driver.goto(address)).await.with_context(|| format!("cannot open {address}"))
    }

    /// Reloads the current tab.
    pub async fn reload(&self) -> Result<()> {
        self.arrive(self.driver.refresh()).await.context("cannot load the page again")
    }

    /// Waits until the new document is complete and runs scripts: Chromium's driver may return before.
    async fn arrive(&self, going: impl Future<Output = WebDriverResult<()>>) -> Result<()> {
        // Marks the old document. If it runs no scripts, the mark fails, but the check below fails there too.
        let _marked = self.run("window.__left = true", Value::Null).await;
        going.await?;
        let end = Instant::now() + DEADLINE;
        let arrived = "return !window.__left && document.readyState === 'complete'";
        loop {
            let answer = self.run(arrived, Value::Null).await;
            if matches!(answer, Ok(Value::Bool(true))) {
                return Ok(());
            }
            ensure!(Instant::now() < end, "the page is not there within {DEADLINE:?}: {answer:?}");
            sleep(PAUSE).await;
        }
    }

    /// Opens an address in a new tab and switches to it. In WebKit it is a window, because WebKit treats
    /// tabs in the background as hidden.
    pub async fn open_tab(&self, address: &str) -> Result<WindowHandle> {
        let tab = match self.engine {
            Engine::WebKit => self.driver.new_window().await?,
            Engine::Chromium | Engine::Firefox => self.driver.new_tab().await?,
        };
        self.switch_to(&tab).await?;
        self.open(address).await?;
        Ok(tab)
    }

    /// Goes back in the history, as the button does. Ignores the driver's answer: Chromium's driver may
    /// wait in vain for the page that it has just left. The caller checks whether the page has come.
    pub async fn back(&self) {
        let _answer = self.driver.back().await;
    }

    /// Switches to a tab.
    pub async fn switch_to(&self, tab: &WindowHandle) -> Result<()> {
        Ok(self.driver.switch_to_window(tab.clone()).await?)
    }

    /// Waits for a tab that a page has opened and that is not in `before`. Does not switch to it.
    pub async fn opened_since(&self, before: &[WindowHandle]) -> Result<WindowHandle> {
        let end = Instant::now() + DEADLINE;
        loop {
            let opened = self.driver.windows().await?.into_iter().find(|tab| !before.contains(tab));
            if let Some(opened) = opened {
                return Ok(opened);
            }
            ensure!(Instant::now() < end, "no tab was opened within {DEADLINE:?}");
            sleep(PAUSE).await;
        }
    }

    /// Runs `body` in the page as the body of an async function with the parameter `args`. Returns the
    /// function's result as JSON. An exception in it is an error.
    pub async fn run(&self, body: &str, args: Value) -> Result<Value> {
        let script = format!(
            "const done = arguments[arguments.length - 1];
             (async (args) => {{ {body} }})(arguments[0])
               .then((ok) => done({{ok}}), (error) => done({{error: String(error)}}));"
        );
        let answer = self.driver.execute_async(script, vec![args]).await?.json().clone();
        match answer.get("error") {
            None => Ok(answer.get("ok").cloned().unwrap_or(Value::Null)),
            Some(error) => bail!("the page's script failed: {error}"),
        }
    }

    /// Runs `body` (see [`Browser::run`]) repeatedly until it returns a value other than null, undefined
    /// and false. Returns that value.
    pub async fn wait_for(&self, what: &str, body: &str, args: Value, deadline: Duration) -> Result<Value> {
        let end = Instant::now() + deadline;
        loop {
            let answer = self.run(body, args.clone()).await?;
            if !matches!(answer, Value::Null | Value::Bool(false)) {
                return Ok(answer);
            }
            ensure!(Instant::now() < end, "{what}: not within {deadline:?}");
            sleep(PAUSE).await;
        }
    }

    /// The current page's errors, warnings, unhandled rejections and policy violations. The script that
    /// [`crate::pages`] adds to the page collects them.
    pub async fn complaints(&self) -> Result<Vec<String>> {
        let complaints = self.run("return window.__complaints ?? null", Value::Null).await?;
        let complaints: Vec<String> = serde_json::from_value(complaints)?;
        // The page's hint for whoever sets up the server comes whenever the network is cut.
        Ok(complaints.into_iter().filter(|line| !line.starts_with(HINT)).collect())
    }

    /// The entries of Chromium's console since the last call, network errors included.
    pub async fn console(&self) -> Result<Vec<String>> {
        ensure!(self.engine == Engine::Chromium, "only Chromium's driver has the console");
        let entries = self.driver.browser_log().await?;
        Ok(entries.into_iter().map(|entry| format!("{}: {}", entry.level, entry.message)).collect())
    }

    /// Lets Chromium emulate a size and a colour scheme. They stay until the next call.
    pub async fn emulate(&self, size: (u32, u32), scheme: ColorScheme) -> Result<()> {
        ensure!(self.engine == Engine::Chromium, "only Chromium emulates sizes and colours");
        let cdp = self.driver.cdp();
        let (preferred, forced) = match scheme {
            ColorScheme::Light => ("light", "none"),
            ColorScheme::Dark => ("dark", "none"),
            ColorScheme::ForcedLight => ("light", "active"),
            ColorScheme::ForcedDark => ("dark", "active"),
        };
        let features = json!([
            {"name": "prefers-color-scheme", "value": preferred},
            {"name": "forced-colors", "value": forced},
        ]);
        cdp.send_raw("Emulation.setEmulatedMedia", json!({"features": features})).await?;
        // After the colours, because Chromium paints the ground in the old ones until the size changes.
        let (width, height) = size;
        let metrics = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false});
        cdp.send_raw("Emulation.setDeviceMetricsOverride", metrics).await?;
        Ok(())
    }

    /// Writes `target/screenshots/NAME.png` and returns its path. Chromium emulates size and colour
    /// scheme. They stay until the next call.
    pub async fn screenshot(&self, name: &str, size: (u32, u32), scheme: ColorScheme) -> Result<PathBuf> {
        self.emulate(size, scheme).await?;
        let folder = screenshots();
        std::fs::create_dir_all(&folder)?;
        let path = folder.join(format!("{name}.png"));
        self.driver.screenshot(&path).await?;
        Ok(path)
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The fields' drops end the processes. Keep thirtyfour from ending the session, which would block,
        // also during a panic.
        let _ = self.driver.clone().leak();
    }
}

fn screenshots() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target"), PathBuf::from);
    target.join("screenshots")
}

/// A browser starts slowly on a loaded machine.
const DEADLINE: Duration = Duration::from_secs(60);
/// The pause between two polls.
const PAUSE: Duration = Duration::from_millis(25);
