//! `stand --allow-origin ORIGIN [--port N]`: the real server with the fault proxy in front, for tests
//! that run inside a page. Prints one line of JSON when it is ready. Ends when its standard input
//! closes.

use std::net::TcpListener;

use anyhow::{Context, Result, bail};
use e2e::proxy::{Proxy, Route};
use e2e::server::{Options, Server};
use serde_json::json;
use tokio::io::AsyncReadExt;

#[tokio::main]
async fn main() -> Result<()> {
    let Arguments { origins, port } = arguments(std::env::args().skip(1))?;
    let mut server = Server::start(Options { cors_origins: origins, ..Options::default() }).await?;
    let password = std::env::var("E2E_PASSWORD").unwrap_or_else(|_| PASSWORD.to_owned());
    server.add_user(USERNAME, &password).await?;
    let routes = vec![Route::api(server.address())];
    let port = if TcpListener::bind(("127.0.0.1", port)).is_ok() { port } else { 0 };
    let proxy = Proxy::with_routes(port, routes).await?;

    let api = proxy.url();
    println!(
        "{}",
        json!({"api": api, "control": format!("{api}/__stand"), "username": USERNAME, "password": password})
    );

    // The reading ends when the parent process closes the pipe or ends.
    let mut ignored = Vec::new();
    tokio::io::stdin().read_to_end(&mut ignored).await?;
    server.kill()
}

struct Arguments {
    origins: Vec<String>,
    port: u16,
}

fn arguments(mut given: impl Iterator<Item = String>) -> Result<Arguments> {
    let mut arguments = Arguments { origins: Vec::new(), port: 8471 };
    while let Some(name) = given.next() {
        let value = given.next().with_context(|| format!("{name} needs a value; {USAGE}"))?;
        match name.as_str() {
            "--allow-origin" => arguments.origins.push(value),
            "--port" => arguments.port = value.parse().context(USAGE)?,
            _ => bail!("{name} is not known; {USAGE}"),
        }
    }
    if arguments.origins.is_empty() {
        bail!(USAGE);
    }
    Ok(arguments)
}

const USAGE: &str = "usage: stand --allow-origin ORIGIN [--allow-origin ORIGIN]… [--port N]";
const USERNAME: &str = "demo";
/// Contains every kind of character that an encoding could lose.
const PASSWORD: &str = "correct horse +&% 電池";
