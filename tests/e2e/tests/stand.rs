//! Tests the stand that tests inside a page use, and the server behind it.

use std::net::{SocketAddr, TcpStream};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use e2e::server::{Options, Server};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::Command;
use tokio::time::timeout;

const DEADLINE: Duration = Duration::from_secs(60);
const LOGIN: &str = "username=demo&password=caf%C3%A9+%2B%26%25";

#[tokio::test]
async fn the_stand_says_where_it_is_and_ends_with_its_input() -> Result<()> {
    let mut stand = Command::new(env!("CARGO_BIN_EXE_stand"))
        .args(["--allow-origin", "http://page.test", "--port", "0"])
        .env("E2E_PASSWORD", "café +&%")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()?;
    let mut lines = BufReader::new(stand.stdout.take().context("its output")?).lines();
    let line = timeout(DEADLINE, lines.next_line()).await??.context("a line")?;
    let ready: Value = serde_json::from_str(&line)?;
    let api = ready["api"].as_str().context("an address")?.to_owned();
    ensure!(ready["control"] == format!("{api}/__stand"), "{ready}");
    ensure!((&ready["username"], &ready["password"]) == (&"demo".into(), &"café +&%".into()), "{ready}");

    let address: SocketAddr = api.trim_start_matches("http://").parse()?;
    let answer = post(address, "/token", LOGIN).await?;
    ensure!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    ensure!(answer.contains("access-control-allow-origin: http://page.test\r\n"), "{answer}");
    let answer = post(address, "/__stand/release", "").await?;
    ensure!(answer.starts_with("HTTP/1.1 204"), "{answer}");

    drop(stand.stdin.take());
    ensure!(timeout(DEADLINE, stand.wait()).await??.success());
    ensure!(TcpStream::connect(address).is_err(), "nobody is there any more");
    Ok(())
}

#[tokio::test]
async fn a_killed_server_comes_back_at_its_place_with_its_users() -> Result<()> {
    let mut server = Server::start(Options::allow("http://page.test")).await?;
    server.add_user("demo", "café +&%").await?;
    let address = server.address();
    server.kill()?;
    ensure!(TcpStream::connect(address).is_err(), "nobody is there");
    server.restart().await?;
    ensure!(server.address() == address);
    ensure!(post(address, "/token", LOGIN).await?.starts_with("HTTP/1.1 200"));
    server.disable_user("demo").await?;
    ensure!(post(address, "/token", LOGIN).await?.starts_with("HTTP/1.1 401"));
    drop(server);
    ensure!(TcpStream::connect(address).is_err(), "nobody is there any more");
    Ok(())
}

async fn post(address: SocketAddr, path: &str, form: &str) -> Result<String> {
    let mut stream = tokio::net::TcpStream::connect(address).await?;
    let length = form.len();
    let request = format!(
        "POST {path} HTTP/1.1\r\nhost: {address}\r\norigin: http://page.test\r\nconnection: close\r\n\
         content-type: application/x-www-form-urlencoded\r\ncontent-length: {length}\r\n\r\n{form}"
    );
    stream.write_all(request.as_bytes()).await?;
    let mut answer = String::new();
    timeout(DEADLINE, stream.read_to_string(&mut answer)).await??;
    Ok(answer)
}
