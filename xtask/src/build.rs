//! `cargo xtask build`: builds optimised pages for any static host, with the same bytes each time.

use std::{
    env,
    ffi::OsString,
    fs,
    path::{Path, PathBuf},
    time::Instant,
};

use anyhow::{Context as _, Result};

use crate::{
    app::{self, APP, App},
    bundle,
    cache::{self, Cache},
    cli::Args,
    crates, node, process, project,
    report::progress,
    tools,
};

mod panics;
mod smallest;

pub(crate) const HELP: &str = "\
cargo xtask build [--api URL] [--smallest]

Builds the optimised pages into dist/, ready for any static host and any path on it. Two builds of the same files on one
machine have the same bytes. Installs wasm-opt and esbuild from npm, and Node from PyPI if there is none.

  --api URL    the server that the page talks to (otherwise what index.html says)
  --smallest   compile the standard library with the app, for fewer bytes. Takes flags that Rust does not promise to keep,
               and the component rust-src. README.md has what it saves and costs

A failed build leaves the old dist/ as it was.";

pub(crate) fn run(mut args: Args) -> Result<()> {
    let (api, kind) = (args.api()?, Kind::of(&mut args));
    args.finish()?;
    let start = Instant::now();
    let dist = build(api.as_deref(), kind)?;
    println!("Built {} in {:.1} s.", dist.display(), start.elapsed().as_secs_f64());
    Ok(())
}

/// How the app is compiled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Release,
    /// With a standard library of its own ([`smallest`]).
    Smallest,
}

impl Kind {
    pub(crate) fn of(args: &mut Args) -> Self {
        if args.flag("--smallest") { Self::Smallest } else { Self::Release }
    }

    fn profile(self) -> &'static str {
        match self {
            Self::Release => "release",
            Self::Smallest => smallest::PROFILE,
        }
    }
}

/// Builds the pages and returns their folder.
pub(crate) fn build(api: Option<&str>, kind: Kind) -> Result<PathBuf> {
    let cache = Cache::locate()?;
    let esbuild = node::esbuild(&cache)?;
    let root = project::root();
    // On the same file system as dist/, so that a rename puts the pages in place.
    let stage = root.join("target/xtask/dist");
    compile(&cache, &APP, kind, "", &stage)?;
    progress("Rendering the first view");
    let mut prerender = tools::cargo();
    prerender.args(["run", "--quiet", "--locked", "--offline", "--features=ssr", "--bin=prerender", "--"]);
    let tools = bundle::Tools { wasm_opt: node::wasm_opt(&cache)?, esbuild, prerender };
    bundle::finish(&stage, api, tools)?;

    let dist = root.join("dist");
    replace(&stage, &dist)?;
    Ok(dist)
}

/// Compiles and optimises an app into the folder `stage`, which it empties first, with a page that `start` starts.
pub(crate) fn compile(cache: &Cache, app: &App, kind: Kind, start: &str, stage: &Path) -> Result<()> {
    tools::wasm_target()?;
    tools::fetch_crates()?;
    let mut cargo = app.cargo(kind.profile());
    if kind == Kind::Smallest {
        smallest::prepare()?;
        smallest::add_to(&mut cargo);
    }
    let wasm_bindgen = tools::wasm_bindgen(cache)?;
    let mut wasm_opt = node::wasm_opt(cache)?;
    cargo.env("CARGO_ENCODED_RUSTFLAGS", flags_without_machine_paths(&project::root())?);
    crates::compile(&mut cargo, "Compiling the app")?;
    cache::empty(stage)?;
    app.bind(&wasm_bindgen, kind.profile(), stage)?;
    progress("Optimising the wasm");
    let wasm = stage.join(app::WASM);
    if kind == Kind::Release {
        // The smallest build has neither words for panics nor their locations.
        fs::write(&wasm, panics::silenced(&fs::read(&wasm)?)?).context("The wasm cannot be written.")?;
    }
    wasm_opt.args(app::wasm_opt_arguments()?).arg("--output").args([&wasm, &wasm]);
    process::run(&mut wasm_opt, "wasm-opt")?;
    fs::write(stage.join("index.html"), app.page(start)?).context("index.html cannot be written.")
}

/// Compiler flags that keep this machine's folders out of the wasm, because folders differ between machines
/// and reveal details of them. No configuration file can hold the flags, because only this command knows the
/// folders.
fn flags_without_machine_paths(root: &Path) -> Result<OsString> {
    let home = env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| env::var_os("HOME").map(|home| Path::new(&home).join(".cargo")))
        .context("Neither CARGO_HOME nor HOME is set.")?;
    // The registry's folder too, because its name contains a host, which may be a mirror's.
    let registries = fs::read_dir(home.join("registry/src")).into_iter().flatten().flatten();
    let registries = registries.map(|entry| (entry.path(), "cargo/registry"));
    let mut flags = OsString::new();
    // rustc applies the last flag that matches. So the workspace comes last: it may be inside one of the
    // other folders, or contain them.
    let toolchain = tools::std_sources()?;
    for (from, to) in std::iter::once((home.clone(), "cargo"))
        .chain(registries)
        .chain([(toolchain, "rust"), (PathBuf::from(root), "app")])
    {
        for from in [from.canonicalize().unwrap_or_else(|_| from.clone()), from] {
            if !flags.is_empty() {
                flags.push("\u{1f}");
            }
            flags.push("--remap-path-prefix=");
            flags.push(from);
            flags.push("=/");
            flags.push(to);
        }
    }
    Ok(flags)
}

/// Replaces `dist` by `stage`. `dist` is complete at every moment at which it exists.
pub(crate) fn replace(stage: &Path, dist: &Path) -> Result<()> {
    let old = stage.with_extension("old");
    cache::remove(&old)?;
    if dist.exists() {
        fs::rename(dist, &old).with_context(|| format!("{} cannot be replaced", dist.display()))?;
    }
    fs::rename(stage, dist).with_context(|| format!("{} cannot be put in place", dist.display()))?;
    cache::remove(&old)
}
