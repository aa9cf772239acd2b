//! Programs from Debian's packages. xtask installs them if it runs as root on Debian.

use anyhow::{Result, bail};

use crate::{process, report::progress};

/// Installs packages. `what` begins the sentence that tells other users what to install.
pub(crate) fn install(what: &str, packages: &[&str]) -> Result<()> {
    if packages.is_empty() {
        return Ok(());
    }
    let list = packages.join(" ");
    if process::find("apt-get").is_none() || !process::is_root() {
        bail!(
            "{what} need {list} (Debian's names): install them, for example with `sudo apt-get install --no-install-recommends {list}`."
        );
    }
    progress(&format!("Installing {list}"));
    let apt = |arguments: &[&str]| {
        let mut apt = process::command("apt-get");
        apt.args(["-q", "-o", "DPkg::Lock::Timeout=300"])
            .args(arguments)
            .env("DEBIAN_FRONTEND", "noninteractive");
        apt
    };
    let install = || {
        let mut apt = apt(&["install", "--yes", "--no-install-recommends"]);
        process::run(apt.args(packages), &format!("Installing {list}"))
    };
    // Try without an update first, because an update takes longer than most installs. If the install fails,
    // the package lists may be missing or old.
    if install().is_ok() {
        return Ok(());
    }
    if process::interrupted() {
        bail!("Interrupted.");
    }
    process::run(&mut apt(&["update"]), "apt-get update")?;
    install()
}
