//! `cargo xtask simulate`: the protocol in as many simulated worlds as wanted.

use anyhow::Result;

use crate::{
    cli::{Args, Usage},
    process,
    tools::cargo,
};

pub(crate) const HELP: &str = "\
cargo xtask simulate [--seeds N] [--from S] [--seed S] [--sabotage]

Runs the session protocol in simulated worlds, one a seed, and checks its invariants after every step.

  --seeds N    how many worlds (100000)
  --from S     the first one (1)
  --seed S     replay one seed, take away what its failure does not need, and print its timeline
  --sabotage   switch off the protocol's rules one by one and show that each is missed";

pub(crate) fn run(mut args: Args) -> Result<()> {
    let (seeds, from) = (number(&mut args, "--seeds")?, number(&mut args, "--from")?);
    let (seed, sabotage) = (number(&mut args, "--seed")?, args.flag("--sabotage"));
    args.finish()?;
    let mut command = cargo();
    command.args(["test", "--locked", "--quiet", "--package", "auth", "--test", "simulation", "--release"]);
    // What ships is built for size; here only the speed counts, and a sum that overflows is a finding.
    for setting in ["opt-level=3", "lto=\"off\"", "codegen-units=16", "overflow-checks=true"] {
        command.args(["--config", &format!("profile.release.{setting}")]);
    }
    if sabotage {
        command.args(["--features", "sabotage"]);
    }
    let test = if sabotage {
        "every_rule_that_is_switched_off_is_missed"
    } else {
        "the_invariants_hold_in_every_world"
    };
    command.args([
        "--",
        "--exact",
        "--nocapture",
        &if sabotage { format!("sabotage::{test}") } else { test.to_owned() },
    ]);
    command.env("SIM_PROGRESS", "1");
    for (name, value) in [("SIM_SEEDS", seeds), ("SIM_FROM", from), ("SIM_SEED", seed)] {
        match value {
            Some(value) => command.env(name, value.to_string()),
            None => command.env_remove(name),
        };
    }
    process::run(&mut command, "The simulation")
}

fn number(args: &mut Args, name: &str) -> Result<Option<u64>> {
    let Some(text) = args.value(name)? else { return Ok(None) };
    match text.parse() {
        Ok(number) => Ok(Some(number)),
        Err(_) => Err(Usage(format!("{name} needs a number, not `{text}`.")).into()),
    }
}
