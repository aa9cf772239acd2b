//! `cargo xtask bench`: races the built page and what people would take instead.

mod contestants;
mod goals;
mod plot;
mod results;
mod tables;

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::{Value, json};

pub(crate) use self::results::load;
use self::{
    contestants::Pages,
    results::{Part, Results},
};
use crate::{
    browsers::{self, Chromium},
    cache::{self, Cache},
    cli::{Args, Usage},
    deploy, http,
    process::{self, Group},
    project, reference_server,
    report::progress,
    tools::cargo,
};

pub(crate) const HELP: &str = "\
cargo xtask bench [--runs N] [--only PART] [--write]

Builds the pages, builds what people would take instead from npm (bench/peers/), and races them in Chromium against the
reference server, in turn. Prints tables, and writes target/xtask/bench/tables.md, plot.svg and results.json.

  --runs N      how often start, get and edit are measured (otherwise 9); storm and tabs a third as often, the rest once
  --only PART   measure this part alone, and keep the other parts of the last results:
                bytes, start, get, storm, tabs, growth, edit or server
  --write       put tables and plot into bench/README.md and bench/plot.svg

All parts take about an hour on two processors. Nothing else should run meanwhile.";

pub(crate) fn run(mut args: Args) -> Result<()> {
    let runs = args.value("--runs")?.map_or(Ok(RUNS), |text| runs(&text))?;
    let only = args.value("--only")?.map(|name| part(&name)).transpose()?;
    let write = args.flag("--write");
    args.finish()?;
    let folder = project::scratch().join("bench");
    fs::create_dir_all(&folder)?;
    let mut results = Results::read(&folder.join("results.json"))?;
    let parts: Vec<_> = PARTS.into_iter().filter(|part| only.is_none_or(|only| only == *part)).collect();
    // Before the builds, because somebody may change the sources while everything is measured.
    let built = results::commit();
    let bench = Bench::prepare(folder, &parts)?;
    for part in parts {
        progress(&format!("Measuring {part}"));
        let load = load();
        let runs = part_runs(part, runs);
        // A part that needs no built pages takes the sources as they are at its turn.
        let commit = if needs_pages(part) { built.clone() } else { results::commit() };
        let figures = bench.measure(part, runs)?;
        results.put(part, Part::new(&commit, runs, load, figures))?;
    }
    let tables = tables::all(&results)?;
    println!("\n{tables}");
    fs::write(bench.folder.join("tables.md"), &tables)?;
    let plot = plot::draw(&results);
    fs::write(bench.folder.join("plot.svg"), &plot)?;
    if write {
        let root = project::root().join("bench");
        let text = tables::put_into(&project::read("bench/README.md")?, &tables)?;
        fs::write(root.join("README.md"), text).context("bench/README.md cannot be written.")?;
        fs::write(root.join("plot.svg"), plot).context("bench/plot.svg cannot be written.")?;
    }
    Ok(())
}

fn runs(text: &str) -> Result<usize> {
    match text.parse() {
        Ok(runs) if runs > 0 => Ok(runs),
        _ => Err(Usage(format!("`{text}` is no number of runs: give 1 or more.")).into()),
    }
}

fn part(name: &str) -> Result<&'static str> {
    let found = PARTS.into_iter().find(|part| *part == name);
    found.ok_or_else(|| Usage(format!("`{name}` is no part: give one of {}.", PARTS.join(", "))).into())
}

/// How often a part is measured. What is exact or long is measured less often.
fn part_runs(part: &str, runs: usize) -> usize {
    match part {
        "bytes" | "growth" | "server" => 1,
        "tabs" | "storm" => runs.div_ceil(3),
        _ => runs,
    }
}

/// Whether a part is measured in a browser.
fn needs_browser(part: &str) -> bool {
    !matches!(part, "bytes" | "server")
}

/// Whether a part is measured with everybody's pages.
fn needs_pages(part: &str) -> bool {
    !matches!(part, "edit" | "server")
}

/// What the parts need.
struct Bench {
    folder: PathBuf,
    /// The API's port.
    port: u16,
    driver: Option<Driver>,
    pages: Option<Pages>,
}

impl Bench {
    fn prepare(folder: PathBuf, parts: &[&str]) -> Result<Self> {
        let port = http::free_port(PORT)?;
        let any = |needs: fn(&str) -> bool| parts.iter().any(|part| needs(part));
        let driver = any(needs_browser).then(Driver::prepare).transpose()?;
        let pages = any(needs_pages).then(|| contestants::build(&folder, port)).transpose()?;
        Ok(Self { folder, port, driver, pages })
    }

