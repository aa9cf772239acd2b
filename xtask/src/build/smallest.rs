//! What `--smallest` changes: the standard library is compiled together with the app, and a panic is one instruction that stops
//! the code. So nothing is left that only describes panics, and the rest is as small as the app's own code.

use std::process::Command;

use anyhow::Result;

use crate::{
    process,
    tools::{self, TARGET},
};

/// The folder of its files, beside `release`. Its own, because each of the two builds would otherwise undo the other's.
pub(super) const PROFILE: &str = "smallest";

/// Makes sure that the sources are there: the standard library's own, and those of the crates that it uses.
pub(super) fn prepare() -> Result<()> {
    tools::rust_src()?;
    let mut fetch = tools::cargo();
    fetch.args(["fetch", "--locked", "--target", TARGET]);
    process::run(with_own_std(&mut fetch), "Downloading the crates of the standard library")
}

/// Adds its flags to a build.
pub(super) fn add_to(cargo: &mut Command) {
    // They stand here, not in Cargo.toml, because a stable cargo refuses a manifest that names this kind of panic.
    for setting in ["inherits='release'", "panic='immediate-abort'"] {
        cargo.arg("--config").arg(format!("profile.{PROFILE}.{setting}"));
    }
    cargo.args(["-Zpanic-immediate-abort", "-Zbuild-std-features=optimize_for_size"]);
    with_own_std(cargo);
}

/// Lets the pinned stable toolchain take `-Z` flags. A nightly has them without that, but it is another compiler than the
/// one that everything is tested with.
fn with_own_std(cargo: &mut Command) -> &mut Command {
    cargo.arg("-Zbuild-std=std").env("RUSTC_BOOTSTRAP", "1")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_smallest_build_has_flags_that_are_not_stable() {
        let mut cargo = Command::new("cargo");
        add_to(&mut cargo);
        let flags: Vec<_> = cargo.get_args().map(|flag| flag.to_string_lossy().into_owned()).collect();
        assert_eq!(
            flags,
            [
                "--config",
                "profile.smallest.inherits='release'",
                "--config",
                "profile.smallest.panic='immediate-abort'",
                "-Zpanic-immediate-abort",
                "-Zbuild-std-features=optimize_for_size",
                "-Zbuild-std=std",
            ]
        );
        let variables: Vec<_> = cargo.get_envs().collect();
        assert_eq!(variables, [("RUSTC_BOOTSTRAP".as_ref(), Some("1".as_ref()))]);
    }
}
