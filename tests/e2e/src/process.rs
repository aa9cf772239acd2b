//! Starts programs that never outlive this process.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use tokio::sync::watch;
use tokio::time::timeout;

/// A program and all processes that it started, as one process group.
///
/// A shell starts the program, and ends the group when the shell's standard input closes: on drop, on a
/// panic, and when this process is killed. A destructor alone would not run in the last case.
#[derive(Debug)]
pub struct Group {
    name: String,
    shell: Child,
    stdin: Option<ChildStdin>,
    lines: watch::Receiver<Vec<String>>,
}

impl Group {
    /// Starts `program` with `arguments` and `variables` added to the environment, in `directory`.
    pub fn spawn<A: AsRef<OsStr>>(
        program: impl AsRef<OsStr>,
        arguments: impl IntoIterator<Item = A>,
        variables: impl IntoIterator<Item = (String, String)>,
        directory: Option<PathBuf>,
    ) -> Result<Self> {
        let name = program.as_ref().to_string_lossy().into_owned();
        let mut command = Command::new("/bin/sh");
        command.args(["-c", SUPERVISE, "supervise"]).arg(program).args(arguments).envs(variables);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).process_group(0);
        if let Some(directory) = directory {
            command.current_dir(directory);
        }
        let mut shell = command.spawn().with_context(|| format!("cannot start {name}"))?;
        let (sender, lines) = watch::channel(Vec::new());
        let stdin = shell.stdin.take();
        if let Some(stdout) = shell.stdout.take() {
            read_lines(stdout, sender.clone());
        }
        if let Some(stderr) = shell.stderr.take() {
            read_lines(stderr, sender);
        }
        Ok(Self { name, shell, stdin, lines })
    }

    /// Waits until the program has printed a line for which `find` returns a value.
    pub async fn line<T>(&self, deadline: Duration, find: impl Fn(&str) -> Option<T>) -> Result<T> {
        let mut lines = self.lines.clone();
        let found = async {
            loop {
                if let Some(found) = lines.borrow_and_update().iter().find_map(|line| find(line)) {
                    return Some(found);
                }
                if lines.changed().await.is_err() {
                    return None;
                }
            }
        };
        match timeout(deadline, found).await {
            Ok(Some(found)) => Ok(found),
            Ok(None) => bail!("{} ended early:\n{}", self.name, self.output()),
            Err(_) => bail!("{} did not get ready in {deadline:?}:\n{}", self.name, self.output()),
        }
    }

    /// The program's output so far, for error messages.
    pub fn output(&self) -> String {
        self.lines.borrow().join("\n")
    }

    /// Whether the program has ended.
    pub fn ended(&mut self) -> bool {
        !matches!(self.shell.try_wait(), Ok(None))
    }

    /// Kills the whole group at once, as a crash would.
    pub fn kill(&mut self) -> Result<()> {
        let group = format!("-{}", self.shell.id());
        let kill = Command::new("/bin/sh").args(["-c", "kill -KILL \"$1\"", "kill", &group]).status();
        // Closing the input ends the shell too. Otherwise `wait` would block if the signal did not arrive.
        drop(self.stdin.take());
        self.shell.wait().context("cannot wait")?;
        self.settle();
        ensure!(kill.context("cannot kill")?.success(), "{} had ended by itself", self.name);
        Ok(())
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        drop(self.stdin.take());
        // `wait` ends soon, because the shell kills what has not ended within two seconds.
        let _ = self.shell.wait();
        self.settle();
    }
}

impl Group {
    /// Waits until no process of the group runs, for a second at most: a killed process keeps its port
    /// until it has ended. This polls, because the system reports only the end of one's own children.
    fn settle(&self) {
        let group = self.shell.id().to_string();
        for _ in 0..500 {
            if !any_alive(&group) {
                return;
            }
            thread::sleep(Duration::from_millis(2));
        }
    }
}

/// Whether a process of the group still runs. In `stat` the state, the parent and the group follow the
/// name in parentheses. A zombie does not run: it holds only its process number.
fn any_alive(group: &str) -> bool {
    let Ok(processes) = std::fs::read_dir("/proc") else { return false };
    processes.filter_map(Result::ok).any(|process| {
        let stat = std::fs::read_to_string(process.path().join("stat")).unwrap_or_default();
        let mut fields = stat.rsplit_once(')').map_or("", |(_, fields)| fields).split_whitespace();
        fields.next().is_some_and(|state| state != "Z" && state != "X") && fields.nth(1) == Some(group)
    })
}

/// Runs the program. When the input closes, sends SIGTERM to the group (Xvfb then removes its lock file, a
/// browser its shared memory), and SIGKILL when the program has ended, after 2 s at most. When the program
/// ends by itself, kills the processes that it has left behind.
const SUPERVISE: &str = r#"
exec 3<&0
"$@" 3<&- </dev/null &
program=$!
(
    trap '' TERM
    read -r _ <&3
    kill -TERM 0
    for _ in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do
        kill -0 "$program" 2>/dev/null || break
        sleep 0.1
    done
    kill -KILL 0
) &
trap '' TERM
wait "$program"
kill -KILL 0
"#;

fn read_lines(output: impl Read + Send + 'static, lines: watch::Sender<Vec<String>>) {
    thread::spawn(move || {
        for line in BufReader::new(output).split(b'\n').map_while(Result::ok) {
            let line = String::from_utf8_lossy(&line).trim_end().to_owned();
            lines.send_modify(|lines| lines.push(line));
        }
    });
}

#[cfg(test)]
#[allow(clippy::expect_used, reason = "a test that cannot go on fails")]
mod tests {
    use super::*;

    fn shell(script: &str) -> Group {
        Group::spawn("/bin/sh", ["-c", script], [], None).expect("a shell starts")
    }

    fn alive(pid: u32) -> bool {
        // A zombie that its parent has not reaped yet is not alive.
        std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| !stat.contains(") Z "))
    }

    #[tokio::test]
    async fn a_dropped_group_takes_its_grandchildren_along() {
        let group = shell("sh -c 'echo $$; exec sleep 600' & wait");
        let grandchild = group.line(Duration::from_secs(5), |line| line.parse().ok()).await.expect("a pid");
        assert!(alive(grandchild));
        drop(group);
        assert!(!alive(grandchild));
    }

    #[tokio::test]
    async fn a_killed_group_gets_no_chance_to_tidy_up() {
        let mut group = shell("trap 'echo tidy' TERM EXIT; echo $$; while :; do sleep 600; done");
        let program = group.line(Duration::from_secs(5), |line| line.parse().ok()).await.expect("a pid");
        group.kill().expect("it runs");
        assert!(!alive(program));
        assert!(!group.output().contains("tidy"));
    }

    #[tokio::test]
    async fn a_program_that_ignores_the_polite_signal_is_killed() {
        let group = shell("trap '' TERM; echo $$; while :; do sleep 600; done");
        let stubborn = group.line(Duration::from_secs(5), |line| line.parse().ok()).await.expect("a pid");
        drop(group);
        assert!(!alive(stubborn));
    }

    #[tokio::test]
    async fn an_early_end_is_reported_with_the_output() {
        let mut group = shell("echo cannot bind >&2; exit 3");
        let error = group.line(Duration::from_secs(5), |_| None::<()>).await.expect_err("it ends");
        assert!(error.to_string().contains("cannot bind"), "{error}");
        let _ = group.shell.wait();
        assert!(group.ended());
    }
}
