//! Checks what the documents say of the code: names of tests, rules, constants, files, links, and the arrows.

mod arrows;
mod constants;
mod links;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

use crate::{project, rules};

/// The Rust files below these places, by their paths below the checkout's folder. Files of tests do not count.
fn sources(places: &[&str]) -> BTreeMap<String, String> {
    let mut texts = BTreeMap::new();
    for place in places {
        let path = project::root().join(place);
        if let Ok(entries) = fs::read_dir(&path) {
            let names = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
            let below: Vec<String> = names.map(|name| format!("{place}/{name}")).collect();
            texts.extend(sources(&below.iter().map(String::as_str).collect::<Vec<_>>()));
        } else if place.ends_with(".rs") && !place.ends_with("/tests.rs") && !place.contains("/tests/") {
            texts.insert((*place).to_owned(), fs::read_to_string(path).unwrap_or_default());
        }
    }
    texts
}

/// The rows of the table with this header.
fn table<'a>(document: &'a str, header: &str) -> impl Iterator<Item = &'a str> {
    let rows = document.lines().skip_while(move |line| *line != header).skip(2);
    rows.take_while(|line| line.starts_with('|'))
}

/// The names of all functions in these folders.
fn functions(folders: &[&str]) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    folders.iter().for_each(|folder| collect(&project::root().join(folder), &mut names));
    names
}

fn collect(path: &Path, names: &mut BTreeSet<String>) {
    if let Ok(entries) = fs::read_dir(path) {
        entries.flatten().for_each(|entry| collect(&entry.path(), names));
    } else if path.extension().is_some_and(|ending| ending == "rs" || ending == "py") {
        let text = fs::read_to_string(path).unwrap_or_default();
        for line in text.lines() {
            let words: Vec<&str> = line.split_whitespace().collect();
            let name =
                words.iter().zip(words.iter().skip(1)).find(|(word, _)| matches!(**word, "fn" | "def"));
            names.extend(name.map(|(_, name)| name.split(['(', '<']).next().unwrap_or_default().to_owned()));
        }
    }
}

/// The test names that a document has in code font. A name with three or more underscores is a test's name,
/// because test names are sentences.
fn claimed(document: &str) -> impl Iterator<Item = &str> {
    let code = document.split('`').skip(1).step_by(2);
    code.filter(|name| {
        let in_name = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_';
        name.matches('_').count() > 2 && name.bytes().all(in_name)
    })
}

#[test]
fn every_test_that_a_document_names_exists() {
    let tests = functions(&["auth", "tests", "backend/tests", "src", "xtask/src"]);
    for document in [
        "docs/faults.md",
        "docs/protocol.md",
        "ARCHITECTURE.md",
        "CONTRIBUTING.md",
        "README.md",
        "SECURITY.md",
    ] {
        let text = project::read(document).unwrap_or_else(|error| panic!("{document}: {error}"));
        let missing: Vec<&str> = claimed(&text).filter(|name| !tests.contains(*name)).collect();
        assert!(missing.is_empty(), "{document} names tests that do not exist: {missing:?}");
    }
}

#[test]
fn the_simulations_document_lists_every_rule_as_its_file_says_it() {
    let text = project::read("docs/simulation.md").unwrap_or_default();
    let listed: BTreeSet<String> = table(&text, "| rule | what it says |").map(str::to_owned).collect();
    let rules = rules::all().unwrap_or_default();
    let wanted = rules.iter().map(|rule| format!("| {} | {} |", rule.name, rule.sentence)).collect();
    assert_eq!(listed, wanted);
}

#[test]
fn a_claim_is_a_sentence_in_code_font() {
    let text =
        "`expires_in`, `a_test_named_as_a_sentence`, `SIM_SEED=1 cargo`, `A_LONG_ENVIRONMENT_VARIABLE`";
    assert_eq!(claimed(text).collect::<Vec<_>>(), ["a_test_named_as_a_sentence"]);
}
