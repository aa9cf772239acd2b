//! A row as text, field by field. A field that is absent means what it means in the rows of earlier builds. A part
//! that is there and cannot be read makes the row useless: a session whose end cannot be read must not come to life.

use super::{Flight, Key, Row, VERSION};
use crate::protocol::ids::{Sid, User};
use crate::protocol::times::{Bucket, Span, Wait};
use crate::wire::json::{Object, Raw, Writer};

impl Row {
    pub(super) fn read(text: &str) -> Option<Self> {
        let row = Object::read(text).filter(|row| row.number("v") == Some(VERSION))?;
        let key = |raw: Raw<'_>| Key::parse(raw.text()?);
        Some(Self {
            sid: Sid::parse(&row.text("sid")?)?,
            user: User { name: row.text("sub")?.into(), id: row.text("who").map(Into::into) },
            generation: row.number("generation")?,
            key: row.raw("key").and_then(key)?,
            next: row.optional("next", key)?,
            previous_key: row.optional("previous_key", key)?,
            ended: row.optional("ended", |raw| raw.object()?.text("reason"))?,
            flight: row.optional("flight", |raw| {
                let flight = raw.object()?;
                let (owner, span) = (flight.text("owner")?, read_span(&flight)?);
                Some(Flight { owner, span, locked: flight.flag("locked")? })
            })?,
            not_before: row.optional("not_before", |raw| {
                let wait = raw.object()?;
                let (asked, limited) = (wait.flag("asked")?, wait.flag("limited")?);
                Some(Wait { span: read_span(&wait)?, asked, limited })
            })?,
            failures: row.number("failures")?,
            timeouts: row.number("timeouts").unwrap_or(0),
            bucket: row.object("bucket").and_then(|bucket| {
                Some(Bucket { left: bucket.number("left")?, since: bucket.number("since")? })
            })?,
            unchanged: row.number("unchanged").unwrap_or(0),
            idempotent: row.flag("idempotent")?,
            renewable: row.flag("renewable").unwrap_or(true),
            token: row.text("token"),
        })
    }

    /// The row as the ledger keeps it.
    pub(crate) fn write(&self) -> String {
        let key = |key: &Option<Key>| key.as_ref().map(|key| key.0.clone());
        let bucket = Writer::new().number("left", self.bucket.left).number("since", self.bucket.since);
        Writer::new()
            .number("v", VERSION)
            .text("sid", self.sid.as_str())
            .text("sub", &self.user.name)
            .optional_text("who", self.user.id.as_deref())
            .number("generation", self.generation)
            .text("key", &self.key.0)
            .optional_text("next", key(&self.next).as_deref())
            .optional_text("previous_key", key(&self.previous_key).as_deref())
            .optional_object("ended", self.ended.as_deref().map(write_ended))
            .optional_object("flight", self.flight.as_ref().map(write_flight))
            .optional_object("not_before", self.not_before.map(write_wait))
            .number("failures", self.failures)
            .number("timeouts", self.timeouts)
            .object("bucket", bucket)
            .number("unchanged", self.unchanged)
            .flag("idempotent", self.idempotent)
            .flag("renewable", self.renewable)
            .optional_text("token", self.token.as_deref())
            .finish()
    }
}

/// `owed` says nothing any more. Earlier builds do not read a row without it.
fn write_ended(reason: &str) -> Writer {
    Writer::new().text("reason", reason).flag("owed", false)
}

fn write_flight(flight: &Flight) -> Writer {
    let written = Writer::new().text("owner", &flight.owner).object("span", write_span(flight.span));
    written.flag("locked", flight.locked)
}

fn write_wait(wait: Wait) -> Writer {
    let written = Writer::new().object("span", write_span(wait.span)).flag("asked", wait.asked);
    written.flag("limited", wait.limited)
}

fn read_span(record: &Object<'_>) -> Option<Span> {
    let span = record.object("span")?;
    Some(Span { since: span.number("since")?, until: span.number("until")? })
}

fn write_span(span: Span) -> Writer {
    Writer::new().number("since", span.since).number("until", span.until)
}
