#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;

use super::*;

#[test]
fn two_steps_at_once_are_both_counted_and_keep_their_order() {
    let mut report = report("both");
    let first = report.begin("first", Counter::Pytest, &mut shell("echo 2 passed in 1s")).unwrap();
    assert!(report.step("second", Counter::Pytest, &mut shell("echo 3 passed in 1s")).unwrap());
    assert!(report.end(first).unwrap());
    let rows = report.steps.iter().map(|step| (step.name.as_str(), step.counts.passed));
    assert_eq!(rows.collect::<Vec<_>>(), [("first", 2), ("second", 3)]);
    let said: Vec<_> =
        said(&report).lines().map(|line| line.split(", ").next().unwrap().to_owned()).collect();
    assert_eq!(said, ["▸ first begins in the background", "▸ second … ok", "▸ first … ok"]);
    end(report).unwrap();
}

#[test]
fn a_failure_in_the_background_shows_its_log_and_makes_the_report_fail() {
    let mut report = report("failure");
    let first = report.begin("first", Counter::One, &mut shell("echo the cause; exit 1")).unwrap();
    assert!(report.step("second", Counter::One, &mut shell("true")).unwrap());
    assert!(!said(&report).contains("the cause"));
    assert!(!report.end(first).unwrap());
    let lines = said(&report).lines();
    assert_eq!(lines.skip_while(|line| !line.starts_with("▸ first … FAILED")).nth(1), Some("the cause"));
    assert!(end(report).is_err());
}

#[test]
fn a_program_that_is_missing_in_the_background_is_a_failed_step() {
    let mut report = report("missing");
    let first = report.begin("first", Counter::One, &mut process::command("no-such-program")).unwrap();
    assert!(!report.end(first).unwrap());
    assert!(said(&report).contains("needs `no-such-program`"));
    assert!(end(report).is_err());
}

#[test]
fn a_check_of_this_program_is_counted_and_its_error_is_shown() {
    let mut report = report("check");
    assert!(report.check("first", || Ok(())).unwrap());
    assert!(!report.check("second", || bail!("It is wrong.")).unwrap());
    let rows = report.steps.iter().map(|step| (step.counts.passed, step.counts.failed));
    assert_eq!(rows.collect::<Vec<_>>(), [(1, 0), (0, 1)]);
    assert!(said(&report).ends_with("It is wrong.\n"), "{}", said(&report));
    assert!(end(report).is_err());
}

#[test]
fn the_time_of_a_step_in_the_background_is_its_own() {
    let mut report = report("time");
    let first = report.begin("first", Counter::One, &mut shell("echo done")).unwrap();
    let longer = format!("until grep -q done {}; do sleep 0.01; done; sleep 1", first.log.display());
    assert!(report.step("second", Counter::One, &mut shell(&longer)).unwrap());
    assert!(report.end(first).unwrap());
    let times: Vec<_> = report.steps.iter().map(|step| step.time).collect();
    assert!(times[0] < times[1], "{times:?}");
    end(report).unwrap();
}

#[test]
fn a_step_that_is_never_ended_leaves_no_process_and_counts_as_failed() {
    let mut report = report("never");
    let first = report.begin("first", Counter::One, &mut shell("echo $$; sleep 60 & sleep 60")).unwrap();
    let group = loop {
        let said = fs::read_to_string(&first.log).unwrap();
        if said.ends_with('\n') {
            break said;
        }
        thread::sleep(Duration::from_millis(10));
    };
    let lives = || shell(&format!("kill -s 0 -- -{} 2> /dev/null", group.trim())).status().unwrap().success();
    assert!(lives());
    drop(first);
    assert!(!lives());
    assert!(report.step("second", Counter::One, &mut shell("true")).unwrap());
    assert!(end(report).is_err());
}

/// A report whose logs lie in a folder of this test.
fn report(test: &str) -> Report<Vec<u8>> {
    let logs = std::env::temp_dir().join(format!("xtask-report-{test}-{}", std::process::id()));
    Report::with(logs, Vec::new()).unwrap()
}

fn shell(line: &str) -> Command {
    let mut command = process::command("sh");
    command.args(["-c", line]);
    command
}

fn said(report: &Report<Vec<u8>>) -> &str {
    std::str::from_utf8(&report.lines).unwrap()
}

/// The report's end, and that of its folder.
fn end(report: Report<Vec<u8>>) -> Result<()> {
    let logs = report.logs.clone();
    let end = report.finish();
    cache::remove(Path::new(&logs)).unwrap();
    end
}
