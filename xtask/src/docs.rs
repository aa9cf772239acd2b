//! Checks that every test that a document names exists.

use std::{collections::BTreeSet, fs, path::Path};

use crate::project;

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
        name.matches('_').count() > 2 && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
    })
}

#[test]
fn every_test_that_a_document_names_exists() {
    let tests = functions(&["auth", "tests", "backend/tests", "src", "xtask/src"]);
    for document in ["docs/faults.md", "ARCHITECTURE.md", "README.md"] {
        let text = project::read(document).unwrap_or_else(|error| panic!("{document}: {error}"));
        let missing: Vec<&str> = claimed(&text).filter(|name| !tests.contains(*name)).collect();
        assert!(missing.is_empty(), "{document} names tests that do not exist: {missing:?}");
    }
}

#[test]
fn a_claim_is_a_sentence_in_code_font() {
    let text = "`expires_in`, `a_test_named_as_a_sentence`, `SIM_SEED=1 cargo`";
    assert_eq!(claimed(text).collect::<Vec<_>>(), ["a_test_named_as_a_sentence"]);
}
