//! The reference server of a deployment, with the settings of deploy/settings.env.

use std::{
    fs::{self, File},
    path::Path,
    process::Command,
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};

use crate::{
    deploy::settings,
    http,
    process::{self, Group},
    project,
    report::progress,
};

/// Starts the server and adds the demo user. `changes` replace variables of the file.
pub(crate) fn start(
    python: &Path,
    folder: &Path,
    port: u16,
    changes: &[(String, String)],
    log: Option<&File>,
) -> Result<Group> {
    write_secret(folder)?;
    let variables = settings::with(changes)?;
    let command = |module: &[&str]| -> Command {
        let mut command = process::command(project::root().join("deploy/with-secret"));
        command
            .arg(python)
            .arg("-m")
            .args(module)
            .envs(variables.iter().cloned())
            .env("CREDENTIALS_DIRECTORY", folder)
            .env("PYTHONUNBUFFERED", "1")
            .current_dir(project::root().join("backend"));
        command
    };
    progress("Starting the reference server");
    let workers = variables.iter().find(|(name, _)| name == "WORKERS").map(|(_, value)| value.as_str());
    let mut serve = command(&["app", "--workers", workers.unwrap_or("1")]);
    if let Some(log) = log {
        serve.stdout(log.try_clone()?).stderr(log.try_clone()?);
    }
    let mut server = Group::spawn(&mut serve, "The reference server")?;
    let patience = Instant::now() + Duration::from_secs(60);
    while http::status(port, "/health") != Some(200) {
        server.ensure_running()?;
        if process::interrupted() {
            bail!("Interrupted.");
        }
        if Instant::now() > patience {
            bail!("The reference server did not answer within a minute; its own words are above.");
        }
        thread::sleep(POLL);
    }
    let mut add = command(&["app.users", "add", DEMO_NAME]);
    process::run(add.env("AUTH_USER_PASSWORD", DEMO_PASSWORD), "Adding the demo user")?;
    Ok(server)
}

/// Writes a new signing key as deploy/with-secret reads it.
fn write_secret(folder: &Path) -> Result<()> {
    let mut bytes = [0; 32];
    let mut random = File::open("/dev/urandom").context("This machine has no /dev/urandom.")?;
    std::io::Read::read_exact(&mut random, &mut bytes)?;
    let path = folder.join("auth-secret");
    fs::write(&path, "")?;
    fs::set_permissions(&path, std::os::unix::fs::PermissionsExt::from_mode(0o600))?;
    Ok(fs::write(&path, BASE64_URL_SAFE_NO_PAD.encode(bytes))?)
}

pub(crate) const DEMO_NAME: &str = "demo";
pub(crate) const DEMO_PASSWORD: &str = "demo-password";
const POLL: Duration = Duration::from_millis(100);
