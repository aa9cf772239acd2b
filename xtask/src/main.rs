//! The project's commands. One file each; none depends on Yew, so that this program is built in seconds.

mod build;
mod bundle;
mod cache;
mod cli;
mod node;
mod page;
mod process;
mod project;
mod python;
mod report;
mod tools;

use std::process::ExitCode;

use anyhow::Result;

use crate::cli::{Args, Usage};

struct Command {
    name: &'static str,
    summary: &'static str,
    help: &'static str,
    run: fn(Args) -> Result<()>,
}

const COMMANDS: [Command; 1] = [Command {
    name: "build",
    summary: "build the optimised pages into dist/",
    help: build::HELP,
    run: build::run,
}];

fn main() -> ExitCode {
    match dispatch(std::env::args().skip(1).collect()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) if error.is::<Usage>() => {
            eprintln!("{error}");
            ExitCode::from(2)
        }
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn dispatch(mut args: Vec<String>) -> Result<()> {
    let is_help = |arg: &String| matches!(arg.as_str(), "--help" | "-h" | "help");
    let Some(name) = args.first().cloned() else {
        println!("{}", overview());
        return Ok(());
    };
    if is_help(&name) {
        println!("{}", overview());
        return Ok(());
    }
    let Some(command) = COMMANDS.iter().find(|command| command.name == name) else {
        return Err(Usage(format!("`{name}` is no command; `cargo xtask --help` lists them.")).into());
    };
    args.remove(0);
    if args.iter().any(|arg| is_help(arg)) {
        println!("{}", command.help);
        return Ok(());
    }
    process::watch_for_interrupt()?;
    (command.run)(Args::new(args))
}

fn overview() -> String {
    let mut text = String::from("cargo xtask COMMAND [--help]\n");
    for command in &COMMANDS {
        text.push_str(&format!("\n  {:<8} {}", command.name, command.summary));
    }
    text
}
