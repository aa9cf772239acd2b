//! From a saved edit to the page that shows it, with `cargo xtask serve`.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use e2e::process::Group;
use serde_json::json;

use crate::figures::Figures;
use crate::stage::{browser, wait_for};

/// Edits the page's source in a copy of the checkout, in which the program given by `serve` is started.
pub(crate) async fn measure(copy: &Path, port: u16, serve: &str, runs: usize) -> Result<Figures> {
    let mut figures = Figures::default();
    let source = copy.join(SOURCE);
    let original =
        std::fs::read_to_string(&source).with_context(|| format!("{} is missing", source.display()))?;
    ensure!(original.contains(TEXT), "{SOURCE} has no {TEXT}: name another text in bench/src/edit.rs");
    let port_text = port.to_string();
    // The page is not to need a server: it only shows its form.
    let arguments = ["serve", "--port", &port_text, "--api", "http://127.0.0.1:9"];
    // xtask takes the checkout from the first variable. The second keeps apart what the copy compiles, and keeps it for the
    // next run.
    let folders =
        [("CARGO_MANIFEST_DIR", copy.join("xtask")), ("CARGO_TARGET_DIR", copy.with_extension("target"))];
    let variables = folders.map(|(name, folder)| (name.to_owned(), folder.display().to_string()));
    eprintln!("  edit: the first build of the copy");
    let served = Group::spawn(serve, arguments, variables, Some(copy.to_owned()))?;
    served.line(FIRST_BUILD, |line| line.starts_with("Ready").then_some(())).await?;
    let browser = browser().await?;
    browser.driver().goto(format!("http://localhost:{port}")).await?;
    wait_for(&browser, "document.body?.innerText.includes('Log in')", PAUSE).await?;
    for run in 1..=runs {
        eprintln!("  edit: run {run} of {runs}");
        let text = format!("Log in, edit {run}");
        let begin = Instant::now();
        std::fs::write(&source, original.replace(TEXT, &format!("{{ \"{text}\" }}")))?;
        let shown = format!("document.body?.innerText.includes({})", json!(text));
        wait_for(&browser, &shown, PAUSE).await.with_context(|| served.output())?;
        figures.add("edit to reload", "s", "yew-jwt-auth", begin.elapsed().as_secs_f64());
    }
    Ok(figures)
}

const SOURCE: &str = "src/components/login_form.rs";
const TEXT: &str = "{ \"Log in\" }";
const FIRST_BUILD: Duration = Duration::from_secs(1_200);
const PAUSE: Duration = Duration::from_millis(20);
