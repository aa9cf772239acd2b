//! The commands' progress output, and the steps of `check` and `test` with their results.

use std::{
    fs::{self, File},
    io::Write as _,
    path::PathBuf,
    process::Command,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result, bail};

use crate::{
    cache,
    counts::{Counter, Counts},
    process::{self, Group},
    project,
};

/// Prints one line about the current work to standard error, so that scripts can read standard output.
pub(crate) fn progress(what: &str) {
    eprintln!("▸ {what}");
}

/// Runs steps, continues after a failed step, and reports all results at the end.
#[derive(Debug)]
pub(crate) struct Report {
    steps: Vec<Step>,
    logs: PathBuf,
    start: Instant,
}

#[derive(Debug)]
struct Step {
    name: String,
    counts: Counts,
    time: Duration,
}

impl Report {
    pub(crate) fn new() -> Result<Self> {
        let logs = project::scratch().join("logs");
        cache::empty(&logs)?;
        Ok(Self { steps: Vec::new(), logs, start: Instant::now() })
    }

    /// Runs a command with its output in a log, and shows the whole log if the step fails. A failed step is
    /// no error here, but Ctrl-C is.
    pub(crate) fn step(&mut self, name: &str, counter: Counter, command: &mut Command) -> Result<bool> {
        eprint!("▸ {name} … ");
        let start = Instant::now();
        let path = self.log(name);
        let log = File::create(&path).with_context(|| format!("{} cannot be written", path.display()))?;
        command.env("CARGO_TERM_COLOR", "never").stdout(log.try_clone()?).stderr(log);
        let ended = Group::spawn(command, name).and_then(Group::wait);
        if process::interrupted() {
            bail!("Interrupted.");
        }
        let mut output = String::from_utf8_lossy(&fs::read(&path)?).into_owned();
        if let Err(error) = &ended {
            output.push_str(&format!("{error:#}\n"));
        }
        let counts = counter.count(&output, ended.is_ok_and(|status| status.success()));
        self.record(name, counts, start.elapsed(), &output);
        Ok(counts.failed == 0)
    }

    /// Runs a preparation that prints its own progress. It is a step of the report only if it fails.
    pub(crate) fn prepare<T>(
        &mut self,
        name: &str,
        prepare: impl FnOnce() -> Result<T>,
    ) -> Result<Option<T>> {
        let start = Instant::now();
        match prepare() {
            Ok(value) => Ok(Some(value)),
            Err(_) if process::interrupted() => bail!("Interrupted."),
            Err(error) => {
                eprint!("▸ {name} … ");
                self.record(
                    name,
                    Counts { failed: 1, ..Counts::default() },
                    start.elapsed(),
                    &format!("{error:#}\n"),
                );
                Ok(None)
            }
        }
    }

    /// Records a step whose requirement failed as a failure, so that it is not silently left out.
    pub(crate) fn not_run(&mut self, name: &str, reason: &str) {
        eprint!("▸ {name} … ");
        self.record(
            name,
            Counts { failed: 1, ..Counts::default() },
            Duration::ZERO,
            &format!("Not run: {reason}.\n"),
        );
    }

    pub(crate) fn log(&self, name: &str) -> PathBuf {
        self.logs.join(format!("{}.log", name.replace(|c: char| !c.is_ascii_alphanumeric(), "-")))
    }

    /// Prints the table. The last line is for scripts.
    pub(crate) fn finish(self) -> Result<()> {
        let width = self.steps.iter().map(|step| step.name.chars().count()).max().unwrap_or(0);
        println!("\n{:width$}  passed  failed  skipped      time", "step");
        let mut total = Counts::default();
        for Step { name, counts, time } in &self.steps {
            let Counts { passed, failed, skipped } = counts;
            total.passed += passed;
            total.failed += failed;
            println!("{name:width$}  {passed:6}  {failed:6}  {skipped:7}  {:6.1} s", time.as_secs_f64());
        }
        println!("{:width$}  {:33.1} s\n", "all", self.start.elapsed().as_secs_f64());
        println!("{} passed, {} failed", total.passed, total.failed);
        if total.failed > 0 || total.passed == 0 {
            std::io::stdout().flush()?;
            bail!("Not everything passed; the logs are in {}.", self.logs.display());
        }
        Ok(())
    }

    fn record(&mut self, name: &str, counts: Counts, time: Duration, output: &str) {
        let verdict = if counts.failed == 0 { "ok" } else { "FAILED" };
        eprintln!("{verdict}, {} passed, {:.1} s", counts.passed, time.as_secs_f64());
        if counts.failed > 0 {
            eprintln!("{}", output.trim_end());
        }
        self.steps.push(Step { name: name.to_owned(), counts, time });
    }
}
