//! The reference server of a deployment, with the settings of deploy/settings.env.

use std::{
    fs::{self, File},
    path::Path,
};

use anyhow::{Context as _, Result};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD};

use crate::{deploy::settings, process::Group, project, reference_server::Start};

/// Starts the server. `changes` replace variables of the file.
pub(crate) fn start(
    interpreter: &Path,
    folder: &Path,
    port: u16,
    changes: &[(String, String)],
    log: Option<&File>,
) -> Result<Group> {
    write_secret(folder)?;
    let mut variables = settings::with(changes)?;
    let workers = variables.iter().find(|(name, _)| name == "WORKERS").map(|(_, value)| value.clone());
    variables.push(("CREDENTIALS_DIRECTORY".to_owned(), folder.display().to_string()));
    let start = Start {
        interpreter,
        wrapper: Some(&project::root().join("deploy/with-secret")),
        variables: &variables,
        workers: workers.as_deref().unwrap_or("1"),
        port,
        log,
    };
    start.run()
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
