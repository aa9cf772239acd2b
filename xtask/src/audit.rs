//! `cargo xtask audit`: known advisories of what the lock files pin, and the rules of deny.toml.

use std::{path::Path, process::Command};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use crate::{cache::Cache, cli::Args, locks, node, process, project, python, report::progress, tools};

pub(crate) const HELP: &str = "\
cargo xtask audit

Checks what the lock files pin: licences, duplicates and sources of crates by the rules of deny.toml, and known
advisories of crates (cargo-deny), Python packages (pip-audit) and npm packages (npm audit). Says which lock files could
not be looked up; that alone is no failure. The first run compiles cargo-deny.";

/// What is known of a lock file.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    Clean,
    /// What was found, for the sentence that names the lock file.
    Found(String),
    /// Why nothing can be said.
    Unknown(String),
}

pub(crate) fn run(args: Args) -> Result<()> {
    args.finish()?;
    let cache = Cache::locate()?;
    let deny = tools::cargo_deny(&cache)?;
    let mut failed = Vec::new();
    let rules = ["check", "--hide-inclusion-graph", "licenses", "bans", "sources"];
    if let Err(error) = process::run(cargo_deny(&deny, &["--offline"]).args(rules), "cargo-deny") {
        progress(&error.to_string());
        failed.push("deny.toml");
    }
    progress("Looking up advisories");
    let mut look_up = |lock: &'static str, outcome: Result<Outcome>| {
        match outcome.unwrap_or_else(|error| Outcome::Unknown(format!("{error:#}"))) {
            _ if process::interrupted() => bail!("Interrupted."),
            Outcome::Clean => println!("{lock}: no known advisory."),
            Outcome::Unknown(why) => println!("{lock}: not looked up. {why}"),
            Outcome::Found(what) => {
                println!("{lock}: {what}");
                failed.push(lock);
            }
        }
        Ok(())
    };
    look_up("Cargo.lock", crates(&deny))?;
    for lock in locks::PYTHON {
        look_up(lock, python_packages(&cache, lock))?;
    }
    look_up(NPM, npm_packages(&cache))?;
    if !failed.is_empty() {
        bail!("The audit failed for {}: update what is named above.", failed.join(", "));
    }
    Ok(())
}

fn cargo_deny(deny: &Path, options: &[&str]) -> Command {
    let mut command = process::command(deny);
    command.args(["--locked", "--workspace"]).args(options).current_dir(project::root());
    command
}

fn crates(deny: &Path) -> Result<Outcome> {
    if process::output(cargo_deny(deny, &["fetch"]).arg("db")).is_none() {
        return Ok(Outcome::Unknown("RustSec's database of advisories cannot be fetched.".into()));
    }
    let check = process::run(cargo_deny(deny, &["check"]).arg("advisories"), "cargo-deny");
    Ok(check.map_or(Outcome::Found("cargo-deny found what is above.".into()), |()| Outcome::Clean))
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
        return Outcome::Unknown("pip-audit cannot reach PyPI's advisories.".into());
    };
    let names = |has: &dyn Fn(&Value) -> bool| -> Vec<&str> {
        packages.iter().filter(|it| has(it)).filter_map(|it| it.get("name")?.as_str()).collect()
    };
    let skipped = names(&|it| it.get("skip_reason").is_some());
    let vulnerable =
        names(&|it| it.get("vulns").and_then(Value::as_array).is_some_and(|vulns| !vulns.is_empty()));
    if !vulnerable.is_empty() {
        return Outcome::Found(format!("pip-audit knows advisories of {}.", vulnerable.join(", ")));
    }
    match (skipped.len(), packages.len()) {
        (0, 0) => Outcome::Unknown("pip-audit read no package.".into()),
        (0, _) => Outcome::Clean,
        (some, all) if some == all => Outcome::Unknown("PyPI's advisories cannot be had here.".into()),
        _ => Outcome::Unknown(format!(
            "PyPI has no advisories of {}; the others are clean.",
            skipped.join(", ")
        )),
    }
}

fn npm_packages(cache: &Cache) -> Result<Outcome> {
    let mut audit = node::find(cache)?.npm()?;
    audit.args(["audit", "--package-lock-only", "--json"]).current_dir(project::root().join("xtask/tools"));
    Ok(npm_audit_says(&written(&mut audit)?))
}

fn npm_audit_says(report: &str) -> Outcome {
    let report: Value = serde_json::from_str(report).unwrap_or_default();
    match report.get("vulnerabilities").and_then(Value::as_object) {
        None => Outcome::Unknown("npm's advisories cannot be had here.".into()),
        Some(found) if found.is_empty() => Outcome::Clean,
        Some(found) => {
            let names: Vec<&str> = found.keys().map(String::as_str).collect();
            Outcome::Found(format!("npm knows advisories of {}.", names.join(", ")))
        }
    }
}

/// What a program writes to standard output, however it ends.
fn written(command: &mut Command) -> Result<String> {
    let program = command.get_program().display().to_string();
    let output = command.output().with_context(|| format!("{program} could not be started."))?;
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

const NPM: &str = "xtask/tools/package-lock.json";

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
        let found = Outcome::Found("pip-audit knows advisories of c.".into());
        assert_eq!(says(&[clean, skipped, vulnerable]), found);
    }

    #[test]
    fn an_error_of_npm_is_no_clean_audit() {
        assert_eq!(npm_audit_says(r#"{"vulnerabilities":{}}"#), Outcome::Clean);
        let found = Outcome::Found("npm knows advisories of a.".into());
        assert_eq!(npm_audit_says(r#"{"vulnerabilities":{"a":{}}}"#), found);
        for error in ["", r#"{"statusCode":405}"#] {
            assert!(matches!(npm_audit_says(error), Outcome::Unknown(_)), "{error}");
        }
    }
}
