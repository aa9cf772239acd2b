//! Many refreshes of one and the same token at once. Only one successor may come of them.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use e2e::deployment::USERNAME;
use serde_json::{Value, json};
use tokio::sync::Barrier;
use tokio::task::JoinSet;

use crate::connection::{Answer, Server};
use crate::requests::{self, Call, Tokens};

/// How the requests of a race tell who sends them.
#[derive(Debug, Clone, Copy)]
enum Race {
    /// Cookie custody: the session's key.
    Cookie,
    /// Storage custody: one attempt that is repeated.
    OneKey,
    /// Storage custody: as many attempts as requests, which the server takes for a theft.
    KeyEach,
}

impl Race {
    fn custody(self) -> &'static str {
        if matches!(self, Self::Cookie) { "cookie" } else { "body" }
    }

    fn name(self) -> &'static str {
        match self {
            Self::Cookie => "cookie custody",
            Self::OneKey => "storage custody, one attempt repeated",
            Self::KeyEach => "storage custody, each an attempt of its own",
        }
    }

    /// The statuses that the server may answer with.
    fn expected(self, requests: usize) -> Vec<u16> {
        let mut statuses = vec![200];
        if matches!(self, Self::KeyEach) {
            statuses.push(401);
        }
        // The loser of a race may be counted twice, and beyond the cap the server refuses.
        if 2 * requests > REFRESHES_AT_ONCE {
            statuses.push(429);
        }
        statuses
    }

    fn request(self, session: &Begun, at: usize) -> Call {
        let token = session.tokens.refresh_token.as_deref().unwrap_or_default();
        match self {
            Self::Cookie => {
                let key = session.tokens.session_key.as_deref().context("a login without a session's key")?;
                let cookie = session.cookie.as_deref().context("a login without a cookie")?;
                requests::refresh_by_cookie(&session.tokens.sid, key, cookie)
            }
            Self::OneKey => requests::refresh(token, token),
            Self::KeyEach => requests::refresh(token, &format!("{at:0>22}")),
        }
    }
}

/// A session after its login.
struct Begun {
    tokens: Tokens,
    cookie: Option<String>,
}

pub(crate) async fn run(server: &Server) -> Result<Value> {
    let mut races = Vec::new();
    for race in [Race::Cookie, Race::OneKey, Race::KeyEach] {
        for requests in [50, 200] {
            let outcome = start(server, race, requests).await;
            let (answers, successors) =
                outcome.with_context(|| format!("{requests} refreshes at once ({})", race.name()))?;
            races.push(json!({
                "race": race.name(), "requests": requests, "answers": answers, "successors": successors,
            }));
        }
    }
    Ok(Value::Array(races))
}

/// The number of answers with each status, and the number of successors.
async fn start(server: &Server, race: Race, requests: usize) -> Result<(BTreeMap<u16, usize>, usize)> {
    let mut connection = server.connect().await?;
    let answer = connection.ask(requests::login(USERNAME, race.custody())?).await?;
    let session = Begun { tokens: requests::tokens(&answer)?, cookie: answer.cookie };
    let barrier = Arc::new(Barrier::new(requests));
    let mut tasks = JoinSet::new();
    for at in 0..requests {
        let mut connection = server.connect().await?;
        let request = race.request(&session, at)?;
        let barrier = barrier.clone();
        tasks.spawn(async move {
            barrier.wait().await;
            connection.ask(request).await
        });
    }
    let mut answers = Vec::new();
    while let Some(answer) = tasks.join_next().await {
        answers.push(answer??);
    }
    judge(&answers, &race.expected(requests))
}

fn judge(answers: &[Answer], expected: &[u16]) -> Result<(BTreeMap<u16, usize>, usize)> {
    let mut statuses = BTreeMap::new();
    let mut successors = BTreeSet::new();
    for answer in answers {
        *statuses.entry(answer.status.as_u16()).or_default() += 1;
        if answer.status.is_success() {
            let token = requests::tokens(answer)?.refresh_token.or_else(|| answer.cookie.clone());
            successors.insert(token.context("a refresh without a token")?);
        }
    }
    let known = statuses.keys().all(|status| expected.contains(status));
    ensure!(known, "statuses other than {expected:?}: {statuses:?}");
    ensure!(successors.len() == 1, "{} successors instead of one: {statuses:?}", successors.len());
    Ok((statuses, successors.len()))
}

/// `REFRESH_BURST` of the reference server.
const REFRESHES_AT_ONCE: usize = 100;

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use hyper::StatusCode;

    use super::*;

    fn answer(status: u16, token: &str) -> Answer {
        let body = json!({"access_token": "a", "sid": "s", "refresh_token": token}).to_string();
        Answer { status: StatusCode::from_u16(status).unwrap(), cookie: None, body: Bytes::from(body) }
    }

    #[test]
    fn one_successor_in_several_answers_is_one() {
        let answers = [answer(200, "x"), answer(200, "x"), answer(429, "")];
        let (statuses, successors) = judge(&answers, &[200, 429]).unwrap();
        assert_eq!((statuses, successors), (BTreeMap::from([(200, 2), (429, 1)]), 1));
    }

    #[test]
    fn two_successors_none_and_an_unexpected_status_fail() {
        assert!(judge(&[answer(200, "x"), answer(200, "y")], &[200]).is_err());
        assert!(judge(&[answer(401, "")], &[200, 401]).is_err());
        assert!(judge(&[answer(200, "x"), answer(503, "")], &[200]).is_err());
    }

    #[test]
    fn a_refusal_for_too_many_is_expected_only_above_the_cap() {
        assert!(!Race::Cookie.expected(50).contains(&429));
        assert!(Race::Cookie.expected(200).contains(&429));
    }
}
