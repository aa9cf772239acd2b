//! Finds Python, and keeps an environment for each lock file in the cache.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail};

use crate::{cache, cache::Cache, process, project, report::progress};

#[derive(Debug)]
pub(crate) struct Python {
    pub(crate) path: PathBuf,
    version: String,
}

/// The first interpreter on the PATH that is new enough: `python3`, because the user chose it, then the
/// newest.
pub(crate) fn find() -> Result<Python> {
    let mut too_old = None;
    for name in ["python3", "python3.14", "python3.13", "python3.12", "python3.11", "python"] {
        let Some(path) = process::find(name) else { continue };
        let mut ask = process::command(&path);
        ask.args(["-c", "import sys; print('%d.%d' % sys.version_info[:2], sys.executable)"]);
        let Some((version, executable)) = process::output(&mut ask)
            .and_then(|output| output.split_once(' ').map(|(a, b)| (a.to_owned(), PathBuf::from(b))))
        else {
            continue;
        };
        if is_new_enough(&version) {
            return Ok(Python { path: executable, version });
        }
        too_old.get_or_insert(version);
    }
    match too_old {
        Some(version) => {
            bail!("Python {version} is too old for the reference server: install 3.11 or newer.")
        }
        None => bail!("Python is missing: the reference server needs 3.11 or newer."),
    }
}

fn is_new_enough(version: &str) -> bool {
    let mut numbers = version.split('.').map(|number| number.parse::<u32>().unwrap_or(0));
    let version = (numbers.next().unwrap_or(0), numbers.next().unwrap_or(0));
    version >= OLDEST
}

/// The interpreter of an environment that has exactly the packages of the lock file.
pub(crate) fn environment(cache: &Cache, lock: &Path) -> Result<PathBuf> {
    let python = find()?;
    let name = name(&python, lock)?;
    let works = |path: &Path| {
        let mut check = process::command(path.join("bin/python"));
        // An environment stops working when its base interpreter is removed.
        process::output(check.arg("--version")).is_some()
    };
    let path = cache.install_in_place(&name, works, |folder| {
        progress(&format!("Installing the Python packages of {}", shown(lock)));
        let mut venv = process::command(&python.path);
        process::run(venv.args(["-m", "venv"]).arg(folder), "Creating a Python environment").context(
            "No Python environment could be created: install your system's venv package (python3-venv).",
        )?;
        let mut pip = process::command(folder.join("bin/python"));
        pip.args(PIP_INSTALL).arg("--requirement").arg(lock);
        process::run(&mut pip, "pip").with_context(|| {
            format!(
                "The packages of {} could not be installed: check the connection to PyPI and run this again.",
                shown(lock)
            )
        })
    })?;
    Ok(path.join("bin/python"))
}

/// Whether such an environment is there already. Fails without a Python that could make it.
pub(crate) fn has_environment(cache: &Cache, lock: &Path) -> Result<bool> {
    Ok(cache.is_in_place(&name(&find()?, lock)?))
}

/// The name of an environment in the cache.
fn name(python: &Python, lock: &Path) -> Result<String> {
    let contents = fs::read(lock).with_context(|| format!("{} cannot be read.", lock.display()))?;
    Ok(format!("python-{}-{}", python.version, cache::key([contents.as_slice()])))
}

/// Installs locked packages into a plain folder.
pub(crate) fn install_into(folder: &Path, lock: &Path) -> Result<()> {
    let mut pip = process::command(find()?.path);
    pip.args(PIP_INSTALL).arg("--no-deps").arg("--target").arg(folder).arg("--requirement").arg(lock);
    process::run(&mut pip, "pip").with_context(|| {
        format!("The packages of {} could not be installed: check the connection to PyPI.", shown(lock))
    })
}

/// A path as it stands in the checkout, because more than one folder has a `requirements.lock`.
fn shown(path: &Path) -> String {
    path.strip_prefix(project::root()).unwrap_or(path).display().to_string()
}

const OLDEST: (u32, u32) = (3, 11);
/// pip's arguments. pip compiles nothing, because Python compiles what it imports.
const PIP_INSTALL: [&str; 7] =
    ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-compile", "--require-hashes"];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_as_numbers() {
        for (version, enough) in
            [("3.11", true), ("3.9", false), ("3.14", true), ("4.0", true), ("2.7", false), ("", false)]
        {
            assert_eq!(is_new_enough(version), enough, "{version}");
        }
    }
}
