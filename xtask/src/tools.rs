//! Installs missing tools that are written in Rust, and shows the progress.

use std::{
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, bail};

use crate::{
    cache::{self, Cache},
    process, project,
    report::progress,
};

/// Makes sure that the pinned toolchain can compile for the browser.
pub(crate) fn wasm_target() -> Result<()> {
    let mut rustc = process::command("rustc");
    rustc.args(["--print", "target-libdir", "--target", TARGET]).current_dir(project::root());
    if process::output(&mut rustc).is_some_and(|folder| Path::new(&folder).is_dir()) {
        return Ok(());
    }
    if process::find("rustup").is_none() {
        bail!("The Rust target {TARGET} is missing: install it, or install rustup so that this command can.");
    }
    progress(&format!("Adding the Rust target {TARGET}"));
    let mut rustup = process::command("rustup");
    rustup.args(["target", "add", TARGET]).current_dir(project::root());
    process::run(&mut rustup, &format!("Adding the Rust target {TARGET}"))
}

/// Downloads the crates of Cargo.lock, so that the builds that follow need no network.
pub(crate) fn fetch_crates() -> Result<()> {
    process::run(cargo().args(["fetch", "--locked"]), "Downloading the crates of Cargo.lock")
}

pub(crate) fn trunk(cache: &Cache) -> Result<PathBuf> {
    // Compile Trunk without optimisation. That takes half the time, and Trunk builds pages just as fast.
    let quick = [
        "--no-default-features",
        "--config=profile.release.lto=\"off\"",
        "--config=profile.release.codegen-units=16",
        "--config=profile.release.opt-level=0",
    ];
    cargo_installed(cache, "trunk", TRUNK, &quick, "about four minutes, once")
}

pub(crate) fn geckodriver(cache: &Cache) -> Result<PathBuf> {
    let quick = ["--config=profile.release.opt-level=0", "--config=profile.release.codegen-units=16"];
    cargo_installed(cache, "geckodriver", GECKODRIVER, &quick, "about two minutes, once")
}

pub(crate) fn cargo_mutants(cache: &Cache) -> Result<PathBuf> {
    let quick = ["--config=profile.release.opt-level=0", "--config=profile.release.codegen-units=16"];
    cargo_installed(cache, "cargo-mutants", CARGO_MUTANTS, &quick, "about two minutes, once")
}

pub(crate) fn cargo_deny(cache: &Cache) -> Result<PathBuf> {
    let quick = [
        "--config=profile.release.lto=\"off\"",
        "--config=profile.release.codegen-units=16",
        "--config=profile.release.opt-level=0",
    ];
    cargo_installed(cache, "cargo-deny", CARGO_DENY, &quick, "about three minutes, once")
}

/// The folder with `wasm-bindgen` and `wasm-bindgen-test-runner`, built from this workspace.
pub(crate) fn wasm_bindgen(cache: &Cache) -> Result<PathBuf> {
    let name = format!("wasm-runner-{}", wasm_runner_key()?);
    let root = cache.install(&name, "bin/wasm-bindgen", |folder| {
        progress("Building wasm-bindgen's tools (two to three minutes, once)");
        // Optimise a little, because unoptimised tools would add seconds to each rebuild of the page.
        let mut install = cargo();
        install
            .args(["install", "--locked", "--path", "wasm-runner", "--no-track", "--root"])
            .arg(folder)
            .args([
                "--config=profile.release.lto=\"off\"",
                "--config=profile.release.codegen-units=16",
                "--config=profile.release.opt-level=1",
            ]);
        process::run(&mut install, "Building wasm-bindgen's tools")
    })?;
    Ok(root.join("bin"))
}

