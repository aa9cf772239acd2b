//! Between bytes and values: requests are written and answers read by the contract's names.
//!
//! Answers are read field by field, never into a general JSON value: unknown fields cost nothing,
//! and no number is ever parsed as a float.

use std::collections::BTreeMap;

use serde_json::value::RawValue;

use crate::contract::{Carrier, Contract, Encoding, Endpoint};
use crate::error::{Error, Fields as InvalidFields};
use crate::http::{Answer, CacheMode, HttpRequest};
use crate::target::BaseUrl;
use crate::token::{AccessToken, RefreshToken, seconds};

/// The most bytes of an answer to a token call that are read (requirement 9).
pub(crate) const AUTH_BODY_LIMIT: usize = 64 * 1024;

/// What a token answer gave.
#[derive(Debug)]
pub(crate) struct Grant {
    pub(crate) access: AccessToken,
    pub(crate) refresh: Option<RefreshToken>,
    /// Seconds; `expires_in` (RFC 6749 §5.1), else what the token says of itself, else unknown.
    pub(crate) lifetime: Option<u64>,
    /// Whether the server announced idempotent rotation; `None` if it did not speak of it.
    pub(crate) idempotent: Option<bool>,
}

impl Grant {
    /// Reads a 2xx answer; HTML, an empty, truncated or strange body gives `Unintelligible`.
    pub(crate) fn read(answer: &Answer, contract: &Contract) -> Result<Self, Error> {
        let fields = &contract.fields;
        let object = object(&answer.body).ok_or(Error::Unintelligible)?;
        // A known key that holds null counts as absent: servers without rotation send it so.
        let field = |name: &str| object.get(name).copied().filter(|raw| raw.get() != "null");
        let token = |name: &str| field(name).map(|raw| text(raw).ok_or(Error::Unintelligible)).transpose();
        if token(&fields.token_type)?.is_some_and(|kind| !kind.eq_ignore_ascii_case("bearer")) {
            return Err(Error::Unintelligible);
        }
        let access = token(&fields.access_token)?.and_then(|t| AccessToken::parse(&t));
        let access = access.ok_or(Error::Unintelligible)?;
        let refresh = match token(&fields.refresh_token)? {
            None => None,
            Some(given) => Some(RefreshToken::parse(&given).ok_or(Error::Unintelligible)?),
        };
        let lifetime = field(&fields.expires_in).and_then(seconds).or_else(|| access.claims().lifetime);
        // A token that is to be stale on arrival is used until a 401: refreshing it before each
        // request would never end.
        let lifetime = lifetime.filter(|seconds| *seconds > 0);
        let idempotent = field(&fields.idempotent_refresh).and_then(|raw| raw.get().parse().ok());
        Ok(Self { access, refresh, lifetime, idempotent })
    }
}

/// The login request. The password goes in byte for byte.
pub(crate) fn login(
    base: &BaseUrl,
    contract: &Contract,
    username: &str,
    password: &str,
) -> Result<HttpRequest, Error> {
    let names = &contract.fields;
    let pairs = [(&*names.username, username), (&*names.password, password)];
    let (media_type, body) = match contract.login_encoding {
        Encoding::Form => (FORM, form(&[("grant_type", "password"), pairs[0], pairs[1]])),
        Encoding::Json => (JSON, json(&pairs)),
    };
    call(base, &contract.login, vec![("content-type", media_type.to_owned())], Some(body))
}

/// A call that carries a refresh token: the refresh itself, or the logout.
pub(crate) fn carrying(
    base: &BaseUrl,
    contract: &Contract,
    endpoint: &Endpoint,
    token: &RefreshToken,
) -> Result<HttpRequest, Error> {
    let content = |media_type: &str| vec![("content-type", media_type.to_owned())];
    let (headers, body) = match &contract.refresh_carrier {
        Carrier::Json(name) => (content(JSON), Some(json(&[(name, token.reveal())]))),
        Carrier::Form(name) => {
            let pairs = [("grant_type", "refresh_token"), (&**name, token.reveal())];
            (content(FORM), Some(form(&pairs)))
        }
        Carrier::Bearer => (vec![("authorization", format!("Bearer {}", token.reveal()))], None),
    };
    call(base, endpoint, headers, body)
}

