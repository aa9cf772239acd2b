//! The certificate of the deployment on this machine.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};

use crate::{cache::Cache, process, report::progress};

#[derive(Debug)]
pub(crate) struct Certificate {
    pub(crate) certificate: PathBuf,
    pub(crate) key: PathBuf,
}

/// A certificate for this machine's own names. It is kept, so that a browser that was told to accept it still
/// does.
pub(crate) fn of_this_machine(cache: &Cache, openssl: &Path) -> Result<Certificate> {
    let lasts = |folder: &Path| {
        let mut check = process::command(openssl);
        check.args(["x509", "-noout", "-checkend", "86400", "-in"]).arg(folder.join(CERTIFICATE));
        process::output(&mut check).is_some()
    };
    let folder = cache.install_in_place("certificate-localhost", lasts, |folder| {
        progress("Making a certificate for localhost");
        let mut make = process::command(openssl);
        make.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"])
            .args(["-days", "365", "-subj", "/CN=localhost"])
            .args(["-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"])
            .arg("-keyout")
            .arg(folder.join(KEY))
            .arg("-out")
            .arg(folder.join(CERTIFICATE));
        process::output(&mut make)
            .map(drop)
            .context("openssl made no certificate: `openssl version` must say 1.1.1 or newer")
    })?;
    Ok(Certificate { certificate: folder.join(CERTIFICATE), key: folder.join(KEY) })
}

const CERTIFICATE: &str = "certificate.pem";
const KEY: &str = "key.pem";
