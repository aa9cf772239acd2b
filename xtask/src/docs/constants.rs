//! Checks the table of constants in docs/protocol.md against the code.
//!
//! A value is a list of numbers: milliseconds, bytes or counts. The code's `(10, 100)` is the table's `10, 100 ms`.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, bail, ensure};

use super::{sources, table};
use crate::project;

const DOCUMENT: &str = "docs/protocol.md";
const HEADER: &str = "| constant | value | file | what it bounds |";
/// The table has every constant of these files and folders.
const COMPLETE: [&str; 5] =
    ["auth/src/engine.rs", "auth/src/engine", "auth/src/flows", "auth/src/ports", "auth/src/protocol"];

type Value = Vec<u64>;

#[derive(Debug)]
struct Row {
    name: String,
    /// The value as the table writes it.
    text: String,
    value: Value,
    file: String,
}

/// Checks the table, and the text's `NAME` (VALUE), against the code. `complete` has the texts of the files whose
/// constants must all be in the table; `read` gives any other file.
fn check(
    document: &str,
    complete: &BTreeMap<String, String>,
    read: impl Fn(&str) -> Result<String>,
) -> Result<()> {
    let rows = table(document, HEADER).map(row).collect::<Result<Vec<_>>>()?;
    ensure!(!rows.is_empty(), "{DOCUMENT} has no table `{HEADER}`.");
    for Row { name, text, value, file } in &rows {
        let source = match complete.get(file) {
            Some(source) => source.clone(),
            None => read(file).with_context(|| format!("{DOCUMENT} names the file {file}"))?,
        };
        match constants(&source).get(name) {
            None => bail!("{DOCUMENT} lists {name}, which is no number in {file}."),
            Some(found) if found == value => {}
            Some(found) => {
                let found: Vec<String> = found.iter().map(u64::to_string).collect();
                bail!(
                    "{DOCUMENT} says that {name} of {file} is {text}, and the code says {}.",
                    found.join(", ")
                )
            }
        }
    }
    for (file, source) in complete {
        for name in constants(source).keys() {
            let listed = rows.iter().any(|row| row.file == *file && row.name == *name);
            ensure!(listed, "The table of constants in {DOCUMENT} lacks {name} of {file}.");
        }
    }
    for (name, text) in mentions(document) {
        let mut known = rows.iter().filter(|row| row.name == name).peekable();
        let fits = known.peek().is_none() || known.any(|row| row.text == text);
        ensure!(fits, "{DOCUMENT} says {name} ({text}) in its text, and something else in its table.");
    }
    Ok(())
}

fn row(line: &str) -> Result<Row> {
    let read = || {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let [name, text, file, _meaning] = *cells else { return None };
        let code = |cell: &str| Some(cell.strip_prefix('`')?.strip_suffix('`')?.to_owned());
        let name = code(name)?.rsplit("::").next()?.to_owned();
        Some(Row { name, text: text.to_owned(), value: in_words(text)?, file: code(file)? })
    };
    read().with_context(|| {
        format!("The row `{line}` of {DOCUMENT} is not like | `NAME` | 10 s | `auth/src/file.rs` | what it bounds |.")
    })
}

/// `10 s`, `5`, or `10, 100 ms`.
fn in_words(text: &str) -> Option<Value> {
    let part = |part: &str| {
        let (number, unit) = part.trim().split_once(' ').unwrap_or((part.trim(), ""));
        let factor = match unit {
            "" | "ms" => 1,
            "s" => 1_000,
            "min" => 60_000,
            "KiB" => 1_024,
            "MiB" => 1_024 * 1_024,
            _ => return None,
        };
        number.parse::<u64>().ok()?.checked_mul(factor)
    };
    text.split(',').map(part).collect()
}

/// The constants of a source that are numbers, or tuples of numbers. Its tests do not count.
fn constants(source: &str) -> BTreeMap<String, Value> {
    let code = source.split("#[cfg(test)]\nmod ").next().unwrap_or_default();
    let written: BTreeMap<&str, &str> = code.lines().filter_map(constant).collect();
    let value = |(name, text): (&&str, &&str)| Some(((*name).to_owned(), evaluated(text, &written, 0)?));
    written.iter().filter_map(value).collect()
}

/// Name and expression of a line `const NAME: TYPE = EXPRESSION;`.
fn constant(line: &str) -> Option<(&str, &str)> {
    let (_visibility, rest) = line.trim_start().split_once("const ")?;
    let (name, rest) = rest.split_once(": ")?;
    let (_type, expression) = rest.split_once(" = ")?;
    let is_name = name.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'_');
    Some((name, expression.strip_suffix(';')?)).filter(|_| is_name)
}

/// Sums of products of numbers and of constants of the same file; lists of numbers. `depth` ends a circle of names.
fn evaluated(text: &str, names: &BTreeMap<&str, &str>, depth: u8) -> Option<Value> {
    if let Some(list) = text.strip_prefix('(') {
        return list.strip_suffix(')')?.split(", ").map(number).collect();
    }
    let factor = |text: &str| match names.get(text) {
        Some(named) if depth < 8 => match *evaluated(named, names, depth + 1)? {
            [value] => Some(value),
            _ => None,
        },
        _ => number(text),
    };
    let product = |text: &str| text.split(" * ").try_fold(1, |all: u64, next| all.checked_mul(factor(next)?));
    let sum = text.split(" + ").try_fold(0, |all: u64, next| all.checked_add(product(next)?))?;
    Some(vec![sum])
}

