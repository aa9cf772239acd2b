//! `cargo xtask deploy`: the deployment of deploy/ on this machine, or its files for another one.

mod api;
mod certificate;
mod database;
mod lighthouse;
mod local;
pub(crate) mod measure;
mod nginx;
pub(crate) mod pages;
mod policy;
mod servers;
mod settings;
mod tested;

use std::{path::Path, time::Instant};

use anyhow::{Result, bail};

pub(crate) use self::tested::step as tests;
use self::{
    local::{Deployment, Options},
    servers::Servers,
};
use crate::{
    build::{self, Kind},
    cache::Cache,
    cli::{self, Args, Usage},
    http, process, reference_server,
    report::progress,
};

pub(crate) const HELP: &str = "\
cargo xtask deploy --local [--port N] [--workers N]
cargo xtask deploy --to FOLDER --name HOST
cargo xtask deploy --test
cargo xtask deploy --measure
cargo xtask deploy --lighthouse

The first command starts the deployment of deploy/ on this machine, with a certificate and a database of its own:
nginx on https://localhost:8443, the reference server and PostgreSQL. Ctrl-C stops all, and the database is gone.

  --port N       nginx's port (otherwise 8443)
  --workers N    the reference server's processes (otherwise what deploy/settings.env says)

The second command builds the pages and nginx's configuration for a machine whose name is HOST into FOLDER.
deploy/README.md says how to go on with Docker Compose or systemd.

The third command runs the deployment's end-to-end tests with the pages in dist/, as `cargo xtask test` does.

The fourth command starts the deployment with the pages in dist/, adds up to a million sessions, and measures logins,
refreshes and verified requests a second with several numbers of workers (about eight minutes). Then it refreshes one token
many times at once. It prints the tables of deploy/README.md, and fails if an answer was wrong or a token got two
successors.

The fifth command starts the deployment with the pages in dist/, and lets Lighthouse judge the login page over HTTPS, three times
as on a mobile and three times as on a desktop device (about three minutes). It fails unless the median of every category is 100,
and names each audit that costs points. Lighthouse takes the time on the clock, so nothing else should run meanwhile.";

pub(crate) fn run(mut args: Args) -> Result<()> {
    let asked: Vec<_> = ["--local", "--test", "--measure", "--lighthouse"]
        .into_iter()
        .filter(|flag| args.flag(flag))
        .collect();
    let folder = args.value("--to")?;
    let name = args.value("--name")?;
    let port = args.value("--port")?.map_or(Ok(PORT), |port| cli::port(&port))?;
    let workers = args.value("--workers")?;
    args.finish()?;
    match (asked.as_slice(), folder, name) {
        (["--local"], None, None) => run_local(port, workers),
        (["--test"], None, None) => tested::run(),
        (["--measure"], None, None) => measure::run(),
        (["--lighthouse"], None, None) => lighthouse::run(),
        ([], Some(folder), Some(name)) => write(Path::new(&folder), &name),
        ([], None, None) => {
            println!(
                "deploy/README.md says how to deploy this project by Docker Compose or systemd; `cargo xtask deploy --local` tries it on this machine."
            );
            Ok(())
        }
        _ => Err(Usage(
            "Give --local, or --test, or --measure, or --lighthouse, or --to and --name; --help explains them."
                .to_owned(),
        )
        .into()),
    }
}

fn run_local(port: u16, workers: Option<String>) -> Result<()> {
    // Check the port before any install, because a port in use is the most frequent obstacle.
    if http::is_taken(port) {
        bail!("Port {port} is in use: stop the program that uses it, or choose another port with --port.");
    }
    let start = Instant::now();
    let cache = Cache::locate()?;
    let servers = Servers::install()?;
    let python = reference_server::interpreter(&cache)?;
    let dist = build::build(None, Kind::Release)?;
    let mut settings = Vec::new();
    settings.extend(workers.map(|workers| ("WORKERS".to_owned(), workers)));
    let options = Options { dist, python, port, settings, local_custody: false, log: None };
    let mut deployment = Deployment::start(&cache, &servers, &options)?;
    println!(
        "\nReady after {:.1} s.\n  App:     {}\n  {}\nThe browser warns of the certificate, which is this machine's own. Ctrl-C stops everything.\n",
        start.elapsed().as_secs_f64(),
        deployment.origin,
        reference_server::sign_in()
    );
    while !process::interrupted() {
        deployment.ensure_running()?;
        std::thread::sleep(POLL);
    }
    progress("Stopping");
    Ok(())
}

/// Writes the pages and the configuration of nginx for another machine.
fn write(folder: &Path, name: &str) -> Result<()> {
    if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b"-.".contains(&b)) {
        return Err(Usage(format!("`{name}` is no host: give a name such as login.example.org.")).into());
    }
    let cache = Cache::locate()?;
    let dist = build::build(None, Kind::Release)?;
    let pages = folder.join("pages");
    pages::copy(&cache, &dist, &pages, "cookie")?;
    let site = nginx::Site::of_a_host(name, policy::of(&dist)?);
    std::fs::write(folder.join("nginx.conf"), site.configuration()?)?;
    println!("{} has the pages and nginx.conf for https://{name}.", folder.display());
    Ok(())
}

const PORT: u16 = 8443;
const POLL: std::time::Duration = std::time::Duration::from_millis(100);