const FORM: &str = "application/x-www-form-urlencoded";
const JSON: &str = "application/json";

fn call(
    base: &BaseUrl,
    endpoint: &Endpoint,
    mut headers: Vec<(&'static str, String)>,
    body: Option<Vec<u8>>,
) -> Result<HttpRequest, Error> {
    headers.push(("accept", JSON.to_owned()));
    let url = base.resolve(&endpoint.path)?;
    let method = endpoint.method;
    let cache = CacheMode::NoStore;
    Ok(HttpRequest { method, url, headers, body, outlives_page: false, body_limit: AUTH_BODY_LIMIT, cache })
}

fn form(pairs: &[(&str, &str)]) -> Vec<u8> {
    let mut text = form_urlencoded::Serializer::new(String::new());
    text.extend_pairs(pairs).finish().into_bytes()
}

fn json(pairs: &[(&str, &str)]) -> Vec<u8> {
    let object: BTreeMap<_, _> = pairs.iter().copied().collect();
    serde_json::to_vec(&object).unwrap_or_default()
}

/// The fields of a JSON object, each as it was written; `None` if it is none.
pub(crate) fn object(body: &[u8]) -> Option<BTreeMap<String, &RawValue>> {
    serde_json::from_slice(body).ok()
}

/// A JSON text; `None` if it is no text.
pub(crate) fn text(raw: &RawValue) -> Option<String> {
    serde_json::from_str(raw.get()).ok()
}

/// A top-level field of a JSON object: `None` if the body is no object, `Some(None)` if the field
/// is absent or no text.
pub(crate) fn text_field(body: &[u8], name: &str) -> Option<Option<String>> {
    object(body).map(|fields| fields.get(name).and_then(|raw| text(raw)))
}

/// Whether the body is a JSON object without a top-level field of this name. One that holds null counts as
/// absent; one that holds what is no text is there: gateways put an object into `error`.
pub(crate) fn lacks_field(body: &[u8], name: &str) -> bool {
    object(body).is_some_and(|fields| fields.get(name).is_none_or(|raw| raw.get() == "null"))
}

/// Which of the two login fields a 422 complains about: FastAPI's `detail[].loc` ends in the
/// field's name. Its `input` and `ctx` repeat what was typed and are never looked at.
pub(crate) fn invalid_fields(answer: &Answer, contract: &Contract) -> InvalidFields {
    #[derive(serde::Deserialize)]
    struct Problem<'a> {
        #[serde(borrow)]
        loc: Vec<&'a RawValue>,
    }
    let detail = object(&answer.body).and_then(|fields| fields.get("detail").copied().map(RawValue::get));
    let problems: Vec<Problem<'_>> =
        detail.and_then(|raw| serde_json::from_str(raw).ok()).unwrap_or_default();
    let names = |wanted: &str| {
        problems.iter().any(|p| p.loc.last().and_then(|raw| text(raw)).as_deref() == Some(wanted))
    };
    InvalidFields { username: names(&contract.fields.username), password: names(&contract.fields.password) }
}

/// Seconds to wait by `Retry-After` (RFC 9110 §10.2.3), in seconds or as a date, clamped to between
/// one second and five minutes; `None` if it is absent or unreadable.
///
/// A date counts from the answer's own `Date`, since this device's clock may be wrong; that clock
/// serves where a server does not expose the header.
pub(crate) fn retry_after(answer: &Answer) -> Option<u32> {
    let value = answer.header("retry-after")?.trim();
    let seconds = if value.bytes().all(|b| b.is_ascii_digit()) && !value.is_empty() {
        // More digits than a u64 holds is "very long", which the clamp makes five minutes.
        value.parse().unwrap_or(u64::MAX)
    } else {
        let at = epoch_seconds(value)?;
        let now = answer.header("date").and_then(epoch_seconds).unwrap_or(answer.received.wall / 1000);
        at.saturating_sub(now)
    };
    u32::try_from(seconds.clamp(1, 300)).ok()
}

