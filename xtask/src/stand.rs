//! Starts the `stand` of tests/e2e, the real server behind a fault proxy, for the tests that run inside a
//! page.

use std::{
    fs::File,
    io::{BufRead as _, BufReader},
    path::Path,
    process::{Command, Stdio},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use crate::{
    process::{self, Group},
    tools::cargo,
};

#[derive(Debug)]
pub(crate) struct Stand {
    pub(crate) api: String,
    _group: Group,
}

impl Stand {
    /// Starts the stand and waits for its first line. Dropping the value ends the stand.
    pub(crate) fn start(environment: &[(&str, &Path)], origin: &str, port: u16, log: &Path) -> Result<Self> {
        let mut command = command(environment);
        command
            .args(["--allow-origin", origin, "--port", &port.to_string()])
            // The stand ends when this pipe closes, so it ends even if xtask is killed.
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(File::create(log)?);
        let mut group = Group::spawn(&mut command, "The stand")?;
        let output = group.child.stdout.take().context("The stand has no output.")?;
        let (sender, receiver) = mpsc::channel();
        thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                // The receiver is gone after the first line. Read on all the same, so that the pipe does not
                // fill up.
                let _ = sender.send(line);
            }
        });
        let patience = Instant::now() + Duration::from_secs(120);
        loop {
            if let Ok(line) = receiver.recv_timeout(Duration::from_millis(100)) {
                return Ok(Self { api: api(&line)?, _group: group });
            }
            if let Some(status) = group.ended()? {
                let words = std::fs::read_to_string(log).unwrap_or_default();
                bail!("The stand stopped ({}): {}", process::describe(status), words.trim());
            }
            if process::interrupted() {
                bail!("Interrupted.");
            }
            if Instant::now() > patience {
                bail!("The stand was not ready within two minutes.");
            }
        }
    }
}

fn command(environment: &[(&str, &Path)]) -> Command {
    let mut command = cargo();
    command.args(["run", "--quiet", "--locked", "--package", "e2e", "--bin", "stand", "--"]);
    command.envs(environment.iter().copied());
    command
}

fn api(line: &str) -> Result<String> {
    serde_json::from_str::<Value>(line)
        .ok()
        .and_then(|ready| Some(ready.get("api")?.as_str()?.to_owned()))
        .with_context(|| format!("The stand said `{line}` instead of its address."))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn the_address_is_read_from_the_line_of_the_stand() {
        let line = r#"{"api": "http://127.0.0.1:8471", "control": "http://127.0.0.1:8471/__stand"}"#;
        assert_eq!(api(line).unwrap(), "http://127.0.0.1:8471");
        assert!(api("warming up").is_err());
        assert!(api("{}").is_err());
    }
}
