//! The copy of the auth service in which the protocol's rules can be switched off: what ships has no switch. It is
//! made anew for each use, and only files that changed are written, so that Cargo builds only what changed.

use std::{
    collections::BTreeMap,
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result};

use crate::{
    project,
    rules::{self, Rule},
    tools::cargo,
};

#[derive(Debug)]
pub(crate) struct Sabotaged {
    folder: PathBuf,
    pub(crate) rules: Vec<Rule>,
}

/// Copies the auth service to target/sabotage/auth and makes the edits of all rules there.
pub(crate) fn copy() -> Result<Sabotaged> {
    let rules = rules::all()?;
    let folder = project::root().join("target/sabotage/auth");
    write(&folder, &edited(&rules)?)?;
    Ok(Sabotaged { folder, rules })
}

/// The copy's files by their paths.
fn edited(rules: &[Rule]) -> Result<BTreeMap<String, String>> {
    let service = project::root().join("auth");
    let mut files = BTreeMap::new();
    for path in paths(&service)? {
        files.insert(path.clone(), read(&service, &path)?);
    }
    rules::apply(rules, &mut files)?;
    let names: Vec<&str> = rules.iter().map(|rule| rule.name.as_str()).collect();
    let switches = project::read(&format!("{}/switches.rs", rules::FOLDER))?;
    let library = files.entry("src/lib.rs".to_owned()).or_default();
    library.push_str(&format!(
        "\n{switches}\n/// Every rule.\n#[doc(hidden)]\npub const RULES: &[&str] = &{names:?};\n"
    ));
    let manifest = files.entry("Cargo.toml".to_owned()).or_default();
    manifest.push_str(&own_workspace(&project::read("Cargo.toml")?));
    files.insert("build.rs".to_owned(), BUILD.to_owned());
    files.insert("Cargo.lock".to_owned(), project::read("Cargo.lock")?);
    Ok(files)
}

impl Sabotaged {
    /// Cargo's `subcommand` in the copy, which shares the builds of the crates below it with the workspace.
    /// `--locked` would refuse the workspace's lock file, because Cargo leaves out of it what only the other crates
    /// need; the versions stay.
    pub(crate) fn cargo(&self, subcommand: &str) -> Command {
        let mut cargo = cargo();
        cargo.arg(subcommand).arg("--manifest-path").arg(self.folder.join("Cargo.toml"));
        if env::var_os("CARGO_TARGET_DIR").is_none() {
            cargo.env("CARGO_TARGET_DIR", project::root().join("target"));
        }
        cargo
    }
}

/// Compiles the simulation's half that switches rules off.
const BUILD: &str = "//! Tells the tests that this is the copy with the switches.

fn main() {
    println!(\"cargo::rustc-cfg=sabotage\");
    println!(\"cargo::rerun-if-changed=build.rs\");
}
";

/// What the copy's manifest needs of the workspace's, since the copy is no member of that: what members inherit, and
/// how they are compiled.
fn own_workspace(manifest: &str) -> String {
    let mut text = "\n[workspace]\n".to_owned();
    let mut wanted = false;
    for line in manifest.lines() {
        if line.starts_with('[') {
            wanted = line.starts_with("[workspace.") || line.starts_with("[profile.");
        }
        if wanted {
            text.push_str(line);
            text.push('\n');
        }
    }
    text
}

fn write(folder: &Path, files: &BTreeMap<String, String>) -> Result<()> {
    fs::create_dir_all(folder).with_context(|| format!("{} cannot be made.", folder.display()))?;
    for path in paths(folder)?.iter().filter(|path| !files.contains_key(*path)) {
        fs::remove_file(folder.join(path)).with_context(|| format!("{path} cannot be removed."))?;
    }
    for (path, text) in files {
        if !folder.join(path).exists() || read(folder, path)? != *text {
            let to = folder.join(path);
            fs::create_dir_all(to.parent().unwrap_or(folder))
                .and_then(|()| fs::write(&to, text))
                .with_context(|| format!("{} cannot be written.", to.display()))?;
        }
    }
    Ok(())
}

fn read(folder: &Path, path: &str) -> Result<String> {
    let path = folder.join(path);
    fs::read_to_string(&path).with_context(|| format!("{} cannot be read.", path.display()))
}

/// Every file of `folder` that is not hidden, by its path in it.
fn paths(folder: &Path) -> Result<Vec<String>> {
    let entries = fs::read_dir(folder).with_context(|| format!("{} cannot be read.", folder.display()))?;
    let mut paths = Vec::new();
    for entry in entries {
        let entry = entry.with_context(|| format!("{} cannot be read.", folder.display()))?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with('.') {
            continue;
        }
        if entry.path().is_dir() {
            paths.extend(self::paths(&entry.path())?.into_iter().map(|path| format!("{name}/{path}")));
        } else {
            paths.push(name);
        }
    }
    Ok(paths)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn every_rule_fits_the_source() {
        let files = edited(&rules::all().unwrap()).unwrap();
        assert!(files.values().any(|text| text.contains("pub fn switch_off(")));
    }

    #[test]
    fn the_copy_inherits_what_a_member_of_the_workspace_does() {
        let manifest = "[workspace]\nmembers = [\"auth\"]\n\n[workspace.package]\nedition = \"2024\"\n\n[package]\nname = \"x\"\n\n[profile.release]\nlto = true\n";
        assert_eq!(
            own_workspace(manifest),
            "\n[workspace]\n[workspace.package]\nedition = \"2024\"\n\n[profile.release]\nlto = true\n"
        );
    }

    #[test]
    fn only_what_changed_is_written_and_what_went_is_removed() {
        let folder = project::scratch().join("sabotage-test");
        let files = |pairs: &[(&str, &str)]| {
            pairs.iter().map(|(path, text)| ((*path).to_owned(), (*text).to_owned())).collect()
        };
        let written = |path: &str| folder.join(path).metadata().and_then(|file| file.modified()).unwrap();
        write(&folder, &files(&[("a", "1"), ("b/c", "1"), ("b/d", "1")])).unwrap();
        let (a, c) = (written("a"), written("b/c"));
        std::thread::sleep(std::time::Duration::from_millis(20));
        write(&folder, &files(&[("a", "1"), ("b/c", "2")])).unwrap();
        assert_eq!(written("a"), a);
        assert!(written("b/c") > c && !folder.join("b/d").exists());
        fs::remove_dir_all(&folder).unwrap();
    }
}
