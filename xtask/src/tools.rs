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
    let needed = locked_version(WASM_BINDGEN)?;
    match wasm_bindgen_on_path() {
        Some((found, path)) if found == needed => return Ok(path),
        Some((found, _)) if !has_runner(cache, WASM_BINDGEN)? => progress(&not_taken(&found, &needed)),
        _ => {}
    }
    wasm_runner(cache, WASM_BINDGEN, "one to two minutes, once")
}

/// Whether [`wasm_bindgen`] has nothing to build.
pub(crate) fn has_wasm_bindgen(cache: &Cache) -> Result<bool> {
    let needed = locked_version(WASM_BINDGEN)?;
    Ok(wasm_bindgen_on_path().is_some_and(|(found, _)| found == needed) || has_runner(cache, WASM_BINDGEN)?)
}

/// The wasm-bindgen on the PATH, and its version.
fn wasm_bindgen_on_path() -> Option<(String, PathBuf)> {
    let path = process::find(WASM_BINDGEN)?;
    Some((version(&path, WASM_BINDGEN)?, path))
}

/// Why the wasm-bindgen on the PATH does not save the build of one.
fn not_taken(found: &str, needed: &str) -> String {
    format!(
        "The {WASM_BINDGEN} on the PATH is {found}, and Cargo.lock needs {needed}: that one is installed into the cache instead"
    )
}

/// The program that loads the tests inside a page.
pub(crate) fn wasm_test_runner(cache: &Cache) -> Result<PathBuf> {
    wasm_runner(cache, "wasm-bindgen-test-runner", "two to three minutes, once")
}

/// A program of wasm-runner/. Another version of wasm-bindgen, other files of the program or another [`OPTIMISED`] need another
/// build.
fn wasm_runner(cache: &Cache, name: &str, time: &str) -> Result<PathBuf> {
    let binary = format!("bin/{name}");
    let root = cache.install(&runner_folder(name)?, &binary, |folder| {
        fetch_crates()?;
        progress(&format!("Building {name} {} ({time})", locked_version(WASM_BINDGEN)?));
        let mut install = cargo();
        install
            .args(["install", "--locked", "--offline", "--path", "wasm-runner", "--bin", name])
            .args(["--no-default-features", "--features", name, "--no-track", "--root"])
            .arg(folder)
            .args(QUICK)
            .arg(OPTIMISED);
        crates::compile(&mut install, &format!("Building {name}"))
    })?;
    Ok(root.join(binary))
}

fn has_runner(cache: &Cache, name: &str) -> Result<bool> {
    Ok(cache.path(&runner_folder(name)?).join("bin").join(name).exists())
}

/// The name of the folder that such a program has in the cache.
fn runner_folder(name: &str) -> Result<String> {
    let version = locked_version(WASM_BINDGEN)?;
    let own = ["Cargo.toml", &format!("src/bin/{name}.rs")]
        .map(|file| project::read(&format!("wasm-runner/{file}")));
    let [manifest, source] = own;
    let key = cache::key([manifest?.as_bytes(), source?.as_bytes(), OPTIMISED.as_bytes()]);
    Ok(format!("{name}-{version}-{key}"))
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

fn has_version(path: &Path, name: &str, needed: &str) -> bool {
    version(path, name).is_some_and(|found| found == needed)
}

/// The version that a program says it has.
fn version(path: &Path, name: &str) -> Option<String> {
    let words = process::output(process::command(path).arg("--version"))?;
    version_in(&words, name).map(str::to_owned)
}

fn version_in<'a>(words: &'a str, name: &str) -> Option<&'a str> {
    words.strip_prefix(name)?.strip_prefix(' ')?.split_whitespace().next()
}

pub(crate) fn cargo() -> Command {
    let mut cargo = process::command("cargo");
    cargo.current_dir(project::root());
    cargo
}

/// What cargo knows of the workspace, with `more` of its options.
pub(crate) fn metadata(more: &[&str]) -> Result<Value> {
    let mut metadata = cargo();
    metadata.args(["metadata", "--format-version=1", "--locked", "--offline"]).args(more);
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
/// A tool that runs at each edit or for each file of tests is optimised, because somebody waits for it each time. If only its
/// largest part is optimised (walrus), wasm-bindgen is built in 27 s less of a processor's time, and each edit takes half a
/// second more.
const OPTIMISED: &str = "--config=profile.release.opt-level=1";
const WASM_BINDGEN: &str = "wasm-bindgen";
const TRUNK: &str = "0.21.14";
const GECKODRIVER: &str = "0.37.1";
const CARGO_MUTANTS: &str = "27.1.0";
const CARGO_DENY: &str = "0.20.2";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_a_whole_word_behind_the_programs_name() {
        assert_eq!(version_in("wasm-bindgen 0.2.100", "wasm-bindgen"), Some("0.2.100"));
        assert_eq!(version_in("geckodriver 0.37.1 (abc 2026-01-02)\n", "geckodriver"), Some("0.37.1"));
        for words in ["wasm-bindgen-cli 0.2.100", "wasm-bindgen", "0.2.100", ""] {
            assert_eq!(version_in(words, "wasm-bindgen"), None, "{words}");
        }
    }

    #[test]
    fn a_wasm_bindgen_that_is_not_taken_is_named_with_both_versions() {
        assert_eq!(
            not_taken("0.2.99", "0.2.129"),
            "The wasm-bindgen on the PATH is 0.2.99, and Cargo.lock needs 0.2.129: that one is installed into the cache instead"
        );
    }

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
