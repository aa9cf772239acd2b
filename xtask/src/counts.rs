//! Counts the tests that ran, from the test programs' own reports.

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) passed: u32,
    pub(crate) failed: u32,
    pub(crate) skipped: u32,
}

/// How the tests of a step are counted.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Counter {
    /// The step is one check.
    One,
    /// By the `test result:` lines of cargo's and wasm-bindgen's harness.
    Cargo,
    /// By pytest's last line.
    Pytest,
}

impl Counter {
    /// A suite that ran no test counts as one failure, and so does a failed program that names no failed
    /// test.
    pub(crate) fn count(self, output: &str, succeeded: bool) -> Counts {
        let mut counts = match self {
            Self::One => Counts { passed: u32::from(succeeded), ..Counts::default() },
            Self::Cargo => cargo(output),
            Self::Pytest => pytest(output),
        };
        if counts.failed == 0 && (!succeeded || counts.passed == 0) {
            counts.failed = 1;
        }
        counts
    }
}

fn cargo(output: &str) -> Counts {
    let mut counts = Counts::default();
    for line in output.lines() {
        if let Some(result) = line.trim_start().strip_prefix("test result: ") {
            let (_, numbers) = result.split_once(". ").unwrap_or_default();
            add(&mut counts, numbers, ';');
        }
    }
    counts
}

fn pytest(output: &str) -> Counts {
    let mut counts = Counts::default();
    let is_summary = |line: &&str| {
        line.contains(" in ") && ["passed", "failed", "error"].iter().any(|word| line.contains(word))
    };
    if let Some(line) = output.lines().rev().find(is_summary) {
        let numbers = line.trim_matches(['=', ' ']);
        add(&mut counts, numbers.split(" in ").next().unwrap_or_default(), ',');
    }
    counts
}

fn add(counts: &mut Counts, numbers: &str, separator: char) {
    for part in numbers.split(separator) {
        let Some((number, word)) = part.trim().split_once(' ') else { continue };
        let Ok(number) = number.parse::<u32>() else { continue };
        match word {
            "passed" => counts.passed += number,
            "failed" | "error" | "errors" => counts.failed += number,
            "ignored" | "skipped" => counts.skipped += number,
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn counts(passed: u32, failed: u32, skipped: u32) -> Counts {
        Counts { passed, failed, skipped }
    }

    #[test]
    fn every_result_line_of_cargo_counts() {
        let output = "running 3 tests\n\ntest result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.00s\n\ntest result: FAILED. 4 passed; 2 failed; 0 ignored; 0 measured; 9 filtered out; finished in 0.1s\n";
        assert_eq!(Counter::Cargo.count(output, false), counts(7, 2, 1));
    }

    #[test]
    fn the_last_line_of_pytest_counts() {
        for line in [
            "12 passed, 1 failed, 2 skipped in 3.20s",
            "== 1 failed, 12 passed, 2 skipped in 61.02s (0:01:01) ==",
        ] {
            assert_eq!(Counter::Pytest.count(line, false), counts(12, 1, 2), "{line}");
        }
        assert_eq!(Counter::Pytest.count("3 passed in 0.1s\n", true), counts(3, 0, 0));
    }

    #[test]
    fn a_suite_that_ran_nothing_has_failed() {
        let nothing =
            "test result: ok. 0 passed; 0 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s";
        assert_eq!(Counter::Cargo.count(nothing, true), counts(0, 1, 0));
        assert_eq!(Counter::Cargo.count("", true), counts(0, 1, 0));
        assert_eq!(Counter::Pytest.count("no tests ran in 0.01s", true), counts(0, 1, 0));
    }

    #[test]
    fn a_program_that_fails_without_a_failed_test_counts_as_one() {
        assert_eq!(Counter::Cargo.count("error: could not compile", false), counts(0, 1, 0));
        assert_eq!(Counter::One.count("", false), counts(0, 1, 0));
        assert_eq!(Counter::One.count("", true), counts(1, 0, 0));
    }
}
