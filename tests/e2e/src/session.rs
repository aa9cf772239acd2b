//! What a session leaves in storage, and what that is still worth at the server.
//!
//! A ledger, a vault and a tab that each look sound prove little: a scenario asks whether they tell of one
//! and the same session ([`ensure_kept`]), or of none at all ([`ensure_no_session`]).

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail, ensure};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::browser::Browser;
use crate::outsider;
use crate::proxy::{Entry, Log};
use crate::scene::Stored;
use crate::server::Server;

/// What the ledger says of a session.
#[derive(Clone, Debug, Deserialize)]
pub struct Row {
    /// Tells it from other logins.
    pub sid: String,
    /// Whose it is.
    pub sub: String,
    /// How often it was refreshed.
    pub generation: u32,
    /// Goes with the refresh token of this generation.
    pub key: String,
    /// How it ended, if it did.
    pub ended: Option<Ended>,
    /// An attempt that may be out.
    pub flight: Option<Value>,
    /// The refresh token, where it is not in `localStorage`.
    pub token: Option<String>,
}

/// How a session ended.
#[derive(Clone, Debug, Deserialize)]
pub struct Ended {
    /// Why.
    pub reason: String,
    /// Whether the server is still to be told.
    pub owed: bool,
}

/// A session that lives, as the current tab and the profile keep it; what a thief could take, too.
#[derive(Clone, Debug)]
pub struct Kept {
    /// The ledger's row.
    pub row: Row,
    /// The refresh token, wherever it lies.
    pub refresh: String,
    /// What the tab keeps for a reload. A tab that rested may be generations behind the row.
    pub access: Option<Access>,
}

/// The access token that a tab keeps.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Access {
    /// Its session.
    pub sid: String,
    /// The generation that it came with.
    pub generation: u32,
    /// The token itself.
    #[serde(rename = "access_token")]
    pub token: String,
}

impl Kept {
    /// The tab's access token, which it must have.
    pub fn access_token(&self) -> Result<&str> {
        Ok(&self.access.as_ref().context("the tab keeps no access token")?.token)
    }
}

impl Stored {
    /// The ledger's sessions, those that ended included; a row that means nothing is none.
    pub fn rows(&self) -> Vec<Row> {
        of_kind(&self.ledger, ":row:").collect()
    }

