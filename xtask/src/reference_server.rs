//! The reference server: its packages, its start and its demo user, for development and for a deployment.

use std::{
    fs::File,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::Result;

use crate::{
    cache::Cache,
    http,
    process::{self, Group},
    project, python,
    report::progress,
};

/// The packages that the server needs.
pub(crate) const LOCK: &str = "backend/requirements.lock";
/// The same, and what its tests need.
const TESTS_LOCK: &str = "backend/requirements-dev.lock";

/// The interpreter with the server's packages.
pub(crate) fn interpreter(cache: &Cache) -> Result<PathBuf> {
    python::environment(cache, &project::root().join(LOCK))
}

/// Whether there is such an interpreter already. Fails without a Python.
pub(crate) fn has_packages(cache: &Cache) -> Result<bool> {
    python::has_environment(cache, &project::root().join(LOCK))
}

/// The interpreter with the packages of the server and of its tests.
pub(crate) fn interpreter_of_tests(cache: &Cache) -> Result<PathBuf> {
    python::environment(cache, &project::root().join(TESTS_LOCK))
}

/// How the server is started.
#[derive(Debug)]
pub(crate) struct Start<'a> {
    pub(crate) interpreter: &'a Path,
    /// The program that starts the interpreter, if there is one.
    pub(crate) wrapper: Option<&'a Path>,
    /// The server's settings.
    pub(crate) variables: &'a [(String, String)],
    pub(crate) workers: &'a str,
    /// The port that the settings name.
    pub(crate) port: u16,
    /// The file for the server's output, otherwise the terminal.
    pub(crate) log: Option<&'a File>,
}

impl Start<'_> {
    /// Starts the server and adds the demo user. Returns when the server answers.
    pub(crate) fn run(&self) -> Result<Group> {
        progress("Starting the reference server");
        let mut serve = self.module(&["app", "--workers", self.workers]);
        if let Some(log) = self.log {
            serve.stdout(log.try_clone()?).stderr(log.try_clone()?);
        }
        let mut server = Group::spawn(&mut serve, "The reference server")?;
        server.wait_until(|| http::status(self.port, "/health") == Some(200), PATIENCE)?;
        let mut add = self.module(&["app.users", "add", DEMO_NAME, "--if-missing"]);
        process::run(add.env("AUTH_USER_PASSWORD", DEMO_PASSWORD), "Adding the demo user")?;
        Ok(server)
    }

    fn module(&self, words: &[&str]) -> Command {
        let mut command = match self.wrapper {
            Some(wrapper) => {
                let mut command = process::command(wrapper);
                command.arg(self.interpreter);
                command
            }
            None => process::command(self.interpreter),
        };
        command
            .arg("-m")
            .args(words)
            .envs(self.variables.iter().cloned())
            .env("PYTHONUNBUFFERED", "1")
            .current_dir(project::root().join("backend"));
        command
    }
}

/// What tells a person how to sign in.
pub(crate) fn sign_in() -> String {
    format!("Sign in: {DEMO_NAME} / {DEMO_PASSWORD}")
}

/// The server's port, unless another one is wanted.
pub(crate) const PORT: u16 = 8000;
const DEMO_NAME: &str = "demo";
const DEMO_PASSWORD: &str = "demo-password";
const PATIENCE: Duration = Duration::from_secs(60);
