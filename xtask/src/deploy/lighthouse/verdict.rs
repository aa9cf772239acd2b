//! Judges the runs of Lighthouse on one device.

use anyhow::{Context as _, Result, ensure};

use super::report::{Category, Report};

/// What the runs on one device say together.
#[derive(Debug)]
pub(crate) struct Verdict {
    device: &'static str,
    version: String,
    categories: Vec<Judged>,
    metrics: Vec<(String, String)>,
    warnings: Vec<String>,
}

/// One category's median, with the audits of the run that had it.
#[derive(Debug)]
struct Judged {
    median: Category,
    /// The scores of all runs, in their order.
    scores: Vec<u32>,
}

impl Verdict {
    /// Takes the median of each category, because a busy machine makes a run slow that says nothing of the page. A category
    /// that one run lacks is an error.
    pub(crate) fn of(device: &'static str, mut runs: Vec<Report>) -> Result<Self> {
        let first = runs.first().context("Lighthouse did not run.")?;
        let version = first.version.clone();
        let titles: Vec<String> = first.categories.iter().map(|it| it.title.clone()).collect();
        let mut warnings: Vec<String> = runs.iter().flat_map(|run| run.warnings.clone()).collect();
        warnings.sort();
        warnings.dedup();
        let judge = |title: &String| {
            let found = runs.iter().flat_map(|run| &run.categories).filter(|it| it.title == *title);
            let mut found: Vec<&Category> = found.collect();
            ensure!(found.len() == runs.len(), "Not every run of Lighthouse has the category {title}.");
            let scores = found.iter().map(|it| it.score).collect();
            found.sort_by_key(|it| it.score);
            let median = found.get((found.len() - 1) / 2).context("Lighthouse did not run.")?;
            Ok(Judged { median: (*median).clone(), scores })
        };
        let categories = titles.iter().map(judge).collect::<Result<_>>()?;
        let performance =
            |run: &Report| run.categories.iter().find(|it| it.title == "Performance").map(|it| it.score);
        runs.sort_by_key(performance);
        let middle = (runs.len() - 1) / 2;
        let metrics = runs.swap_remove(middle).metrics;
        Ok(Self { device, version, categories, metrics, warnings })
    }

    /// A sentence for each category whose median is less than 100, and for each audit that costs it points.
    pub(crate) fn failures(&self) -> Vec<String> {
        let mut failures = Vec::new();
        for Judged { median, .. } in self.categories.iter().filter(|it| it.median.score < FULL) {
            let Category { title, score, failed } = median;
            failures.push(format!("{}: {title} has {score} of {FULL}.", self.device));
            failures.extend(failed.iter().map(|audit| format!("  {audit}")));
        }
        failures
    }
}

/// The table for people: a column for each device, then the metrics of the run with the median performance.
pub(crate) fn table(verdicts: &[Verdict]) -> String {
    let Some(first) = verdicts.first() else { return String::new() };
    let mut rows = vec![vec![format!("Lighthouse {}", first.version)]];
    rows.extend(first.categories.iter().map(|it| vec![it.median.title.clone()]));
    rows.extend(first.metrics.iter().map(|(title, _)| vec![title.clone()]));
    for Verdict { device, categories, metrics, .. } in verdicts {
        let scores = categories.iter().map(|it| {
            let scores: Vec<String> = it.scores.iter().map(u32::to_string).collect();
            format!("{} ({})", it.median.score, scores.join(", "))
        });
        let figures = metrics.iter().map(|(_, figure)| figure.clone());
        let column = std::iter::once((*device).to_owned()).chain(scores).chain(figures);
        rows.iter_mut().zip(column).for_each(|(row, cell)| row.push(cell));
    }
    let mut text = String::new();
    for (at, row) in rows.iter().enumerate() {
        text.push_str(&format!("| {} |\n", row.join(" | ")));
        if at == 0 {
            text.push_str(&format!("|{}\n", " --- |".repeat(row.len())));
        }
    }
    for Verdict { device, warnings, .. } in verdicts {
        warnings.iter().for_each(|warning| text.push_str(&format!("\n{device}: {warning}")));
    }
    text
}

const FULL: u32 = 100;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    /// A run with this performance, in which the others have 100.
    fn run(performance: u32) -> Report {
        let category = |title: &str, score: u32| Category {
            title: title.to_owned(),
            score,
            failed: (score < FULL).then(|| format!("Audit: {score} ms")).into_iter().collect(),
        };
        Report {
            version: "12.0.0".to_owned(),
            categories: vec![category("Performance", performance), category("SEO", FULL)],
            metrics: vec![("Paint".to_owned(), format!("{performance} ms"))],
            warnings: vec!["The machine is slow.".to_owned()],
        }
    }

    fn verdict(performances: &[u32]) -> Verdict {
        Verdict::of("mobile", performances.iter().map(|it| run(*it)).collect()).unwrap()
    }

    #[test]
    fn one_slow_run_of_three_does_not_count_and_two_do() {
        assert!(verdict(&[FULL, 60, FULL]).failures().is_empty());
        let expected = ["mobile: Performance has 99 of 100.", "  Audit: 99 ms"];
        assert_eq!(verdict(&[99, 60, FULL]).failures(), expected);
    }

    #[test]
    fn runs_that_judge_different_categories_are_an_error() {
        let mut other = run(FULL);
        other.categories.pop();
        assert!(Verdict::of("mobile", vec![run(FULL), other]).is_err());
        assert!(Verdict::of("mobile", Vec::new()).is_err());
    }

    #[test]
    fn the_table_has_every_score_and_the_figures_of_the_median() {
        let mut desktop = verdict(&[FULL, FULL, FULL]);
        (desktop.device, desktop.warnings) = ("desktop", Vec::new());
        let expected = "\
| Lighthouse 12.0.0 | mobile | desktop |
| --- | --- | --- |
| Performance | 99 (99, 60, 100) | 100 (100, 100, 100) |
| SEO | 100 (100, 100, 100) | 100 (100, 100, 100) |
| Paint | 99 ms | 100 ms |

mobile: The machine is slow.";
        assert_eq!(table(&[verdict(&[99, 60, FULL]), desktop]), expected);
    }
}
