//! The browsers and their drivers, from Debian's packages.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use crate::{apt, cache::Cache, process, project, tools};

/// Every browser, for the tests.
#[derive(Debug)]
pub(crate) struct Browsers {
    pub(crate) chromium: PathBuf,
    pub(crate) chromedriver: PathBuf,
    pub(crate) firefox: PathBuf,
    pub(crate) geckodriver: PathBuf,
    pub(crate) webkit_driver: PathBuf,
    pub(crate) mini_browser: PathBuf,
    pub(crate) xvfb_run: PathBuf,
}

/// Chromium and its driver, for what needs no other browser.
#[derive(Debug)]
pub(crate) struct Chromium {
    pub(crate) browser: PathBuf,
    pub(crate) driver: PathBuf,
}

/// A program, and Debian's package that has it.
struct Program {
    package: &'static str,
    /// Its path, by what finds a program on the PATH.
    path: fn(Find) -> Option<PathBuf>,
}

type Find = fn(&str) -> Option<PathBuf>;

/// Installs all browsers.
pub(crate) fn install(cache: &Cache) -> Result<Browsers> {
    let [chromium, chromedriver, firefox, webkit_driver, mini_browser, xvfb_run, _] =
        programs("The browser tests", &ALL)?;
    let geckodriver = tools::geckodriver(cache)?;
    Ok(Browsers { chromium, chromedriver, firefox, geckodriver, webkit_driver, mini_browser, xvfb_run })
}

/// Installs Chromium alone. `what` begins the sentence that tells other users what to install.
pub(crate) fn chromium(what: &str) -> Result<PathBuf> {
    programs(what, &[CHROMIUM]).map(|[browser]| browser)
}

/// Installs Chromium and its driver.
pub(crate) fn driven_chromium(what: &str) -> Result<Chromium> {
    programs(what, &DRIVEN).map(|[browser, driver]| Chromium { browser, driver })
}

/// The programs' paths, after the packages of those that are missing are installed.
fn programs<const N: usize>(what: &str, wanted: &[Program; N]) -> Result<[PathBuf; N]> {
    apt::install(what, &missing(wanted, process::find))?;
    let paths: Option<Vec<PathBuf>> = wanted.iter().map(|program| (program.path)(process::find)).collect();
    paths.and_then(|paths| paths.try_into().ok()).with_context(|| {
        let missing = missing(wanted, process::find).join(", ");
        format!("The browsers are incomplete after their installation: {missing}.")
    })
}

/// The packages whose programs are missing, each once.
fn missing(wanted: &[Program], find: Find) -> Vec<&'static str> {
    let missing = wanted.iter().filter(|program| (program.path)(find).is_none());
    let mut packages: Vec<_> = missing.map(|program| program.package).collect();
    packages.dedup();
    packages
}

/// Debian installs MiniBrowser outside the PATH, in a folder named after the machine's architecture.
fn mini_browser() -> Option<PathBuf> {
    let folders = fs::read_dir("/usr/lib").ok()?.flatten().map(|entry| entry.path());
    folders
        .chain([PathBuf::from("/usr/libexec")])
        .map(|folder| folder.join("webkit2gtk-4.1/MiniBrowser"))
        .find(|path| process::is_executable(path))
}

/// Writes webdriver.json with the browsers of this machine, for wasm-bindgen's test runner.
pub(crate) fn write_capabilities(browsers: &Browsers, to: &Path) -> Result<()> {
    let capabilities = serde_json::from_str(&project::read("webdriver.json")?)?;
    let capabilities = with_binaries(capabilities, &browsers.chromium, &browsers.firefox);
    Ok(fs::write(to, capabilities.to_string())?)
}

fn with_binaries(mut capabilities: Value, chromium: &Path, firefox: &Path) -> Value {
    for (browser, binary) in [("goog:chromeOptions", chromium), ("moz:firefoxOptions", firefox)] {
        if let Some(options) = capabilities.get_mut(browser).and_then(Value::as_object_mut) {
            options.insert("binary".to_owned(), json!(binary));
        }
    }
    capabilities
}

const CHROMIUM: Program =
    Program { package: "chromium", path: |find| find("chromium").or_else(|| find("chromium-browser")) };
const CHROMEDRIVER: Program = Program { package: "chromium-driver", path: |find| find("chromedriver") };
const DRIVEN: [Program; 2] = [CHROMIUM, CHROMEDRIVER];
const ALL: [Program; 7] = [
    CHROMIUM,
    CHROMEDRIVER,
    Program { package: "firefox-esr", path: |find| find("firefox-esr").or_else(|| find("firefox")) },
    Program { package: "webkit2gtk-driver", path: |find| find("WebKitWebDriver") },
    Program { package: "webkit2gtk-driver", path: |_| mini_browser() },
    Program { package: "xvfb", path: |find| find("xvfb-run") },
    Program { package: "xauth", path: |find| find("xauth") },
];

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn the_capabilities_name_the_browsers_of_this_machine() {
        let tracked = serde_json::from_str(&project::read("webdriver.json").unwrap()).unwrap();
        let capabilities = with_binaries(tracked, Path::new("/c"), Path::new("/f"));
        let at = |path: &str| capabilities.pointer(path).cloned();
        assert_eq!(at("/goog:chromeOptions/binary"), Some(json!("/c")));
        assert_eq!(at("/moz:firefoxOptions/binary"), Some(json!("/f")));
        assert_eq!(at("/moz:firefoxOptions/args/0"), Some(json!("-headless")));
    }

    #[test]
    fn what_drives_chromium_alone_asks_for_no_other_browser() {
        let nothing: Find = |_| None;
        let chromium: Find = |name| ["chromium", "chromedriver"].contains(&name).then(|| PathBuf::from(name));
        assert_eq!(missing(&[CHROMIUM], nothing), ["chromium"]);
        assert_eq!(missing(&DRIVEN, nothing), ["chromium", "chromium-driver"]);
        assert!(missing(&DRIVEN, chromium).is_empty());
        assert_eq!(missing(&ALL, chromium), ["firefox-esr", "webkit2gtk-driver", "xvfb", "xauth"]);
    }
}
