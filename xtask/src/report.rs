//! The commands' progress output, and the steps of `check` and `test` with their results.

use std::{
    fs::{self, File},
    io::{self, Stderr, Write},
    path::PathBuf,
    process::{Command, ExitStatus},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
        mpsc::{self, Receiver},
    },
    thread,
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
pub(crate) struct Report<W: Write = Stderr> {
    steps: Vec<Step>,
    logs: PathBuf,
    start: Instant,
    /// Where the steps' lines go.
    lines: W,
}

#[derive(Debug)]
struct Step {
    name: String,
    counts: Counts,
    time: Duration,
}

/// A step that goes on in the background. Dropping it ends its command.
#[derive(Debug)]
#[must_use = "dropping it ends its command"]
pub(crate) struct Begun {
    /// Its index in [`Report::steps`].
    place: usize,
    counter: Counter,
    log: PathBuf,
    is_wanted: Arc<AtomicBool>,
    ended: Receiver<(Result<ExitStatus>, Duration)>,
}

impl Drop for Begun {
    fn drop(&mut self) {
        self.is_wanted.store(false, Ordering::Relaxed);
        // Wait until the command has ended, because this program may end next.
        let _ = self.ended.recv();
    }
}

impl Report {
    pub(crate) fn new() -> Result<Self> {
        Self::with(project::scratch().join("logs"), io::stderr())
    }
}

impl<W: Write> Report<W> {
    fn with(logs: PathBuf, lines: W) -> Result<Self> {
        cache::empty(&logs)?;
        Ok(Self { steps: Vec::new(), logs, start: Instant::now(), lines })
    }

    /// Runs a command with its output in a log, and shows the whole log if the step fails. A failed step is
    /// no error here, but Ctrl-C is.
    pub(crate) fn step(&mut self, name: &str, counter: Counter, command: &mut Command) -> Result<bool> {
        self.say(&format!("▸ {name} … "));
        let begun = self.start(name, counter, command)?;
        self.judge(begun)
    }

    /// Begins such a step in the background. The steps until [`Report::end`] run at the same time.
    pub(crate) fn begin(&mut self, name: &str, counter: Counter, command: &mut Command) -> Result<Begun> {
        self.say(&format!("▸ {name} begins in the background\n"));
        self.start(name, counter, command)
    }

    /// Waits for the end of a step in the background.
    pub(crate) fn end(&mut self, begun: Begun) -> Result<bool> {
        let name = self.steps.get(begun.place).map_or("", |step| &step.name);
        self.say(&format!("▸ {name} … "));
        self.judge(begun)
    }

    fn start(&mut self, name: &str, counter: Counter, command: &mut Command) -> Result<Begun> {
        let log = self.log(name);
        let output = File::create(&log).with_context(|| format!("{} cannot be written", log.display()))?;
        command.env("CARGO_TERM_COLOR", "never").stdout(output.try_clone()?).stderr(output);
        let place = self.place(name);
        let is_wanted = Arc::new(AtomicBool::new(true));
        let wanted = is_wanted.clone();
        let (sender, ended) = mpsc::channel();
        let start = Instant::now();
        let spawned = Group::spawn(command, name);
        // This thread sees when the command ends, whatever the other steps do meanwhile.
        thread::spawn(move || {
            let status = spawned.and_then(|group| group.wait_while(|| wanted.load(Ordering::Relaxed)));
            let _ = sender.send((status, start.elapsed()));
        });
        Ok(Begun { place, counter, log, is_wanted, ended })
    }

    fn judge(&mut self, begun: Begun) -> Result<bool> {
        let (status, time) = begun.ended.recv().context("The thread that waits for a step has ended.")?;
        if process::interrupted() {
            bail!("Interrupted.");
        }
        let mut output = String::from_utf8_lossy(&fs::read(&begun.log)?).into_owned();
        if let Err(error) = &status {
            output.push_str(&format!("{error:#}\n"));
        }
        let counts = begun.counter.count(&output, status.is_ok_and(|status| status.success()));
        self.record(begun.place, counts, time, &output);
        Ok(counts.failed == 0)
    }

    /// Runs a check that this program makes itself, as a step.
    pub(crate) fn check(&mut self, name: &str, check: impl FnOnce() -> Result<()>) -> Result<bool> {
        self.say(&format!("▸ {name} … "));
        let place = self.place(name);
        let start = Instant::now();
        let checked = check();
        if process::interrupted() {
            bail!("Interrupted.");
        }
        let has_passed = checked.is_ok();
        let output = checked.map_or_else(|error| format!("{error:#}\n"), |()| String::new());
        let counts = Counter::One.count(&output, has_passed);
        self.record(place, counts, start.elapsed(), &output);
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
                self.fail(name, start.elapsed(), &format!("{error:#}\n"));
                Ok(None)
            }
        }
    }

    /// Records a step whose requirement failed as a failure, so that it is not silently left out.
    pub(crate) fn not_run(&mut self, name: &str, reason: &str) {
        self.fail(name, Duration::ZERO, &format!("Not run: {reason}.\n"));
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
            io::stdout().flush()?;
            bail!("Not everything passed; the logs are in {}.", self.logs.display());
        }
        Ok(())
    }

    fn fail(&mut self, name: &str, time: Duration, output: &str) {
        self.say(&format!("▸ {name} … "));
        let place = self.place(name);
        self.record(place, FAILED, time, output);
    }

    /// A new line of the table. It counts as failed until its step has ended.
    fn place(&mut self, name: &str) -> usize {
        self.steps.push(Step { name: name.to_owned(), counts: FAILED, time: Duration::ZERO });
        self.steps.len() - 1
    }

    fn record(&mut self, place: usize, counts: Counts, time: Duration, output: &str) {
        let verdict = if counts.failed == 0 { "ok" } else { "FAILED" };
        self.say(&format!("{verdict}, {} passed, {:.1} s\n", counts.passed, time.as_secs_f64()));
        if counts.failed > 0 {
            self.say(&format!("{}\n", output.trim_end()));
        }
        if let Some(step) = self.steps.get_mut(place) {
            (step.counts, step.time) = (counts, time);
        }
    }

    fn say(&mut self, text: &str) {
        // Steps go on if nobody reads their lines.
        let _ = self.lines.write_all(text.as_bytes());
    }
}

const FAILED: Counts = Counts { passed: 0, failed: 1, skipped: 0 };

#[cfg(test)]
mod tests;
