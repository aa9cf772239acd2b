//! The results of all parts, kept between runs in one file.

use std::{
    collections::BTreeMap,
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use crate::{process, project};

/// The last results of each part.
#[derive(Debug)]
pub(crate) struct Results {
    path: PathBuf,
    parts: BTreeMap<String, Part>,
}

/// The results of one part.
#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) date: String,
    /// What was measured, as [`commit`] names it.
    pub(crate) commit: String,
    pub(crate) runs: usize,
    /// How many programs wanted a processor before the part began.
    pub(crate) load: Option<f64>,
    figures: Value,
}

/// All values of one figure of one contestant.
#[derive(Debug, Clone)]
pub(crate) struct Figure {
    pub(crate) name: String,
    pub(crate) unit: String,
    pub(crate) of: String,
    values: Vec<f64>,
}

impl Results {
    /// What is in the file. Without a file there are no results.
    pub(crate) fn read(path: &Path) -> Result<Self> {
        let parts = match fs::read_to_string(path) {
            Ok(text) => read(&text)
                .with_context(|| format!("{} is damaged: delete it and run this again.", path.display()))?,
            Err(_) => BTreeMap::new(),
        };
        Ok(Self { path: path.to_owned(), parts })
    }

    /// Replaces a part and writes the file, so that a later part that fails takes nothing away.
    pub(crate) fn put(&mut self, name: &str, part: Part) -> Result<()> {
        self.parts.insert(name.to_owned(), part);
        let parts: BTreeMap<_, _> = self.parts.iter().map(|(name, part)| (name, part.json())).collect();
        fs::write(&self.path, serde_json::to_string_pretty(&parts)?)
            .with_context(|| format!("{} cannot be written", self.path.display()))
    }

    pub(crate) fn part(&self, name: &str) -> Option<&Part> {
        self.parts.get(name)
    }

    /// The median of a figure of a contestant.
    pub(crate) fn median(&self, part: &str, name: &str, of: &str) -> Option<f64> {
        let figures = self.part(part)?.figures().ok()?;
        Some(figures.iter().find(|figure| figure.name == name && figure.of == of)?.quartile(2))
    }
}

/// The parts in the file's text.
fn read(text: &str) -> Option<BTreeMap<String, Part>> {
    let parts: BTreeMap<String, Value> = serde_json::from_str(text).ok()?;
    parts.into_iter().map(|(name, part)| Some((name, Part::read(&part)?))).collect()
}

impl Part {
    /// What was measured today.
    pub(crate) fn new(commit: &str, runs: usize, load: Option<f64>, figures: Value) -> Self {
        let date = process::output(process::command("date").args(["-u", "+%F"])).unwrap_or_default();
        Self { date, commit: commit.to_owned(), runs, load, figures }
    }

    fn read(part: &Value) -> Option<Self> {
        Some(Self {
            date: part["date"].as_str()?.to_owned(),
            // Older results name none.
            commit: part["commit"].as_str().unwrap_or(UNKNOWN).to_owned(),
            runs: usize::try_from(part["runs"].as_u64()?).ok()?,
            load: part["load"].as_f64(),
            figures: part["figures"].clone(),
        })
    }

    fn json(&self) -> Value {
        let Self { date, commit, runs, load, figures } = self;
        json!({"date": date, "commit": commit, "runs": runs, "load": load, "figures": figures})
    }

    /// The figures, if the part has some.
    pub(crate) fn figures(&self) -> Result<Vec<Figure>> {
        let figures = self.figures.as_array().map(|figures| figures.iter().map(Figure::read).collect());
        figures.flatten().context("A part has something else than figures.")
    }

    /// The part's own table, if it has one instead of figures.
    pub(crate) fn table(&self) -> Option<&str> {
        self.figures.as_str()
    }
}

impl Figure {
    fn read(figure: &Value) -> Option<Self> {
        let text = |name: &str| figure[name].as_str().map(str::to_owned);
        let values = figure["values"].as_array()?.iter().map(Value::as_f64).collect::<Option<_>>()?;
        Some(Self { name: text("name")?, unit: text("unit")?, of: text("of")?, values })
    }

    /// The value below which this many quarters of the values are, between the two that are nearest.
    pub(crate) fn quartile(&self, quarters: u32) -> f64 {
        let mut values = self.values.clone();
        values.sort_by(f64::total_cmp);
        let place = f64::from(quarters) / 4.0 * values.len().saturating_sub(1) as f64;
        let at = |place: f64| values.get(place as usize).copied().unwrap_or_default();
        let (low, high) = (at(place.floor()), at(place.ceil()));
        low + (high - low) * place.fract()
    }