/// `10_000`, or a whole number as a float: `300.0`.
fn number(text: &str) -> Option<u64> {
    text.strip_suffix(".0").unwrap_or(text).replace('_', "").parse().ok()
}

/// Each `NAME` (VALUE) of the text whose value can be read.
fn mentions(document: &str) -> Vec<(String, String)> {
    let words = document.split_whitespace().collect::<Vec<_>>().join(" ");
    let parts: Vec<&str> = words.split("` (").collect();
    let mention = |(before, after): (&&str, &&str)| {
        let (name, text) = (before.rsplit('`').next()?, after.split(')').next()?);
        in_words(text).map(|_| (name.to_owned(), text.to_owned()))
    };
    parts.iter().zip(parts.iter().skip(1)).filter_map(mention).collect()
}

#[test]
fn the_protocols_constants_are_the_codes() {
    let document = project::read(DOCUMENT).unwrap();
    check(&document, &sources(&COMPLETE), project::read).unwrap_or_else(|error| panic!("{error:#}"));
}

#[test]
fn a_constant_is_a_number_a_sum_or_a_list_of_them() {
    let source = "
pub(crate) const DEADLINE: u32 = 10_000;
const SUM: u64 = DEADLINE + 2 * HALF;
const HALF: u32 = 1_500;
const LOOKS: (u32, u32) = (10, 100);
const JITTER: f64 = 300.0;
impl Bucket {
    const SIZE: u32 = 10;
}
const NAME: &str = \"name\";
const fn seven() -> u32 { 7 }
#[cfg(test)]
mod tests {
    const OF_A_TEST: u32 = 1;
}
";
    let wanted: [(&str, &[u64]); 6] = [
        ("DEADLINE", &[10_000]),
        ("HALF", &[1_500]),
        ("JITTER", &[300]),
        ("LOOKS", &[10, 100]),
        ("SIZE", &[10]),
        ("SUM", &[13_000]),
    ];
    assert_eq!(constants(source), wanted.map(|(name, value)| (name.to_owned(), value.to_vec())).into());
}

#[test]
fn a_value_has_a_unit_or_is_a_count() {
    for (text, value) in [
        ("3", vec![3]),
        ("250 ms", vec![250]),
        ("10 s", vec![10_000]),
        ("5 min", vec![300_000]),
        ("32 MiB", vec![33_554_432]),
        ("10, 100 ms", vec![10, 100]),
    ] {
        assert_eq!(in_words(text), Some(value), "{text}");
    }
    for text in ["", "s", "ten s", "1.6 s", "10 hours", "-1"] {
        assert_eq!(in_words(text), None, "{text}");
    }
}

#[test]
fn what_differs_is_said_in_one_sentence() {
    const ROW: &str = "| `WAIT` | 10 s | `a.rs` | a wait |";
    let checked = |lines: &[&str], source: &str| {
        let document = format!("{HEADER}\n| --- | --- | --- | --- |\n{}\n", lines.join("\n"));
        let sources = BTreeMap::from([("a.rs".to_owned(), source.to_owned())]);
        let unknown = |file: &str| bail!("{file} cannot be read.");
        check(&document, &sources, unknown).map_err(|error| format!("{error:#}")).err().unwrap_or_default()
    };
    let source = "const WAIT: u32 = 10_000;";
    assert_eq!(checked(&[ROW], source), "");
    assert_eq!(checked(&[ROW, "", "It waits for `WAIT` (10 s), `WAIT` (see below)."], source), "");
    for (lines, source, sentence) in [
        (
            &[ROW][..],
            "const WAIT: u32 = 9_000;",
            "docs/protocol.md says that WAIT of a.rs is 10 s, and the code says 9000.",
        ),
        (&[ROW][..], "", "docs/protocol.md lists WAIT, which is no number in a.rs."),
        (
            &[ROW][..],
            "const WAIT: u32 = 10_000;\nconst MORE: u32 = 1;",
            "The table of constants in docs/protocol.md lacks MORE of a.rs.",
        ),
        (
            &["| `WAIT` | long | `a.rs` | a wait |"][..],
            source,
            "The row `| `WAIT` | long | `a.rs` | a wait |` of docs/protocol.md is not like \
             | `NAME` | 10 s | `auth/src/file.rs` | what it bounds |.",
        ),
        (
            &["| `WAIT` | 10 s | `b.rs` | a wait |"][..],
            source,
            "docs/protocol.md names the file b.rs: b.rs cannot be read.",
        ),
        (&[][..], source, "docs/protocol.md has no table `| constant | value | file | what it bounds |`."),
        (
            &[ROW, "", "It waits for `WAIT` (9 s)."][..],
            source,
            "docs/protocol.md says WAIT (9 s) in its text, and something else in its table.",
        ),
    ] {
        assert_eq!(checked(lines, source), sentence);
    }
}
