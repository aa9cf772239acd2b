//! The browsers and their drivers, from Debian's packages.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Result, bail};
use serde_json::{Value, json};

use crate::{apt, cache::Cache, process, project, tools};

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

pub(crate) fn install(cache: &Cache) -> Result<Browsers> {
    apt::install("The browser tests", &missing())?;
    let geckodriver = tools::geckodriver(cache)?;
    match (
        chromium(),
        process::find("chromedriver"),
        firefox(),
        process::find("WebKitWebDriver"),
        mini_browser(),
        process::find("xvfb-run"),
    ) {
        (
            Some(chromium),
            Some(chromedriver),
            Some(firefox),
            Some(webkit_driver),
            Some(mini_browser),
            Some(xvfb_run),
        ) => Ok(Browsers {
            chromium,
            chromedriver,
            firefox,
            geckodriver,
            webkit_driver,
            mini_browser,
            xvfb_run,
        }),
        _ => bail!("The browsers are incomplete after their installation: {}.", self::missing().join(", ")),
    }
}

/// The packages whose programs are missing.
fn missing() -> Vec<&'static str> {
    [
        ("chromium", chromium().is_some()),
        ("chromium-driver", process::find("chromedriver").is_some()),
        ("firefox-esr", firefox().is_some()),
        ("webkit2gtk-driver", process::find("WebKitWebDriver").is_some() && mini_browser().is_some()),
        ("xvfb", process::find("xvfb-run").is_some()),
        ("xauth", process::find("xauth").is_some()),
    ]
    .into_iter()
    .filter_map(|(package, there)| (!there).then_some(package))
    .collect()
}

fn chromium() -> Option<PathBuf> {
    process::find("chromium").or_else(|| process::find("chromium-browser"))
}

fn firefox() -> Option<PathBuf> {
    process::find("firefox-esr").or_else(|| process::find("firefox"))
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
}
