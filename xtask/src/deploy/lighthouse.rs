//! `cargo xtask deploy --lighthouse`: what Lighthouse says of the deployment on this machine.

mod report;
mod verdict;

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    thread,
};

use anyhow::{Context as _, Result, bail, ensure};

use self::{
    report::Report,
    verdict::{Verdict, table},
};
use crate::{
    bench, browsers, cache,
    cache::Cache,
    deploy::{
        local::{Deployment, Options},
        servers::Servers,
    },
    node, process, project,
    report::progress,
};

pub(crate) fn run() -> Result<()> {
    let cache = Cache::locate()?;
    let scratch = project::scratch().join("lighthouse");
    cache::empty(&scratch)?;
    let options = Options::of_built(&cache, &scratch, PORT)?;
    let lighthouse = Lighthouse::install(&cache)?;
    let servers = Servers::install()?;
    let mut deployment = Deployment::start(&cache, &servers, &options)?;
    let load = bench::load();
    let mut verdicts = Vec::new();
    for device in DEVICES {
        let mut runs = Vec::new();
        for run in 1..=RUNS {
            progress(&format!("Running Lighthouse as on a {device} device, {run} of {RUNS}"));
            runs.push(lighthouse.visit(
                &deployment.origin,
                device,
                &scratch.join(format!("{device}-{run}")),
            )?);
            deployment.ensure_running()?;
        }
        verdicts.push(Verdict::of(device, runs)?);
    }
    println!("\n{}", table(&verdicts));
    if let (Some(load), Ok(processors)) = (load, thread::available_parallelism()) {
        // Lighthouse takes the time on the clock for the page's own.
        println!("Before the runs, the load of the last minute was {load} on {processors} processors.\n");
    }
    let failures: Vec<String> = verdicts.iter().flat_map(Verdict::failures).collect();
    if !failures.is_empty() {
        println!("{}\n", failures.join("\n"));
        bail!("Not every category has 100; Lighthouse's own pages are in {}.", scratch.display());
    }
    Ok(())
}

/// What a run of Lighthouse needs.
struct Lighthouse {
    node: PathBuf,
    script: PathBuf,
    chromium: PathBuf,
}

impl Lighthouse {
    fn install(cache: &Cache) -> Result<Self> {
        let modules = node::packages(cache, "lighthouse", "xtask/lighthouse", SCRIPT, "Lighthouse")?;
        Ok(Self {
            node: node::find(cache)?.path,
            script: modules.join(SCRIPT),
            chromium: browsers::chromium("The visits of Lighthouse")?,
        })
    }

    /// A first visit: Lighthouse starts a browser with a new profile. `name` is the path of its report, without the
    /// ending.
    fn visit(&self, origin: &str, device: &str, name: &Path) -> Result<Report> {
        let log = File::create(name.with_extension("log"))?;
        let mut command = process::command(&self.node);
        command
            .arg(&self.script)
            .arg(format!("{origin}/"))
            .args(["--output=json", "--output=html", "--quiet", "--no-enable-error-reporting"])
            .arg("--output-path")
            .arg(name)
            .arg(format!("--chrome-flags={}", FLAGS.join(" ")))
            .env("CHROME_PATH", &self.chromium)
            .stdout(log.try_clone()?)
            .stderr(log);
        if device == DESKTOP {
            command.arg("--preset=desktop");
        }
        let status = process::Group::spawn(&mut command, "Lighthouse")?.wait()?;
        let words = || format!("Lighthouse's words are in {}.", name.with_extension("log").display());
        // If it could not judge the page it writes its report all the same, and the report says why.
        let text = fs::read_to_string(name.with_extension("report.json")).with_context(words)?;
        let report = Report::read(&text).with_context(words)?;
        ensure!(status.success(), "{} Lighthouse failed ({}).", words(), process::describe(status));
        Ok(report)
    }
}

/// What Lighthouse imitates: its default, and its preset `desktop`.
const DEVICES: [&str; 2] = ["mobile", DESKTOP];
const DESKTOP: &str = "desktop";
/// An odd number, so that one run has the median.
const RUNS: usize = 3;
const SCRIPT: &str = "lighthouse/cli/index.js";
const FLAGS: [&str; 4] = [
    "--headless=new",
    // Chromium needs it to run as root, as it does in CI.
    "--no-sandbox",
    "--disable-dev-shm-usage",
    // Nobody vouches for this machine's certificate. The end-to-end tests accept it as well.
    "--ignore-certificate-errors",
];
const PORT: u16 = 8465;