    fn measure(&self, part: &'static str, runs: usize) -> Result<Value> {
        if part == "server" {
            return Ok(json!(deploy::measure::measure(&[1_000], &[1, 2])?.rates));
        }
        let driver = || self.driver.as_ref().context("The driver is not built.");
        let pages = || self.pages.as_ref().context("The pages are not built.");
        let drive = |folder: &Path, port: u16, more: &[String]| {
            let mut arguments = vec![part.to_owned(), runs.to_string()];
            arguments.extend([folder.display().to_string(), port.to_string()]);
            arguments.extend_from_slice(more);
            driver()?.run(&arguments, &self.folder.join("figures.json"))
        };
        match part {
            "bytes" => pages()?.bytes(),
            "start" | "tabs" => drive(&pages()?.whole, self.port, &[]),
            "edit" => {
                let copy = self.folder.join("copy");
                copy_checkout(&copy)?;
                let xtask = std::env::current_exe().context("This program cannot find itself.")?;
                drive(&copy, http::free_port(EDIT_PORT)?, &[xtask.display().to_string()])
            }
            _ => drive(&pages()?.calls, self.port, &[]),
        }
    }
}

/// The program in bench/, and what it needs.
struct Driver {
    chromium: Chromium,
    python: PathBuf,
}

impl Driver {
    fn prepare() -> Result<Self> {
        let cache = Cache::locate()?;
        let chromium = browsers::driven_chromium("The measurements")?;
        let python = reference_server::interpreter(&cache)?;
        // Compiled first, so that no compiler runs while something is measured.
        process::run(cargo().arg("build").args(PROGRAM), "Compiling the driver")?;
        Ok(Self { chromium, python })
    }

    /// What the program prints, by way of the file `output`. Its one sentence is on the terminal.
    fn run(&self, arguments: &[String], output: &Path) -> Result<Value> {
        let mut command = cargo();
        command.args(["run", "--quiet"]).args(PROGRAM).arg("--").args(arguments);
        command
            .env("E2E_PYTHON", &self.python)
            .env("E2E_BACKEND", project::root().join("backend"))
            .env("E2E_CHROMEDRIVER", &self.chromium.driver)
            .env("E2E_CHROMIUM", &self.chromium.browser);
        let status = Group::spawn(command.stdout(File::create(output)?), "The driver")?.wait()?;
        ensure!(status.success(), "The measurement failed; its own words are above.");
        serde_json::from_str(&fs::read_to_string(output)?)
            .context("The driver printed something else than JSON.")
    }
}

/// Copies what git tracks or would add, so that the edits of a measurement do not touch the checkout.
fn copy_checkout(to: &Path) -> Result<()> {
    let root = project::root();
    let mut git = process::command("git");
    git.args(["ls-files", "-z", "--cached", "--others", "--exclude-standard"]).current_dir(&root);
    let Some(files) = process::output(&mut git) else {
        bail!("The checkout's files are unknown: run this in a git checkout, with git on the PATH.")
    };
    cache::empty(to)?;
    // A file that was deleted and not yet committed is listed as well.
    for file in files.split('\0').filter(|file| root.join(file).is_file()) {
        let copy = to.join(file);
        fs::create_dir_all(copy.parent().unwrap_or(to))?;
        fs::copy(root.join(file), &copy).with_context(|| format!("{file} cannot be copied"))?;
    }
    Ok(())
}

const PARTS: [&str; 8] = ["bytes", "start", "get", "storm", "tabs", "growth", "edit", "server"];
const RUNS: usize = 9;
const PROGRAM: [&str; 4] = ["--locked", "--package", "bench", "--bin=bench"];
const PORT: u16 = 8480;
const EDIT_PORT: u16 = 8481;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    fn error(line: &str) -> String {
        let args = Args::new(line.split_whitespace().map(Into::into).collect());
        let error = run(args).unwrap_err();
        assert!(error.is::<Usage>(), "{error}");
        error.to_string()
    }

    #[test]
    fn what_is_not_understood_is_refused_in_one_sentence_before_anything_is_built() {
        assert_eq!(error("--runs 0"), "`0` is no number of runs: give 1 or more.");
        assert_eq!(error("--runs many"), "`many` is no number of runs: give 1 or more.");
        assert!(error("--only speed").starts_with("`speed` is no part: give one of bytes, start,"));
        assert_eq!(error("--fast"), "`--fast` is not understood here; --help lists what is.");
    }

    #[test]
    fn bytes_are_counted_without_a_browser_and_an_edit_is_timed_without_pages() {
        let with = |needs: fn(&str) -> bool| PARTS.into_iter().filter(|part| needs(part)).collect::<Vec<_>>();
        assert_eq!(with(needs_browser), ["start", "get", "storm", "tabs", "growth", "edit"]);
        assert_eq!(with(needs_pages), ["bytes", "start", "get", "storm", "tabs", "growth"]);
    }

    #[test]
    fn every_part_is_in_the_help() {
        let (last, rest) = PARTS.split_last().unwrap();
        assert!(HELP.contains(&format!("{} or {last}", rest.join(", "))));
    }
}
