//! The end-to-end tests of a deployment on this machine.

use std::path::Path;

use anyhow::Result;

use crate::{
    browsers::{self, Browsers},
    cache::Cache,
    counts::Counter,
    deploy::{
        local::{Deployment, Options},
        pages,
        servers::Servers,
    },
    http, project, reference_server,
    report::Report,
    test,
};

/// `cargo xtask deploy --test`: the tests alone.
pub(crate) fn run() -> Result<()> {
    pages::built()?;
    let cache = Cache::locate()?;
    let browsers = browsers::install(&cache)?;
    let python = reference_server::interpreter_of_tests(&cache)?;
    let mut report = Report::new()?;
    step(&mut report, &cache, &browsers, &python)?;
    report.finish()
}

/// Starts a deployment of dist/ and runs its tests, one after the other, because one of them kills servers.
pub(crate) fn step(report: &mut Report, cache: &Cache, browsers: &Browsers, python: &Path) -> Result<()> {
    let log = report.log("deployment");
    let started = report.prepare("start the deployment", || {
        let servers = Servers::install()?;
        let options = Options {
            dist: project::root().join("dist"),
            python: python.to_owned(),
            port: http::free_port(PORT)?,
            settings: settings(),
            local_custody: true,
            log: Some(log.clone()),
        };
        let deployment = Deployment::start(cache, &servers, &options)?;
        let restart = deployment.write_restart()?;
        Ok((deployment, restart))
    })?;
    let Some((deployment, restart)) = started else {
        report.not_run(NAME, "the deployment did not start");
        return Ok(());
    };
    let mut command = test::end_to_end(browsers, python);
    command
        .args(["--test", "deployed", "--", "--test-threads=1"])
        .env("E2E_DEPLOYMENT", &deployment.origin)
        .env("E2E_DEPLOYMENT_API", deployment.api_process().to_string())
        .env("E2E_DEPLOYMENT_RESTART", &restart)
        .env("E2E_DEPLOYMENT_LOG", &log);
    report.step(NAME, Counter::Cargo, &mut command)?;
    Ok(())
}

/// Access tokens that expire while a test waits, and a second worker that goes on when one is killed.
fn settings() -> Vec<(String, String)> {
    let settings = [("AUTH_ACCESS_TOKEN_SECONDS", "2"), ("WORKERS", "2")];
    settings.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec()
}

const NAME: &str = "tests: deployment";
const PORT: u16 = 8470;
