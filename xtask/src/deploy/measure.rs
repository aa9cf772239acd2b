//! `cargo xtask deploy --measure`: what the deployment does on this machine, as the tables of deploy/README.md.

mod tables;

use std::{
    fs::{self, File},
    path::Path,
};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;

use crate::{
    cache::Cache,
    deploy::{
        local::{Deployment, Options},
        servers::Servers,
    },
    process::{self, Group},
    project,
    report::progress,
    tools::cargo,
};

pub(crate) fn run() -> Result<()> {
    let Measured { rates, races } = measure(&SESSIONS, &WORKERS)?;
    println!("\n{rates}\n{races}");
    Ok(())
}

/// The two tables.
#[derive(Debug)]
pub(crate) struct Measured {
    pub(crate) rates: String,
    races: String,
}

/// Measures with each number of sessions, which grow, and with each number of workers.
pub(crate) fn measure(sessions: &[u32], workers: &[u32]) -> Result<Measured> {
    let cache = Cache::locate()?;
    let scratch = project::scratch().join("measure");
    fs::create_dir_all(&scratch)?;
    let options = Options::of_built(&cache, &scratch, PORT)?;
    let servers = Servers::install()?;
    // Compiled first, so that no compiler runs while the deployment is measured.
    process::run(cargo().args(["build"]).args(LOAD), "Compiling the load")?;
    let mut deployment = Deployment::start(&cache, &servers, &options)?;
    let mut rows = Vec::new();
    let mut before = 0;
    for &sessions in sessions {
        progress(&format!("Adding sessions until there are {sessions}"));
        let numbers = [("before", before), ("sessions", sessions)];
        deployment.database.query(ADD, &numbers, &scratch.join("added"))?;
        before = sessions;
        for &workers in workers {
            rows.push(rates(&mut deployment, &scratch, sessions, workers)?);
        }
    }
    progress("Refreshing one token many times at once");
    let races = load(&["races", &deployment.origin], &scratch)?;
    ensure_one_successor(&deployment, &scratch)?;
    Ok(Measured { rates: tables::rates(&rows), races: tables::races(&races)? })
}

/// A row of the table.
fn rates(deployment: &mut Deployment, scratch: &Path, sessions: u32, workers: u32) -> Result<String> {
    deployment.restart_with(workers)?;
    let drawn = scratch.join("sessions");
    deployment.database.query(DRAW, &[("sessions", sessions)], &drawn)?;
    progress(&format!("Measuring {sessions} sessions with WORKERS={workers}"));
    let rates = load(&["rates", &deployment.origin, &drawn.display().to_string()], scratch)?;
    let row = tables::row(sessions, workers, &rates)?;
    progress(&row);
    Ok(row)
}

/// What the program in tests/e2e/src/bin/load prints. Its one sentence is the error.
fn load(arguments: &[&str], scratch: &Path) -> Result<Value> {
    let (output, errors) = (scratch.join("load.json"), scratch.join("load.errors"));
    let mut command = cargo();
    command.args(["run", "--quiet"]).args(LOAD).arg("--").args(arguments);
    command.stdout(File::create(&output)?).stderr(File::create(&errors)?);
    let status = Group::spawn(&mut command, "The load")?.wait()?;
    ensure!(status.success(), "{}", fs::read_to_string(&errors)?.trim());
    serde_json::from_str(&fs::read_to_string(&output)?).context("The load printed something else than JSON.")
}

/// Asks the database too, because a successor might have been made that no answer brought.
fn ensure_one_successor(deployment: &Deployment, scratch: &Path) -> Result<()> {
    let wrong = scratch.join("wrong");
    deployment.database.query(WRONG_TOKENS, &[], &wrong)?;
    let wrong = fs::read_to_string(&wrong)?;
    if !wrong.trim().is_empty() {
        bail!(
            "These sessions were refreshed once, and have another number of tokens than two: {}.",
            wrong.trim()
        );
    }
    Ok(())
}

const LOAD: [&str; 5] = ["--locked", "--package", "e2e", "--bin", "load"];
const ADD: &str = include_str!("measure/add.sql");
const DRAW: &str = include_str!("measure/draw.sql");
const WRONG_TOKENS: &str = include_str!("measure/wrong-tokens.sql");
const SESSIONS: [u32; 3] = [1_000, 100_000, 1_000_000];
const WORKERS: [u32; 3] = [1, 2, 4];
const PORT: u16 = 8460;
