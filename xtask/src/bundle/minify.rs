//! Makes scripts and styles small with esbuild, which writes the same bytes in each run.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result};

use super::file_name;
use crate::{page, process};

/// Replaces the glue by one script of `start` and all that it imports, in place. Returns the page with small scripts and
/// styles.
pub(super) fn files(
    folder: &Path,
    mut esbuild: Command,
    html: &str,
    start: &str,
    glue: &Path,
) -> Result<String> {
    let write = |name: String, text: &str| -> Result<PathBuf> {
        let path = folder.join(name);
        fs::write(&path, text).with_context(|| format!("{} cannot be written", path.display()))?;
        Ok(path)
    };
    let start = write("start.js".to_owned(), start)?;
    let ranges = [("script", "js"), ("style", "css")]
        .into_iter()
        .flat_map(|(kind, ending)| page::inline(html, kind).into_iter().map(move |range| (range, ending)));
    let inline = ranges.enumerate().map(|(at, (range, ending))| {
        let text = html.get(range.clone()).unwrap_or_default();
        Ok((range, write(format!("inline-{at}.{ending}"), text)?))
    });
    let inline = inline.collect::<Result<Vec<_>>>()?;
    esbuild
        .args(["--bundle", "--minify", "--format=esm", "--log-level=warning"])
        // An inline script tells visitors that their browser is too old, so it must run there. Browsers with import.meta,
        // which the glue needs, are newer.
        .args(["--target=es2017", "--supported:import-meta=true"])
        .args(["--outdir=.", "--allow-overwrite"])
        .args(inline.iter().map(|(_, path)| path).chain([&start]).map(|path| file_name(path)))
        .current_dir(folder);
    process::run(&mut esbuild, "esbuild")?;
    fs::rename(&start, glue)?;
    // What the glue imported is a part of it now.
    crate::cache::remove(&folder.join("snippets"))?;
    let small = inline.into_iter().map(|(range, path)| {
        let text = fs::read_to_string(&path)?;
        fs::remove_file(&path)?;
        Ok((range, text.trim_end().to_owned()))
    });
    Ok(page::replace(html, small.collect::<Result<Vec<_>>>()?))
}
