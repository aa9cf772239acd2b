//! The programs of a deployment, from Debian's packages.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Result, bail};

use crate::{apt, process};

#[derive(Debug)]
pub(crate) struct Servers {
    pub(crate) nginx: PathBuf,
    pub(crate) openssl: PathBuf,
    /// The folder of `initdb`, `pg_ctl`, `createdb` and `psql`.
    pub(crate) postgresql: PathBuf,
}

impl Servers {
    pub(crate) fn install() -> Result<Self> {
        apt::install("The deployment's servers", &missing())?;
        match (nginx(), process::find("openssl"), postgresql(), has_brotli()) {
            (Some(nginx), Some(openssl), Some(postgresql), true) => Ok(Self { nginx, openssl, postgresql }),
            _ => bail!("The servers are incomplete after their installation: {}.", missing().join(", ")),
        }
    }
}

/// The packages whose programs are missing.
fn missing() -> Vec<&'static str> {
    [
        ("nginx", nginx().is_some()),
        ("libnginx-mod-http-brotli-static", has_brotli()),
        ("openssl", process::find("openssl").is_some()),
        ("postgresql", postgresql().is_some()),
    ]
    .into_iter()
    .filter_map(|(package, there)| (!there).then_some(package))
    .collect()
}

/// A user's PATH often lacks the folder of administrators' programs.
fn nginx() -> Option<PathBuf> {
    let path = PathBuf::from("/usr/sbin/nginx");
    process::find("nginx").or_else(|| process::is_executable(&path).then_some(path))
}

fn has_brotli() -> bool {
    let folders = ["/usr/lib/nginx/modules", "/usr/lib64/nginx/modules"];
    folders.iter().any(|folder| Path::new(folder).join("ngx_http_brotli_static_module.so").exists())
}

/// Debian installs PostgreSQL outside the PATH, in a folder for each version.
fn postgresql() -> Option<PathBuf> {
    let versions = fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut folders: Vec<_> = versions.map(|version| version.path().join("bin")).collect();
    folders.sort();
    folders.extend(process::find("pg_ctl").and_then(|path| Some(path.parent()?.to_owned())));
    folders.into_iter().find(|folder| {
        ["initdb", "pg_ctl", "createdb", "psql"].iter().all(|name| process::is_executable(&folder.join(name)))
    })
}