    /// The access token that the tab keeps, if it does; no more than one. Without one its record may note whose tab
    /// it is.
    pub fn access(&self) -> Result<Option<Access>> {
        let mut tab: Vec<_> = self.session.iter().filter(is_the_products).collect();
        let record = tab.pop().filter(|(_, text)| text.contains(r#""access_token""#));
        let access = record.map(|(_, text)| read(text).context("the tab's record cannot be read"));
        ensure!(tab.is_empty(), "the tab keeps more than one record");
        access.transpose()
    }

    /// The session that lives: the ledger names it, and it has not ended. That its parts belong together is
    /// checked, and that there is no token but its own.
    pub fn kept(&self) -> Result<Kept> {
        self.try_kept().with_context(|| format!("{self:#?}"))
    }

    fn try_kept(&self) -> Result<Kept> {
        let named: Vec<Named> = of_kind(&self.ledger, ":now").collect();
        let lives = |row: &Row| row.ended.is_none() && named.iter().any(|now| now.sid == row.sid);
        let (living, others): (Vec<_>, Vec<_>) = self.rows().into_iter().partition(lives);
        let [row] = <[Row; 1]>::try_from(living).map_err(|_| anyhow!("not one session that lives"))?;
        ensure!(others.iter().all(|row| row.token.is_none()), "another session's token is kept");
        ensure!(row.flight.is_none(), "an attempt is still under way");

        let vault: Vec<_> = self.local.iter().filter(is_the_products).collect();
        let refresh = match (&row.token, &*vault) {
            (Some(token), []) => token.clone(),
            (None, [(key, text)]) => {
                let entry: Refresh = read(text).context("the vault's entry cannot be read")?;
                let (sid, generation) = (&row.sid, row.generation);
                ensure!(key.ends_with(&format!(":refresh:{sid}:{generation}")), "not the row's entry: {key}");
                ensure!((&entry.sid, entry.generation) == (sid, generation), "not what its name says: {key}");
                entry.token
            }
            _ => bail!("the refresh token is not in one place"),
        };

        let access = self.access()?;
        ensure!(self.elsewhere.is_empty(), "more than that is kept");
        if let Some(access) = &access {
            ensure!(access.sid == row.sid, "the tab keeps another session's token");
            ensure!(access.generation <= row.generation, "the tab is ahead of the ledger");
        }
        Ok(Kept { row, refresh, access })
    }
}

#[derive(Deserialize)]
struct Named {
    sid: String,
}

#[derive(Deserialize)]
struct Refresh {
    sid: String,
    generation: u32,
    #[serde(rename = "refresh_token")]
    token: String,
}

/// The ledger's entries whose names contain this. What cannot be read is none.
fn of_kind<T: DeserializeOwned>(ledger: &BTreeMap<String, String>, part: &str) -> impl Iterator<Item = T> {
    ledger.iter().filter(move |(key, _)| key.contains(part)).filter_map(|(_, text)| read(text))
}

fn read<T: DeserializeOwned>(text: &str) -> Option<T> {
    serde_json::from_str(text).ok()
}

/// A test may keep things of its own beside it.
fn is_the_products((key, _): &(&String, &String)) -> bool {
    key.starts_with("yew-jwt-auth:")
}

/// The current tab and the profile keep one session, refreshed so often, and the server would take both
/// tokens: nobody holds what was spent or revoked.
pub async fn ensure_kept(browser: &Browser, server: &Server, generation: u32) -> Result<Kept> {
    let kept = Stored::of(browser).await?.kept()?;
    ensure!(kept.row.generation == generation, "not generation {generation}: {kept:#?}");
    ensure!(kept.access.as_ref().is_some_and(|access| access.generation == generation), "{kept:#?}");
    ensure!(outsider::is_let_in(server, kept.access_token()?).await?, "the access token is worth nothing");
    ensure!(server.would_take(&kept.refresh).await?, "the refresh token is worth nothing");
    Ok(kept)
}

/// Neither this tab's storage nor the profile's nor the ledger hold a token or a session that lives.
pub async fn ensure_no_session(browser: &Browser) -> Result<()> {
    let stored = Stored::of(browser).await?;
    ensure!(stored.is_empty(), "{stored:#?}");
    let over = |row: &Row| row.ended.is_some() && row.token.is_none();
    ensure!(stored.rows().iter().all(over), "{stored:#?}");
    Ok(())
}

/// The session's family at the server is over: neither of its tokens is taken although their time is not up.
pub async fn ensure_ended_at_server(server: &Server, kept: &Kept) -> Result<()> {
    ensure!(!outsider::is_let_in(server, kept.access_token()?).await?, "the family lives on");
    ensure!(!server.would_take(&kept.refresh).await?, "the refresh token is still good");
    Ok(())
}

/// The server never had to think that a token was stolen.
pub fn ensure_no_reuse(server: &Server) -> Result<()> {
    let events = server.reuse_events();
    ensure!(events.is_empty(), "{events:#?}");
    Ok(())
}

/// There was more than one refresh, and to the server all of them were the same attempt: one token, one key.
pub fn ensure_one_attempt(log: &Log) -> Result<()> {
    let sent = log.matching("POST", "/refresh");
    let [first, rest @ ..] = &*sent else { bail!("no attempt") };
    let same = |it: &Entry| {
        (&it.body_sha256, &it.idempotency_key_fingerprint)
            == (&first.body_sha256, &first.idempotency_key_fingerprint)
    };
    ensure!(!rest.is_empty() && first.idempotency_key_fingerprint.is_some(), "{sent:#?}");
    ensure!(rest.iter().all(same), "{sent:#?}");
    Ok(())
}

/// Waits until the time of the access token that the current tab keeps is up.
pub async fn wait_until_stale(browser: &Browser) -> Result<()> {
    browser.wait_for("the token's time is up", TIME_IS_UP, Value::Null, DEADLINE).await.map(drop)
}

const TIME_IS_UP: &str = "
    const record = JSON.parse(Object.values({...sessionStorage})[0]);
    return Date.now() - record.received > record.lifetime * 1000 + 20;
";

const DEADLINE: Duration = Duration::from_secs(20);
