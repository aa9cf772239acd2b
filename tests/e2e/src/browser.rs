//! Real browsers, each with a profile of its own, none of which outlives the test.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use serde_json::{Map, Value, json};
use thirtyfour::error::WebDriverResult;
use thirtyfour::{Capabilities, WebDriver, WindowHandle};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};

use crate::process::Group;
use crate::server::free_port;
use crate::temp::TempDir;

/// The engines that the product has to work in.
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
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Chromium, Self::Firefox, Self::WebKit];
}

/// What a browser is started with.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// All plain HTTP goes through this proxy, so that `http://app.test` is a host, and not a secure one.
    pub proxy: Option<SocketAddr>,
    /// The page may not keep anything. WebKit has no such setting: serve its pages with
    /// `Content-Security-Policy: sandbox allow-scripts allow-forms` instead.
    pub storage_denied: bool,
    /// Chromium's preferences or Firefox's `about:config`.
    pub preferences: Map<String, Value>,
}

/// Light or dark, as the system would tell the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ColorScheme {
    /// `prefers-color-scheme: light`.
    Light,
    /// `prefers-color-scheme: dark`.
    Dark,
}

/// A browser with an empty profile. It ends on drop, and with this process in any case.
#[derive(Debug)]
pub struct Browser {
    engine: Engine,
    driver: WebDriver,
    // In the order in which they must end.
    _process: Group,
    _display: Option<Group>,
    _profile: TempDir,
}

impl Browser {
    /// Starts a browser with the defaults.
    pub async fn start(engine: Engine) -> Result<Self> {
        Self::with(engine, Options::default()).await
    }

