//! Third-party servers: the applications of tests/servers, which run on libraries from PyPI.

use std::ffi::OsString;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};

use crate::process::Group;
use crate::server::{DEADLINE, free_port};

/// A running application. It ends on drop.
#[derive(Debug)]
pub struct ThirdPartyServer {
    address: SocketAddr,
    process: Group,
}

/// What the application's own store holds.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq)]
pub struct Store {
    /// Sessions, tokens or (where the store has neither) users that can be used.
    pub live: u32,
    /// Those that were ended.
    pub ended: u32,
}

impl ThirdPartyServer {
    /// Starts the application `name` (`simple_jwt_app`), which pages of `origin` may call, and waits until it answers.
    /// With `cookies` it keeps refresh tokens in cookies.
    pub async fn start(name: &str, origin: &str, access_seconds: u32, cookies: bool) -> Result<Self> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, free_port()?));
        let mut arguments = vec![
            format!("{name}.py"),
            format!("--port={}", address.port()),
            format!("--allow-origin={origin}"),
            format!("--access-seconds={access_seconds}"),
        ];
        arguments.extend(cookies.then(|| "--cookies".to_owned()));
        let process = Group::spawn(python(), arguments, [], Some(folder()))?;
        let server = Self { address, process };
        let end = Instant::now() + DEADLINE;
        while server.store().await.is_err() {
            ensure!(Instant::now() < end, "{name} does not answer:\n{}", server.process.output());
            sleep(PAUSE).await;
        }
        Ok(server)
    }

    /// The address that the application listens on.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What its store holds.
    pub async fn store(&self) -> Result<Store> {
        serde_json::from_str(&self.ask("GET", "/_store").await?).context("the store")
    }

    /// Ends all sessions, as an administrator would.
    pub async fn end_all(&self) -> Result<()> {
        self.ask("POST", "/_store/end").await.map(drop)
    }

    /// Signs tokens with a new key from now on, and accepts no other.
    pub async fn rekey(&self) -> Result<()> {
        self.ask("POST", "/_store/rekey").await.map(drop)
    }

    /// Waits until the application no longer accepts this access token at `path`.
    pub async fn wait_until_refused(&self, path: &str, access_token: &str) -> Result<()> {
        let header = format!("authorization: Bearer {access_token}\r\n");
        let end = Instant::now() + DEADLINE;
        while is_success(&self.talk("GET", path, &header).await?) {
            ensure!(Instant::now() < end, "{path} still accepts the token");
            sleep(PAUSE).await;
        }
        Ok(())
    }

    async fn ask(&self, method: &str, path: &str) -> Result<String> {
        let answer = self.talk(method, path, "").await?;
        ensure!(is_success(&answer), "{method} {path}: {answer}");
        Ok(answer.split_once("\r\n\r\n").map(|(_, body)| body.to_owned()).unwrap_or_default())
    }

    async fn talk(&self, method: &str, path: &str, headers: &str) -> Result<String> {
        let request = format!(
            "{method} {path} HTTP/1.0\r\nhost: 127.0.0.1\r\ncontent-length: 0\r\nconnection: close\r\n{headers}\r\n"
        );
        let talk = async {
            let mut stream = TcpStream::connect(self.address).await?;
            stream.write_all(request.as_bytes()).await?;
            let mut answer = String::new();
            stream.read_to_string(&mut answer).await?;
            anyhow::Ok(answer)
        };
        timeout(DEADLINE, talk).await.context("the application does not answer")?
    }
}

/// Whether the answer's status is 2xx.
fn is_success(answer: &str) -> bool {
    answer.split(' ').nth(1).is_some_and(|status| status.starts_with('2'))
}

/// The Python interpreter with the packages of tests/servers.
fn python() -> OsString {
    std::env::var_os("E2E_SERVERS_PYTHON").unwrap_or_else(|| "python3".into())
}

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../servers")
}

const PAUSE: Duration = Duration::from_millis(100);
