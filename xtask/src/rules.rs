//! The protocol's rules as edits of the auth service's source. Each has a file in auth/tests/rules, which says what
//! the rule is and where its switch goes; docs/simulation.md shows how one is written.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    ops::Range,
};

use anyhow::{Context as _, Result, bail, ensure};

use crate::project;

/// Where the rule files are, below the checkout's folder.
pub(crate) const FOLDER: &str = "auth/tests/rules";

#[derive(Debug)]
pub(crate) struct Rule {
    pub(crate) name: String,
    /// What holds, and what happens when the rule is off.
    pub(crate) sentence: String,
    edits: Vec<Edit>,
}

/// The one place in `file` that reads `find` will read `put`.
#[derive(Debug, PartialEq, Eq)]
struct Edit {
    file: String,
    find: String,
    put: String,
}

/// The rules in the order of their files' names.
pub(crate) fn all() -> Result<Vec<Rule>> {
    let folder = project::root().join(FOLDER);
    let entries = fs::read_dir(&folder).with_context(|| format!("{FOLDER} cannot be read."))?;
    let mut paths: Vec<_> = entries.flatten().map(|entry| entry.path()).collect();
    paths.retain(|path| path.extension().is_some_and(|ending| ending == "rule"));
    paths.sort();
    let read = |path: &std::path::PathBuf| {
        let name = path.file_name().unwrap_or_default().display();
        let text = fs::read_to_string(path).with_context(|| format!("{FOLDER}/{name} cannot be read."))?;
        parse(&text).with_context(|| format!("{FOLDER}/{name} is no rule"))
    };
    let rules = paths.iter().map(read).collect::<Result<Vec<_>>>()?;
    check_names(&rules)?;
    Ok(rules)
}

fn parse(text: &str) -> Result<Rule> {
    let mut lines = text.lines();
    let name = lines.next().and_then(|line| line.strip_prefix("rule: "));
    let name = name.context("its first line is not `rule: NAME`")?;
    let sentence = lines.next().filter(|line| !line.is_empty());
    let sentence = sentence.context("its second line does not say what the rule is")?;
    let mut edits: Vec<(&str, Vec<&str>, Vec<&str>)> = Vec::new();
    let (mut file, mut before) = (None, "");
    for line in lines {
        let (mark, rest) = line.split_at_checked(1).unwrap_or_default();
        let text = rest.strip_prefix(' ').unwrap_or(rest);
        match (mark, edits.last_mut()) {
            ("", _) => {}
            ("-", Some((_, find, _))) if before == "-" => find.push(text),
            ("-", _) => {
                edits.push((file.context("no `file:` comes before its `-` lines")?, vec![text], vec![]))
            }
            ("+", Some((_, _, put))) if matches!(before, "-" | "+") => put.push(text),
            ("f", _) if line.starts_with("file: ") => file = line.strip_prefix("file: "),
            _ => {
                bail!("the line `{line}` is none of `file: PATH`, `- TEXT` and, after such a line, `+ TEXT`")
            }
        }
        before = mark;
    }
    ensure!(!edits.is_empty(), "it edits nothing");
    let edit = |(file, find, put): (&str, Vec<&str>, Vec<&str>)| {
        let edit = Edit { file: file.to_owned(), find: find.join("\n"), put: put.join("\n") };
        ensure!(!edit.find.trim().is_empty(), "an edit of {file} has nothing to find");
        ensure!(!edit.put.is_empty(), "nothing takes the place of `{}`", edit.find);
        Ok(edit)
    };
    let edits = edits.into_iter().map(edit).collect::<Result<_>>()?;
    Ok(Rule { name: name.to_owned(), sentence: sentence.to_owned(), edits })
}

/// Each rule has a name of its own and asks its switch; no edit asks a switch that no rule has.
fn check_names(rules: &[Rule]) -> Result<()> {
    let mut names = BTreeSet::new();
    for rule in rules {
        ensure!(names.insert(rule.name.as_str()), "Two files define the rule {}.", rule.name);
    }
    for rule in rules {
        let after = rule.edits.iter().flat_map(|edit| edit.put.split("switched_off(\"").skip(1));
        let asked: BTreeSet<&str> = after.filter_map(|text| text.split('"').next()).collect();
        if let Some(unknown) = asked.difference(&names).next() {
            bail!("The rule {} asks the switch of {unknown}, which is no rule.", rule.name);
        }
        let own = asked.contains(rule.name.as_str());
        ensure!(own, "The rule {0} never asks its switch, `crate::switched_off(\"{0}\")`.", rule.name);
    }
    Ok(())
}

type Place<'a> = (Range<usize>, &'a str, &'a str);

/// Makes every edit in `sources`, the texts by their paths below auth/. All edits are found in the text as it is, so
/// that no rule depends on another's.
pub(crate) fn apply(rules: &[Rule], sources: &mut BTreeMap<String, String>) -> Result<()> {
    // Of each file: which text, what takes its place, and which rule says so.
    let mut places: BTreeMap<&str, Vec<Place>> = BTreeMap::new();
    for (rule, edit) in rules.iter().flat_map(|rule| rule.edits.iter().map(move |edit| (rule, edit))) {
        let (name, file, find) = (&rule.name, &edit.file, &edit.find);
        let Some(source) = sources.get(file) else {
            bail!("The rule {name} edits auth/{file}, which does not exist.");
        };
        let starts: Vec<usize> = source.match_indices(find).map(|(at, _)| at).collect();
        match *starts {
            [at] => places.entry(file).or_default().push((at..at + find.len(), &edit.put, name)),
            [] => bail!("The rule {name} does not find `{find}` in auth/{file}."),
            _ => bail!("The rule {name} finds `{find}` {} times in auth/{file}.", starts.len()),
        }
    }
    for (file, mut places) in places {
        places.sort_by_key(|(range, ..)| range.start);
        for ((before, _, first), (after, _, second)) in places.iter().zip(places.iter().skip(1)) {
            ensure!(
                before.end <= after.start,
                "The rules {first} and {second} edit the same text in auth/{file}: put both switches into one edit."
            );
        }
        let Some(source) = sources.get_mut(file) else { continue };
        for (range, put, _) in places.into_iter().rev() {
            source.replace_range(range, put);
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
