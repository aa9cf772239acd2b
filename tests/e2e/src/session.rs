//! Reads a session's stored parts, and checks whether the server still accepts its tokens.
//!
//! A check of ledger, vault and tab one by one proves little. A scenario checks whether all of them hold
//! the same session ([`ensure_kept`]), or none of them holds one ([`ensure_no_session`]).

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

/// A session's row in the ledger.
#[derive(Clone, Debug, Deserialize)]
pub struct Row {
    /// The session's random id. Each login makes a new one.
    pub sid: String,
    /// The session's user.
    pub sub: String,
    /// How often the session was refreshed.
    pub generation: u32,
    /// The idempotency key that is sent with this generation's refresh token.
    pub key: String,
    /// How the session ended. `None` if it lives.
    pub ended: Option<Ended>,
    /// A refresh attempt that may be under way.
    pub flight: Option<Value>,
    /// The refresh token, if it is stored here instead of in `localStorage`.
    pub token: Option<String>,
}

/// How a session ended.
#[derive(Clone, Debug, Deserialize)]
pub struct Ended {
    /// The reason's name.
    pub reason: String,
}

/// A live session as it is stored in the current tab and the profile. A thief could take the same data.
#[derive(Clone, Debug)]
pub struct Kept {
    /// The ledger's row.
    pub row: Row,
    /// The refresh token, from the vault or from the row.
    pub refresh: String,
    /// The access token that the tab stores for a reload. Its generation may be older than the row's.
    pub access: Option<Access>,
}

/// The access token that a tab has stored.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Access {
    /// The token's session.
    pub sid: String,
    /// The token's generation.
    pub generation: u32,
    /// The token.
    #[serde(rename = "access_token")]
    pub token: String,
}

impl Kept {
    /// The tab's access token. Fails if there is none.
    pub fn access_token(&self) -> Result<&str> {
        Ok(&self.access.as_ref().context("the tab keeps no access token")?.token)
    }
}

impl Stored {
    /// The rows of the ledger's sessions, also of those that have ended. Skips unreadable rows.
    pub fn rows(&self) -> Vec<Row> {
        of_kind(&self.ledger, ":row:").collect()
    }

    /// The access token that the tab has stored, if there is one. Fails if there is more than one record.
    /// A record without an access token only notes the tab's user.
    pub fn access(&self) -> Result<Option<Access>> {
        let mut tab: Vec<_> = self.session.iter().filter(is_the_products).collect();
        let record = tab.pop().filter(|(_, text)| text.contains(r#""access_token""#));
        let access = record.map(|(_, text)| read(text).context("the tab's record cannot be read"));
        ensure!(tab.is_empty(), "the tab keeps more than one record");
        access.transpose()
    }

    /// The live session: the ledger's row `now` names it, and it has not ended. Fails if its parts do not
    /// belong together, or if another session's token is stored.
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

/// The ledger's readable entries whose keys contain `part`.
fn of_kind<T: DeserializeOwned>(ledger: &BTreeMap<String, String>, part: &str) -> impl Iterator<Item = T> {
    ledger.iter().filter(move |(key, _)| key.contains(part)).filter_map(|(_, text)| read(text))
}

fn read<T: DeserializeOwned>(text: &str) -> Option<T> {
    serde_json::from_str(text).ok()
}

/// Whether the product wrote the entry. A test may store entries of its own.
fn is_the_products((key, _): &(&String, &String)) -> bool {
    key.starts_with("yew-jwt-auth:")
}

/// Fails unless the current tab and the profile have stored one session of this generation, and the
/// server accepts both of its tokens.
pub async fn ensure_kept(browser: &Browser, server: &Server, generation: u32) -> Result<Kept> {
    let kept = Stored::of(browser).await?.kept()?;
    ensure!(kept.row.generation == generation, "not generation {generation}: {kept:#?}");
    ensure!(kept.access.as_ref().is_some_and(|access| access.generation == generation), "{kept:#?}");
    ensure!(outsider::is_let_in(server, kept.access_token()?).await?, "the access token is worth nothing");
    ensure!(server.would_take(&kept.refresh).await?, "the refresh token is worth nothing");
    Ok(kept)
}

/// Fails if the tab's storage, the profile's storage or the ledger holds a token or a live session.
pub async fn ensure_no_session(browser: &Browser) -> Result<()> {
    let stored = Stored::of(browser).await?;
    ensure!(stored.is_empty(), "{stored:#?}");
    let over = |row: &Row| row.ended.is_some() && row.token.is_none();
    ensure!(stored.rows().iter().all(over), "{stored:#?}");
    Ok(())
}

/// Fails unless the server has ended the session's family: it accepts neither of its unexpired tokens.
pub async fn ensure_ended_at_server(server: &Server, kept: &Kept) -> Result<()> {
    ensure!(!outsider::is_let_in(server, kept.access_token()?).await?, "the family lives on");
    ensure!(!server.would_take(&kept.refresh).await?, "the refresh token is still good");
    Ok(())
}

/// Fails if the server has reported the reuse of a refresh token.
pub fn ensure_no_reuse(server: &Server) -> Result<()> {
    let events = server.reuse_events();
    ensure!(events.is_empty(), "{events:#?}");
    Ok(())
}

/// Fails unless there was more than one refresh, all with the same token and the same key. To the server
/// they are one attempt.
pub fn ensure_one_attempt(log: &Log) -> Result<()> {
    let sent = log.matching("POST", "/refresh");
    // A question whether the server still takes the key is no attempt: it carries no token.
    let sent: Vec<Entry> = sent.into_iter().filter(|it| it.body_sha256 != EMPTY_OBJECT).collect();
    let [first, rest @ ..] = &*sent else { bail!("no attempt") };
    let same = |it: &Entry| {
        (&it.body_sha256, &it.idempotency_key_fingerprint)
            == (&first.body_sha256, &first.idempotency_key_fingerprint)
    };
    ensure!(!rest.is_empty() && first.idempotency_key_fingerprint.is_some(), "{sent:#?}");
    ensure!(rest.iter().all(same), "{sent:#?}");
    Ok(())
}

/// The SHA-256 of `{}`.
const EMPTY_OBJECT: &str = "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a";

/// Waits until the lifetime of the current tab's stored access token is over.
pub async fn wait_until_stale(browser: &Browser) -> Result<()> {
    browser.wait_for("the token's time is up", TIME_IS_UP, Value::Null, DEADLINE).await.map(drop)
}

const TIME_IS_UP: &str = "
    const record = JSON.parse(Object.entries(sessionStorage).find(([key]) => key.endsWith(':access'))[1]);
    return Date.now() - record.received > record.lifetime * 1000 + 20;
";

const DEADLINE: Duration = Duration::from_secs(20);
