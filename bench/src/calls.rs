//! Many calls from pages without a view: what one costs, what happens when a token dies, and what is left in memory.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use e2e::browser::Browser;
use serde_json::{Value, json};

use crate::figures::Figures;
use crate::stage::{Contestant, PASSWORD, Stage, USERNAME, browser, command, wait_for, wipe};

/// A contestant's page, with `calls` in it.
struct Calls<'a> {
    browser: &'a Browser,
}

impl<'a> Calls<'a> {
    /// Opens the page anew and logs in.
    async fn signed_in(browser: &'a Browser, contestant: &Contestant) -> Result<Self> {
        wipe(browser, contestant).await?;
        browser.driver().goto(contestant.origin()).await?;
        let there = format!("location.origin === {} && !!window.calls", json!(contestant.origin()));
        wait_for(browser, &there, PAUSE).await?;
        let login = "await calls.login(args[0], args[1])";
        browser.run(login, json!([USERNAME, PASSWORD])).await.context("the login")?;
        Ok(Self { browser })
    }

    /// Makes `count` calls, `lanes` at the same time. Returns the milliseconds and how many failed.
    async fn run(&self, count: usize, lanes: usize) -> Result<(f64, usize)> {
        let script = "const begin = performance.now();
             const failed = await calls.run(args[0], args[1]);
             return [performance.now() - begin, failed];";
        let answer = self.browser.run(script, json!([count, lanes])).await?;
        serde_json::from_value(answer).context("the calls")
    }

    /// Makes the calls, and fails if one of them failed.
    async fn run_well(&self, count: usize, lanes: usize) -> Result<f64> {
        let (time, failed) = self.run(count, lanes).await?;
        ensure!(failed == 0, "{failed} of {count} calls failed");
        Ok(time)
    }

    /// A number of Chromium about the page.
    async fn metric(&self, name: &str) -> Result<f64> {
        let metrics = command(self.browser, "Performance.getMetrics", json!({})).await?;
        let metrics = metrics.get("metrics").and_then(Value::as_array).context("no metrics")?;
        let metric = metrics.iter().find(|metric| metric.get("name").is_some_and(|it| it == name));
        metric.and_then(|it| it.get("value")?.as_f64()).with_context(|| format!("no metric {name}"))
    }

    /// The bytes of the JS heap without garbage, and of the wasm memory.
    async fn memory(&self) -> Result<(f64, f64)> {
        command(self.browser, "HeapProfiler.collectGarbage", json!({})).await?;
        let heap = self.metric("JSHeapUsedSize").await?;
        let wasm = self.browser.run("return calls.memory?.buffer.byteLength ?? 0", Value::Null).await?;
        Ok((heap, wasm.as_f64().unwrap_or_default()))
    }
}

async fn measuring_browser() -> Result<Browser> {
    let browser = browser().await?;
    command(&browser, "Performance.enable", json!({})).await?;
    Ok(browser)
}

/// What one GET after the other costs on the main thread, and how long it takes.
pub(crate) async fn gets(stage: &Stage, runs: usize) -> Result<Figures> {
    let mut figures = Figures::default();
    let browser = measuring_browser().await?;
    for run in 1..=runs {
        eprintln!("  get: run {run} of {runs}");
        for contestant in &stage.contestants {
            let calls = Calls::signed_in(&browser, contestant).await?;
            calls.run_well(WARM_UP, 1).await?;
            let before = calls.metric("TaskDuration").await?;
            let time = calls.run_well(GETS, 1).await?;
            let spent = calls.metric("TaskDuration").await? - before;
            let mut add = |name, milliseconds| {
                figures.add(name, "ms", &contestant.name, milliseconds / GETS as f64);
            };
            add("main thread", spent * 1000.0);
            add("time", time);
        }
    }
    Ok(figures)
}

/// Many GETs at once, with a live token and then with a dead one.
pub(crate) async fn storm(stage: &Stage, runs: usize) -> Result<Figures> {
    let mut figures = Figures::default();
    let browser = browser().await?;
    for run in 1..=runs {
        eprintln!("  storm: run {run} of {runs}");
        for contestant in &stage.contestants {
            let name = &contestant.name;
            let calls = Calls::signed_in(&browser, contestant).await?;
            calls.run_well(WARM_UP, 1).await?;
            figures.add("time with a live token", "ms", name, calls.run_well(STORM, STORM).await?);
            if !contestant.refreshes() {
                continue;
            }
            stage.kill_tokens().await?;
            stage.front.reset();
            let (time, failed) = calls.run(STORM, STORM).await.with_context(|| name.clone())?;
            let counts = stage.front.counts();
            figures.add("time with a dead token", "ms", name, time);
            figures.count("requests", name, counts.requests());
            figures.count("preflights", name, counts.preflights());
            figures.count("refreshes", name, counts.refreshes());
            figures.count("failed", name, failed);
        }
    }
    Ok(figures)
}

/// What many GETs leave in memory. The front answers them, because the server would take an hour.
pub(crate) async fn growth(stage: &Stage) -> Result<Figures> {
    let mut figures = Figures::default();
    let browser = measuring_browser().await?;
    for contestant in &stage.contestants {
        eprintln!("  growth: {}", contestant.name);
        let calls = Calls::signed_in(&browser, contestant).await?;
        stage.front.repeat(true);
        calls.run_well(PORTION, LANES).await?;
        let (heap_before, wasm_before) = calls.memory().await?;
        for _ in 0..MANY / PORTION {
            calls.run_well(PORTION, LANES).await?;
        }
        let (heap, wasm) = calls.memory().await?;
        stage.front.repeat(false);
        let mut add = |name, bytes| figures.add(name, "bytes", &contestant.name, bytes);
        add("JS heap grew by", heap - heap_before);
        add("JS heap", heap);
        add("wasm memory grew by", wasm - wasm_before);
        add("wasm memory", wasm);
    }
    Ok(figures)
}

const WARM_UP: usize = 100;
const GETS: usize = 300;
const STORM: usize = 1_000;
const MANY: usize = 100_000;
/// A portion ends before WebDriver's deadline for a script.
const PORTION: usize = 5_000;
const LANES: usize = 5;
const PAUSE: Duration = Duration::from_millis(250);
