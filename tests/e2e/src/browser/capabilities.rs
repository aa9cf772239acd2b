//! What a driver is told of the browser that it starts.

use std::path::{Path, PathBuf};

use serde_json::{Map, Value, json};

use super::{Engine, Options};

pub(super) fn of(engine: Engine, options: &Options, profile: &Path) -> Map<String, Value> {
    let mut capabilities = Map::new();
    if let Some(address) = options.proxy {
        let proxy = json!({"proxyType": "manual", "httpProxy": address.to_string()});
        capabilities.insert("proxy".to_owned(), proxy);
    }
    if options.impatient {
        capabilities.insert("pageLoadStrategy".to_owned(), json!("none"));
    }
    if options.any_certificate {
        capabilities.insert("acceptInsecureCerts".to_owned(), json!(true));
    }
    let mut preferences = Map::new();
    match engine {
        Engine::Chromium => {
            if options.storage_denied {
                preferences.insert("profile.default_content_setting_values.cookies".to_owned(), json!(2));
            }
            // The bubble that offers to save the password would take the focus.
            preferences.insert("credentials_enable_service".to_owned(), json!(false));
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

/// Debian installs MiniBrowser below a folder named after the architecture, and not in `PATH`.
fn minibrowser() -> Option<PathBuf> {
    let libraries = std::fs::read_dir("/usr/lib").ok()?.filter_map(Result::ok).map(|entry| entry.path());
    libraries.map(|folder| folder.join("webkit2gtk-4.1/MiniBrowser")).find(|path| path.exists())
}

const CHROMIUM_ARGUMENTS: [&str; 8] = [
    "--headless=new",
    // Chromium needs it to run as root, as it does in CI.
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
];