    /// Whether all values are the same.
    pub(crate) fn is_exact(&self) -> bool {
        self.values.windows(2).all(|pair| pair.first() == pair.last())
    }
}

/// The load of the last minute, where the system tells it.
pub(crate) fn load() -> Option<f64> {
    fs::read_to_string("/proc/loadavg").ok()?.split(' ').next()?.parse().ok()
}

/// The commit that the checkout is at, with a `+` if something in it is not committed.
pub(crate) fn commit() -> String {
    let git = |arguments: &[&str]| {
        process::output(process::command("git").args(arguments).current_dir(project::root()))
    };
    commit_name(git(&["rev-parse", "--short", "HEAD"]), git(&["status", "--porcelain"]))
}

fn commit_name(commit: Option<String>, changes: Option<String>) -> String {
    match (commit, changes.as_deref()) {
        (Some(commit), Some("")) => commit,
        (Some(commit), _) => commit + "+",
        (None, _) => UNKNOWN.to_owned(),
    }
}

const UNKNOWN: &str = "unknown";

#[cfg(test)]
pub(super) fn sample(parts: Value) -> Results {
    let parts = parts.as_object().cloned().unwrap_or_default().into_iter();
    let (date, commit) = ("2026-01-02".to_owned(), "abc1234+".to_owned());
    let part =
        |figures| Part { date: date.clone(), commit: commit.clone(), runs: 3, load: Some(0.25), figures };
    Results { path: PathBuf::new(), parts: parts.map(|(name, figures)| (name, part(figures))).collect() }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use serde_json::json;

    use super::*;

    fn figure(values: &[f64]) -> Figure {
        Figure { name: "n".into(), unit: "ms".into(), of: "o".into(), values: values.to_vec() }
    }

    #[test]
    fn quartiles_are_between_the_nearest_values() {
        let five = figure(&[5.0, 1.0, 3.0, 2.0, 4.0]);
        assert_eq!([0, 1, 2, 3, 4].map(|it| five.quartile(it)), [1.0, 2.0, 3.0, 4.0, 5.0]);
        assert_eq!(figure(&[1.0, 2.0]).quartile(2), 1.5);
        assert_eq!(figure(&[7.0]).quartile(1), 7.0);
        assert!(figure(&[7.0, 7.0]).is_exact() && !figure(&[7.0, 8.0]).is_exact());
    }

    #[test]
    fn a_part_is_replaced_and_the_others_stay() {
        let path = std::env::temp_dir().join(format!("xtask-bench-{}.json", std::process::id()));
        let mut results = Results::read(&path).unwrap();
        let figures = |value: f64| json!([{"name": "n", "unit": "ms", "of": "o", "values": [value]}]);
        let part = |commit, value| Part::new(commit, 1, None, figures(value));
        results.put("get", part("abc1234", 1.0)).unwrap();
        results.put("start", part("abc1234", 2.0)).unwrap();
        let mut results = Results::read(&path).unwrap();
        results.put("get", part("def5678", 3.0)).unwrap();
        let results = Results::read(&path).unwrap();
        fs::remove_file(&path).unwrap();
        assert_eq!(results.median("get", "n", "o"), Some(3.0));
        assert_eq!(results.median("start", "n", "o"), Some(2.0));
        assert_eq!(results.median("storm", "n", "o"), None);
        let commit = |name| results.part(name).map(|part| part.commit.as_str());
        assert_eq!([commit("get"), commit("start")], [Some("def5678"), Some("abc1234")]);
    }

    #[test]
    fn results_that_name_no_commit_are_of_an_unknown_one() {
        let parts = read(r#"{"get": {"date": "2026-01-02", "runs": 1, "load": null, "figures": []}}"#);
        assert_eq!(parts.unwrap().get("get").unwrap().commit, "unknown");
    }

    #[test]
    fn a_commit_has_a_plus_if_something_is_not_committed() {
        let name = |commit: Option<&str>, changes: Option<&str>| {
            commit_name(commit.map(str::to_owned), changes.map(str::to_owned))
        };
        assert_eq!(name(Some("abc1234"), Some("")), "abc1234");
        assert_eq!(name(Some("abc1234"), Some(" M src/app.rs")), "abc1234+");
        assert_eq!(name(None, None), "unknown");
    }
}
