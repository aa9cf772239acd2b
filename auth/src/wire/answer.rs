//! Answers, read by the contract's names, and the errors that their statuses mean.

use super::contract::Contract;
use super::date::epoch_seconds;
use super::end_reason::EndReason;
use super::error::{Error, FormFields};
use super::http::Answer;
use super::json::{Object, Raw};
use super::refusal::{Meaning, at};
use super::token::{AccessToken, RefreshToken, Tokens, seconds, user_id};

/// What an answer to a login or a refresh gave (RFC 6749 §5.1).
#[derive(Debug)]
pub(crate) struct Grant {
    pub(crate) access: AccessToken,
    pub(crate) refresh: Option<RefreshToken>,
    /// The access token's lifetime in seconds: `expires_in`, else what the token says of itself, else unknown.
    pub(crate) lifetime: Option<u64>,
    /// Whether the answer announces idempotent rotation.
    pub(crate) idempotent: bool,
    /// The user's identifier: the field that the contract names, else the access token's `sub`.
    pub(crate) user: Option<String>,
}

impl Grant {
    /// Reads an answer. One that is no success gives the error of its status. One without an access token gives
    /// [`Error::Unintelligible`]. A token that no request can carry, or that needs more than a bearer header, gives
    /// [`Error::UnusableToken`].
    pub(crate) fn read(answer: &Answer, contract: &Contract) -> Result<Self, Error> {
        if !answer.is_success() {
            return Err(Error::from_token_answer(answer));
        }
        let text = answer.text();
        let given = Given { answer, object: Object::read(&text), contract };
        let names = &contract.fields;
        let access = given.access_token().ok_or(Error::Unintelligible)?;
        let kind = given.text(&names.token_type).unwrap_or_default();
        let bound = BOUND.iter().any(|bound| kind.eq_ignore_ascii_case(bound));
        let access = AccessToken::parse(&access).filter(|_| !bound).ok_or(Error::UnusableToken)?;
        let refresh = match given.refresh_token() {
            Some(text) => Some(RefreshToken::parse(&text).ok_or(Error::UnusableToken)?),
            None => None,
        };
        let claims = access.claims();
        let announced = given.raw(&names.expires_in).and_then(seconds);
        // A lifetime of zero counts as unknown, because a refresh before each request would never end.
        let lifetime = announced.or(claims.lifetime).filter(|seconds| *seconds > 0);
        let idempotent = given.raw(&names.idempotent_refresh).and_then(Raw::flag) == Some(true);
        let named = names.user.as_ref().and_then(|name| given.raw(name)).and_then(user_id);
        Ok(Self { access, refresh, lifetime, idempotent, user: named.or(claims.subject) })
    }
}

/// What an answer gives by the contract's names: paths of its JSON object's fields, or `header:` and a header's name.
struct Given<'a> {
    answer: &'a Answer,
    object: Option<Object<'a>>,
    contract: &'a Contract,
}

impl<'a> Given<'a> {
    fn raw(&self, path: &str) -> Option<Raw<'a>> {
        at(self.object.as_ref()?, path)
    }

    /// A text. `null` and an empty text count as absent, because servers without rotation send these.
    fn text(&self, name: &str) -> Option<String> {
        let text = match name.strip_prefix("header:") {
            Some(header) => self.answer.header(header)?.to_owned(),
            None => self.raw(name)?.text()?,
        };
        Some(text).filter(|text| !text.is_empty())
    }

    /// A token, without the scheme word that a header may have before it.
    fn token(&self, name: &str) -> Option<String> {
        Some(self.contract.without_scheme(&self.text(name)?).to_owned())
    }

    fn access_token(&self) -> Option<String> {
        self.token(&self.contract.fields.access_token)
    }

    fn refresh_token(&self) -> Option<String> {
        match self.contract.renews_with_access() {
            true => self.access_token(),
            false => self.token(&self.contract.fields.refresh_token),
        }
    }
}

