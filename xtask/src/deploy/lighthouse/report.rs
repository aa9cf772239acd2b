//! What a report of Lighthouse says.

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::Value;

/// A visit of Lighthouse.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Report {
    pub(crate) version: String,
    pub(crate) categories: Vec<Category>,
    /// The metrics behind the score of the performance, with their figures: `("Total Blocking Time", "30 ms")`.
    pub(crate) metrics: Vec<(String, String)>,
    /// What may have spoilt the visit, such as a machine that is too slow.
    pub(crate) warnings: Vec<String>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Category {
    pub(crate) title: String,
    /// From 0 to 100.
    pub(crate) score: u32,
    /// The audits that cost points, each with its figure.
    pub(crate) failed: Vec<String>,
}

impl Report {
    /// Reads Lighthouse's JSON. A visit that failed, or a category without a score, is an error.
    pub(crate) fn read(text: &str) -> Result<Self> {
        let report: Value = serde_json::from_str(text).context("Lighthouse's report is no JSON.")?;
        if let Some(message) = report.pointer("/runtimeError/message").and_then(Value::as_str) {
            bail!("Lighthouse could not judge the page: {message}");
        }
        let audits = report.get("audits").context("Lighthouse's report has no audits.")?;
        let categories = report.get("categories").and_then(Value::as_object);
        let categories = categories.context("Lighthouse's report has no categories.")?;
        for name in EXPECTED {
            ensure!(categories.contains_key(name), "Lighthouse's report lacks the category {name}.");
        }
        let performance = categories.get("performance").into_iter().flat_map(references);
        let metrics = performance.filter(|it| text_of(it, "group") == "metrics" && weight(it) > 0.0);
        let metrics = metrics.filter_map(|it| audits.get(text_of(it, "id")));
        let warnings = report.get("runWarnings").and_then(Value::as_array).into_iter().flatten();
        Ok(Self {
            version: text_of(&report, "lighthouseVersion").to_owned(),
            categories: categories.values().map(|it| category(it, audits)).collect::<Result<_>>()?,
            metrics: metrics.map(|it| (text_of(it, "title").to_owned(), figure(it))).collect(),
            warnings: warnings.filter_map(Value::as_str).map(str::to_owned).collect(),
        })
    }
}

fn category(category: &Value, audits: &Value) -> Result<Category> {
    let title = text_of(category, "title").to_owned();
    let costly = references(category).filter(|it| weight(it) > 0.0);
    let failed = costly.filter_map(|it| audits.get(text_of(it, "id"))).filter(|it| costs_points(it));
    let failed: Vec<String> = failed.map(|it| format!("{}: {}", text_of(it, "title"), figure(it))).collect();
    let score = category.get("score").and_then(Value::as_f64);
    let score = score.with_context(|| format!("{title} has no score: {}.", failed.join("; ")))?;
    // Lighthouse gives hundredths, so nothing is lost. 0.29 * 100.0 is a little less than 29.
    Ok(Category { title, score: (score * 100.0).round() as u32, failed })
}

fn references(category: &Value) -> impl Iterator<Item = &Value> {
    category.get("auditRefs").and_then(Value::as_array).into_iter().flatten()
}

fn weight(reference: &Value) -> f64 {
    reference.get("weight").and_then(Value::as_f64).unwrap_or(0.0)
}

/// Whether the audit has less than the full score, or could not be made. What does not apply to the page costs nothing.
fn costs_points(audit: &Value) -> bool {
    match audit.get("score").and_then(Value::as_f64) {
        Some(score) => score < 1.0,
        None => text_of(audit, "scoreDisplayMode") == "error",
    }
}

/// The figure of an audit as people read it. An audit without one has failed as a whole, or says what hindered it.
fn figure(audit: &Value) -> String {
    let shown = ["displayValue", "errorMessage"].map(|name| text_of(audit, name));
    let shown = shown.into_iter().find(|text| !text.is_empty()).unwrap_or("failed");
    // Lighthouse writes its figures with a space that does not break.
    let shown = shown.replace('\u{a0}', " ");
    let score = audit.get("score").and_then(Value::as_f64);
    let score = score.filter(|score| *score < 1.0).map(|score| format!(" (score {:.0})", score * 100.0));
    shown + &score.unwrap_or_default()
}

