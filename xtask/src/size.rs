//! `cargo xtask size`: measures the bytes that a first visit downloads, for the table in README.md.

use std::{fs, path::Path};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use crate::{
    build::{self, Kind},
    cache::Cache,
    cli::{Args, Usage},
    node, process, project,
};

pub(crate) const HELP: &str = "\
cargo xtask size [--write | --check | --smallest]

Builds the pages and prints how many bytes a first visit downloads.

  --write      put the table into README.md, between <!-- size:begin --> and <!-- size:end -->
  --check      fail if README.md's total differs by more than 1 %, as `cargo xtask test` does
  --smallest   measure the pages of `cargo xtask build --smallest` (README.md's table is of the usual build)";

pub(crate) fn run(mut args: Args) -> Result<()> {
    let (write, check, kind) = (args.flag("--write"), args.flag("--check"), Kind::of(&mut args));
    args.finish()?;
    if [write, check, kind == Kind::Smallest].into_iter().filter(|given| *given).count() > 1 {
        return Err(Usage("Give one of --write, --check and --smallest.".to_owned()).into());
    }
    let dist = build::build(None, kind)?;
    let sizes = measure(&dist)?;
    let table = table(&sizes);
    println!("{table}");
    let readme = project::root().join("README.md");
    if write {
        let text = with_table(&project::read("README.md")?, &table)?;
        fs::write(&readme, text).context("README.md cannot be written.")?;
    }
    if check {
        compare(&project::read("README.md")?, total(&sizes).brotli)?;
        println!("README.md's total is right within 1 %.");
    }
    Ok(())
}

/// Fails if the pages in `dist` weigh something else than `readme` says.
pub(crate) fn check(dist: &Path, readme: &str) -> Result<()> {
    compare(readme, total(&measure(dist)?).brotli)
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Size {
    pub(crate) name: String,
    pub(crate) raw: u64,
    gzip: u64,
    pub(crate) brotli: u64,
}

/// Compresses with Node, because Node's zlib has brotli and the build needs Node anyway.
pub(crate) fn measure(dist: &Path) -> Result<Vec<Size>> {
    let node = node::find(&Cache::locate()?)?;
    let output = process::output(process::command(node.path).args(["-e", SCRIPT]).arg(dist))
        .context("The pages could not be compressed; run `cargo xtask build` and try again.")?;
    let files: Value = serde_json::from_str(&output)?;
    let files = files.as_array().context("Node printed no list.")?;
    let size = |(name, ending): (&str, &str)| {
        let mut sum = Size { name: name.to_owned(), ..Size::default() };
        for file in files.iter().filter(|file| file["name"].as_str().is_some_and(|n| n.ends_with(ending))) {
            sum.raw += file["raw"].as_u64().unwrap_or(0);
            sum.gzip += file["gzip"].as_u64().unwrap_or(0);
            sum.brotli += file["brotli"].as_u64().unwrap_or(0);
        }
        sum
    };
    let kinds = [("index.html", "index.html"), ("JavaScript", ".js"), ("wasm", ".wasm")];
    Ok(kinds.into_iter().map(size).collect())
}

pub(crate) fn total(sizes: &[Size]) -> Size {
    let sum = |part: fn(&Size) -> u64| sizes.iter().map(part).sum();
    Size { name: "total".to_owned(), raw: sum(|s| s.raw), gzip: sum(|s| s.gzip), brotli: sum(|s| s.brotli) }
}

fn table(sizes: &[Size]) -> String {
    let mut table =
        String::from("| first visit, bytes | raw | gzip 9 | brotli 11 |\n| --- | ---: | ---: | ---: |\n");
    for Size { name, raw, gzip, brotli } in sizes.iter().chain([&total(sizes)]) {
        let numbers = [raw, gzip, brotli].map(|number| grouped(*number)).join(" | ");
        table.push_str(&format!("| {name} | {numbers} |\n"));
    }
    table
}

/// A number with a comma between thousands.
pub(crate) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// The text before, between and after the markers.
fn around(readme: &str) -> Result<(&str, &str, &str)> {
    readme
        .split_once(BEGIN)
        .and_then(|(before, rest)| rest.split_once(END).map(|(table, after)| (before, table, after)))
        .with_context(|| format!("README.md has no {BEGIN} and {END}: add these two lines."))
}

fn with_table(readme: &str, table: &str) -> Result<String> {
    let (before, _, after) = around(readme)?;
    Ok(format!("{before}{BEGIN}\n{table}{END}{after}"))
}

fn compare(readme: &str, brotli: u64) -> Result<()> {
    let (_, table, _) = around(readme)?;
    let written = table
        .lines()
        .find(|line| line.starts_with("| total |"))
        .and_then(|line| line.split('|').nth(4))
        .and_then(|number| number.replace(',', "").trim().parse::<u64>().ok())
        .context("README.md's table has no total: run `cargo xtask size --write`.")?;
    if written.abs_diff(brotli) * 100 > written {
        bail!("README.md says {written} bytes, the build has {brotli}: run `cargo xtask size --write`.");
    }
    Ok(())
}

const BEGIN: &str = "<!-- size:begin -->";
const END: &str = "<!-- size:end -->";
const SCRIPT: &str = r#"
const fs = require("fs"), zlib = require("zlib"), dist = process.argv[1];
const measure = (name) => {
  const data = fs.readFileSync(dist + "/" + name);
  const brotli = zlib.brotliCompressSync(data, { params: { [zlib.constants.BROTLI_PARAM_QUALITY]: 11 } });
  return { name, raw: data.length, gzip: zlib.gzipSync(data, { level: 9 }).length, brotli: brotli.length };
};
console.log(JSON.stringify(fs.readdirSync(dist).filter((name) => /\.(html|js|wasm)$/.test(name)).map(measure)));
"#;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    fn sizes() -> Vec<Size> {
        vec![
            Size { name: "wasm".to_owned(), raw: 1_234_567, gzip: 999, brotli: 1000 },
            Size { name: "JavaScript".to_owned(), raw: 1, gzip: 1, brotli: 50 },
        ]
    }

    #[test]
    fn the_table_ends_with_its_total() {
        assert!(
            table(&sizes()).ends_with("| JavaScript | 1 | 1 | 50 |\n| total | 1,234,568 | 1,000 | 1,050 |\n")
        );
    }

    #[test]
    fn the_table_replaces_only_what_is_between_its_markers() {
        let readme = format!("before\n{BEGIN}\nold\n{END}\nafter\n");
        assert_eq!(with_table(&readme, "new\n").unwrap(), format!("before\n{BEGIN}\nnew\n{END}\nafter\n"));
        assert!(with_table("no markers", "new\n").is_err());
    }

    #[test]
    fn a_total_that_is_off_by_more_than_one_percent_fails() {
        let readme = with_table(&format!("{BEGIN}{END}"), &table(&sizes())).unwrap();
        for (brotli, fine) in [(1050, true), (1060, true), (1040, true), (1061, false), (1039, false)] {
            assert_eq!(compare(&readme, brotli).is_ok(), fine, "{brotli}");
        }
        assert!(compare(&format!("{BEGIN}{END}"), 1).is_err());
    }

    #[test]
    fn the_pages_in_a_folder_are_weighed_against_readme() {
        let dist = std::env::temp_dir().join(format!("xtask-size-{}", std::process::id()));
        fs::create_dir_all(&dist).unwrap();
        for (name, length) in [("index.html", 3_000_u32), ("app.js", 2_000), ("app_bg.wasm", 5_000)] {
            // Bytes that no compressor makes fewer.
            let bytes = (0..length).map(|at| (at.wrapping_mul(2_654_435_761) >> 13) as u8);
            fs::write(dist.join(name), bytes.collect::<Vec<_>>()).unwrap();
        }
        let sizes = measure(&dist).unwrap();
        let readme = |sizes: &[Size]| with_table(&format!("{BEGIN}{END}"), &table(sizes)).unwrap();
        let right = check(&dist, &readme(&sizes));
        let without_wasm = check(&dist, &readme(sizes.get(..2).unwrap()));
        fs::remove_dir_all(&dist).unwrap();
        right.unwrap();
        let error = without_wasm.unwrap_err().to_string();
        assert!(error.ends_with("run `cargo xtask size --write`."), "{error}");
    }
}
