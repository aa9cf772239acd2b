//! `cargo xtask check`: every check that needs no browser.

use std::process::Command;

use anyhow::Result;

use crate::{
    cli::Args,
    counts::Counter,
    report::Report,
    sabotage,
    tools::{self, TARGET, cargo},
};

pub(crate) const HELP: &str = "\
cargo xtask check

Checks the format, lints the code for this machine and for the browser, and runs the tests that need no browser.";

pub(crate) fn run(args: Args) -> Result<()> {
    args.finish()?;
    let mut report = Report::new()?;
    steps(&mut report)?;
    report.finish()
}

pub(crate) fn steps(report: &mut Report) -> Result<()> {
    report.prepare("wasm target", tools::wasm_target)?;
    let copy = report.prepare("switches of the rules", sabotage::copy)?;
    report.step("format", Counter::One, cargo().args(["fmt", "--all", "--", "--check"]))?;
    for (name, arguments) in LINTS {
        let mut command = cargo_with(arguments);
        report.step(name, Counter::One, command.args(["--", "-D", "warnings"]))?;
    }
    if let Some(copy) = copy {
        let mut clippy = copy.cargo("clippy");
        report.step(
            "clippy, rules off",
            Counter::One,
            clippy.args(["--all-targets", "--", "-D", "warnings"]),
        )?;
    }
    for (name, arguments) in TESTS {
        report.step(name, Counter::Cargo, &mut cargo_with(arguments))?;
    }
    Ok(())
}

fn cargo_with(arguments: &[&str]) -> Command {
    let mut command = cargo();
    command.args(arguments);
    command
}

/// The feature `ssr` is included, because the component tests render to a string. The tests of the deployment
/// are no part of all targets, because they need one.
const LINTS: [(&str, &[&str]); 3] = [
    ("clippy", &["clippy", "--locked", "--workspace", "--all-targets", "--features", "yew-jwt-auth/ssr"]),
    ("clippy, deployment", &["clippy", "--locked", "--package", "e2e", "--test", "deployed"]),
    (
        "clippy, browser",
        &["clippy", "--locked", "--package", "yew-jwt-auth", "--all-targets", "--target", TARGET],
    ),
];

const TESTS: [(&str, &[&str]); 3] = [
    ("tests: auth", &["test", "--locked", "--no-fail-fast", "--package", "auth"]),
    (
        "tests: components",
        &["test", "--locked", "--no-fail-fast", "--package", "yew-jwt-auth", "--features", "ssr"],
    ),
    ("tests: tools", &["test", "--locked", "--no-fail-fast", "--package", "xtask", "--package", "bench"]),
];
