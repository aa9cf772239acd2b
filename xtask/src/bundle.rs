//! Turns Trunk's output into the shipped page: small files with names by content, and integrity that every engine
//! enforces.
//!
//! Trunk puts its integrity attributes on preloads, and all three engines booted a changed file in spite of
//! them. Engines enforce the `integrity` of a module script and of a `fetch`, so the glue and the wasm use
//! exactly those two.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, bail};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use sha2::{Digest as _, Sha256, Sha384};

use crate::page::{self, Tag};

mod minify;
mod policy;
mod shorten;
mod views;

/// The commands that the bundle is made with.
pub(crate) struct Tools {
    pub(crate) wasm_opt: Command,
    pub(crate) esbuild: Command,
    /// Prints the page's first views.
    pub(crate) prerender: Command,
}

/// Rewrites Trunk's output in place.
pub(crate) fn finish(folder: &Path, api: Option<&str>, tools: Tools) -> Result<()> {
    let Tools { wasm_opt, esbuild, prerender } = tools;
    let index = folder.join("index.html");
    let html = fs::read_to_string(&index).context("Trunk wrote no index.html.")?;
    let html = without_trunks_tags(&page::with_setting(&html, page::API, api)?);
    let html = views::put_into(&html, prerender)?;
    let (wasm, glue) = (only(folder, ".wasm")?, only(folder, ".js")?);
    shorten::names(&wasm, &glue, wasm_opt)?;
    let wasm = rename(&wasm, "_bg.wasm")?;
    let html = minify::files(folder, esbuild, &html, &start(&glue, &wasm), &glue)?;
    let glue = rename(&glue, ".js")?;
    let html = page::compact(&with_files(&html, &glue, &wasm)?);
    fs::write(&index, policy::put_into(&html)?).context("index.html cannot be written")
}

/// A shipped file: its name in the page and its integrity.
#[derive(Debug)]
struct Asset {
    name: String,
    integrity: String,
}

/// Renames a file after its content, so that it may be cached forever.
fn rename(file: &Path, ending: &str) -> Result<Asset> {
    let contents = fs::read(file).with_context(|| format!("{} cannot be read", file.display()))?;
    let mut hash = format!("{:x}", Sha256::digest(&contents));
    hash.truncate(16);
    let name = format!("{}-{hash}{ending}", stem(&file_name(file), ending));
    fs::rename(file, file.with_file_name(&name))?;
    Ok(Asset { name, integrity: format!("sha384-{}", BASE64_STANDARD.encode(Sha384::digest(&contents))) })
}

/// A file's name without its ending and without the hash that Trunk gave it.
fn stem<'a>(name: &'a str, ending: &str) -> &'a str {
    let name = name.strip_suffix(ending).unwrap_or(name);
    match name.rsplit_once('-') {
        Some((stem, hash)) if hash.len() >= 12 && hash.bytes().all(|b| b.is_ascii_hexdigit()) => stem,
        _ => name,
    }
}

/// The script that starts the app. It becomes one file with the glue, so that one `integrity` covers both and the
/// page's inline scripts are the same in every build.
fn start(glue: &Path, wasm: &Asset) -> String {
    let Asset { name, integrity } = wasm;
    // loader.js, which stands in index.html, says why a start failed. A policy may forbid it.
    format!(
        "import init from \"./{}\";
const wasm = new URL(\"{name}\", import.meta.url).href;
init({{ module_or_path: fetch(wasm, {{ integrity: \"{integrity}\" }}) }})
  .catch((error) => self.startFailed ? startFailed(wasm, error) : console.error(error));
",
        file_name(glue)
    )
}

/// The page without Trunk's preloads and its script that starts the app.
fn without_trunks_tags(html: &str) -> String {
    let is_trunks = |tag: &Tag<'_>| match tag.name.as_str() {
        "script" => tag.has("type", "module") && tag.attribute("src").is_none(),
        "link" => tag.has("rel", "modulepreload") || tag.has("rel", "preload") && tag.has("as", "fetch"),
        _ => false,
    };
    let tags = page::tags(html).into_iter().filter(is_trunks);
    page::replace(html, tags.map(|tag| (page::element(html, &tag), String::new())).collect())
}

fn with_files(html: &str, glue: &Asset, wasm: &Asset) -> Result<String> {
    let head = html.find("</head>").context("index.html has no </head>.")?;
    let tags = format!(
        "<link rel=\"preload\" href=\"./{}\" as=\"fetch\" type=\"application/wasm\" crossorigin><script type=\"module\" src=\"./{}\" integrity=\"{}\"></script>",
        wasm.name, glue.name, glue.integrity
    );
    Ok(page::replace(html, vec![(head..head, tags)]))
}

fn only(folder: &Path, ending: &str) -> Result<PathBuf> {
    match files(folder, ending)?.as_slice() {
        [file] => Ok(file.clone()),
        found => bail!("Trunk wrote {} files that end in {ending}; exactly one was expected.", found.len()),
    }
}

fn files(folder: &Path, ending: &str) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| format!("{} cannot be listed", folder.display()))? {
        let path = entry?.path();
        if file_name(&path).ends_with(ending) {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests;
