//! `cargo xtask mutants`: changes the auth service with cargo-mutants, one mutant at a time, and counts the
//! mutants that its tests notice.

use std::{fs, path::Path};

use anyhow::{Context as _, Result, bail};

use crate::{
    cache::Cache,
    cli::{Args, Usage},
    process, project,
    tools::{self, cargo},
};

pub(crate) const HELP: &str = "\
cargo xtask mutants [--file GLOB] [--shard K/N]

Changes the auth service with cargo-mutants, one mutant at a time, and runs its tests against each: the quick native
ones first, then all tests of the protocol and the simulation against the mutants that those missed. Installs
cargo-mutants once. Fails below 95 % of the viable mutants, and if one that was missed is not explained in
docs/mutants.md. Those that were missed are listed in target/xtask/mutants/mutants.out/missed.txt.

  --file GLOB   only the mutants of these files, such as auth/src/wire/date.rs
  --shard K/N   only the K-th of N parts, counted from 0, for a run in pieces

All of them take some hours on two cores that do nothing else.";

pub(crate) fn run(mut args: Args) -> Result<()> {
    let (file, shard) = (args.value("--file")?, args.value("--shard")?);
    args.finish()?;
    if shard.as_deref().is_some_and(|shard| !is_shard(shard)) {
        return Err(Usage("--shard needs two numbers such as 0/4.".to_owned()).into());
    }
    let tool = tools::cargo_mutants(&Cache::locate()?)?;
    let folder = project::scratch().join("mutants");
    let found = folder.join("mutants.out");
    if found.exists() {
        fs::remove_dir_all(&found).context("The results of the last run cannot be removed.")?;
    }
    fs::create_dir_all(&folder).context("The folder for the results cannot be made.")?;
    let mut viable = 0;
    let mut missed: Vec<String> = Vec::new();
    for (n, pass) in PASSES.into_iter().enumerate() {
        let mut command = cargo();
        command.env("PATH", tools::path_with(&[tool.parent().unwrap_or(Path::new("/"))])?);
        command
            .args(["mutants", "--package", "auth", "--no-shuffle", "--jobs", JOBS, "--output"])
            .arg(&folder);
        command.args(pass.arguments);
        // `--cargo-arg` limits the build too, because the other tests take as long to compile as these.
        command.args(pass.tests.iter().map(|test| format!("--cargo-arg={test}")));
        if n == 0 {
            for (option, value) in [("--file", &file), ("--shard", &shard)] {
                if let Some(value) = value {
                    command.args([option, value]);
                }
            }
        }
        // The second pass names its mutants. It gets no `--shard`, because cargo-mutants would then try only a part of them.
        command.args(missed.iter().flat_map(|name| ["--re".to_owned(), pattern(name)]));
        // The first `--` ends the options of cargo-mutants, the second one those of cargo.
        command.args(["--", "--"]).args(STOP).args(pass.skipped.iter().flat_map(|test| ["--skip", test]));
        // The variable lets the tests of a stable compiler take unstable options too.
        command.env("SIM_SEEDS", SEEDS).env("RUST_BACKTRACE", "0").env("RUSTC_BOOTSTRAP", "1");
        if Path::new(MEMORY).is_dir() {
            command.env("TMPDIR", MEMORY);
        }
        if let Some(cases) = pass.cases {
            command.env("PROPTEST_CASES", cases);
        }
        // Each job builds in its own tree's folder, because in a shared folder it would run the other job's mutant.
        for name in ["CARGO_TARGET_DIR", "CARGO_BUILD_TARGET_DIR"] {
            command.env_remove(name);
        }
        // The exit code counts only without lists, because it also reports missed mutants, which the lists name.
        let outcome = process::run(&mut command, "cargo-mutants");
        if process::interrupted() || !found.join("missed.txt").exists() {
            return outcome;
        }
        let now = fs::read_to_string(found.join("missed.txt"))?;
        if n == 0 {
            viable = tried(&found);
            missed = now.lines().map(str::to_owned).collect();
        } else {
            keep_those_of(&mut missed, &now);
        }
        if missed.is_empty() {
            break;
        }
    }
    if viable == 0 {
        bail!("There was no mutant to try: --file names no file of auth/src.");
    }
    fs::write(found.join("missed.txt"), missed.join("\n"))?;
    Score { missed: missed.len(), viable }.judge()?;
    let explained = fs::read_to_string(project::root().join(EXPLAINED))?;
    let unexplained = unexplained(&missed, &explained);
    if !unexplained.is_empty() {
        bail!("{EXPLAINED} does not explain why these do no harm: {}.", unexplained.join("; "));
    }
    Ok(())
}

/// Keeps of the `missed` what this pass, which lists them in `now`, missed too. It tries others as well, because cargo-mutants
/// ignores `--re` for mutants that delete a field.
fn keep_those_of(missed: &mut Vec<String>, now: &str) {
    missed.retain(|name| now.lines().any(|line| line == name));
}

/// The missed mutants that `explained` does not name. A name is the file and the change without the line,
/// because lines move. In a table of Markdown `\|` stands for `|`.
fn unexplained(missed: &[String], explained: &str) -> Vec<String> {
    let explained = explained.replace("\\|", "|");
    let name = |line: &str| {
        let mut parts = line.splitn(4, ':');
        let (file, change) = (parts.next()?, parts.nth(2)?);
        Some(format!("{file}:{change}"))
    };
    let names = missed.iter().filter_map(|line| name(line));
    names.filter(|name| !explained.contains(&format!("`{name}`"))).collect()
}

