//! The user's own sessions, as the server lists them and ends them (ASVS 7.5.2).
//!
//! The engine does not know this module: it makes requests as an application does, through [`Client::send`].

use crate::client::Client;
use crate::protocol::state::State;
use crate::wire::json::{Object, Raw};
use crate::wire::{Answer, Error, Method, Request};

/// One of the user's sessions.
///
/// What the server says of it is for people to read, and nothing depends on it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct OwnSession {
    /// Its name at the server: what [`Client::end_session`] takes.
    pub sid: String,
    /// What logged in, usually a `User-Agent`; 255 characters at most.
    pub device: Option<String>,
    /// When it began (RFC 3339).
    pub created_at: Option<String>,
    /// When it was used last (RFC 3339).
    pub last_used_at: Option<String>,
    /// Whether it is the session that asked.
    pub current: bool,
}

/// The most characters of a server's text that are kept.
const TEXT_LIMIT: usize = 255;

impl Client {
    /// The user's sessions, in the server's order: `GET` of the contract's `sessions`.
    ///
    /// A server that has nothing there answers 404 or 405, or in a way that the browser hides. That is
    /// [`Error::NotOffered`].
    pub async fn own_sessions(&self) -> Result<Vec<OwnSession>, Error> {
        read(&offered(self.ask_of_sessions(Method::Get, "").await?)?)
    }

    /// Ends one of the user's sessions by its [`sid`](OwnSession::sid), wherever it is used: `DELETE` of
    /// `{sessions}/{sid}`. One that is over already is no error.
    ///
    /// For the client's own session [`logout`](Self::logout) is better, because after `end_session` this tab
    /// shows the session until the server next refuses it.
    pub async fn end_session(&self, sid: &str) -> Result<(), Error> {
        if !is_name(sid) {
            return Err(Error::NotFound);
        }
        let answer = self.ask_of_sessions(Method::Delete, &["/", sid].concat()).await?;
        if answer.status == 404 {
            // The server lists sessions, because this name is from its list. So the 404 says that this one is over.
            return Ok(());
        }
        offered(answer).map(drop)
    }

    /// Ends all other sessions of the user's, then this one as [`logout`](Self::logout) does: `DELETE` of
    /// the contract's `sessions`.
    ///
    /// If the server did not confirm the end of the others, the error says why. This session then goes on,
    /// because a second try needs it.
    pub async fn logout_everywhere(&self) -> Result<(), Error> {
        offered(self.ask_of_sessions(Method::Delete, "").await?)?;
        self.logout();
        Ok(())
    }

    /// Whether the contract names a place where the user's sessions are listed.
    pub fn lists_sessions(&self) -> bool {
        self.contract().sessions.is_some()
    }

    fn is_degraded(&self) -> bool {
        matches!(self.state(), State::SignedIn { degraded: Some(_), .. })
    }

    async fn ask_of_sessions(&self, method: Method, below: &str) -> Result<Answer, Error> {
        let path = self.contract().sessions.as_ref().ok_or(Error::NotOffered)?;
        let request = Request { optional: true, ..Request::new(method, [path, below].concat()) };
        match self.send(&request).await {
            // The server can be reached as far as this page knows, so it is the list that cannot be read.
            Err(Error::Unreachable) if method == Method::Get && !self.is_degraded() => Err(Error::NotOffered),
            outcome => outcome,
        }
    }
}

fn offered(answer: Answer) -> Result<Answer, Error> {
    if matches!(answer.status, 404 | 405) { Err(Error::NotOffered) } else { answer.success() }
}

fn read(answer: &Answer) -> Result<Vec<OwnSession>, Error> {
    let read = |object: &Object<'_>| object.list("sessions")?.into_iter().map(read_one).collect();
    answer.read(read).ok_or(Error::Unintelligible)
}

/// A session without a name cannot be read; anything else that it lacks is unknown.
fn read_one(session: Raw<'_>) -> Option<OwnSession> {
    let session = session.object()?;
    Some(OwnSession {
        sid: session.text("sid").filter(|sid| is_name(sid))?,
        device: short_text(&session, "device"),
        created_at: short_text(&session, "created_at"),
        last_used_at: short_text(&session, "last_used_at"),
        current: session.flag("current") == Some(true),
    })
}

/// A text of the server's, cut at the limit.
fn short_text(session: &Object<'_>, name: &str) -> Option<String> {
    Some(session.text(name)?.chars().take(TEXT_LIMIT).collect())
}

/// Whether `sid` can be a segment of a path as it is: it has no character that means something there.
fn is_name(sid: &str) -> bool {
    (1..=TEXT_LIMIT).contains(&sid.len())
        && sid.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
}
