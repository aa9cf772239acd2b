//! The tables of deploy/README.md, from what the load printed.

use anyhow::{Context as _, Result};
use serde_json::Value;

use crate::size::grouped;

/// A row: for each operation the answers in a second, and the median and the 99th percentile in ms.
pub(crate) fn row(sessions: u32, workers: u32, rates: &Value) -> Result<String> {
    let mut row = format!("| {} | {workers} |", grouped(sessions.into()));
    for operation in ["logins", "refreshes", "verified"] {
        let number = |name| {
            let value = rates.get(operation).and_then(|operation| operation.get(name)?.as_f64());
            value.with_context(|| format!("The load did not say {operation}.{name}."))
        };
        let [rate, median, slow] = [number("rate")?, number("p50")?, number("p99")?].map(rounded);
        row.push_str(&format!(" {rate} | {median} / {slow} |"));
    }
    Ok(row)
}

pub(crate) fn rates(rows: &[String]) -> String {
    let mut table = String::from(
        "| live sessions | workers | logins a second | p50 / p99 ms | refreshes a second | p50 / p99 ms \
         | verified requests a second | p50 / p99 ms |\n| --- | --- | --- | --- | --- | --- | --- | --- |\n",
    );
    rows.iter().for_each(|row| table.extend([row, "\n"]));
    table
}

pub(crate) fn races(races: &Value) -> Result<String> {
    let mut table = String::from(
        "| at once | refreshes of one token | answers | successors |\n| --- | --- | --- | --- |\n",
    );
    for race in races.as_array().context("The load named no races.")? {
        table.push_str(&race_row(race).with_context(|| format!("The load's race is incomplete: {race}"))?);
    }
    Ok(table)
}

fn race_row(race: &Value) -> Option<String> {
    let answers = race.get("answers")?.as_object()?.iter();
    let answers: Vec<_> = answers.map(|(status, number)| format!("{number} × {status}")).collect();
    let name = race.get("race")?.as_str()?;
    let (requests, successors) = (race.get("requests")?, race.get("successors")?);
    Some(format!("| {requests} | {name} | {} | {successors} |\n", answers.join(", ")))
}

/// One digit after the point below 10, and none above.
fn rounded(value: f64) -> String {
    if value < 10.0 { format!("{value:.1}") } else { grouped(value.round() as u64) }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use serde_json::json;

    use super::*;

    #[test]
    fn numbers_have_the_digits_that_were_measured() {
        assert_eq!([9.87, 10.4, 999.5, 1234567.0].map(rounded), ["9.9", "10", "1,000", "1,234,567"]);
        assert_eq!([0, 999, 1000, 100_000].map(grouped), ["0", "999", "1,000", "100,000"]);
    }

    #[test]
    fn a_row_has_a_cell_for_each_column() {
        let operation = json!({"answers": 80, "rate": 10.1, "p50": 1500.2, "p99": 2000.9});
        let rates = json!({"logins": operation, "refreshes": operation, "verified": operation});
        let row = row(1000, 2, &rates).unwrap();
        assert_eq!(row, "| 1,000 | 2 | 10 | 1,500 / 2,001 | 10 | 1,500 / 2,001 | 10 | 1,500 / 2,001 |");
        let table = super::rates(&[row]);
        let cells: Vec<_> = table.lines().map(|line| line.matches('|').count()).collect();
        assert_eq!(cells, [9, 9, 9]);
        assert!(super::row(1000, 2, &json!({"logins": {}})).is_err());
    }

    #[test]
    fn a_race_tells_its_answers_by_status() {
        let race = json!({"race": "x", "requests": 50, "answers": {"200": 1, "401": 49}, "successors": 1});
        let table = races(&json!([race])).unwrap();
        assert_eq!(table.lines().last(), Some("| 50 | x | 1 × 200, 49 × 401 | 1 |"));
        assert!(races(&json!([{"race": "x"}])).is_err());
    }
}
