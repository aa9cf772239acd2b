//! How many logins, refreshes and verified requests a deployment answers in a second, and how long each takes.

use std::fmt;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use tokio::task::JoinSet;
use tokio::time::Instant;

use crate::connection::{Connection, Server};
use crate::requests::{self, Call, Session};
use crate::times::{milliseconds, percentile};

/// What is asked again and again.
#[derive(Debug, Clone, Copy)]
enum Operation {
    Login,
    Refresh,
    Verified,
}

impl Operation {
    fn request(self, session: &Session) -> Call {
        match self {
            Self::Login => requests::login(&session.user, "body"),
            // Each token is sent once, so it can name the attempt as well.
            Self::Refresh => requests::refresh(&session.refresh_token, &session.refresh_token),
            Self::Verified => requests::verified(session.access_token.as_deref().unwrap_or_default()),
        }
    }

    /// A login is long, so it takes more time until there are enough of them.
    fn window(self) -> Duration {
        Duration::from_secs(if matches!(self, Self::Login) { 8 } else { 4 })
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Login => "logins",
            Self::Refresh => "refreshes",
            Self::Verified => "verified requests",
        })
    }
}

/// Measures each operation. A refresh goes to another session each time, until all have had one, so that the sessions of
/// the whole table are asked for, and none is refreshed more often than the server allows.
pub(crate) async fn measure(server: &Server, sessions: Vec<Session>) -> Result<Value> {
    let mut lanes: Vec<Vec<Session>> = (0..CONNECTIONS).map(|_| Vec::new()).collect();
    for (at, session) in sessions.into_iter().enumerate() {
        lanes.get_mut(at % CONNECTIONS).context("no lane")?.push(session);
    }
    let logins = phase(server, Operation::Login, &mut lanes).await?;
    let refreshes = phase(server, Operation::Refresh, &mut lanes).await?;
    for lane in &mut lanes {
        lane.retain(|session| session.access_token.is_some());
    }
    let verified = phase(server, Operation::Verified, &mut lanes).await?;
    Ok(json!({"logins": logins, "refreshes": refreshes, "verified": verified}))
}

async fn phase(server: &Server, operation: Operation, lanes: &mut Vec<Vec<Session>>) -> Result<Value> {
    let mut connections = Vec::new();
    for _ in 0..lanes.len() {
        connections.push(server.connect().await?);
    }
    let begin = Instant::now() + WARM_UP;
    let window = (begin, begin + operation.window());
    let mut tasks: JoinSet<Lane> = connections
        .into_iter()
        .zip(std::mem::take(lanes))
        .map(|(connection, sessions)| drive(connection, sessions, operation, window))
        .collect();
    let (mut times, mut failures) = (Vec::new(), Vec::new());
    while let Some(lane) = tasks.join_next().await {
        let lane = lane?;
        times.extend(lane.times);
        failures.extend(lane.failures);
        lanes.push(lane.sessions);
    }
    if let Some(first) = failures.first() {
        let (failed, asked) = (failures.len(), failures.len() + times.len());
        bail!("{failed} of {asked} {operation} failed, one with {first}");
    }
    let rate = times.len() as f64 / operation.window().as_secs_f64();
    let answers = times.len();
    let mut time = |percent| {
        percentile(&mut times, percent).map(milliseconds).with_context(|| format!("no {operation} in time"))
    };
    Ok(json!({"answers": answers, "rate": rate, "p50": time(50)?, "p99": time(99)?}))
}

/// The work of one connection.
struct Lane {
    sessions: Vec<Session>,
    /// Of the answers that came in the window.
    times: Vec<Duration>,
    failures: Vec<String>,
}

async fn drive(
    mut connection: Connection,
    sessions: Vec<Session>,
    operation: Operation,
    (begin, end): (Instant, Instant),
) -> Lane {
    let mut lane = Lane { sessions, times: Vec::new(), failures: Vec::new() };
    while lane.failures.is_empty() && !lane.sessions.is_empty() {
        for session in &mut lane.sessions {
            let start = Instant::now();
            if start >= end {
                return lane;
            }
            match ask(&mut connection, session, operation).await {
                Ok(()) if (begin..end).contains(&Instant::now()) => lane.times.push(start.elapsed()),
                Ok(()) => {}
                Err(error) => {
                    lane.failures.push(format!("{error:#}"));
                    break;
                }
            }
        }
    }
    lane
}

async fn ask(connection: &mut Connection, session: &mut Session, operation: Operation) -> Result<()> {
    let answer = connection.ask(operation.request(session)?).await?;
    if matches!(operation, Operation::Refresh) {
        let tokens = requests::tokens(&answer)?;
        session.refresh_token = tokens.refresh_token.context("a refresh without a token")?;
        session.access_token = Some(tokens.access_token);
    }
    requests::expect_success(&answer)
}

const CONNECTIONS: usize = 16;
/// The servers open their connections, and the interpreters get warm.
const WARM_UP: Duration = Duration::from_secs(1);
