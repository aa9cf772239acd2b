//! What this tab keeps over a reload: its access token, and whose page it is.

use std::rc::Rc;

use crate::custody::AccessCustody;
use crate::platform::{Area, Instant, Platform};
use crate::ports::scope::Scope;
use crate::ports::vault::erase;
use crate::protocol::ids::{Sid, User};
use crate::protocol::rows::is_newer;
use crate::protocol::session::{Access, Kept, Session};
use crate::wire::AccessToken;
use crate::wire::json::{Object, Writer};

/// The version of the records that this build reads and writes.
const VERSION: u32 = 2;

pub(crate) struct TabStorage {
    platform: Rc<dyn Platform>,
    custody: AccessCustody,
    /// The address that its records belong to. A record of an earlier build has none.
    base: String,
    name: String,
    /// Where this version's record lies while a newer build's lies at the name.
    beside: String,
}

impl TabStorage {
    pub(crate) fn new(platform: Rc<dyn Platform>, scope: &Scope, custody: AccessCustody) -> Self {
        let (name, beside) = (scope.name("access"), scope.name("access:v2"));
        Self { platform, custody, base: scope.address().to_owned(), name, beside }
    }

    /// The access token that this tab kept over a reload. What cannot be read goes.
    pub(crate) fn kept(&self) -> Option<Kept> {
        if self.custody == AccessCustody::Memory {
            return None;
        }
        let text = self.read()?;
        let found = read_kept(&text, self.platform.now());
        if found.is_none() && read_note(&text).is_none() {
            self.forget();
        }
        found
    }

    /// The session, if there was one, and the user whose page this tab was.
    pub(crate) fn noted(&self) -> Option<(Option<Sid>, User)> {
        read_note(&self.read()?)
    }

    /// As [`noted`](Self::noted), if an earlier build wrote it.
    pub(crate) fn noted_by_an_earlier_build(&self) -> Option<User> {
        let text = self.read()?;
        let unclaimed = Object::read(&text)?.raw("base").is_none();
        read_note(&text).map(|(_, user)| user).filter(|_| unclaimed)
    }

    /// Notes whose tab it is, in place of what it kept of another session.
    pub(crate) fn note(&self, session: Option<&Sid>, user: &User) {
        let sid = session.map(Sid::as_str).unwrap_or_default();
        if self.noted().is_some_and(|(noted, of)| noted.as_ref() == session && of == *user) {
            return;
        }
        self.write(&self.begin(sid, user).finish());
    }

    /// Keeps a session's access token for a reload, if the custody says so.
    pub(crate) fn keep(&self, session: &Session) {
        let Some(access) = &session.access else { return };
        if self.custody == AccessCustody::Memory {
            return;
        }
        let record = self
            .begin(session.id.as_str(), &session.user)
            .number("generation", session.generation)
            .text("access_token", access.token.reveal())
            .number("received", access.received.wall)
            .optional_number("lifetime", access.lifetime)
            .flag("alone", session.is_this_tabs())
            .flag("renewable", session.is_renewable())
            .flag("kept", session.is_kept());
        if !self.write(&record.finish()) {
            // There may be room for the note alone.
            self.write(&self.begin(session.id.as_str(), &session.user).finish());
        }
    }

    /// Forgets what it kept of `session`. What cannot be read goes too: it may be this session's.
    pub(crate) fn forget_session(&self, session: &Sid) {
        if self.noted().is_none_or(|(sid, _)| sid.as_ref() == Some(session)) {
            self.forget();
        }
    }

    /// Forgets the access token, and whose page this is.
    pub(crate) fn forget(&self) {
        erase(&*self.platform, Area::Tab, self.place(), VERSION);
    }

    fn begin(&self, sid: &str, user: &User) -> Writer {
        Writer::new()
            .number("v", VERSION)
            .text("base", &self.base)
            .text("sid", sid)
            .text("user", &user.name)
            .optional_text("who", user.id.as_deref())
    }

    fn read(&self) -> Option<String> {
        self.platform.read(Area::Tab, self.place()).ok()?
    }

    /// A record that cannot be written is removed, because a reload would bring its older token back. The page says
    /// nothing of that, because a reload refreshes.
    fn write(&self, record: &str) -> bool {
        let written = self.platform.write(Area::Tab, self.place(), record).is_ok();
        if !written {
            self.forget();
        }
        written
    }

    fn place(&self) -> &str {
        let newer = |text: Option<String>| is_newer(text.as_deref(), VERSION);
        let newer = self.platform.read(Area::Tab, &self.name).is_ok_and(newer);
        if newer { &self.beside } else { &self.name }
    }
}

fn read_note(text: &str) -> Option<(Option<Sid>, User)> {
    let record = Object::read(text).filter(|record| record.number("v") == Some(VERSION))?;
    let user = User { name: record.text("user")?.into(), id: record.text("who").map(Into::into) };
    Some((Sid::parse(&record.text("sid")?), user))
}

fn read_kept(text: &str, now: Instant) -> Option<Kept> {
    let (session, user) = read_note(text)?;
    let record = Object::read(text)?;
    let token = AccessToken::parse(&record.text("access_token")?)?;
    // The monotonic clock may begin anew with the page; only the wall clock spans a reload. However that was set, the token
    // is older than this life of the page.
    let elapsed = now.wall.saturating_sub(record.number("received")?);
    let monotonic = now.monotonic.saturating_sub(elapsed.max(1));
    let received = Instant { monotonic, wall: now.wall - elapsed };
    let lifetime = record.optional("lifetime", |raw| raw.number())?;
    let this_tabs = record.flag("alone")?;
    Some(Kept {
        session: session?,
        user,
        generation: record.number("generation")?,
        access: Access { token, received, lifetime, handed_over: false },
        this_tabs,
        renewable: record.flag("renewable").unwrap_or(!this_tabs),
        stored: record.flag("kept")?,
    })
}

#[cfg(test)]
mod tests;
