//! `bench PART RUNS FOLDER PORT`: measures one part with the pages in the folder, whose files name the API at the port, and
//! prints its figures as one line of JSON, or one sentence on standard error. The part `edit` takes a copy of the checkout
//! as its folder, the page's port, and the program that serves the copy. `cargo xtask bench` starts it.

mod calls;
mod edit;
mod figures;
mod front;
mod stage;
mod start;
mod tabs;

use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};

use crate::figures::Figures;
use crate::stage::Stage;

#[tokio::main(flavor = "multi_thread")]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments).await {
        Ok(figures) => {
            println!("{}", serde_json::json!(figures));
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: &[String]) -> Result<Figures> {
    let [part, runs, folder, port, rest @ ..] = arguments else { bail!(USAGE) };
    let (folder, runs) = (Path::new(folder), runs.parse().context(USAGE)?);
    let port = port.parse().context(USAGE)?;
    match (part.as_str(), rest) {
        ("start", []) => start::measure(&Stage::start(folder, port).await?, runs).await,
        ("get", []) => calls::gets(&Stage::start(folder, port).await?, runs).await,
        ("storm", []) => calls::storm(&Stage::start(folder, port).await?, runs).await,
        ("growth", []) => calls::growth(&Stage::start(folder, port).await?).await,
        ("tabs", []) => tabs::measure(&Stage::start(folder, port).await?, runs).await,
        ("edit", [serve]) => edit::measure(folder, port, serve, runs).await,
        _ => bail!(USAGE),
    }
}

const USAGE: &str =
    "usage: bench start|get|storm|growth|tabs RUNS FOLDER PORT | bench edit RUNS COPY PORT PROGRAM";
