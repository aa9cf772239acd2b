//! Requests to the server without the page: those of a thief or of another device of the owner, and
//! checks whether the server still accepts a token.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::server::{DEADLINE, Server};

/// Logs in as another device with the `User-Agent` `agent`. Returns the server's token answer.
pub async fn login(server: &Server, username: &str, password: &str, agent: &str) -> Result<Value> {
    let encoded = |text: &str| text.bytes().map(|byte| format!("%{byte:02x}")).collect::<String>();
    let body = format!("grant_type=password&username={}&password={}", encoded(username), encoded(password));
    let headers = format!("content-type: application/x-www-form-urlencoded\r\nuser-agent: {agent}\r\n");
    let (status, tokens) = ask(server, "POST", "/token", &headers, &body).await?;
    ensure!(status == 200, "the other device's login: {status} {tokens}");
    Ok(tokens)
}

/// Sends a refresh token, with the idempotency key if there is one. Returns status and body.
pub async fn refresh(server: &Server, refresh_token: &str, key: Option<&str>) -> Result<(u16, Value)> {
    let key = key.map(|key| format!("idempotency-key: {key}\r\n")).unwrap_or_default();
    let body = json!({"refresh_token": refresh_token}).to_string();
    ask(server, "POST", "/refresh", &format!("content-type: application/json\r\n{key}"), &body).await
}

/// Whether the server still accepts this access token.
pub async fn is_let_in(server: &Server, access_token: &str) -> Result<bool> {
    let header = format!("authorization: Bearer {access_token}\r\n");
    Ok(ask(server, "GET", "/protected-route", &header, "").await?.0 == 200)
}

/// Changes the password of this access token's user. Returns the status.
pub async fn change_password(server: &Server, access_token: &str, current: &str, new: &str) -> Result<u16> {
    let body = json!({"current_password": current, "new_password": new}).to_string();
    let headers = format!("content-type: application/json\r\nauthorization: Bearer {access_token}\r\n");
    Ok(ask(server, "POST", "/password", &headers, &body).await?.0)
}

async fn ask(server: &Server, method: &str, path: &str, headers: &str, body: &str) -> Result<(u16, Value)> {
    let address = server.address();
    let length = body.len();
    let request = format!(
        "{method} {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\
         content-length: {length}\r\n{headers}\r\n{body}"
    );
    let talk = async {
        let mut stream = TcpStream::connect(address).await?;
        stream.write_all(request.as_bytes()).await?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).await?;
        anyhow::Ok(answer)
    };
    let answer = timeout(DEADLINE, talk).await.context("the server does not answer")??;
    let (head, body) = answer.split_once("\r\n\r\n").context("an answer")?;
    let status = head.split(' ').nth(1).context("a status")?.parse()?;
    Ok((status, serde_json::from_str(body).unwrap_or_default()))
}
