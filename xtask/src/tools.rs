//! Installs missing tools that are written in Rust, and shows the progress.

use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use crate::{
    cache::{self, Cache},
    crates, locks, process, project,
    report::progress,
};

/// Makes sure that the pinned toolchain can compile for the browser.
pub(crate) fn wasm_target() -> Result<()> {
    let mut rustc = process::command("rustc");
    rustc.args(["--print", "target-libdir", "--target", TARGET]).current_dir(project::root());
    if process::output(&mut rustc).is_some_and(|folder| Path::new(&folder).is_dir()) {
        return Ok(());
    }
    add_to_toolchain("target", TARGET, process::find("rustup"))
}

/// Makes sure that the pinned toolchain has the standard library's sources.
pub(crate) fn rust_src() -> Result<()> {
    if std_sources()?.join("library/Cargo.lock").exists() {
        return Ok(());
    }
    add_to_toolchain("component", "rust-src", process::find("rustup"))
}

/// Where the pinned toolchain has the standard library's sources, or would have them.
pub(crate) fn std_sources() -> Result<PathBuf> {
    let mut rustc = process::command("rustc");
    let sysroot = process::output(rustc.args(["--print", "sysroot"]).current_dir(project::root()));
    let sysroot = sysroot.context("rustc does not tell where it is installed: reinstall the toolchain.")?;
    Ok(Path::new(&sysroot).join("lib/rustlib/src/rust"))
}

fn add_to_toolchain(kind: &str, name: &str, rustup: Option<PathBuf>) -> Result<()> {
    let Some(rustup) = rustup else {
        bail!("The Rust {kind} {name} is missing: install it, or install rustup so that this command can.");
    };
    let what = format!("Adding the Rust {kind} {name}");
    progress(&what);
    process::run(process::command(rustup).args([kind, "add", name]).current_dir(project::root()), &what)
}

/// Downloads the crates of Cargo.lock, so that the builds that follow need no network.
pub(crate) fn fetch_crates() -> Result<()> {
    process::run(cargo().args(["fetch", "--locked"]), "Downloading the crates of Cargo.lock")
}

/// Trunk. Only `cargo xtask test` needs it, to test that the page builds with it, too.
pub(crate) fn trunk(cache: &Cache) -> Result<PathBuf> {
    cargo_installed(cache, "trunk", TRUNK, &["--no-default-features"], "about four minutes, once")
}

pub(crate) fn geckodriver(cache: &Cache) -> Result<PathBuf> {
    cargo_installed(cache, "geckodriver", GECKODRIVER, &[], "about two minutes, once")
}

pub(crate) fn cargo_mutants(cache: &Cache) -> Result<PathBuf> {
    cargo_installed(cache, "cargo-mutants", CARGO_MUTANTS, &[], "about two minutes, once")
}

pub(crate) fn cargo_deny(cache: &Cache) -> Result<PathBuf> {
    cargo_installed(cache, "cargo-deny", CARGO_DENY, &[], "about three minutes, once")
}

/// `wasm-bindgen` in the version of Cargo.lock: from the PATH, otherwise built.
pub(crate) fn wasm_bindgen(cache: &Cache) -> Result<PathBuf> {
    let version = locked_version("wasm-bindgen")?;
    match process::find("wasm-bindgen").filter(|path| has_version(path, "wasm-bindgen", &version)) {
        Some(path) => Ok(path),
        None => {
            // Optimise the crate that does most of the work, because without it each rebuild of the page takes two
            // seconds more. To optimise all takes 70 s of a first start and saves one more second.
            let levels = [
                "--config=profile.release.opt-level=0",
                "--config=profile.release.package.walrus.opt-level=1",
            ];
            wasm_runner(cache, "wasm-bindgen", &levels, "one to two minutes, once")
        }
    }
}

/// The program that loads the tests inside a page. It is optimised, because it does so for every file of tests.
pub(crate) fn wasm_test_runner(cache: &Cache) -> Result<PathBuf> {
    let level = ["--config=profile.release.opt-level=1"];
    wasm_runner(cache, "wasm-bindgen-test-runner", &level, "two to three minutes, once")
}

/// A program of wasm-runner/, which is kept for this version of wasm-bindgen and of the program's own file.
fn wasm_runner(cache: &Cache, name: &str, levels: &[&str], time: &str) -> Result<PathBuf> {
    let version = locked_version("wasm-bindgen")?;
    let own = ["Cargo.toml", &format!("src/bin/{name}.rs")]
        .map(|file| project::read(&format!("wasm-runner/{file}")));
    let [manifest, source] = own;
    let key = cache::key([manifest?.as_bytes(), source?.as_bytes()]);
    let binary = format!("bin/{name}");
    let root = cache.install(&format!("{name}-{version}-{key}"), &binary, |folder| {
        fetch_crates()?;
        progress(&format!("Building {name} {version} ({time})"));
        let mut install = cargo();
        install
            .args(["install", "--locked", "--offline", "--path", "wasm-runner", "--bin", name])
            .args(["--no-default-features", "--features", name, "--no-track", "--root"])
            .arg(folder)
            .args(QUICK)
            .args(levels);
        crates::compile(&mut install, &format!("Building {name}"))
    })?;
    Ok(root.join(binary))
}

fn locked_version(name: &str) -> Result<String> {
    let locked = locks::crates(&project::read("Cargo.lock")?)?.into_iter().find(|locked| locked.name == name);
    Ok(locked
        .with_context(|| format!("Cargo.lock names no {name}: restore it with `git checkout Cargo.lock`."))?
        .version)
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
            .args(QUICK)
            .arg("--config=profile.release.opt-level=0")
            .env_remove("CARGO_TARGET_DIR");
        crates::compile(&mut install, &format!("Installing {name} {version}")).with_context(|| {
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

/// What cargo knows of the workspace.
pub(crate) fn metadata() -> Result<Value> {
    let mut metadata = cargo();
    metadata.args(["metadata", "--format-version=1", "--locked", "--offline"]);
    let metadata = process::output(&mut metadata).context("`cargo metadata` failed: run it to see why.")?;
    serde_json::from_str(&metadata).context("`cargo metadata` wrote no JSON.")
}

/// A PATH that begins with `folders`.
pub(crate) fn path_with(folders: &[&Path]) -> Result<OsString> {
    let rest = std::env::var_os("PATH").unwrap_or_default();
    let folders = folders.iter().map(|folder| folder.to_path_buf()).chain(std::env::split_paths(&rest));
    std::env::join_paths(folders).context("A folder of the tools has a `:` in its name.")
}

pub(crate) const TARGET: &str = "wasm32-unknown-unknown";
/// Compile a tool quickly. It is used on this machine only.
const QUICK: [&str; 3] = [
    "--config=profile.release.lto=\"off\"",
    "--config=profile.release.codegen-units=16",
    "--config=profile.release.debug=\"none\"",
];
const TRUNK: &str = "0.21.14";
const GECKODRIVER: &str = "0.37.1";
const CARGO_MUTANTS: &str = "27.1.0";
const CARGO_DENY: &str = "0.20.2";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_rustup_a_missing_part_of_the_toolchain_is_named() {
        let error = add_to_toolchain("component", "rust-src", None).err().map(|error| error.to_string());
        assert_eq!(
            error.as_deref(),
            Some(
                "The Rust component rust-src is missing: install it, or install rustup so that this command can."
            )
        );
    }
}
