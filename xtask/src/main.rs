//! The project's commands, one file each. None depends on Yew, so that this program builds in seconds.

mod app;
mod apt;
mod audit;
mod bench;
mod browsers;
mod build;
mod bundle;
mod cache;
mod check;
mod cli;
mod counts;
mod crates;
mod deploy;
#[cfg(test)]
mod docs;
mod http;
mod locks;
mod mutants;
mod node;
mod page;
mod page_server;
mod process;
mod project;
mod python;
mod reference_server;
mod report;
mod rules;
mod sabotage;
mod sbom;
mod serve;
mod simulate;
mod size;
mod stand;
mod test;
mod tools;
mod wasm;

use std::{ffi::OsString, process::ExitCode};

use anyhow::Result;

use crate::cli::{Args, Usage};

struct Command {
    name: &'static str,
    summary: &'static str,
    help: &'static str,
    run: fn(Args) -> Result<()>,
}

const COMMANDS: [Command; 11] = [
    Command {
        name: "serve",
        summary: "start the app and the reference server, with live reload",
        help: serve::HELP,
        run: serve::run,
    },
    Command {
        name: "build",
        summary: "build the optimised pages into dist/",
        help: build::HELP,
        run: build::run,
    },
    Command {
        name: "check",
        summary: "format, lints and the tests that need no browser",
        help: check::HELP,
        run: check::run,
    },
    Command { name: "test", summary: "every test, in real browsers too", help: test::HELP, run: test::run },
    Command {
        name: "simulate",
        summary: "the session protocol in many simulated worlds",
        help: simulate::HELP,
        run: simulate::run,
    },
    Command {
        name: "mutants",
        summary: "what the auth service's tests notice of deliberate breakages",
        help: mutants::HELP,
        run: mutants::run,
    },
    Command {
        name: "deploy",
        summary: "the deployment behind nginx on this machine, or its files",
        help: deploy::HELP,
        run: deploy::run,
    },
    Command { name: "size", summary: "what a first visit downloads", help: size::HELP, run: size::run },
    Command {
        name: "bench",
        summary: "race the built page and what people would take instead",
        help: bench::HELP,
        run: bench::run,
    },
    Command {
        name: "audit",
        summary: "known advisories, licences and sources of what the lock files pin",
        help: audit::HELP,
        run: audit::run,
    },
    Command {
        name: "sbom",
        summary: "what the page and the server are made of, with every licence",
        help: sbom::HELP,
        run: sbom::run,
    },
];

fn main() -> ExitCode {
    match dispatch(std::env::args_os().skip(1).collect()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.is::<Usage>() => {
            eprintln!("{error}");
            ExitCode::from(2)
        }
        Err(error) => {
            // Each cause is a sentence. Join them to one.
            let causes: Vec<String> =
                error.chain().map(|cause| cause.to_string().trim_end_matches('.').to_owned()).collect();
            eprintln!("error: {}.", causes.join(": "));
            ExitCode::FAILURE
        }
    }
}

fn dispatch(mut args: Vec<OsString>) -> Result<()> {
    let is_help = |arg: &OsString| ["--help", "-h", "help"].iter().any(|help| arg == help);
    let Some(name) = args.first().filter(|arg| !is_help(arg)) else {
        println!("{}", overview());
        return Ok(());
    };
    let Some(command) = COMMANDS.iter().find(|command| name == command.name) else {
        let name = name.display();
        return Err(Usage(format!("`{name}` is no command; `cargo xtask --help` lists them.")).into());
    };
    args.remove(0);
    if args.iter().any(is_help) {
        println!("{}", command.help);
        return Ok(());
    }
    process::watch_for_interrupt()?;
    (command.run)(Args::new(args))
}

fn overview() -> String {
    let mut text = String::from("cargo xtask COMMAND [--help]\n");
    for command in &COMMANDS {
        text.push_str(&format!("\n  {:<9} {}", command.name, command.summary));
    }
    text
}