    /// Starts a browser.
    pub async fn with(engine: Engine, options: Options) -> Result<Self> {
        let profile = TempDir::new("e2e-browser")?;
        let display = if engine == Engine::WebKit { Some(display().await?) } else { None };
        let mut variables = own_folders(profile.path())?;
        if let Some((_, number)) = &display {
            variables.push(("DISPLAY".to_owned(), format!(":{number}")));
        }
        let (process, port) = driver(engine, &variables).await?;
        let capabilities = capabilities(engine, &options, profile.path());
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

    /// Which engine it is.
    pub fn engine(&self) -> Engine {
        self.engine
    }

    /// Everything that WebDriver can do.
    pub fn driver(&self) -> &WebDriver {
        &self.driver
    }

    /// Opens an address in the current tab.
    pub async fn open(&self, address: &str) -> Result<()> {
        self.arrive(self.driver.goto(address)).await.with_context(|| format!("cannot open {address}"))
    }

    /// Loads the page in the current tab again.
    pub async fn reload(&self) -> Result<()> {
        self.arrive(self.driver.refresh()).await.context("cannot load the page again")
    }

    /// Waits until scripts run in the new document, and all of it is there: Chromium's driver may come back before.
    async fn arrive(&self, going: impl Future<Output = WebDriverResult<()>>) -> Result<()> {
        // A page that runs no scripts cannot be taken for the next one.
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

    /// Opens an address in a tab of its own and switches to it. In WebKit it is a window, since its
    /// tabs in the background count as hidden.
    pub async fn open_tab(&self, address: &str) -> Result<WindowHandle> {
        let tab = match self.engine {
            Engine::WebKit => self.driver.new_window().await?,
            Engine::Chromium | Engine::Firefox => self.driver.new_tab().await?,
        };
        self.switch_to(&tab).await?;
        self.open(address).await?;
        Ok(tab)
    }

    /// Goes back in the history, as the button does. Whether the page is there then is for the caller to ask:
    /// Chromium's driver may wait in vain for an answer from the page that it has just left.
    pub async fn back(&self) {
        let _answer = self.driver.back().await;
    }

    /// Switches to a tab.
    pub async fn switch_to(&self, tab: &WindowHandle) -> Result<()> {
        Ok(self.driver.switch_to_window(tab.clone()).await?)
    }

    /// Waits for a tab that was not there `before`, which a page has opened. Does not switch to it.
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

    /// Runs the body of an async function in the page, with `args` as its arguments, and answers
    /// with what it returns as JSON. What it throws is an error.
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

    /// Asks the page again and again until `body` (see [`Browser::run`]) returns something other
    /// than null, undefined and false, and answers with that.
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

    /// Errors, warnings, unhandled rejections and policy violations of the current page, collected
    /// by the script that [`crate::pages`] puts in front of it.
    pub async fn complaints(&self) -> Result<Vec<String>> {
        Ok(serde_json::from_value(self.run("return window.__complaints ?? null", Value::Null).await?)?)
    }

    /// What Chromium's console got since the last call, network errors included.
    pub async fn console(&self) -> Result<Vec<String>> {
        ensure!(self.engine == Engine::Chromium, "only Chromium's driver has the console");
        let entries = self.driver.browser_log().await?;
        Ok(entries.into_iter().map(|entry| format!("{}: {}", entry.level, entry.message)).collect())
    }

    /// Writes `target/screenshots/NAME.png` and answers with its path. Size and colours are
    /// Chromium's to emulate; they stay until the next call.
    pub async fn screenshot(&self, name: &str, size: (u32, u32), scheme: ColorScheme) -> Result<PathBuf> {
        ensure!(self.engine == Engine::Chromium, "only Chromium emulates sizes and colours");
        let cdp = self.driver.cdp();
        let (width, height) = size;
        let metrics = json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": false});
        cdp.send_raw("Emulation.setDeviceMetricsOverride", metrics).await?;
        let value = match scheme {
            ColorScheme::Light => "light",
            ColorScheme::Dark => "dark",
        };
        let media = json!({"features": [{"name": "prefers-color-scheme", "value": value}]});
        cdp.send_raw("Emulation.setEmulatedMedia", media).await?;
        let folder = screenshots();
        std::fs::create_dir_all(&folder)?;
        let path = folder.join(format!("{name}.png"));
        self.driver.screenshot(&path).await?;
        Ok(path)
    }

    /// Ends it politely, so that storage reaches the disk. A drop ends it, too.
    pub async fn quit(self) -> Result<()> {
        Ok(self.driver.clone().quit().await?)
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        // The processes end next; asking the driver to end the session would block, also on a panic.
        let _ = self.driver.clone().leak();
    }
}

/// Whatever browsers and drivers want to write goes with the profile.
fn own_folders(profile: &Path) -> Result<Vec<(String, String)>> {
    let folder = |variable: &str, name: &str| {
        let path = profile.join(name);
        std::fs::create_dir_all(&path)?;
        Ok((variable.to_owned(), path.display().to_string()))
    };
    [("TMPDIR", "tmp"), ("XDG_CONFIG_HOME", "config"), ("XDG_CACHE_HOME", "cache"), ("XDG_DATA_HOME", "data")]
        .map(|(variable, name)| folder(variable, name))
        .into_iter()
        .collect()
}

/// A screen of its own for WebKit, which has no headless mode.
async fn display() -> Result<(Group, u32)> {
    let xvfb = program("E2E_XVFB", "Xvfb");
    let arguments = ["-displayfd", "1", "-screen", "0", "1400x1000x24", "-nolisten", "tcp"];
    let process = Group::spawn(xvfb, arguments, [], None)?;
    let number = process.line(DEADLINE, |line| line.trim().parse().ok()).await?;
    Ok((process, number))
}

/// A driver that takes a port which somebody else gets first ends at once, and is started again.
async fn driver(engine: Engine, variables: &[(String, String)]) -> Result<(Group, u16)> {
    let mut started = start_driver(engine, variables.to_vec()).await;
    for _ in 0..DRIVER_TRIES {
        if started.is_ok() {
            break;
        }
        started = start_driver(engine, variables.to_vec()).await;
    }
    started
}

async fn start_driver(engine: Engine, variables: Vec<(String, String)>) -> Result<(Group, u16)> {
    let after = |marker: &'static str| {
        move |line: &str| -> Option<u16> { line.split_once(marker)?.1.trim_end_matches('.').parse().ok() }
    };
    match engine {
        Engine::Chromium => {
            let process =
                Group::spawn(program("E2E_CHROMEDRIVER", "chromedriver"), ["--port=0"], variables, None)?;
            let port = process.line(DEADLINE, after("started successfully on port ")).await?;
            Ok((process, port))
        }
        Engine::Firefox => {
            let process =
                Group::spawn(program("E2E_GECKODRIVER", "geckodriver"), ["--port=0"], variables, None)?;
            let port = process.line(DEADLINE, after("Listening on 127.0.0.1:")).await?;
            Ok((process, port))
        }
        Engine::WebKit => {
            let port = free_port()?;
            let arguments = [format!("--port={port}"), "--host=127.0.0.1".to_owned()];
            let process =
                Group::spawn(program("E2E_WEBKITDRIVER", "WebKitWebDriver"), arguments, variables, None)?;
            // It prints nothing when it is ready.
            let listening = async {
                while TcpStream::connect(("127.0.0.1", port)).await.is_err() {
                    sleep(PAUSE).await;
                }
            };
            timeout(DEADLINE, listening)
                .await
                .with_context(|| format!("no driver:\n{}", process.output()))?;
            Ok((process, port))
        }
    }
}

fn capabilities(engine: Engine, options: &Options, profile: &Path) -> Map<String, Value> {
    let mut capabilities = Map::new();
    if let Some(address) = options.proxy {
        let proxy = json!({"proxyType": "manual", "httpProxy": address.to_string()});
        capabilities.insert("proxy".to_owned(), proxy);
    }
    let mut preferences = Map::new();
    match engine {
        Engine::Chromium => {
            if options.storage_denied {
                preferences.insert("profile.default_content_setting_values.cookies".to_owned(), json!(2));
            }
            // A bubble that offers to keep the password would steal the focus.
            preferences.insert("credentials_enable_service".to_owned(), json!(false));
            preferences.extend(options.preferences.clone());
            let mut arguments: Vec<String> =
                CHROMIUM_ARGUMENTS.iter().map(|&argument| argument.to_owned()).collect();
            arguments.push(format!("--user-data-dir={}", profile.join("chromium").display()));
            let mut chrome = json!({"args": arguments, "prefs": preferences});
            set_binary(&mut chrome, "E2E_CHROMIUM", None);
            capabilities.insert("browserName".to_owned(), json!("chrome"));
            capabilities.insert("goog:chromeOptions".to_owned(), chrome);
            capabilities.insert("goog:loggingPrefs".to_owned(), json!({"browser": "ALL"}));
        }
        Engine::Firefox => {
            if options.storage_denied {
                preferences.insert("network.cookie.cookieBehavior".to_owned(), json!(2));
            }
            preferences.extend(options.preferences.clone());
            let mut firefox = json!({"args": ["-headless"], "prefs": preferences});
            set_binary(&mut firefox, "E2E_FIREFOX", None);
            capabilities.insert("browserName".to_owned(), json!("firefox"));
            capabilities.insert("moz:firefoxOptions".to_owned(), firefox);
        }
        Engine::WebKit => {
            let mut webkit = json!({"args": ["--automation"]});
            set_binary(&mut webkit, "E2E_MINIBROWSER", minibrowser());
            capabilities.insert("webkitgtk:browserOptions".to_owned(), webkit);
        }
    }
    capabilities
}

fn set_binary(options: &mut Value, variable: &str, otherwise: Option<PathBuf>) {
    let binary = std::env::var_os(variable).map(PathBuf::from).or(otherwise);
    if let (Some(binary), Some(options)) = (binary, options.as_object_mut()) {
        options.insert("binary".to_owned(), json!(binary));
    }
}

/// Debian puts it below a folder named after the machine, and keeps it out of `PATH`.
fn minibrowser() -> Option<PathBuf> {
    let libraries = std::fs::read_dir("/usr/lib").ok()?.filter_map(Result::ok).map(|entry| entry.path());
    libraries.map(|folder| folder.join("webkit2gtk-4.1/MiniBrowser")).find(|path| path.exists())
}

fn program(variable: &str, otherwise: &str) -> OsString {
    std::env::var_os(variable).unwrap_or_else(|| otherwise.into())
}

fn screenshots() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target"), PathBuf::from);
    target.join("screenshots")
}

/// How often a driver is started again.
const DRIVER_TRIES: u32 = 2;
const CHROMIUM_ARGUMENTS: [&str; 8] = [
    "--headless=new",
    // Needed as root, which is what CI is.
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
];

/// A browser takes its time to start on a loaded machine.
const DEADLINE: Duration = Duration::from_secs(60);
/// Between two questions where nothing can notify us.
const PAUSE: Duration = Duration::from_millis(25);
