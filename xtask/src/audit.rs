//! `cargo xtask audit`: known advisories of what the lock files pin, and the rules of deny.toml.

use std::{path::Path, process::Command};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use crate::{cache::Cache, cli::Args, locks, node, process, project, python, report::progress, tools};

pub(crate) const HELP: &str = "\
cargo xtask audit

Checks everything that the lock files pin: crates keep the rules of deny.toml (licences and sources among them), and no
crate (cargo-deny), Python package (pip-audit) or npm package (npm audit) has a known advisory. Otherwise it fails, and
says what to do with each file.

It needs the internet. A lock file whose advisories cannot be looked up is named, and that alone is no failure. The
first run compiles cargo-deny for about three minutes.";

/// What is known of a file.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    Clean,
    /// What is wrong and what to do, for the sentence that names the file.
    Found(String),
    /// Why nothing can be said and what to do.
    Unknown(String),
}

pub(crate) fn run(args: Args) -> Result<()> {
    args.finish()?;
    let cache = Cache::locate()?;
    let deny = tools::cargo_deny(&cache)?;
    let (mut failed, mut unknown) = (Vec::new(), Vec::new());
    let mut say = |file: &'static str, clean: &str, outcome: Result<Outcome>| {
        match outcome.unwrap_or_else(|error| Outcome::Unknown(format!("{error:#}"))) {
            _ if process::interrupted() => bail!("Interrupted."),
            Outcome::Clean => println!("{file}: {clean}."),
            Outcome::Unknown(why) => {
                println!("{file} is not fully checked: {why}");
                unknown.push(file);
            }
            Outcome::Found(what) => {
                println!("{file}: {what}");
                failed.push(file);
            }
        }
        Ok(())
    };
    progress("Checking the rules of deny.toml");
    say("deny.toml", "every crate keeps its rules", Ok(rules(&deny)))?;
    progress("Looking up advisories");
    say("Cargo.lock", NO_ADVISORY, crates(&deny))?;
    for lock in locks::PYTHON {
        say(lock, NO_ADVISORY, python_packages(&cache, lock))?;
    }
    for lock in locks::NPM {
        say(lock, NO_ADVISORY, npm_packages(&cache, lock))?;
    }
    if !failed.is_empty() {
        bail!("The audit failed for {}: the line of each above says what to do.", failed.join(", "));
    }
    match unknown.len() {
        0 => println!("Everything was checked and nothing was found."),
        _ => println!(
            "Nothing was found in what could be checked; the lines above say what could not, and why."
        ),
    }
    Ok(())
}

fn rules(deny: &Path) -> Outcome {
    let mut check = cargo_deny(deny, &["--offline"]);
    check.args(["check", "--hide-inclusion-graph", "licenses", "bans", "sources"]);
    let broken = "crates break its rules, as cargo-deny says above; use other crates, or allow them in the file with a reason.";
    process::run(&mut check, "cargo-deny").map_or(Outcome::Found(broken.into()), |()| Outcome::Clean)
}

fn cargo_deny(deny: &Path, options: &[&str]) -> Command {
    let mut command = process::command(deny);
    command.args(["--locked", "--workspace"]).args(options).current_dir(project::root());
    command
}

fn crates(deny: &Path) -> Result<Outcome> {
    if process::output(cargo_deny(deny, &["fetch"]).arg("db")).is_none() {
        return Ok(Outcome::Unknown(
            "the advisories of RustSec cannot be fetched; run this again where github.com can be reached."
                .into(),
        ));
    }
    let check = process::run(cargo_deny(deny, &["check"]).arg("advisories"), "cargo-deny");
    let found =
        "cargo-deny names crates with advisories above; update them with `cargo update --package NAME`.";
    Ok(check.map_or(Outcome::Found(found.into()), |()| Outcome::Clean))
}

fn python_packages(cache: &Cache, lock: &str) -> Result<Outcome> {
    let interpreter =
        python::environment(cache, &project::root().join("xtask/tools/audit-requirements.lock"))?;
    let mut audit = process::command(interpreter);
    audit
        .args(["-m", "pip_audit", "--format=json", "--progress-spinner=off"])
        .args(["--disable-pip", "--require-hashes", "--requirement", lock])
        .current_dir(project::root());
    Ok(pip_audit_says(&written(&mut audit)?))
}

