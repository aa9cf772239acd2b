//! The reference server of a deployment, with the settings of deploy/settings.env.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
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

/// How the server of a deployment is started.
#[derive(Debug)]
pub(crate) struct Api {
    python: PathBuf,
    /// The folder of the signing key.
    folder: PathBuf,
    port: u16,
    variables: Vec<(String, String)>,
    log: Option<File>,
}

impl Api {
    /// Makes a signing key. `changes` replace variables of deploy/settings.env.
    pub(crate) fn new(
        python: &Path,
        folder: &Path,
        port: u16,
        changes: &[(String, String)],
        log: Option<&File>,
    ) -> Result<Self> {
        write_secret(folder)?;
        let variables = settings::with(changes)?;
        let log = log.map(File::try_clone).transpose()?;
        Ok(Self { python: python.to_owned(), folder: folder.to_owned(), port, variables, log })
    }

    /// Starts the server, and returns when it answers. `workers` replaces the number of the settings.
    pub(crate) fn start(&self, workers: Option<u32>) -> Result<Group> {
        progress("Starting the reference server");
        let workers = workers.map(|number| number.to_string());
        let set = self.variables.iter().find(|(name, _)| name == "WORKERS").map(|(_, value)| value.as_str());
        let mut serve = self.command(&["app", "--workers", workers.as_deref().or(set).unwrap_or("1")]);
        if let Some(log) = &self.log {
            serve.stdout(log.try_clone()?).stderr(log.try_clone()?);
        }
        let mut server = Group::spawn(&mut serve, "The reference server")?;
        let patience = Instant::now() + Duration::from_secs(60);
        while http::status(self.port, "/health") != Some(200) {
            server.ensure_running()?;
            if process::interrupted() {
                bail!("Interrupted.");
            }
            if Instant::now() > patience {
                bail!("The reference server did not answer within a minute; its own words are above.");
            }
            thread::sleep(POLL);
        }
        Ok(server)
    }

    pub(crate) fn add_demo_user(&self) -> Result<()> {
        let mut add = self.command(&["app.users", "add", DEMO_NAME]);
        process::run(add.env("AUTH_USER_PASSWORD", DEMO_PASSWORD), "Adding the demo user")
    }

    fn command(&self, module: &[&str]) -> Command {
        let mut command = process::command(project::root().join("deploy/with-secret"));
        command
            .arg(&self.python)
            .arg("-m")
            .args(module)
            .envs(self.variables.iter().cloned())
            .env("CREDENTIALS_DIRECTORY", &self.folder)
            .env("PYTHONUNBUFFERED", "1")
            .current_dir(project::root().join("backend"));
        command
    }
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
