//! The reference server of a deployment, with the settings of deploy/settings.env.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};

use crate::{deploy::settings, process::Group, project, reference_server::Start};

/// How the server of a deployment is started.
#[derive(Debug)]
pub(crate) struct Api {
    python: PathBuf,
    port: u16,
    variables: Vec<(String, String)>,
    log: Option<File>,
}

impl Api {
    /// Makes a signing key in `folder`. `changes` replace variables of deploy/settings.env.
    pub(crate) fn new(
        python: &Path,
        folder: &Path,
        port: u16,
        changes: &[(String, String)],
        log: Option<&File>,
    ) -> Result<Self> {
        write_secret(folder)?;
        let mut variables = settings::with(changes)?;
        variables.push(("CREDENTIALS_DIRECTORY".to_owned(), folder.display().to_string()));
        let log = log.map(File::try_clone).transpose()?;
        Ok(Self { python: python.to_owned(), port, variables, log })
    }

    /// Starts the server, and returns when it answers. `workers` replaces the number of the settings.
    pub(crate) fn start(&self, workers: Option<u32>) -> Result<Group> {
        let workers = workers.map(|number| number.to_string());
        let set = self.variables.iter().find(|(name, _)| name == "WORKERS").map(|(_, value)| value.as_str());
        let start = Start {
            interpreter: &self.python,
            wrapper: Some(&project::root().join("deploy/with-secret")),
            variables: &self.variables,
            workers: workers.as_deref().or(set).unwrap_or("1"),
            port: self.port,
            log: self.log.as_ref(),
        };
        start.run()
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