/// pip-audit calls packages clean that its source does not know, so its exit code says too little.
fn pip_audit_says(report: &str) -> Outcome {
    let report: Value = serde_json::from_str(report).unwrap_or_default();
    let Some(packages) = report.get("dependencies").and_then(Value::as_array) else {
        return Outcome::Unknown(NO_PYPI.into());
    };
    let names = |has: &dyn Fn(&Value) -> bool| -> Vec<&str> {
        packages.iter().filter(|it| has(it)).filter_map(|it| it.get("name")?.as_str()).collect()
    };
    let skipped = names(&|it| it.get("skip_reason").is_some());
    let vulnerable =
        names(&|it| it.get("vulns").and_then(Value::as_array).is_some_and(|vulns| !vulns.is_empty()));
    if !vulnerable.is_empty() {
        return Outcome::Found(advisories_of(&vulnerable));
    }
    match (skipped.len(), packages.len()) {
        (0, 0) => Outcome::Unknown("pip-audit read no package in it; restore the file from git.".into()),
        (0, _) => Outcome::Clean,
        (some, all) if some == all => Outcome::Unknown(NO_PYPI.into()),
        _ => Outcome::Unknown(format!(
            "nothing was found of the other packages, but PyPI does not know {}; look for advisories at osv.dev.",
            skipped.join(", ")
        )),
    }
}

fn npm_packages(cache: &Cache, lock: &str) -> Result<Outcome> {
    let mut audit = node::find(cache)?.npm()?;
    let folder = project::root().join(lock);
    audit.args(["audit", "--package-lock-only", "--json"]).current_dir(folder.with_file_name(""));
    Ok(npm_audit_says(&written(&mut audit)?))
}

fn npm_audit_says(report: &str) -> Outcome {
    let report: Value = serde_json::from_str(report).unwrap_or_default();
    match report.get("vulnerabilities").and_then(Value::as_object) {
        None => Outcome::Unknown(
            "the registry of npm gives no advisories; run this again where registry.npmjs.org can be reached.".into(),
        ),
        Some(found) if found.is_empty() => Outcome::Clean,
        Some(found) => {
            let names: Vec<&str> = found.keys().map(String::as_str).collect();
            Outcome::Found(advisories_of(&names))
        }
    }
}

fn advisories_of(packages: &[&str]) -> String {
    format!("advisories are known of {}; update what is named, as CONTRIBUTING.md says.", packages.join(", "))
}

/// What a program writes to standard output, however it ends.
fn written(command: &mut Command) -> Result<String> {
    let program = command.get_program().display().to_string();
    let output = command.output().with_context(|| format!("{program} could not be started."))?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

const NO_ADVISORY: &str = "no package has a known advisory";
const NO_PYPI: &str = "PyPI gives no advisories; run this again where pypi.org can be reached.";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_packages_that_were_looked_up_are_clean() {
        let clean = r#"{"name":"a","version":"1","vulns":[]}"#;
        let skipped = r#"{"name":"b","skip_reason":"Dependency not found on PyPI"}"#;
        let vulnerable = r#"{"name":"c","version":"1","vulns":[{"id":"PYSEC-1"}]}"#;
        let says = |packages: &[&str]| {
            pip_audit_says(&format!(r#"{{"dependencies":[{}],"fixes":[]}}"#, packages.join(",")))
        };
        assert_eq!(says(&[clean]), Outcome::Clean);
        for unknown in [says(&[skipped]), says(&[clean, skipped]), says(&[]), pip_audit_says("")] {
            assert!(matches!(unknown, Outcome::Unknown(_)), "{unknown:?}");
        }
        let found = Outcome::Found(advisories_of(&["c"]));
        assert_eq!(says(&[clean, skipped, vulnerable]), found);
    }

    #[test]
    fn an_error_of_npm_is_no_clean_audit() {
        assert_eq!(npm_audit_says(r#"{"vulnerabilities":{}}"#), Outcome::Clean);
        let found = Outcome::Found(advisories_of(&["a"]));
        assert_eq!(npm_audit_says(r#"{"vulnerabilities":{"a":{}}}"#), found);
        for error in ["", r#"{"statusCode":405}"#] {
            assert!(matches!(npm_audit_says(error), Outcome::Unknown(_)), "{error}");
        }
    }
}
