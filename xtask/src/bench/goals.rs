//! What this project wants to reach, beside what was measured.

use super::{contestants::OURS, results::Results};

/// A goal: what is measured, the most that it may be, why it is missed if it is, and what it is now.
struct Goal {
    what: &'static str,
    at_most: f64,
    because: &'static str,
    measured: fn(&Results) -> Option<f64>,
}

const GOALS: [Goal; 8] = [
    Goal {
        what: "first visit, bytes",
        at_most: 120_000.0,
        because: "the engine and Yew are half of the code, and nothing of it comes on demand",
        measured: |results| results.median("bytes", "total brotli", OURS),
    },
    Goal {
        what: "first paint of the form, against React",
        at_most: 0.35,
        because: "a page of one line takes 0.27 already, and the rest is the document's bytes and layout",
        measured: |results| against(results, "start", "first paint of the form", "react"),
    },
    Goal {
        what: "first key kept, against React",
        at_most: 0.5,
        because: "the form is painted too late",
        measured: |results| against(results, "start", "first key kept", "react"),
    },
    Goal {
        what: "login request sent, against React",
        at_most: 1.0,
        because: "the login was not sent before the code arrived",
        measured: |results| against(results, "start", "login request sent", "react"),
    },
    Goal {
        what: "authenticated GET, main thread, against fetch",
        at_most: 1.05,
        because: "even wasm that only calls `fetch` with the token and reads the text takes more: each call between \
                  wasm and the browser copies its values, and each promise is handled twice",
        measured: |results| against(results, "get", "main thread", "fetch"),
    },
    Goal {
        what: "storm: requests, against the 1,002 that it takes",
        at_most: 1.1,
        because: "more requests are on their way at a time than a tenth",
        measured: |results| Some(results.median("storm", "requests", OURS)? / 1_002.0),
    },
    Goal {
        what: "storm: time, against a live token",
        at_most: 1.1,
        because: "the requests on their way go out twice, and the refresh is waited for",
        measured: |results| {
            let time = |name| results.median("storm", name, OURS);
            Some(time("time with a dead token")? / time("time with a live token")?)
        },
    },
    Goal {
        what: "edit to reload, seconds",
        at_most: 2.0,
        because: "a change compiles and links the whole app again, and wasm-bindgen reads all of it",
        measured: |results| results.median("edit", "edit to reload", OURS),
    },
];

fn against(results: &Results, part: &str, name: &str, other: &str) -> Option<f64> {
    Some(results.median(part, name, OURS)? / results.median(part, name, other)?)
}

/// The table of the goals.
pub(super) fn table(results: &Results) -> String {
    let mut table = String::from("| goal | at most | measured | |\n| --- | ---: | ---: | --- |\n");
    for Goal { what, at_most, because, measured } in GOALS {
        let Some(value) = measured(results) else {
            table.push_str(&format!("| {what} | {} | not measured | |\n", super::tables::number(at_most)));
            continue;
        };
        let verdict = match value <= at_most {
            true => "reached".to_owned(),
            false => format!("**missed**, because {because}"),
        };
        let [at_most, value] = [at_most, value].map(super::tables::number);
        table.push_str(&format!("| {what} | {at_most} | {value} | {verdict} |\n"));
    }
    table
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::bench::results::sample;

    #[test]
    fn a_goal_is_judged_by_the_ratio_of_the_medians() {
        let figure =
            |of, values: [f64; 3]| json!({"name": "main thread", "unit": "ms", "of": of, "values": values});
        let verdict = |ours| {
            let figures = json!([figure(OURS, ours), figure("fetch", [1.0, 2.0, 9.0])]);
            let table = table(&sample(json!({"get": figures})));
            table.lines().find(|row| row.starts_with("| authenticated GET")).unwrap_or_default().to_owned()
        };
        let row = |measured, verdict| {
            format!("| authenticated GET, main thread, against fetch | 1.05 | {measured} | {verdict}")
        };
        assert_eq!(verdict([2.0, 2.1, 8.0]), row("1.05", "reached |"));
        assert!(verdict([2.0, 2.2, 8.0]).starts_with(&row("1.10", "**missed**, because ")));
    }

    #[test]
    fn a_goal_whose_part_was_not_measured_has_a_row_that_says_so() {
        let table = table(&sample(json!({})));
        let rows: Vec<_> = table.lines().skip(2).collect();
        assert_eq!(rows.len(), GOALS.len());
        assert!(rows.contains(&"| first visit, bytes | 120,000 | not measured | |"), "{table}");
        assert!(rows.iter().all(|row| row.ends_with("| not measured | |")), "{table}");
    }
}
