//! Builds everybody's pages, in the form in which a web server would send them.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};
use serde_json::{Value, json};

use crate::{
    app::{self, App},
    build::{self, Kind},
    cache::{self, Cache},
    deploy::pages::compress,
    node, page, process, project,
    report::progress,
    size,
};

/// The folders of the contestants' pages, a folder each.
#[derive(Debug)]
pub(crate) struct Pages {
    /// Pages with a view.
    pub(crate) whole: PathBuf,
    /// Pages that only make calls.
    pub(crate) calls: PathBuf,
}

/// Builds all pages below `folder`, with the API at the port.
pub(crate) fn build(folder: &Path, port: u16) -> Result<Pages> {
    let cache = &Cache::locate()?;
    let dist = &build::build(None, Kind::Release)?;
    let api = &format!("http://127.0.0.1:{port}");
    let pages = Pages { whole: folder.join("whole"), calls: folder.join("calls") };
    for place in [&pages.whole, &pages.calls] {
        cache::empty(place)?;
    }
    progress("Building the page that only makes calls");
    let stage = folder.join("stage");
    build::compile(cache, &CALLS, Kind::Release, &start(), &stage)?;
    put(cache, &stage, &pages.calls.join(OURS), api)?;
    put(cache, dist, &pages.whole.join(OURS), api)?;

    progress("Building the peers");
    let bundles = bundle(cache, folder)?;
    let html = project::read("bench/peers/index.html")?;
    for (kind, place) in [("pages", &pages.whole), ("calls", &pages.calls)] {
        for entry in fs::read_dir(bundles.join(kind))? {
            let script = entry?.path();
            cache::empty(&stage)?;
            let name = script.file_stem().unwrap_or_default();
            let file = script.file_name().unwrap_or_default();
            fs::copy(&script, stage.join(file))?;
            fs::write(stage.join("index.html"), html.replace("SCRIPT", &format!("./{}", file.display())))?;
            put(cache, &stage, &place.join(name), api)?;
        }
    }
    cache::remove(&stage)?;
    Ok(pages)
}

impl Pages {
    /// The bytes of each contestant's files, raw and compressed.
    pub(crate) fn bytes(&self) -> Result<Value> {
        let mut figures = Vec::new();
        for entry in fs::read_dir(&self.whole)? {
            let folder = entry?.path();
            let of = folder.file_name().unwrap_or_default().display().to_string();
            let mut sizes = size::measure(&folder)?;
            sizes.push(size::total(&sizes));
            for size in sizes {
                for (how, bytes) in [("brotli", size.brotli), ("raw", size.raw)] {
                    let name = format!("{} {how}", size.name);
                    figures.push(json!({"name": name, "unit": "bytes", "of": of, "values": [bytes]}));
                }
            }
        }
        Ok(Value::Array(figures))
    }
}

/// Copies a page, names the API in it, and compresses it.
fn put(cache: &Cache, from: &Path, to: &Path, api: &str) -> Result<()> {
    cache::empty(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        fs::copy(entry.path(), to.join(entry.file_name()))?;
    }
    let index = to.join("index.html");
    let html = fs::read_to_string(&index).with_context(|| format!("{} cannot be read", index.display()))?;
    fs::write(&index, page::with_setting(&html, page::API, Some(api))?)?;
    compress(cache, to)
}

/// Bundles each entry of bench/peers for production.
fn bundle(cache: &Cache, folder: &Path) -> Result<PathBuf> {
    let what = "React, axios and oidc-client-ts";
    let modules = node::packages(cache, "peers", "bench/peers", "react/package.json", what)?;
    let bundles = folder.join("bundles");
    cache::empty(&bundles)?;
    let sources = project::root().join("bench/peers");
    let mut esbuild = node::esbuild(cache)?;
    esbuild
        .args(["--bundle", "--minify", "--format=esm", "--jsx=automatic", "--target=es2020"])
        .args(["--define:process.env.NODE_ENV=\"production\"", "--log-level=warning"])
        .arg(format!("--outdir={}", bundles.display()))
        .env("NODE_PATH", modules)
        .current_dir(&sources);
    for kind in ["pages", "calls"] {
        for entry in fs::read_dir(sources.join(kind))? {
            esbuild.arg(entry?.path());
        }
    }
    process::run(&mut esbuild, "esbuild")?;
    Ok(bundles)
}

/// Starts [`CALLS`].
fn start() -> String {
    let (glue, wasm) = (app::GLUE, app::WASM);
    format!(
        "<script type=\"module\">import init from \"./{glue}\"; init({{ module_or_path: \"./{wasm}\" }});</script>"
    )
}

/// The page that only makes calls.
const CALLS: App = App { name: "bench-page", page: "bench/page/index.html" };
/// This project's name among the contestants.
pub(crate) const OURS: &str = "yew-jwt-auth";
