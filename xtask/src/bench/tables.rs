//! The results as Markdown.

use std::thread;

use anyhow::{Context as _, Result};
use serde_json::Value;

use super::{
    contestants::OURS,
    goals,
    results::{Figure, Part, Results},
};
use crate::{process, project, size::grouped};

/// All tables of what was measured.
pub(super) fn all(results: &Results) -> Result<String> {
    let processors = thread::available_parallelism().map_or(1, usize::from);
    let mut text = format!("{processors} processors. {}.\n\n", versions()?);
    text.push_str(&goals::table(results));
    for (name, title) in TITLES {
        let Some(part) = results.part(name) else { continue };
        let Part { date, commit, runs, load, .. } = part;
        let load = load.map_or_else(String::new, |load| format!(", load before {load}"));
        let times = if *runs == 1 { "once".to_owned() } else { format!("{runs} times") };
        text.push_str(&format!("\n### {title}\n\n{date}, commit {commit}, {times}{load}.\n\n"));
        match part.table() {
            Some(table) => text.push_str(table),
            None => text.push_str(&table(&part.figures()?)),
        }
    }
    Ok(text)
}

/// The text with the tables between its markers.
pub(super) fn put_into(readme: &str, tables: &str) -> Result<String> {
    let parts = readme.split_once(BEGIN).and_then(|(before, rest)| Some((before, rest.split_once(END)?.1)));
    let (before, after) =
        parts.with_context(|| format!("bench/README.md has no {BEGIN} and {END}: add these two lines."))?;
    Ok(format!("{before}{BEGIN}\n{tables}{END}{after}"))
}

/// A row for each figure, a column for each contestant.
fn table(figures: &[Figure]) -> String {
    let of = |name: &&str| figures.iter().any(|figure| figure.of == *name);
    let contestants: Vec<&str> = LABELS.map(|(name, _)| name).into_iter().filter(of).collect();
    let mut names: Vec<(&str, &str)> = Vec::new();
    for figure in figures {
        let name = (figure.name.as_str(), figure.unit.as_str());
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let labels: Vec<&str> = contestants.iter().map(|name| label(name)).collect();
    let mut table = format!("| | {} |\n| --- |{}\n", labels.join(" | "), " ---: |".repeat(labels.len()));
    for (name, unit) in names {
        let unit = if unit.is_empty() { String::new() } else { format!(", {unit}") };
        table.push_str(&format!("| {name}{unit} |"));
        for of in &contestants {
            let figure = figures.iter().find(|figure| figure.name == name && figure.of == *of);
            table.push_str(&format!(" {} |", figure.map_or_else(String::new, cell)));
        }
        table.push('\n');
    }
    table
}

/// The median, and the quartiles if the values differ.
fn cell(figure: &Figure) -> String {
    let [low, median, high] = [1, 2, 3].map(|quarters| number(figure.quartile(quarters)));
    if figure.is_exact() { median } else { format!("{median} ({low} to {high})") }
}

/// A whole number as it is, and another one with three digits that count.
pub(super) fn number(value: f64) -> String {
    let size = value.abs();
    match () {
        () if value.fract() == 0.0 || size >= 100.0 => {
            let sign = if value.round() < 0.0 { "−" } else { "" };
            format!("{sign}{}", grouped(size.round() as u64))
        }
        () if size >= 10.0 => format!("{value:.1}"),
        () if size >= 1.0 => format!("{value:.2}"),
        () => format!("{value:.3}"),
    }
}

pub(super) fn label(name: &str) -> &str {
    LABELS.iter().find(|(known, _)| *known == name).map_or(name, |(_, label)| label)
}

/// The versions of the peers and of the browser.
fn versions() -> Result<String> {
    let package: Value = serde_json::from_str(&project::read("bench/peers/package.json")?)?;
    let packages = package.get("dependencies").and_then(Value::as_object);
    let packages = packages.context("bench/peers/package.json has no dependencies.")?.iter();
    let mut named: Vec<String> =
        packages.map(|(name, version)| format!("{name} {}", version.as_str().unwrap_or_default())).collect();
    let browser = process::find("chromium").or_else(|| process::find("chromium-browser"));
    let version = browser.and_then(|path| process::output(process::command(path).arg("--version")));
    named.extend(version.and_then(|text| Some(text.split(" built").next()?.trim().to_owned())));
    Ok(named.join(", "))
}

/// The contestants in the order of the columns.
pub(super) const LABELS: [(&str, &str); 5] = [
    (OURS, OURS),
    ("react", "React"),
    ("axios", "React, axios"),
    ("oidc", "React, oidc-client-ts"),
    ("fetch", "fetch"),
];
const TITLES: [(&str, &str); 8] = [
    ("bytes", "Bytes of a first visit"),
    ("start", "Start, slow 4G and a processor slowed 4 times"),
    ("get", "An authenticated GET"),
    ("storm", "1,000 GETs at once"),
    ("tabs", "Tabs that expire together"),
    ("growth", "Memory after 100,000 GETs"),
    ("edit", "From an edit to the reloaded page"),
    ("server", "The server"),
];
const BEGIN: &str = "<!-- bench:begin -->";
const END: &str = "<!-- bench:end -->";

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use serde_json::json;

    use super::*;
    use crate::bench::results::sample;

    #[test]
    fn a_figure_is_a_row_with_median_and_quartiles_for_each_contestant() {
        let figures = json!([
            {"name": "time", "unit": "ms", "of": "react", "values": [30.0, 10.0, 20.0]},
            {"name": "failed", "unit": "", "of": "react", "values": [0.0, 0.0]},
            {"name": "time", "unit": "ms", "of": OURS, "values": [5.0]},
        ]);
        let text = all(&sample(json!({"get": figures}))).unwrap();
        let expected = "### An authenticated GET\n\n2026-01-02, commit abc1234+, 3 times, load before 0.25.\n\n\
                        | | yew-jwt-auth | React |\n| --- | ---: | ---: |\n\
                        | time, ms | 5 | 20 (15 to 25) |\n| failed |  | 0 |\n";
        assert!(text.ends_with(expected), "{text}");
        assert!(text.contains("axios-auth-refresh "), "{text}");
    }

    #[test]
    fn a_part_with_a_table_of_its_own_keeps_it() {
        let text = all(&sample(json!({"server": "| a |\n"}))).unwrap();
        assert!(text.ends_with(
            "### The server\n\n2026-01-02, commit abc1234+, 3 times, load before 0.25.\n\n| a |\n"
        ));
    }

    #[test]
    fn numbers_have_three_digits_that_count() {
        let numbers = [0.1234, 1.0, 1.234, 12.34, 123.4, 198635.0, -4096.0].map(number);
        assert_eq!(numbers, ["0.123", "1", "1.23", "12.3", "123", "198,635", "−4,096"]);
    }

    #[test]
    fn the_tables_replace_only_what_is_between_their_markers() {
        let readme = format!("before\n{BEGIN}\nold\n{END}\nafter\n");
        assert_eq!(put_into(&readme, "new\n").unwrap(), format!("before\n{BEGIN}\nnew\n{END}\nafter\n"));
        assert!(put_into("no markers", "new\n").is_err());
    }
}
