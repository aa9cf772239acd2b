//! `load rates ORIGIN FILE`: logins, refreshes and verified requests of a deployment, by the live sessions in the file.
//! `load races ORIGIN`: many refreshes of one token at once. Both print one line of JSON, or one sentence on standard
//! error. `cargo xtask deploy --measure` starts them.

mod connection;
mod races;
mod rates;
mod requests;
mod times;

use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use serde_json::Value;

use crate::connection::Server;
use crate::requests::Session;

// One thread is enough for the client, and it leaves more of the machine to the servers.
#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match run(&arguments).await {
        Ok(result) => {
            println!("{result}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(arguments: &[String]) -> Result<Value> {
    match arguments {
        [command, origin, file] if command == "rates" => {
            let text = std::fs::read_to_string(file).with_context(|| format!("{file} cannot be read"))?;
            let sessions = text.lines().map(Session::read).collect::<Result<Vec<_>>>()?;
            rates::measure(&Server::at(origin)?, sessions).await
        }
        [command, origin] if command == "races" => races::run(&Server::at(origin)?).await,
        _ => bail!("usage: load rates ORIGIN FILE | load races ORIGIN"),
    }
}
