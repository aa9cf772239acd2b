//! `cargo xtask test`: runs every check and test, with real browsers and the real server.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result};

use crate::{
    browsers::{self, Browsers},
    cache::Cache,
    check,
    cli::Args,
    counts::Counter,
    deploy, http, node, process, project, python, reference_server,
    report::{Begun, Report},
    simulate, size,
    stand::Stand,
    tools::{self, TARGET, cargo},
};

pub(crate) const HELP: &str = "\
cargo xtask test [--smallest]

Runs every check and test: what `cargo xtask check` does, the protocol's simulation, the server's tests, those inside
Chromium and Firefox, the release build and its bytes against README.md's, and end to end in three browsers, also against
the deployment of deploy/.
Installs what is missing; browsers, nginx and PostgreSQL come from Debian's packages, as root.

The server's tests run at the same time as the build and the tests inside Chromium and Firefox. Each step's output is in
target/xtask/logs and is shown if the step fails. The last line counts.

  --smallest   only `cargo xtask build --smallest`, and the end-to-end tests of its page";

pub(crate) fn run(mut args: Args) -> Result<()> {
    let smallest = args.flag("--smallest");
    args.finish()?;
    let cache = Cache::locate()?;
    let mut report = Report::new()?;
    let browsers = report.prepare("install browsers", || browsers::install(&cache))?;
    let python =
        report.prepare("install Python packages", || reference_server::interpreter_of_tests(&cache))?;
    let servers = report.prepare("install third-party servers", || {
        python::environment(&cache, &project::root().join("tests/servers/requirements.lock"))
    })?;
    let runner = report.prepare("install wasm-bindgen", || tools::wasm_test_runner(&cache))?;
    let axe =
        report.prepare("install axe-core", || Ok(node::modules(&cache)?.join("axe-core/axe.min.js")))?;
    let tools = match (browsers, python.clone(), servers, runner, axe) {
        (Some(browsers), Some(python), Some(servers), Some(runner), Some(axe)) => {
            Some(Tools { browsers, python, servers, runner, axe })
        }
        _ => None,
    };
    if smallest {
        match (tools, build(&mut report, &["--smallest"])?) {
            (Some(tools), true) => tools.end_to_end(&mut report)?,
            (tools, _) => report.not_run(END_TO_END, without(tools.as_ref())),
        }
        return report.finish();
    }

    check::steps(&mut report)?;
    simulate::steps(&mut report)?;
    let server = server(&mut report, python.as_deref())?;
    let built = build(&mut report, &[])?;
    weigh(&mut report, built)?;
    build_with_trunk(&mut report, &cache)?;

    match &tools {
        Some(tools) => tools.in_page(&mut report)?,
        None => ["tests: Chromium", "tests: Firefox"].iter().for_each(|name| report.not_run(name, NO_TOOL)),
    }
    // The following steps have the machine to themselves, because they wait for several browsers at once.
    if let Some(server) = server {
        report.end(server)?;
    }
    match (tools, built) {
        (Some(tools), true) => {
            tools.end_to_end(&mut report)?;
            deploy::tests(&mut report, &cache, &tools.browsers, &tools.python)?;
        }
        (tools, _) => {
            let reason = without(tools.as_ref());
            [END_TO_END, "tests: deployment"].iter().for_each(|name| report.not_run(name, reason));
        }
    }
    report.finish()
}

/// The pages, built by a process of its own, so that what it prints is in a log.
fn build(report: &mut Report, options: &[&str]) -> Result<bool> {
    let executable = std::env::current_exe().context("This program cannot find itself.")?;
    report.step("build", Counter::One, process::command(executable).arg("build").args(options))
}

/// Compares the built pages with README.md's table of bytes, because nobody would notice that they grow.
fn weigh(report: &mut Report, built: bool) -> Result<()> {
    if built {
        let dist = project::root().join("dist");
        report.check(SIZE, || size::check(&dist, &project::read("README.md")?))?;
    } else {
        report.not_run(SIZE, NO_PAGES);
    }
    Ok(())
}

/// Why the tests of the built pages do not run.
fn without(tools: Option<&Tools>) -> &'static str {
    if tools.is_some() { NO_PAGES } else { NO_TOOL }
}

/// The page of those who have Trunk. No other command uses it.
fn build_with_trunk(report: &mut Report, cache: &Cache) -> Result<()> {
    let tools =
        report.prepare("install Trunk", || Ok((tools::trunk(cache)?, tools::wasm_bindgen(cache)?)))?;
    let Some((trunk, wasm_bindgen)) = tools else { return Ok(()) };
    let folder = wasm_bindgen.parent().context("wasm-bindgen has no folder.")?;
    let mut command = process::command(trunk);
    command
        .args(["build", "--offline", "--skip-version-check", "--dist"])
        .arg(project::scratch().join("trunk"))
        .env("PATH", tools::path_with(&[folder])?)
        // Trunk reads this variable as the value of its own option and refuses `1`.
        .env_remove("NO_COLOR")
        .current_dir(project::root());
    report.step("build with Trunk", Counter::One, &mut command)?;
    Ok(())
}

