//! Turns the compiled app into the shipped page: small files with names by content, and integrity that every engine
//! enforces.
//!
//! All three engines booted a changed file in spite of an `integrity` on its preload. They enforce that of a module script
//! and of a `fetch`, so the glue and the wasm use exactly those two.

use std::{fs, path::Path, process::Command};

use anyhow::{Context as _, Result};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use sha2::{Digest as _, Sha256, Sha384};

use crate::{app, page};

mod minify;
mod order;
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

/// Rewrites the files of `folder` in place.
pub(crate) fn finish(folder: &Path, api: Option<&str>, tools: Tools) -> Result<()> {
    let Tools { wasm_opt, esbuild, prerender } = tools;
    let index = folder.join("index.html");
    let html = fs::read_to_string(&index).context("There is no index.html.")?;
    let html = views::put_into(&page::with_setting(&html, page::API, api)?, prerender)?;
    let (wasm, glue) = (folder.join(app::WASM), folder.join(app::GLUE));
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
    let name = file_name(file);
    let name = format!("{}-{hash}{ending}", name.strip_suffix(ending).unwrap_or(&name));
    fs::rename(file, file.with_file_name(&name))?;
    Ok(Asset { name, integrity: format!("sha384-{}", BASE64_STANDARD.encode(Sha384::digest(&contents))) })
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

fn with_files(html: &str, glue: &Asset, wasm: &Asset) -> Result<String> {
    let head = html.find("</head>").context("index.html has no </head>.")?;
    let tags = format!(
        "<link rel=\"preload\" href=\"./{}\" as=\"fetch\" type=\"application/wasm\" crossorigin><script type=\"module\" src=\"./{}\" integrity=\"{}\"></script>",
        wasm.name, glue.name, glue.integrity
    );
    Ok(page::replace(html, vec![(head..head, tags)]))
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests;
