//! The deployment of deploy/, which `cargo xtask` starts and describes in variables.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use tokio::process::Command;
use tokio::time::{Instant, sleep};

/// The name of the deployment's user.
pub const USERNAME: &str = "demo";
/// The password of the deployment's user.
pub const PASSWORD: &str = "demo-password";

/// A running deployment.
#[derive(Debug)]
pub struct Deployment {
    /// The origin of pages and API: `E2E_DEPLOYMENT`.
    pub origin: String,
    /// The process whose children are the API's workers: `E2E_DEPLOYMENT_API`.
    api: String,
    /// The program that restarts PostgreSQL: `E2E_DEPLOYMENT_RESTART`.
    restart: PathBuf,
    /// The output of all servers: `E2E_DEPLOYMENT_LOG`.
    log: PathBuf,
}

impl Deployment {
    /// The deployment that the variables describe.
    pub fn find() -> Result<Self> {
        Ok(Self {
            origin: text("E2E_DEPLOYMENT")?,
            api: text("E2E_DEPLOYMENT_API")?,
            restart: variable("E2E_DEPLOYMENT_RESTART")?.into(),
            log: variable("E2E_DEPLOYMENT_LOG")?.into(),
        })
    }

    /// Kills one of the API's workers, and waits until another has taken its place.
    pub async fn kill_a_worker(&self) -> Result<()> {
        let before = self.workers()?;
        let [victim, ..] = &*before else { bail!("the API has no workers") };
        ensure!(before.len() > 1, "with one worker the API is gone until its successor has started");
        let status = Command::new("kill").args(["-KILL", victim]).status().await.context("cannot kill")?;
        ensure!(status.success(), "worker {victim} cannot be killed");
        let end = Instant::now() + DEADLINE;
        loop {
            let now = self.workers()?;
            if !now.contains(victim) && now.len() == before.len() {
                return Ok(());
            }
            ensure!(Instant::now() < end, "no worker in place of {victim} within {DEADLINE:?}: {now:?}");
            sleep(PAUSE).await;
        }
    }

    /// Restarts PostgreSQL as after a crash, and waits until it answers.
    pub async fn restart_database(&self) -> Result<()> {
        let output = Command::new(&self.restart).output().await.context("cannot restart PostgreSQL")?;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Ok(())
    }

    /// The lines of the API's log about the reuse of a refresh token.
    pub fn reuse_events(&self) -> Result<Vec<String>> {
        let log = std::fs::read_to_string(&self.log).context("the deployment's log")?;
        let events = log.lines().filter(|line| line.contains("\"refresh_token_reused\""));
        Ok(events.map(str::to_owned).collect())
    }

    /// The process numbers of the API's workers.
    fn workers(&self) -> Result<Vec<String>> {
        let processes = std::fs::read_dir("/proc").context("no /proc")?.filter_map(Result::ok);
        let mut workers: Vec<String> = processes
            .filter(|process| is_worker(&process.path(), &self.api))
            .filter_map(|process| process.file_name().into_string().ok())
            .collect();
        workers.sort();
        Ok(workers)
    }
}

/// Whether the process is a living worker of this parent. Python's tracker of resources is a child as well. In `stat`
/// the state and the parent follow the name in parentheses.
fn is_worker(process: &Path, parent: &str) -> bool {
    let read = |name| std::fs::read_to_string(process.join(name)).unwrap_or_default();
    let stat = read("stat");
    let mut fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields).split_whitespace();
    let lives = fields.next().is_some_and(|state| state != "Z" && state != "X");
    lives && fields.next() == Some(parent) && read("cmdline").contains("spawn_main")
}

fn text(name: &str) -> Result<String> {
    variable(name)?.into_string().ok().with_context(|| format!("{name} is no text"))
}

fn variable(name: &str) -> Result<OsString> {
    std::env::var_os(name).with_context(|| format!("{name} is not set: `cargo xtask test` sets it"))
}

const DEADLINE: Duration = Duration::from_secs(30);
const PAUSE: Duration = Duration::from_millis(25);
