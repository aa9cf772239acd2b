//! Checks that the arrows of ARCHITECTURE.md are the imports of the page and of the auth service.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, ensure};

use super::sources;
use crate::project;

/// The sources of each crate, and where its list begins in the document. A list has groups of modules, and a module
/// imports from the groups behind its own.
const PAGE: (&str, &str) = ("src", "```text\nmount");
const AUTH: (&str, &str) = ("auth/src", "```text\nown_sessions");

/// The group of each module.
fn groups(document: &str, begin: &str) -> Result<BTreeMap<String, usize>> {
    let begin = document.find(begin).context("ARCHITECTURE.md lacks a list of arrows.")?;
    let list = document.get(begin..).unwrap_or_default().split("```").nth(1).unwrap_or_default();
    let groups =
        list.trim_start_matches("text").split(['→', '\n']).map(str::trim).filter(|group| !group.is_empty());
    let named = groups.enumerate();
    Ok(named.flat_map(|(at, group)| group.split(", ").map(move |module| (module.to_owned(), at))).collect())
}

/// The name and the group of the longest module in `groups` that `path` is or is in.
fn place<'a>(groups: &'a BTreeMap<String, usize>, path: &str) -> Option<(&'a str, usize)> {
    let is_in = |module: &str| {
        path.strip_prefix(module).is_some_and(|rest| rest.is_empty() || rest.starts_with("::"))
    };
    let found = groups.iter().filter(|(module, _)| is_in(module)).max_by_key(|(module, _)| module.len());
    found.map(|(module, group)| (module.as_str(), *group))
}

/// The modules that a source names, by their full paths. Comments and tests do not count.
fn imports(module: &str, source: &str) -> Vec<String> {
    let code = source.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
    let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
    let code = lines.collect::<Vec<_>>().join("\n");
    let parent = module.rsplit_once("::").map_or(String::new(), |(parent, _)| format!("{parent}::"));
    let named = |begin: &str, before: &str| -> Vec<String> {
        let end = |c: char| !(c.is_alphanumeric() || matches!(c, '_' | ':'));
        let after = code.split(begin).skip(1);
        let paths = after.flat_map(|rest| {
            let path = rest.split(end).next().unwrap_or_default();
            let list = rest.strip_prefix(path).and_then(|rest| rest.strip_prefix('{'));
            let names =
                list.and_then(|list| list.split('}').next()).unwrap_or_default().split(',').map(str::trim);
            names.map(|name| format!("{before}{path}{name}")).collect::<Vec<_>>()
        });
        paths.map(|path| path.trim_end_matches("::").to_owned()).collect()
    };
    [named("crate::", ""), named("super::", &parent)].concat()
}

/// `flows::refresh` of `auth/src/flows/refresh.rs` in the folder `auth/src`.
fn module_of(folder: &str, file: &str) -> String {
    file.trim_start_matches(folder).trim_start_matches('/').trim_end_matches(".rs").replace('/', "::")
}

fn check(document: &str, (folder, begin): (&str, &str), sources: &BTreeMap<String, String>) -> Result<()> {
    let groups = groups(document, begin)?;
    for (file, source) in sources {
        let module = module_of(folder, file);
        for import in imports(&module, source) {
            let (own, group) = place(&groups, &module).with_context(|| {
                format!("The arrows of ARCHITECTURE.md lack {module}, which imports {import}.")
            })?;
            let (other, behind) = place(&groups, &import).with_context(|| {
                format!("The arrows of ARCHITECTURE.md lack {import}, which {module} imports.")
            })?;
            ensure!(
                own == other || group < behind,
                "{module} imports {import}, against the arrows of ARCHITECTURE.md."
            );
        }
    }
    Ok(())
}

#[test]
fn the_arrows_of_the_document_are_the_codes() {
    let document = project::read("ARCHITECTURE.md").unwrap();
    for (folder, begin) in [PAGE, AUTH] {
        let mut sources = sources(&[folder]);
        sources.remove(&format!("{folder}/lib.rs"));
        check(&document, (folder, begin), &sources).unwrap_or_else(|error| panic!("{error}"));
    }
}

#[test]
fn the_protocol_waits_for_nothing() {
    for (file, source) in sources(&["auth/src/protocol"]) {
        assert!(
            !source.contains(".await"),
            "{file} waits, and the rules of the protocol are plain functions."
        );
    }
}

#[test]
fn what_points_back_is_said_in_one_sentence() {
    let (folder, begin) = AUTH;
    let document = format!("{begin} → client\n→ flows::send, flows::start → wire → wire::json\n```\n");
    let said = |file: &str, source: &str| {
        let sources = BTreeMap::from([(format!("{folder}/{file}"), source.to_owned())]);
        check(&document, AUTH, &sources).map_err(|error| error.to_string()).err().unwrap_or_default()
    };
    let fine = "use crate::flows::{send, start};\nuse crate::wire::{self, Answer};\n/// [`x`](crate::own_sessions)\n";
    assert_eq!(said("client.rs", fine), "");
    assert_eq!(
        said("wire/json.rs", "use super::json::Raw;\n#[cfg(test)]\nmod tests { use crate::client; }"),
        ""
    );
    for (file, source, sentence) in [
        ("flows/send.rs", "use crate::client::Client;", "flows::send imports client::Client"),
        ("flows/send/a.rs", "use crate::{wire, client};", "flows::send::a imports client"),
        ("flows/send.rs", "use super::start;", "flows::send imports flows::start"),
        ("wire/json.rs", "use super::Error;", "wire::json imports wire::Error"),
    ] {
        assert_eq!(said(file, source), format!("{sentence}, against the arrows of ARCHITECTURE.md."));
    }
    assert_eq!(
        said("client.rs", "use crate::engine::Engine;"),
        "The arrows of ARCHITECTURE.md lack engine::Engine, which client imports."
    );
    assert_eq!(
        said("engine.rs", "use crate::wire;"),
        "The arrows of ARCHITECTURE.md lack engine, which imports wire."
    );
}