fn text_of<'a>(value: &'a Value, name: &str) -> &'a str {
    value.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// A report without one of these is none: it would have 100 in everything that it has.
const EXPECTED: [&str; 4] = ["performance", "accessibility", "best-practices", "seo"];

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use serde_json::json;

    use super::*;

    /// A report with this score of the performance and these audits.
    fn report(performance: &Value, audits: &Value) -> Value {
        let whole = |title: &str| json!({"title": title, "score": 1, "auditRefs": []});
        let references = json!([
            {"id": "blocking", "weight": 30, "group": "metrics"},
            {"id": "paint", "weight": 10, "group": "metrics"},
            {"id": "hint", "weight": 0, "group": "insights"},
            {"id": "absent", "weight": 1},
        ]);
        json!({
            "lighthouseVersion": "12.0.0",
            "runWarnings": ["The machine is slow."],
            "audits": audits,
            "categories": {
                "performance": {"title": "Performance", "score": performance, "auditRefs": references},
                "accessibility": whole("Accessibility"),
                "best-practices": whole("Best Practices"),
                "seo": whole("SEO"),
                "something-new": {"title": "New", "score": 0.29, "auditRefs": []},
            },
        })
    }

    fn audits() -> Value {
        json!({
            "blocking": {"title": "Blocking", "score": 0.955, "displayValue": "120\u{a0}ms"},
            "paint": {"title": "Paint", "score": 1, "displayValue": "0.8\u{a0}s"},
            "hint": {"title": "Hint", "score": 0},
            "absent": {"title": "Absent", "score": null, "scoreDisplayMode": "notApplicable"},
        })
    }

    fn error(report: &Value) -> String {
        Report::read(&report.to_string()).unwrap_err().to_string()
    }

    #[test]
    fn every_category_is_read_with_the_audits_that_cost_points() {
        let read = Report::read(&report(&json!(0.99), &audits()).to_string()).unwrap();
        let scores: Vec<_> = read.categories.iter().map(|it| (it.title.as_str(), it.score)).collect();
        let mut expected =
            [("Performance", 99), ("Accessibility", 100), ("Best Practices", 100), ("SEO", 100), ("New", 29)];
        let mut sorted = scores.clone();
        sorted.sort_unstable();
        expected.sort_unstable();
        assert_eq!(sorted, expected);
        let performance = read.categories.iter().find(|it| it.title == "Performance").unwrap();
        assert_eq!(performance.failed, ["Blocking: 120 ms (score 96)"]);
        let metrics = [("Blocking", "120 ms (score 96)"), ("Paint", "0.8 s")];
        assert_eq!(read.metrics, metrics.map(|(title, figure)| (title.to_owned(), figure.to_owned())));
        assert_eq!(
            (read.version.as_str(), read.warnings),
            ("12.0.0", vec!["The machine is slow.".to_owned()])
        );
    }

    #[test]
    fn a_report_that_judges_less_is_an_error() {
        let broken = json!({"blocking": {
            "title": "Blocking", "score": null, "scoreDisplayMode": "error", "errorMessage": "No trace"}});
        assert_eq!(error(&report(&Value::Null, &broken)), "Performance has no score: Blocking: No trace.");
        let mut fails = report(&json!(1), &audits());
        fails["categories"].as_object_mut().unwrap().remove("seo");
        assert_eq!(error(&fails), "Lighthouse's report lacks the category seo.");
        fails["runtimeError"] = json!({"code": "NO_FCP", "message": "The page did not paint."});
        assert_eq!(error(&fails), "Lighthouse could not judge the page: The page did not paint.");
        assert!(Report::read("").is_err() && Report::read("{}").is_err());
    }

    #[test]
    fn an_audit_without_a_figure_has_failed() {
        assert_eq!(figure(&json!({"title": "Contrast", "score": 0})), "failed (score 0)");
    }
}