/// A regular expression that fits this mutant's name alone. An escaped `<` or `>` would mean a word's edge.
fn pattern(name: &str) -> String {
    let is_special = |c: char| c.is_ascii_punctuation() && c != '<' && c != '>';
    let escaped = name.chars().flat_map(|c| is_special(c).then_some('\\').into_iter().chain([c]));
    format!("^{}$", escaped.collect::<String>())
}

fn is_shard(text: &str) -> bool {
    let parts = text.split_once('/').map(|(k, n)| (k.parse::<u32>(), n.parse::<u32>()));
    matches!(parts, Some((Ok(k), Ok(n))) if k < n)
}

/// The number of viable mutants. The tests noticed those that made them hang.
fn tried(folder: &Path) -> usize {
    ["caught.txt", "timeout.txt", "missed.txt"].map(|name| lines(folder, name)).iter().sum()
}

fn lines(folder: &Path, name: &str) -> usize {
    fs::read_to_string(folder.join(name)).map_or(0, |text| text.lines().count())
}

struct Pass {
    arguments: &'static [&'static str],
    tests: &'static [&'static str],
    /// A test that is left out.
    skipped: Option<&'static str>,
    /// How many answers each property is tried with, if not as many as usual.
    cases: Option<&'static str>,
}

/// The second pass tries only the mutants that the first one missed, with the tests that take as long as all others together.
const PASSES: [Pass; 2] = [
    Pass {
        arguments: &["--profile", "mutants"],
        tests: &["--lib", "--test=protocol"],
        skipped: Some("every_mutation_of_a_record"),
        cases: Some("32"),
    },
    Pass {
        arguments: &["--profile", "test"],
        tests: &["--test=protocol", "--test=simulation"],
        skipped: None,
        cases: None,
    },
];
/// A test that fails ends the run, because one that notices the mutant is enough.
const STOP: [&str; 3] = ["-Z", "unstable-options", "--fail-fast"];
/// A disk in memory, which most systems have. The mutants' trees are built there.
const MEMORY: &str = "/dev/shm";
/// Two parallel jobs: one compiles while the other one runs its tests.
const JOBS: &str = "2";
const EXPLAINED: &str = "docs/mutants.md";
/// The number of simulated worlds for each mutant of the second pass.
const SEEDS: &str = "3000";
/// The percentage of the viable mutants that the tests must notice.
const ENOUGH: usize = 95;

#[derive(Debug, PartialEq, Eq)]
struct Score {
    missed: usize,
    viable: usize,
}

impl Score {
    fn judge(&self) -> Result<()> {
        let caught = self.viable - self.missed;
        let percent = caught * 100 / self.viable;
        println!("{caught} of {} viable mutants are caught ({percent} %).", self.viable);
        if percent < ENOUGH {
            bail!("Fewer than {ENOUGH} % are caught: see missed.txt in target/xtask/mutants/mutants.out.");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn help_and_readme_name_the_same_time() {
        let readme = project::read("README.md").unwrap();
        let row = readme.lines().find(|line| line.starts_with("| `cargo xtask mutants` |")).unwrap();
        let (_, rest) = row.split_once(" (").unwrap();
        let (time, _) = rest.split_once(';').unwrap();
        assert!(HELP.contains(&format!("All of them take {time} on two cores")), "{time}");
    }

    #[test]
    fn a_shard_is_a_part_of_so_many() {
        assert!(is_shard("0/4") && is_shard("3/4"));
        assert!(!is_shard("4/4") && !is_shard("1") && !is_shard("a/b"));
    }

    #[test]
    fn a_pattern_fits_one_name() {
        assert_eq!(pattern("a.rs:1:2: replace < with <= in f"), r"^a\.rs\:1\:2\: replace < with <\= in f$");
    }

    #[test]
    fn a_missed_mutant_is_explained_wherever_its_line_is() {
        let missed = [
            "auth/src/a.rs:5:9: replace > with >= in f",
            "auth/src/a.rs:6:2: replace || with && in f",
            "auth/src/a.rs:7:1: replace g -> bool with true",
        ];
        let missed = missed.map(str::to_owned);
        let explained = r"| `auth/src/a.rs: replace > with >= in f` | why |
            | `auth/src/a.rs: replace \|\| with && in f` | why |";
        assert_eq!(unexplained(&missed, explained), ["auth/src/a.rs: replace g -> bool with true"]);
        assert!(unexplained(&[], "").is_empty());
    }

    #[test]
    fn the_next_pass_adds_no_mutant_to_the_missed() {
        let mut missed = ["a", "b"].map(str::to_owned).to_vec();
        keep_those_of(&mut missed, "b\nc\n");
        assert_eq!(missed, ["b"]);
    }

    #[test]
    fn one_that_hangs_was_noticed_and_one_that_does_not_compile_is_none() {
        let folder = project::scratch().join("mutants-test");
        fs::create_dir_all(&folder).unwrap();
        for (name, text) in [("caught.txt", "a\nb\n"), ("timeout.txt", "c\n"), ("missed.txt", "d\n")] {
            fs::write(folder.join(name), text).unwrap();
        }
        fs::write(folder.join("unviable.txt"), "e\n").unwrap();
        assert_eq!(tried(&folder), 4);
        fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn the_score_counts_viable_mutants_and_fails_below_ninety_five_percent() {
        let score = |missed, viable| Score { missed, viable }.judge();
        assert!(score(5, 100).is_ok());
        assert!(score(6, 100).is_err());
    }
}