/// The hash of everything that decides what the tools do: their source and the versions of wasm-bindgen's
/// crates.
fn wasm_runner_key() -> Result<String> {
    let folder = project::root().join("wasm-runner");
    let mut parts = vec![wasm_bindgen_versions(&project::read("Cargo.lock")?)?.into_bytes()];
    for file in ["Cargo.toml", "src/bin/wasm-bindgen.rs", "src/bin/wasm-bindgen-test-runner.rs"] {
        let path = folder.join(file);
        parts.push(fs::read(&path).with_context(|| format!("{} cannot be read", path.display()))?);
    }
    Ok(cache::key(parts.iter().map(Vec::as_slice)))
}

/// The name and version of each of wasm-bindgen's crates in a Cargo.lock.
fn wasm_bindgen_versions(lock: &str) -> Result<String> {
    let mut versions = String::new();
    let mut lines = lock.lines();
    while let Some(line) = lines.next() {
        if let Some(name) = line.strip_prefix("name = \"wasm-bindgen") {
            versions.push_str(name.trim_matches('"'));
            versions.push_str(lines.next().unwrap_or_default());
            versions.push('\n');
        }
    }
    if versions.is_empty() {
        bail!("Cargo.lock names no wasm-bindgen: restore it with `git checkout Cargo.lock`.");
    }
    Ok(versions)
}

fn cargo_installed(cache: &Cache, name: &str, version: &str, flags: &[&str], time: &str) -> Result<PathBuf> {
    let folder = format!("{name}-{version}");
    let binary = format!("bin/{name}");
    if !cache.path(&folder).join(&binary).exists()
        && let Some(path) = process::find(name).filter(|path| has_version(path, name, version))
    {
        return Ok(path);
    }
    let root = cache.install(&folder, &binary, |folder| {
        progress(&format!("Installing {name} {version} ({time})"));
        let mut install = cargo();
        install
            .args(["install", name, "--locked", "--version", version, "--no-track", "--root"])
            .arg(folder)
            .args(flags)
            .env_remove("CARGO_TARGET_DIR");
        process::run(&mut install, &format!("Installing {name} {version}")).with_context(|| {
            format!(
                "{name} {version} could not be installed: check the connection to crates.io and run this again, or put that version on the PATH."
            )
        })
    })?;
    Ok(root.join(binary))
}

fn has_version(path: &Path, name: &str, version: &str) -> bool {
    process::output(process::command(path).arg("--version"))
        .is_some_and(|output| output.starts_with(&format!("{name} {version}")))
}

pub(crate) fn cargo() -> Command {
    let mut cargo = process::command("cargo");
    cargo.current_dir(project::root());
    cargo
}

/// A PATH that begins with `folders`.
pub(crate) fn path_with(folders: &[&Path]) -> Result<OsString> {
    let rest = std::env::var_os("PATH").unwrap_or_default();
    let folders = folders.iter().map(|folder| folder.to_path_buf()).chain(std::env::split_paths(&rest));
    std::env::join_paths(folders).context("A folder of the tools has a `:` in its name.")
}

pub(crate) const TARGET: &str = "wasm32-unknown-unknown";
const TRUNK: &str = "0.21.14";
const GECKODRIVER: &str = "0.37.1";
const CARGO_MUTANTS: &str = "27.1.0";
const CARGO_DENY: &str = "0.20.2";

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn the_versions_of_wasm_bindgen_are_read_from_the_lock_file() {
        let lock = "[[package]]\nname = \"serde\"\nversion = \"1.0.0\"\n\n[[package]]\nname = \"wasm-bindgen\"\nversion = \"0.2.129\"\n\n[[package]]\nname = \"wasm-bindgen-cli\"\nversion = \"0.2.129\"\n";
        assert_eq!(
            wasm_bindgen_versions(lock).unwrap(),
            "version = \"0.2.129\"\n-cliversion = \"0.2.129\"\n"
        );
        assert!(wasm_bindgen_versions("").is_err());
    }

    #[test]
    fn the_key_of_this_checkout_is_stable() {
        assert_eq!(wasm_runner_key().unwrap(), wasm_runner_key().unwrap());
    }
}
