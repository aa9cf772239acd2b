//! What an answer says beside tokens, and the errors that its status means.

use super::contract::Contract;
use super::date::epoch_seconds;
use super::end_reason::EndReason;
use super::error::{Error, FormFields};
use super::http::Answer;
use super::json::{Object, Raw};
use super::refusal::{Meaning, at};

impl Answer {
    /// The answer itself if its status is 2xx, else the error that names its status.
    ///
    /// The body of an answer that is no success stays readable on the answer: check
    /// [`status`](Self::status) first where it matters.
    pub fn success(self) -> Result<Self, Error> {
        if self.is_success() { Ok(self) } else { Err(Error::from_answer(&self)) }
    }
}

impl Error {
    /// The error that the status of an application answer means. The answer is no success.
    pub(crate) fn from_answer(answer: &Answer) -> Self {
        match answer.status {
            404 => Self::NotFound,
            // A proxy, a gateway or a check for robots. The server's own refusals are JSON.
            status @ (400 | 401 | 403 | 405..=407 | 451) if answer.is_markup() => {
                Self::Intercepted { status }
            }
            401 => Self::StillUnauthorized,
            403 => Self::Forbidden,
            // The same request may be made again (RFC 9110 §15.5.9).
            408 => Self::TimedOut,
            429 => Self::TooManyRequests { retry_after: retry_after(answer) },
            status @ 500..=599 => Self::ServerError { status },
            status => Self::Refused { status },
        }
    }

    /// The error for a refusal with this meaning.
    pub(crate) fn from_meaning(meaning: Meaning, status: u16) -> Self {
        match meaning {
            Meaning::NotAccepted | Meaning::Expired | Meaning::Revoked => Self::WrongCredentials,
            Meaning::Disabled => Self::AccountDisabled,
            Meaning::NotVerified => Self::AccountNotVerified,
            Meaning::Locked => Self::AccountLocked,
            Meaning::Trouble => Self::ServerError { status },
            Meaning::PageNotAccepted => Self::PageNotAccepted { status },
        }
    }

    /// The error for an answer to a token call, by its status alone. A rule of the contract that fits the answer goes before it.
    pub(crate) fn from_token_answer(answer: &Answer) -> Self {
        match answer.status {
            status @ (404 | 405) => Self::ServiceNotFound { status },
            401 => Self::Refused { status: 401 },
            _ => Self::from_answer(answer),
        }
    }
}

/// The reason that a refusal names for the session's end (the reference server's `reason`).
pub(crate) fn end_named(answer: &Answer) -> Option<EndReason> {
    answer.read(|object| EndReason::named(&object.text("reason")?))
}

/// Whether an answer of the refresh endpoint to a question without a token announces idempotent rotation. `None` if the
/// answer may be another server's: a gateway's or a captive portal's.
pub(crate) fn announces_idempotence(answer: &Answer, contract: &Contract) -> Option<bool> {
    if !matches!(answer.status, 400 | 401 | 422) {
        return None;
    }
    let flag = |object: &Object<'_>| at(object, &contract.fields.idempotent_refresh).and_then(Raw::flag);
    answer.read(|object| Some(flag(object) == Some(true)))
}

/// Which of the login's fields a 422 complains about: FastAPI's `detail[].loc` ends in the
/// field's name. Its `input` and `ctx` repeat what was typed and are never looked at.
pub(crate) fn invalid_fields(answer: &Answer, contract: &Contract) -> FormFields {
    let field = |problem: &Raw<'_>| problem.object()?.list("loc")?.last()?.text();
    let named = |object: &Object<'_>| Some(object.list("detail")?.iter().filter_map(field).collect());
    let fields: Vec<String> = answer.read(named).unwrap_or_default();
    let is_named = |name: &str| fields.iter().any(|field| field == name);
    FormFields {
        username: is_named(&contract.fields.username),
        password: is_named(&contract.fields.password),
        other: contract.asks.iter().any(|field| is_named(&field.name)),
    }
}

/// Seconds to wait by `Retry-After` (RFC 9110 §10.2.3), in seconds or as a date; one at least. `None` if it is absent or
/// unreadable.
///
/// A date is compared with the answer's own `Date`, because this device's clock may be wrong. The clock is used
/// only where a server does not expose that header.
pub(crate) fn retry_after(answer: &Answer) -> Option<u32> {
    let value = answer.header("retry-after")?;
    let value = value.trim_ascii();
    let seconds = if value.bytes().all(|b| b.is_ascii_digit()) && !value.is_empty() {
        // More digits than a u64 holds mean a very long wait.
        value.parse().unwrap_or(u64::MAX)
    } else {
        let at = epoch_seconds(value)?;
        let date = answer.header("date").and_then(|date| epoch_seconds(date.trim_ascii()));
        at.saturating_sub(date.unwrap_or(answer.received.wall / 1000))
    };
    Some(u32::try_from(seconds.max(1)).unwrap_or(u32::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::clock::Instant;

    fn at(wall: u64) -> Instant {
        Instant { monotonic: 0, wall }
    }

    fn answer(body: &str) -> Answer {
        Answer { status: 200, headers: Vec::new().into(), body: body.into(), received: at(0) }
    }

    #[test]
    fn a_422_names_its_fields_and_nothing_else() {
        let body =
            r#"{"detail":[{"type":"x","loc":["body",0,"password"],"msg":"m","input":"secret","ctx":{}}]}"#;
        let fields = invalid_fields(&answer(body), &Contract::default());
        assert_eq!(fields, FormFields { password: true, ..FormFields::default() });
        for body in ["", "{}", r#"{"detail":"text"}"#, r#"{"detail":[{"loc":[]}]}"#, r#"{"detail":[1]}"#] {
            assert_eq!(invalid_fields(&answer(body), &Contract::default()), FormFields::default(), "{body}");
        }
    }

    #[test]
    fn only_the_servers_own_answer_says_whether_it_is_idempotent() {
        let asked =
            |status, body| announces_idempotence(&Answer { status, ..answer(body) }, &Contract::default());
        for status in [400, 401, 422] {
            assert_eq!(asked(status, r#"{"idempotent_refresh":true}"#), Some(true));
            assert_eq!(asked(status, "{}"), Some(false));
            assert_eq!(asked(status, "<html>"), None);
        }
        assert_eq!(asked(502, r#"{"idempotent_refresh":true}"#), None);
    }

    #[test]
    fn retry_after_is_read_in_both_forms() {
        const DATE: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
        const WALL: u64 = 784_111_777_000;
        let after = |value: &str, date: Option<&str>, wall| {
            let mut headers = vec![("Retry-After".to_owned(), value.to_owned())];
            headers.extend(date.map(|d| ("date".to_owned(), d.to_owned())));
            retry_after(&Answer {
                status: 429,
                headers: headers.into(),
                body: Vec::new(),
                received: at(wall),
            })
        };
        assert_eq!(after("30", None, 0), Some(30));
        assert_eq!(after("0", None, 0), Some(1));
        assert_eq!(after("900", None, 0), Some(900));
        assert_eq!(after("99999999999999999999999", None, 0), Some(u32::MAX));
        assert_eq!(after("Sun, 06 Nov 1994 08:50:07 GMT", None, WALL), Some(30));
        assert_eq!(after("Sun, 06 Nov 1994 08:50:07 GMT", Some(DATE), WALL * 2), Some(30));
        assert_eq!(after(DATE, None, WALL + 5_000), Some(1));
        for junk in ["", "soon", "-5", "1.5", "Sun, 99 Nov 1994 08:49:37 GMT"] {
            assert_eq!(after(junk, None, WALL), None, "{junk}");
        }
    }
}