/// Checks the server, and begins its tests. They go on in the background, because they keep one processor busy for
/// minutes.
fn server(report: &mut Report, python: Option<&Path>) -> Result<Option<Begun>> {
    let Some(python) = python else {
        let names = CHECKS_OF_SERVER.iter().map(|(name, _)| *name).chain([TESTS_OF_SERVER]);
        names.for_each(|name| report.not_run(name, "the Python packages could not be installed"));
        return Ok(None);
    };
    let module = |arguments: &[&str]| {
        let mut command = process::command(python);
        command.arg("-m").args(arguments).current_dir(project::root().join("backend"));
        command
    };
    for (name, arguments) in CHECKS_OF_SERVER {
        report.step(name, Counter::One, &mut module(arguments))?;
    }
    report.begin(TESTS_OF_SERVER, Counter::Pytest, &mut module(&["pytest"])).map(Some)
}

#[derive(Debug)]
struct Tools {
    browsers: Browsers,
    python: PathBuf,
    /// The interpreter with the packages of tests/servers.
    servers: PathBuf,
    runner: PathBuf,
    axe: PathBuf,
}

impl Tools {
    /// The tests that wasm-bindgen's runner loads into a page, once for each browser.
    fn in_page(&self, report: &mut Report) -> Result<()> {
        let origin_port = http::free_port(PAGE_PORT)?;
        let origin = format!("127.0.0.1:{origin_port}");
        // A step of its own compiles the stand, so that its output is in a log. Every browser needs the same
        // port of the stand, because the tests are compiled with the stand's address.
        let mut build = cargo();
        build.args(["build", "--locked", "--package", "e2e", "--bins"]);
        report.step("build the stand", Counter::One, &mut build)?;
        let backend = project::root().join("backend");
        let environment = [("E2E_PYTHON", self.python.as_path()), ("E2E_BACKEND", backend.as_path())];
        let log = report.log("stand");
        let port = http::free_port(STAND_PORT)?;
        let capabilities = project::scratch().join("webdriver.json");
        let prepared = report.prepare("start the stand", || {
            browsers::write_capabilities(&self.browsers, &capabilities)?;
            Stand::start(&environment, &format!("http://{origin}"), port, &log)
        })?;
        let drivers = [
            ("tests: Chromium", "CHROMEDRIVER", &self.browsers.chromedriver),
            ("tests: Firefox", "GECKODRIVER", &self.browsers.geckodriver),
        ];
        for (name, variable, driver) in drivers {
            let Some(stand) = &prepared else {
                report.not_run(name, "the stand did not start");
                continue;
            };
            let mut command = cargo();
            command.args(["test", "--locked", "--no-fail-fast", "--package", "yew-jwt-auth", "--tests"]);
            command.args(["--target", TARGET]);
            for other in ["CHROMEDRIVER", "GECKODRIVER", "SAFARIDRIVER"] {
                command.env_remove(other).env_remove(format!("{other}_REMOTE"));
            }
            command
                .env(variable, driver)
                .env("STAND_API", &stand.api)
                .env("WASM_BINDGEN_TEST_ADDRESS", &origin)
                .env("WASM_BINDGEN_TEST_WEBDRIVER_JSON", &capabilities)
                .env("WASM_BINDGEN_TEST_TIMEOUT", "120")
                .env("WASM_BINDGEN_TEST_DRIVER_TIMEOUT", "30")
                .env("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_RUNNER", &self.runner);
            report.step(name, Counter::Cargo, &mut command)?;
        }
        Ok(())
    }

    /// Tests the built pages in real browsers against the real server.
    fn end_to_end(&self, report: &mut Report) -> Result<()> {
        let mut command = end_to_end(&self.browsers, &self.python);
        command.env("E2E_SERVERS_PYTHON", &self.servers).env("E2E_AXE", &self.axe);
        report.step(END_TO_END, Counter::Cargo, &mut command)?;
        Ok(())
    }
}

/// The command of end-to-end tests. xvfb-run gives WebKit a virtual screen, because WebKit has no headless
/// mode.
pub(crate) fn end_to_end(browsers: &Browsers, python: &Path) -> Command {
    let root = project::root();
    let mut command = process::command(&browsers.xvfb_run);
    command
        .args(["--auto-servernum", "cargo", "test", "--locked", "--no-fail-fast", "--package", "e2e"])
        .current_dir(&root)
        .env("E2E_DIST", root.join("dist"))
        .env("E2E_PYTHON", python)
        .env("E2E_BACKEND", root.join("backend"))
        .env("E2E_GECKODRIVER", &browsers.geckodriver)
        .env("E2E_CHROMEDRIVER", &browsers.chromedriver)
        .env("E2E_CHROMIUM", &browsers.chromium)
        .env("E2E_FIREFOX", &browsers.firefox)
        .env("E2E_WEBKITDRIVER", &browsers.webkit_driver)
        .env("E2E_MINIBROWSER", &browsers.mini_browser);
    command
}

const CHECKS_OF_SERVER: [(&str, &[&str]); 3] = [
    ("server: ruff", &["ruff", "check", ".", "../tests/servers"]),
    ("server: ruff format", &["ruff", "format", "--check", ".", "../tests/servers"]),
    ("server: mypy", &["mypy"]),
];
const TESTS_OF_SERVER: &str = "server: tests";
const END_TO_END: &str = "tests: end to end";
const SIZE: &str = "size of a first visit";
const NO_PAGES: &str = "the build failed";
const NO_TOOL: &str = "a tool could not be installed";
/// The port of the tests' page. The stand allows that page's origin.
const PAGE_PORT: u16 = 8472;
const STAND_PORT: u16 = 8471;
