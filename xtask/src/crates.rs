//! Runs cargo where it compiles many crates, with a plain line of progress from time to time, on a terminal and
//! without one.

use std::{
    io::{BufRead as _, BufReader, Read},
    process::{Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context as _, Result};

use crate::{
    process::{self, Group},
    report::progress,
};

/// Runs cargo and says how many crates are compiled. Of cargo's own words only warnings and errors are shown.
pub(crate) fn compile(cargo: &mut Command, what: &str) -> Result<()> {
    cargo
        .env("CARGO_TERM_QUIET", "true")
        .env("CARGO_TERM_PROGRESS_WHEN", "always")
        .env("CARGO_TERM_PROGRESS_WIDTH", "80")
        .stderr(Stdio::piped());
    let mut group = Group::spawn(cargo, what)?;
    let words = group.child.stderr.take().context("cargo has no output.")?;
    thread::scope(|scope| {
        scope.spawn(|| tell(words, what));
        process::succeeded(group.wait()?, what)
    })
}

/// Prints what cargo says: its bar as a line every ten seconds, everything else at once.
fn tell(words: impl Read, what: &str) {
    let mut told = Instant::now();
    // Cargo ends its bar with a carriage return, so that the next one is drawn over it.
    for part in BufReader::new(words).split(b'\r').map_while(Result::ok) {
        for line in String::from_utf8_lossy(&part).lines() {
            let Some(bar) = bar(line) else {
                eprintln!("{line}");
                continue;
            };
            if let Some((done, all)) = count(bar).filter(|_| told.elapsed() >= PAUSE) {
                told = Instant::now();
                progress(&format!("{what}: {done} of {all} crates"));
            }
        }
    }
}

/// What stands behind cargo's bar, `[=====>    ] 34/150: syn, quote`. Between two bars there is white space.
fn bar(line: &str) -> Option<&str> {
    let rest = line.strip_prefix('[').unwrap_or(line).trim_start_matches(['=', '>', ' ']);
    if rest.is_empty() { Some("") } else { rest.strip_prefix("] ") }
}

fn count(bar: &str) -> Option<(u32, u32)> {
    let (done, all) = bar.split_once(':')?.0.split_once('/')?;
    Some((done.parse().ok()?, all.parse().ok()?))
}

const PAUSE: Duration = Duration::from_secs(10);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_numbers_are_read_from_the_bar_and_from_nothing_else() {
        assert_eq!(bar("[=====>     ] 34/150: syn, quote(build.rs)   ").and_then(count), Some((34, 150)));
        assert_eq!(bar("[     ] 0 complete; 0 pending ").map(count), Some(None));
        assert_eq!(bar("   "), Some(""));
        for line in ["warning: unused", "[1/2] x", "  --> src/app.rs:1:1", "   |"] {
            assert_eq!(bar(line), None, "{line}");
        }
    }
}
