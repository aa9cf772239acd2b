//! `cargo xtask simulate`: runs the session protocol in simulated worlds.

use std::process::Command;

use anyhow::Result;

use crate::{
    cli::{Args, Usage},
    counts::Counter,
    process,
    report::{Report, progress},
    rules::Rule,
    sabotage::{self, Sabotaged},
    tools::cargo,
};

pub(crate) const HELP: &str = "\
cargo xtask simulate [--seeds N] [--from S] [--seed S] [--without RULES] [--whole]
cargo xtask simulate --sabotage [--rule RULES] [--finds N] [--seeds N] [--from S]

Runs the session protocol in simulated worlds, one a seed, and checks its invariants after every step.

  --seeds N        how many worlds (100000; with --sabotage for each rule)
  --from S         the first one (1)
  --seed S         replay one seed, take away what its failure does not need, and print its timeline
  --whole          with --seed: take nothing away
  --without RULES  switch off these rules of the protocol (names with commas between)
  --sabotage       switch off rule after rule, show that each is missed, and print the table
  --rule RULES     with --sabotage: only this line of the table, by its first column
  --finds N        with --sabotage: so many violations are enough for a rule (9)";

pub(crate) fn run(mut args: Args) -> Result<()> {
    let sabotage = args.flag("--sabotage");
    let seeds = number(&mut args, "--seeds")?;
    let mut variables = vec![
        ("SIM_SEEDS", seeds.map(|seeds| seeds.to_string())),
        ("SIM_FROM", text(&mut args, "--from")?),
        ("SIM_PROGRESS", Some("1".to_owned())),
    ];
    let without = if sabotage { None } else { args.value("--without")? };
    if sabotage {
        variables.push(("SIM_ONLY", args.value("--rule")?));
        variables.push(("SIM_FINDS", text(&mut args, "--finds")?));
    } else {
        variables.push(("SIM_SEED", text(&mut args, "--seed")?));
        variables.push(("SIM_WHOLE", args.flag("--whole").then(|| "1".to_owned())));
    }
    args.finish()?;
    let copy = (sabotage || without.is_some()).then(sabotage::copy).transpose()?;
    if let (Some(copy), Some(names)) = (&copy, &without) {
        let off = named(names, &copy.rules)?;
        off.iter().for_each(|rule| progress(&format!("Without {}: {}", rule.name, rule.sentence)));
        let names: Vec<&str> = off.iter().map(|rule| rule.name.as_str()).collect();
        variables.push(("SIM_WITHOUT", Some(names.join(","))));
    }
    let build = if seeds.is_some_and(|seeds| seeds >= MANY) { Build::Fast } else { Build::Soon };
    let mut command = command(if sabotage { RULES } else { INVARIANTS }, copy.as_ref(), build);
    command.envs(variables.into_iter().filter_map(|(name, value)| Some((name, value?))));
    process::run(&mut command, "The simulation")
}

/// The steps of `cargo xtask test`: all invariants, and for each switched-off rule the search for one
/// violation.
pub(crate) fn steps(report: &mut Report) -> Result<()> {
    report.step("simulation", Counter::Cargo, &mut command(INVARIANTS, None, Build::Soon))?;
    let name = "simulation: every rule";
    if let Some(copy) = report.prepare(name, sabotage::copy)? {
        let mut rules = command(RULES, Some(&copy), Build::Soon);
        report.step(name, Counter::Cargo, rules.env("SIM_FINDS", "1"))?;
    }
    Ok(())
}

const INVARIANTS: &str = "the_invariants_hold_in_every_world";
const RULES: &str = "sabotage::every_rule_that_is_switched_off_is_missed";
/// The variables that the simulation reads.
const VARIABLES: [&str; 8] = [
    "SIM_SEEDS",
    "SIM_FROM",
    "SIM_SEED",
    "SIM_WHOLE",
    "SIM_WITHOUT",
    "SIM_ONLY",
    "SIM_FINDS",
    "SIM_PROGRESS",
];

/// From this many worlds on the longer build saves time.
const MANY: u64 = 500_000;

/// How the simulation is optimised.
#[derive(Clone, Copy)]
enum Build {
    /// The short build.
    Soon,
    /// The build takes half a minute longer and runs a third more worlds in a second.
    Fast,
}

impl Build {
    /// The release profile is for size. The simulation needs speed, and overflow checks, because an overflow
    /// is a bug.
    fn settings(self) -> [&'static str; 4] {
        match self {
            Self::Soon => ["opt-level=3", "overflow-checks=true", "lto=\"off\"", "codegen-units=16"],
            Self::Fast => ["opt-level=3", "overflow-checks=true", "lto=\"fat\"", "codegen-units=1"],
        }
    }
}

/// Runs `test` of the simulation: against the auth service as it ships, or against its copy with the switches.
fn command(test: &str, copy: Option<&Sabotaged>, build: Build) -> Command {
    let mut command = copy.map_or_else(cargo, |copy| copy.cargo("test"));
    if copy.is_none() {
        command.args(["test", "--locked", "--package", "auth"]);
    }
    command.args(["--quiet", "--test", "simulation", "--release"]);
    for setting in build.settings() {
        command.args(["--config", &format!("profile.release.{setting}")]);
    }
    command.args(["--", "--exact", "--nocapture", test]);
    VARIABLES.iter().for_each(|name| {
        command.env_remove(name);
    });
    command
}

/// The rules of these names, with commas between.
fn named<'a>(names: &str, rules: &'a [Rule]) -> Result<Vec<&'a Rule>> {
    let named = |name: &str| {
        let rule = rules.iter().find(|rule| rule.name == name.trim());
        rule.ok_or_else(|| {
            Usage(format!("No rule is called `{name}`: docs/simulation.md lists them.")).into()
        })
    };
    names.split(',').map(named).collect()
}

fn text(args: &mut Args, name: &'static str) -> Result<Option<String>> {
    Ok(number(args, name)?.map(|number| number.to_string()))
}

fn number(args: &mut Args, name: &'static str) -> Result<Option<u64>> {
    let Some(text) = args.value(name)? else { return Ok(None) };
    match text.parse() {
        Ok(number) => Ok(Some(number)),
        Err(_) => Err(Usage(format!("{name} needs a number, not `{text}`.")).into()),
    }
}