fn epoch_seconds(date: &str) -> Option<u64> {
    let time = httpdate::parse_http_date(date.trim()).ok()?;
    time.duration_since(std::time::SystemTime::UNIX_EPOCH).ok().map(|since| since.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::platform::Instant;

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
    fn a_password_is_sent_byte_for_byte() {
        let base = "http://localhost:8000".parse().unwrap();
        let secret = " p+&%= \u{96fb}\u{6c60}\u{0}\t ";
        let request = login(&base, &Contract::default(), "ann@example.org", secret).unwrap();
        let pairs: Vec<_> = form_urlencoded::parse(request.body.as_deref().unwrap()).into_owned().collect();
        assert_eq!(pairs[1], ("username".into(), "ann@example.org".into()));
        assert_eq!(pairs[2], ("password".into(), secret.into()));
        let contract = Contract { login_encoding: Encoding::Json, ..Contract::default() };
        let request = login(&base, &contract, "ann", secret).unwrap();
        let sent: BTreeMap<String, String> =
            serde_json::from_slice(request.body.as_deref().unwrap()).unwrap();
        assert_eq!(sent["password"], secret);
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
            r#"{"access_token":"a b"}"#,
            r#"{"access_token":"a","token_type":"DPoP"}"#,
            r#"{"access_token":"a","refresh_token":""}"#,
            r#"{"access_token":"a","refresh_token":{}}"#,
        ] {
            assert_eq!(read(body).err(), Some(Error::Unintelligible), "{body}");
        }
    }

    #[test]
    fn a_422_names_its_fields_and_nothing_else() {
        let body =
            r#"{"detail":[{"type":"x","loc":["body",0,"password"],"msg":"m","input":"secret","ctx":{}}]}"#;
        let fields = invalid_fields(&answer(body), &Contract::default());
        assert_eq!(fields, InvalidFields { username: false, password: true });
        for body in ["", "{}", r#"{"detail":"text"}"#, r#"{"detail":[{"loc":[]}]}"#, r#"{"detail":[1]}"#] {
            assert_eq!(
                invalid_fields(&answer(body), &Contract::default()),
                InvalidFields::default(),
                "{body}"
            );
        }
    }

    #[test]
    fn retry_after_is_read_in_both_forms_and_clamped() {
        const DATE: &str = "Sun, 06 Nov 1994 08:49:37 GMT";
        const WALL: u64 = 784_111_777_000;
        let after = |value: &str, date: Option<&str>, wall| {
            let mut headers = vec![("Retry-After".to_owned(), value.to_owned())];
            headers.extend(date.map(|d| ("date".to_owned(), d.to_owned())));
            retry_after(&Answer { status: 429, headers, body: Vec::new(), received: at(wall) })
        };
        assert_eq!(after("30", None, 0), Some(30));
        assert_eq!(after("0", None, 0), Some(1));
        assert_eq!(after("99999999999999999999999", None, 0), Some(300));
        assert_eq!(after("Sun, 06 Nov 1994 08:50:07 GMT", None, WALL), Some(30));
        assert_eq!(after("Sun, 06 Nov 1994 08:50:07 GMT", Some(DATE), WALL * 2), Some(30));
        assert_eq!(after(DATE, None, WALL + 5_000), Some(1));
        for junk in ["", "soon", "-5", "1.5", "Sun, 99 Nov 1994 08:49:37 GMT"] {
            assert_eq!(after(junk, None, WALL), None, "{junk}");
        }
    }
}
