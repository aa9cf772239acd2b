//! The crates in the wasm page, as cargo resolves them.

use std::{collections::BTreeSet, fs, path::Path};

use anyhow::{Context as _, Result};
use serde_json::Value;

use super::{Component, Licence};
use crate::{
    locks::{self, Locked},
    process, project,
    tools::{self, TARGET, cargo},
};

pub(super) fn shipped() -> Result<Vec<Component>> {
    tools::fetch_crates()?;
    let names = linked()?;
    let metadata = tools::metadata(&[])?;
    let locked = locks::crates(&project::read("Cargo.lock")?)?;
    let packages = metadata.get("packages").and_then(Value::as_array).into_iter().flatten();
    let mut components: Vec<Component> = packages
        .filter_map(|package| {
            let (name, version) = (text(package, "name")?, text(package, "version")?);
            let locked = locked.iter().find(|it| it.name == name && it.version == version)?;
            // The page itself is what the document describes.
            let ships = name != PAGE && names.contains(&(name, version));
            ships.then(|| component(locked, package))
        })
        .collect::<Result<_>>()?;
    components.push(standard_library()?);
    Ok(components)
}

/// Names and versions of the crates whose code is linked into the page. `cargo metadata` cannot tell them, because it
/// adds the features that tests and tools ask for.
fn linked() -> Result<BTreeSet<(String, String)>> {
    let mut tree = cargo();
    tree.args(["tree", "--locked", "--package", PAGE, "--target", TARGET]).args([
        "--edges=normal,no-proc-macro",
        "--prefix=none",
        "--no-dedupe",
        "--format={p}",
    ]);
    let tree = process::output(&mut tree).context("`cargo tree` failed: run it to see why.")?;
    Ok(tree.lines().filter_map(package).collect())
}

/// The name and version of a line such as `auth v0.1.0 (PATH)`.
fn package(line: &str) -> Option<(String, String)> {
    let mut words = line.split(' ');
    Some((words.next()?.to_owned(), words.next()?.strip_prefix('v')?.to_owned()))
}

fn component(locked: &Locked, package: &Value) -> Result<Component> {
    let manifest = text(package, "manifest_path").context("`cargo metadata` names no manifest.")?;
    let folder = Path::new(&manifest).parent().context("A manifest has no folder.")?;
    Ok(Component {
        name: locked.name.clone(),
        version: locked.version.clone(),
        purl: format!("pkg:cargo/{}@{}", locked.name, locked.version),
        licence: text(package, "license").map_or(Licence::Unknown, |it| Licence::Expression(spdx(&it))),
        sha256: locked.sha256.clone(),
        texts: licence_files(folder)?,
        repository: text(package, "repository"),
        marker: None,
        ours: locked.source.is_none(),
    })
}

fn text(package: &Value, field: &str) -> Option<String> {
    package.get(field).and_then(Value::as_str).map(str::to_owned)
}

/// The expression without the slash that cargo accepted before SPDX.
fn spdx(licence: &str) -> String {
    licence.split('/').map(str::trim).collect::<Vec<_>>().join(" OR ")
}

fn licence_files(folder: &Path) -> Result<Vec<(String, String)>> {
    let unreadable = || format!("{} cannot be read.", folder.display());
    let mut texts = Vec::new();
    for entry in fs::read_dir(folder).with_context(unreadable)?.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if is_licence_file(&name) && entry.path().is_file() {
            let content = fs::read(entry.path()).with_context(unreadable)?;
            texts.push((name, String::from_utf8_lossy(&content).into_owned()));
        }
    }
    texts.sort();
    Ok(texts)
}

fn is_licence_file(name: &str) -> bool {
    let name = name.to_uppercase();
    ["LICENSE", "LICENCE", "COPYING", "COPYRIGHT", "NOTICE", "UNLICENSE"]
        .iter()
        .any(|begin| name.starts_with(begin))
}

/// It is compiled into the page, and no lock file has it.
fn standard_library() -> Result<Component> {
    let version = rustc(&["--version"])?;
    let version = version.split(' ').nth(1).context("`rustc --version` names no version.")?;
    Ok(Component {
        name: "rust-std".into(),
        version: version.to_owned(),
        purl: format!("pkg:generic/rust-std@{version}"),
        licence: Licence::Expression("MIT OR Apache-2.0".into()),
        repository: Some("https://github.com/rust-lang/rust".into()),
        ..Component::default()
    })
}

/// What the pinned compiler says of itself.
fn rustc(arguments: &[&str]) -> Result<String> {
    let mut rustc = process::command("rustc");
    rustc.args(arguments).current_dir(project::root());
    process::output(&mut rustc).context("`rustc` failed: install the pinned toolchain with rustup.")
}

/// The toolchain's own list for the standard library.
pub(super) fn standard_library_notices() -> Result<Vec<u8>> {
    let sysroot = rustc(&["--print", "sysroot"])?;
    let path = Path::new(&sysroot).join("share/doc/rust/COPYRIGHT-library.html");
    fs::read(&path).with_context(|| {
        format!(
            "{} cannot be read: install the pinned toolchain with rustup, which brings it.",
            path.display()
        )
    })
}

const PAGE: &str = "yew-jwt-auth";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_the_tree_is_a_name_and_a_version() {
        let pair = |name: &str, version: &str| Some((name.to_owned(), version.to_owned()));
        assert_eq!(package("auth v0.1.0 (/a b/auth)"), pair("auth", "0.1.0"));
        assert_eq!(package("yew v0.23.0"), pair("yew", "0.23.0"));
        assert_eq!(package(""), None);
    }

    #[test]
    fn old_licence_expressions_become_spdx() {
        assert_eq!(spdx("MIT/Apache-2.0"), "MIT OR Apache-2.0");
        assert_eq!(spdx("Apache-2.0 / MIT"), "Apache-2.0 OR MIT");
        assert_eq!(spdx("(MIT OR Apache-2.0) AND Unicode-3.0"), "(MIT OR Apache-2.0) AND Unicode-3.0");
    }

    #[test]
    fn licence_files_are_known_by_how_their_names_begin() {
        for name in ["LICENSE", "LICENSE-MIT", "license.md", "COPYING", "NOTICE", "UNLICENSE"] {
            assert!(is_licence_file(name), "{name}");
        }
        assert!(!is_licence_file("README.md") && !is_licence_file("src"));
    }

    #[test]
    fn the_page_has_yew_and_neither_tools_nor_macros() {
        let names: BTreeSet<String> =
            linked().unwrap_or_default().into_iter().map(|(name, _)| name).collect();
        assert!(
            ["yew", "auth", "wasm-bindgen", "web-sys"].iter().all(|name| names.contains(*name)),
            "{names:?}"
        );
        assert!(
            ["xtask", "tokio", "yew-macro", "ctrlc"].iter().all(|name| !names.contains(*name)),
            "{names:?}"
        );
    }
}