/// Types of tokens that prove more than possession (RFC 9449, RFC 6749 §7.1). A header alone does not do for them. Every
/// other type is taken as `bearer`, because servers write `BearerToken` or `JWT`.
const BOUND: [&str; 3] = ["DPoP", "mac", "pop"];

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

    /// The error that a refusal's meaning is to whoever logs in.
    pub(crate) fn from_meaning(meaning: Meaning, status: u16) -> Self {
        match meaning {
            Meaning::NotAccepted | Meaning::Expired | Meaning::Revoked => Self::WrongCredentials,
            Meaning::Disabled => Self::AccountDisabled,
            Meaning::NotVerified => Self::AccountNotVerified,
            Meaning::Locked => Self::AccountLocked,
            Meaning::Trouble => Self::ServerError { status },
            Meaning::Misconfigured => Self::NotRegistered { status },
        }
    }

    /// The error that the status of an answer to a token call means. The answer is no success, and the contract
    /// has said that it is about neither the credentials nor the session's end.
    pub(crate) fn from_token_answer(answer: &Answer) -> Self {
        match answer.status {
            status @ (404 | 405) => Self::Misconfigured { status },
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

/// The tokens in a success that is of no other use.
pub(crate) fn tokens_of(answer: &Answer, contract: &Contract) -> Tokens {
    if !answer.is_success() {
        return Tokens::default();
    }
    let text = answer.text();
    let given = Given { answer, object: Object::read(&text), contract };
    Tokens {
        refresh: given.refresh_token().and_then(|text| RefreshToken::parse(&text)),
        access: given.access_token().and_then(|text| AccessToken::parse(&text)),
    }
}

/// Whether an answer has a refresh token, of whatever text.
pub(crate) fn has_refresh_token(answer: &Answer, contract: &Contract) -> bool {
    let text = answer.text();
    Given { answer, object: Object::read(&text), contract }.refresh_token().is_some()
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
    let value = answer.header("retry-after")?.trim_ascii();
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
    use crate::wire::contract::{Carrier, Endpoint, Fields};

    fn at(wall: u64) -> Instant {
        Instant { monotonic: 0, wall }
    }

    fn answer(body: &str) -> Answer {
        Answer { status: 200, headers: Vec::new(), body: body.into(), received: at(0) }
    }

    fn read(body: &str) -> Result<Grant, Error> {
        Grant::read(&answer(body), &Contract::default())
    }

    #[test]
    fn a_grant_is_read_by_the_contracts_names() {
        let grant =
            read(r#"{"access_token":"a.b.c","refresh_token":"r","token_type":"Bearer","expires_in":900}"#);
        let grant = grant.unwrap();
        assert_eq!((grant.access.reveal(), grant.lifetime), ("a.b.c", Some(900)));
        assert_eq!(grant.refresh.unwrap().reveal(), "r");
        let null =
            read(r#"{"access_token":"a","refresh_token":null,"token_type":null,"expires_in":"x"}"#).unwrap();
        assert!(null.refresh.is_none() && null.lifetime.is_none());
    }

    #[test]
    fn what_is_no_grant_stores_nothing() {
        for body in [
            "",
            "{}",
            "[]",
            "null",
            "<html></html>",
            r#"{"access_token":"a""#,
            r#"{"access_token":""}"#,
            r#"{"access_token":1}"#,
            r#"{"access_token":null}"#,
            r#"{"data":{"access_token":"a"}}"#,
        ] {
            assert_eq!(read(body).err(), Some(Error::Unintelligible), "{body}");
        }
        let long = format!(r#"{{"access_token":"{}"}}"#, "a".repeat(65_537));
        for body in [
            r#"{"access_token":"a b"}"#,
            r#"{"access_token":"a","refresh_token":"b\n"}"#,
            r#"{"access_token":"a","token_type":"DPoP"}"#,
            r#"{"access_token":"a","token_type":"MAC"}"#,
            long.as_str(),
        ] {
            assert_eq!(read(body).err(), Some(Error::UnusableToken), "{body}");
        }
    }

    #[test]
    fn what_is_empty_or_of_another_type_is_absent() {
        for body in [
            r#"{"access_token":"a","refresh_token":"","token_type":""}"#,
            r#"{"access_token":"a","refresh_token":null,"token_type":null}"#,
            r#"{"access_token":"a","refresh_token":{},"token_type":7}"#,
            r#"{"access_token":"a","token_type":"BearerToken"}"#,
            r#"{"access_token":"a","token_type":"JWT"}"#,
        ] {
            assert!(read(body).unwrap().refresh.is_none(), "{body}");
        }
    }

    #[test]
    fn tokens_are_found_within_fields_and_in_headers() {
        let named = |access: &'static str, refresh: &'static str| Contract {
            fields: Fields {
                access_token: access.into(),
                refresh_token: refresh.into(),
                ..Fields::default()
            },
            ..Contract::default()
        };
        let nested = answer(r#"{"data":{"tokens":{"access":"a","refresh":"r"}}}"#);
        let grant = Grant::read(&nested, &named("data.tokens.access", "data.tokens.refresh")).unwrap();
        assert_eq!((grant.access.reveal(), grant.refresh.unwrap().reveal()), ("a", "r"));
        for (name, value, access) in [
            ("Authorization", "Bearer a.b", "a.b"),
            ("authorization", "bearer a.b", "a.b"),
            ("X-Token", "a.b", "a.b"),
        ] {
            for body in ["", "null", r#"{"refresh":"r"}"#] {
                let headers = vec![(name.to_ascii_lowercase(), value.to_owned())];
                let answer = Answer { headers, ..answer(body) };
                let contract = named(
                    if name == "X-Token" { "header:X-Token" } else { "header:authorization" },
                    "refresh",
                );
                let grant = Grant::read(&answer, &contract).unwrap();
                assert_eq!(grant.access.reveal(), access, "{name} {body}");
                assert_eq!(grant.refresh.is_some(), body.contains("refresh"));
                assert_eq!(tokens_of(&answer, &contract).access, Some(grant.access));
            }
        }
    }

    #[test]
    fn a_refresh_token_in_a_header_goes_without_its_scheme() {
        let fields = Fields { refresh_token: "header:X-Refresh".into(), ..Fields::default() };
        let contract = Contract { fields, ..Contract::default() };
        let headers = vec![("x-refresh".to_owned(), "Bearer r.s".to_owned())];
        let answer = Answer { headers, ..answer(r#"{"access_token":"a"}"#) };
        let grant = Grant::read(&answer, &contract).unwrap();
        assert_eq!(grant.refresh.unwrap().reveal(), "r.s");
        assert_eq!(tokens_of(&answer, &contract).refresh.unwrap().reveal(), "r.s");
    }

    #[test]
    fn an_access_token_that_is_renewed_with_itself_is_both_tokens() {
        let refresh = Endpoint::post("/renew").access_token(Carrier::Authorization);
        let contract = Contract { refresh: Some(refresh), ..Contract::default() };
        let answer = answer(r#"{"access_token":"a","refresh_token":"r"}"#);
        let grant = Grant::read(&answer, &contract).unwrap();
        assert_eq!((grant.access.reveal(), grant.refresh.unwrap().reveal()), ("a", "a"));
        assert!(has_refresh_token(&answer, &contract));
        assert!(!has_refresh_token(&self::answer(r#"{"refresh_token":"r"}"#), &contract));
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
    fn retry_after_is_read_in_both_forms() {
        const DATE: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
        const WALL: u64 = 784_111_777_000;
        let after = |value: &str, date: Option<&str>, wall| {
            let mut headers = vec![("Retry-After".to_owned(), value.to_owned())];
            headers.extend(date.map(|d| ("date".to_owned(), d.to_owned())));
            retry_after(&Answer { status: 429, headers, body: Vec::new(), received: at(wall) })
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
