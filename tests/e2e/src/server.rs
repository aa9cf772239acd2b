//! The real reference server, as a process of its own for each test that needs one.

use std::ffi::OsString;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::process::Command;
use tokio::time::timeout;

use crate::process::Group;
use crate::temp::TempDir;

/// A server's start options. The default suits most scenarios.
#[derive(Clone, Debug)]
pub struct Options {
    /// Origins whose pages may call the server.
    pub cors_origins: Vec<String>,
    /// An access token's lifetime in seconds.
    pub access_token_seconds: u32,
    /// How a repeated refresh token is treated.
    pub rotation: Rotation,
    /// Further settings as environment variables, such as `("AUTH_REFRESH_IDLE_SECONDS", "2")`.
    pub variables: Vec<(String, String)>,
    /// The port; 0 means any free one.
    pub port: u16,
}

impl Options {
    /// The default options, with calls from pages of this origin allowed.
    pub fn allow(origin: impl Into<String>) -> Self {
        Self { cors_origins: vec![origin.into()], ..Self::default() }
    }

    /// Sets the access tokens' lifetime. The server adds no leeway to it.
    pub fn access_token_seconds(self, seconds: u32) -> Self {
        Self { access_token_seconds: seconds, ..self }
    }
}

impl Default for Options {
    fn default() -> Self {
        Self {
            cors_origins: Vec::new(),
            access_token_seconds: 300,
            rotation: Rotation::Idempotent,
            variables: Vec::new(),
            port: 0,
        }
    }
}

/// How `/refresh` treats a spent token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rotation {
    /// The same token with the same key gets the same successor.
    Idempotent,
    /// The second use ends the family.
    Strict,
}

/// A running server with its own database.
#[derive(Debug)]
pub struct Server {
    options: Options,
    address: SocketAddr,
    /// `None` between [`Server::kill`] and [`Server::restart`].
    process: Option<Group>,
    directory: TempDir,
}

