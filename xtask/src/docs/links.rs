//! Checks that the documents' links and the files that they name exist.

use anyhow::{Result, ensure};

use crate::project;

const DOCUMENTS: [&str; 14] = [
    "README.md",
    "ARCHITECTURE.md",
    "CONTRIBUTING.md",
    "CHANGELOG.md",
    "SECURITY.md",
    "docs/faults.md",
    "docs/mutants.md",
    "docs/protocol.md",
    "docs/simulation.md",
    "docs/simulation-findings.md",
    "backend/README.md",
    "docs/servers.md",
    "tests/servers/README.md",
    "deploy/README.md",
];
/// The documents in which every path in code font is a file or a folder of the checkout.
const NAMING: [&str; 4] = ["ARCHITECTURE.md", "CONTRIBUTING.md", "SECURITY.md", "docs/protocol.md"];

/// The lines outside of code blocks.
fn prose(document: &str) -> impl Iterator<Item = &str> {
    let mut fenced = false;
    document.lines().filter(move |line| {
        let fence = line.starts_with("```");
        fenced ^= fence;
        !fence && !fenced
    })
}

/// Where the document's links lead, those to other hosts aside.
fn links(document: &str) -> Vec<String> {
    let text = prose(document).collect::<Vec<_>>().join("\n");
    let targets = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    targets.filter(|target| !target.contains("://")).map(str::to_owned).collect()
}

/// The anchors of the document's headings: lower case, hyphens for spaces, no other marks.
fn anchors(document: &str) -> Vec<String> {
    let headings = prose(document).filter(|line| line.starts_with('#'));
    let anchor = |heading: &str| {
        let text = heading.trim_start_matches('#').trim().to_lowercase().replace(' ', "-");
        text.chars().filter(|c| c.is_alphanumeric() || matches!(c, '-' | '_')).collect()
    };
    headings.map(anchor).collect()
}

/// The paths in code font that begin with a folder of the checkout, those of build output aside.
fn paths(document: &str) -> Vec<String> {
    let is_path = |text: &&str| {
        let first = text
            .split('/')
            .next()
            .filter(|first| text.contains('/') && !matches!(*first, "" | "target" | "dist"));
        text.bytes().all(|b| b.is_ascii_alphanumeric() || b"/._-".contains(&b))
            && first.is_some_and(|first| project::root().join(first).is_dir())
    };
    let text = prose(document).collect::<Vec<_>>().join("\n");
    text.split('`').skip(1).step_by(2).filter(is_path).map(str::to_owned).collect()
}

fn check_link(from: &str, document: &str, link: &str) -> Result<()> {
    let (path, anchor) = link.split_once('#').unwrap_or((link, ""));
    let target = project::root().join(from).parent().map(|folder| folder.join(path)).unwrap_or_default();
    ensure!(path.is_empty() || target.exists(), "{from} links to {path}, which does not exist.");
    if !anchor.is_empty() {
        let text = if path.is_empty() { document.to_owned() } else { std::fs::read_to_string(target)? };
        ensure!(anchors(&text).iter().any(|a| a == anchor), "{from} links to {link}, which no heading has.");
    }
    Ok(())
}

#[test]
fn every_link_of_a_document_leads_somewhere() {
    for from in DOCUMENTS {
        let document = project::read(from).unwrap();
        for link in links(&document) {
            check_link(from, &document, &link).unwrap_or_else(|error| panic!("{error}"));
        }
    }
}

#[test]
fn every_file_that_a_document_names_exists() {
    for from in NAMING {
        for path in paths(&project::read(from).unwrap()) {
            assert!(project::root().join(&path).exists(), "{from} names {path}, which does not exist.");
        }
    }
}

#[test]
fn links_and_anchors_are_read_outside_of_code() {
    let document =
        "# A: b's `c`\n[x](#a-bs-c), [y](docs/faults.md) and [z](https://a.b)\n```\n# no\n[x](no)\n```\n";
    assert_eq!(links(document), ["#a-bs-c", "docs/faults.md"]);
    assert_eq!(anchors(document), ["a-bs-c"]);
    for link in
        ["#a-bs-c", "docs/faults.md", "docs/faults.md#faults-and-the-tests-that-show-that-they-do-no-harm"]
    {
        check_link("README.md", document, link).unwrap();
    }
    let said = |link| check_link("README.md", document, link).unwrap_err().to_string();
    assert_eq!(said("#no"), "README.md links to #no, which no heading has.");
    assert_eq!(said("no.md"), "README.md links to no.md, which does not exist.");
}

#[test]
fn a_path_begins_with_a_folder_of_the_checkout() {
    assert_eq!(paths("`auth/src` `a/b` `docs` `x = docs/y` `docs/no.md`"), ["auth/src", "docs/no.md"]);
}
