//! Starts a browser's driver, and the display that WebKit needs.

use std::ffi::OsString;
use std::path::Path;

use anyhow::{Context, Result};
use tokio::net::TcpStream;
use tokio::time::{sleep, timeout};

use super::{DEADLINE, Engine, PAUSE};
use crate::process::Group;
use crate::server::free_port;

/// Environment variables that make browser and driver write below the profile, which is removed on drop.
pub(super) fn own_folders(profile: &Path) -> Result<Vec<(String, String)>> {
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

/// Starts a virtual display for WebKit, which has no headless mode.
pub(super) async fn display() -> Result<(Group, u32)> {
    let xvfb = program("E2E_XVFB", "Xvfb");
    let arguments = ["-displayfd", "1", "-screen", "0", "1400x1000x24", "-nolisten", "tcp"];
    let process = Group::spawn(xvfb, arguments, [], None)?;
    let number = process.line(DEADLINE, |line| line.trim().parse().ok()).await?;
    Ok((process, number))
}

/// Starts a driver. If another process takes its port first, the driver ends at once and is started again.
pub(super) async fn driver(engine: Engine, variables: &[(String, String)]) -> Result<(Group, u16)> {
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
            // This driver prints nothing when it is ready, so try to connect.
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

fn program(variable: &str, otherwise: &str) -> OsString {
    std::env::var_os(variable).unwrap_or_else(|| otherwise.into())
}

/// How often a driver is started again.
const DRIVER_TRIES: u32 = 2;
