//! Starts programs, without the variables that cargo set for xtask alone. Each program gets its own process
//! group, so that Ctrl-C ends it with all its children.

use std::{
    env,
    ffi::OsStr,
    io,
    os::unix::process::{CommandExt as _, ExitStatusExt as _},
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    sync::atomic::{AtomicBool, Ordering},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};

pub(crate) fn watch_for_interrupt() -> Result<()> {
    ctrlc::set_handler(interrupt).context("cannot watch for Ctrl-C")
}

/// What Ctrl-C does: everything that waits for a program ends that program and fails.
pub(crate) fn interrupt() {
    INTERRUPTED.store(true, Ordering::Relaxed);
}

pub(crate) fn interrupted() -> bool {
    INTERRUPTED.load(Ordering::Relaxed)
}

/// A command without the variables that `cargo run` set for xtask, because a nested cargo would use them.
pub(crate) fn command(program: impl AsRef<OsStr>) -> Command {
    let mut command = Command::new(program);
    for (name, _) in env::vars_os() {
        if name.to_str().is_some_and(is_of_this_run) {
            command.env_remove(&name);
        }
    }
    command.stdin(Stdio::null());
    command
}

fn is_of_this_run(name: &str) -> bool {
    matches!(name, "CARGO" | "CARGO_CRATE_NAME" | "CARGO_PRIMARY_PACKAGE")
        || ["CARGO_PKG_", "CARGO_MANIFEST_", "CARGO_BIN_"].iter().any(|prefix| name.starts_with(prefix))
}

/// Runs a command with its output on the terminal. If it fails, the error's sentence begins with `what`.
pub(crate) fn run(command: &mut Command, what: &str) -> Result<()> {
    succeeded(Group::spawn(command, what)?.wait()?, what)
}

/// Fails unless a program that printed its own words has succeeded.
pub(crate) fn succeeded(status: ExitStatus, what: &str) -> Result<()> {
    if !status.success() {
        bail!("{what} failed ({}); its own words are above.", describe(status));
    }
    Ok(())
}

/// The standard output of a command, or `None` if it fails.
pub(crate) fn output(command: &mut Command) -> Option<String> {
    let output = command.stderr(Stdio::null()).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

pub(crate) fn is_root() -> bool {
    output(command("id").arg("-u")).is_some_and(|id| id == "0")
}

/// The path of a program on the PATH.
pub(crate) fn find(name: &str) -> Option<PathBuf> {
    env::split_paths(&env::var_os("PATH")?).map(|folder| folder.join(name)).find(|path| is_executable(path))
}

pub(crate) fn is_executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    path.metadata().is_ok_and(|metadata| metadata.is_file() && metadata.permissions().mode() & 0o111 != 0)
}

pub(crate) fn describe(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("exit code {code}"),
        (None, Some(signal)) => format!("signal {signal}"),
        (None, None) => status.to_string(),
    }
}

/// A child and all processes that it starts. Dropping the group ends them.
#[derive(Debug)]
pub(crate) struct Group {
    pub(crate) child: Child,
    pub(crate) name: String,
}

impl Group {
    pub(crate) fn spawn(command: &mut Command, name: &str) -> Result<Self> {
        match command.process_group(0).spawn() {
            Ok(child) => Ok(Self { child, name: name.to_owned() }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                bail!("{name} needs `{}`, which is not installed.", command.get_program().display())
            }
            Err(error) => Err(error).with_context(|| format!("{name} could not be started")),
        }
    }

    /// Waits for the end of the child. Ctrl-C ends the wait with an error, and the drop ends the group.
    pub(crate) fn wait(self) -> Result<ExitStatus> {
        self.wait_while(|| true)
    }

    /// Waits like [`Group::wait`], and ends the group as soon as `is_wanted` says no.
    pub(crate) fn wait_while(mut self, is_wanted: impl Fn() -> bool) -> Result<ExitStatus> {
        loop {
            if let Some(status) = self.ended()? {
                return Ok(status);
            }
            if interrupted() || !is_wanted() {
                bail!("Interrupted.");
            }
            thread::sleep(POLL);
        }
    }

    pub(crate) fn ended(&mut self) -> Result<Option<ExitStatus>> {
        self.child.try_wait().with_context(|| format!("cannot tell whether {} still runs", self.name))
    }

    /// Fails if the child has ended.
    pub(crate) fn ensure_running(&mut self) -> Result<()> {
        match self.ended()? {
            None => Ok(()),
            Some(status) => {
                bail!("{} stopped ({}); its own words are above.", self.name, describe(status))
            }
        }
    }

    /// Waits until `ready` is true. Fails if the child ends before, or after `patience`.
    pub(crate) fn wait_until(&mut self, ready: impl Fn() -> bool, patience: Duration) -> Result<()> {
        let end = Instant::now() + patience;
        while !ready() {
            self.ensure_running()?;
            if interrupted() {
                bail!("Interrupted.");
            }
            if Instant::now() > end {
                bail!("{} did not answer within {patience:?}; its own words are above.", self.name);
            }
            thread::sleep(POLL);
        }
        Ok(())
    }

    /// Ends the child and all processes that it started.
    pub(crate) fn end(&mut self) {
        // Signal the group even if its leader has ended, because the leader's children may still run.
        let patience = Instant::now() + PATIENCE;
        self.signal("TERM");
        while Instant::now() < patience {
            let _ = self.child.try_wait();
            if !self.signal("0") {
                return;
            }
            thread::sleep(POLL);
        }
        self.signal("KILL");
        let _ = self.child.wait();
    }

    /// Signals the group by the `kill` of sh: the standard library cannot signal a group, and the workspace
    /// forbids unsafe code.
    fn signal(&self, signal: &str) -> bool {
        Command::new("sh")
            .args(["-c", "kill -s \"$0\" -- \"-$1\"", signal, &self.child.id().to_string()])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .status()
            .is_ok_and(|status| status.success())
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.end();
    }
}

static INTERRUPTED: AtomicBool = AtomicBool::new(false);
const POLL: Duration = Duration::from_millis(30);
const PATIENCE: Duration = Duration::from_secs(5);

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn cargos_words_to_xtask_are_not_passed_on() {
        for name in ["CARGO", "CARGO_PKG_NAME", "CARGO_MANIFEST_DIR", "CARGO_BIN_EXE_x"] {
            assert!(is_of_this_run(name), "{name}");
        }
        for name in ["CARGO_HOME", "CARGO_TARGET_DIR", "CARGO_NET_OFFLINE", "PATH"] {
            assert!(!is_of_this_run(name), "{name}");
        }
    }

    #[test]
    fn dropping_a_group_ends_its_grandchildren() {
        let mut shell = command("sh");
        shell.args(["-c", "sleep 600 & sleep 600"]);
        let group = Group::spawn(&mut shell, "sleepers").unwrap();
        let id = group.child.id();
        drop(group);
        let alive =
            Command::new("sh").args(["-c", &format!("kill -s 0 -- -{id} 2>/dev/null")]).status().unwrap();
        assert!(!alive.success());
    }

    #[test]
    fn a_missing_program_is_named() {
        let error = run(&mut command("no-such-program"), "The test").unwrap_err();
        assert_eq!(error.to_string(), "The test needs `no-such-program`, which is not installed.");
    }
}