impl Server {
    /// Starts a server with an empty database.
    pub async fn start(options: Options) -> Result<Self> {
        let directory = TempDir::new("e2e-server")?;
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, options.port));
        let mut server = Self { options, address, process: None, directory };
        server.restart().await?;
        Ok(server)
    }

    /// The address that the server listens on. A restart keeps it.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The server's base URL without a trailing slash.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The server's SQLite file.
    pub fn database(&self) -> PathBuf {
        self.directory.path().join("auth.db")
    }

    /// The server's output since the last start.
    pub fn output(&self) -> String {
        self.process.as_ref().map(Group::output).unwrap_or_default()
    }

    /// The log lines since the last start that report the second use of a refresh token. A correct client
    /// causes none.
    pub fn reuse_events(&self) -> Vec<String> {
        let suspicious = ["was used again", "was repeated after its successor was spent"];
        let output = self.output();
        let events = output.lines().filter(|line| suspicious.iter().any(|part| line.contains(part)));
        events.map(str::to_owned).collect()
    }

    /// Whether the server would accept this refresh token: it is unspent, and its family has not ended.
    /// Reads the server's database, because a request with the token would spend it.
    pub async fn would_take(&self, refresh_token: &str) -> Result<bool> {
        let mut command = Command::new(python());
        command.args(["-c", WOULD_TAKE]).arg(self.database()).arg(refresh_token).stdin(Stdio::null());
        let output = timeout(DEADLINE, command.kill_on_drop(true).output())
            .await
            .context("the look takes too long")??;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Ok(output.stdout.starts_with(b"1"))
    }

    /// The start options. Changes take effect at the next [`Server::restart`].
    pub fn options_mut(&mut self) -> &mut Options {
        &mut self.options
    }

    /// Adds a user with the server's own command.
    pub async fn add_user(&self, name: &str, password: &str) -> Result<()> {
        self.manage(&["add", name], Some(password)).await
    }

    /// Disables a user with the server's own command.
    pub async fn disable_user(&self, name: &str) -> Result<()> {
        self.manage(&["disable", name], None).await
    }

    async fn manage(&self, arguments: &[&str], password: Option<&str>) -> Result<()> {
        let mut command = Command::new(python());
        command.args(["-m", "app.users"]).args(arguments).current_dir(backend()).envs(self.variables());
        command.stdin(Stdio::null()).kill_on_drop(true);
        if let Some(password) = password {
            command.env("AUTH_USER_PASSWORD", password);
        }
        let output =
            timeout(DEADLINE, command.output()).await.context("the user command takes too long")??;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        Ok(())
    }

    /// Kills the server at once, as a power cut would.
    pub fn kill(&mut self) -> Result<()> {
        self.process.take().map_or(Ok(()), |mut process| process.kill())
    }

    /// Starts the server again with the same database and port. Ends it first if it runs.
    pub async fn restart(&mut self) -> Result<()> {
        self.process = None;
        let port = self.address.port().to_string();
        let arguments = ["-m", "app", "--host", "127.0.0.1", "--port", &port];
        let process = Group::spawn(python(), arguments, self.variables(), Some(backend()))?;
        let port =
            process.line(DEADLINE, |line| line.rsplit_once("Listening on http://127.0.0.1:")?.1.parse().ok());
        self.address.set_port(port.await?);
        // The server listens before it serves. A connection waits until it serves, so one request suffices.
        let healthy = timeout(DEADLINE, healthy(self.address)).await;
        ensure!(matches!(healthy, Ok(Ok(true))), "the server is not healthy:\n{}", process.output());
        self.process = Some(process);
        Ok(())
    }

    fn variables(&self) -> Vec<(String, String)> {
        let rotation = match self.options.rotation {
            Rotation::Idempotent => "idempotent",
            Rotation::Strict => "strict",
        };
        let own = [
            ("AUTH_DATABASE_URL", format!("sqlite:///{}", self.database().display())),
            ("AUTH_CORS_ORIGINS", self.options.cors_origins.join(",")),
            ("AUTH_ACCESS_TOKEN_SECONDS", self.options.access_token_seconds.to_string()),
            ("AUTH_LEEWAY_SECONDS", "0".to_owned()),
            ("AUTH_ROTATION", rotation.to_owned()),
            // A cheap hash: a login takes 10 ms instead of 100. The backend's own tests check the real cost.
            ("AUTH_ARGON2_MEMORY_KIB", "64".to_owned()),
            ("AUTH_ARGON2_TIME_COST", "1".to_owned()),
            ("AUTH_ARGON2_PARALLELISM", "1".to_owned()),
            ("PYTHONDONTWRITEBYTECODE", "1".to_owned()),
        ];
        let own = own.into_iter().map(|(name, value)| (name.to_owned(), value));
        own.chain(self.options.variables.iter().cloned()).collect()
    }
}

async fn healthy(address: SocketAddr) -> Result<bool> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(b"GET /health HTTP/1.1\r\nhost: 127.0.0.1\r\nconnection: close\r\n\r\n").await?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await?;
    Ok(answer.starts_with("HTTP/1.1 200"))
}

/// A port that was free a moment ago, for a program that cannot choose a free port itself.
pub(crate) fn free_port() -> Result<u16> {
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

/// The Python interpreter with the server's dependencies.
fn python() -> OsString {
    std::env::var_os("E2E_PYTHON").unwrap_or_else(|| "python3".into())
}

fn backend() -> PathBuf {
    std::env::var_os("E2E_BACKEND")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../backend"), PathBuf::from)
}

/// Looks the token up by its SHA-256, because the server stores only that.
const WOULD_TAKE: &str = "
import hashlib, sqlite3, sys
rows = sqlite3.connect(sys.argv[1]).execute(
    'SELECT count(*) FROM refresh_tokens JOIN families USING (sid)'
    ' WHERE hash = ? AND spent_at IS NULL AND ended_at IS NULL',
    [hashlib.sha256(sys.argv[2].encode()).digest()],
)
print(rows.fetchone()[0])
";

/// Python starts slowly on a loaded machine.
pub(crate) const DEADLINE: Duration = Duration::from_secs(60);
