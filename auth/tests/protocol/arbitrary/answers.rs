//! Answers of any status, with any headers and bytes: such as servers send, and such cut anywhere, or with bytes put in.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use serde_json::{Map, Value, json};

use crate::world::Fault;

/// Stands in every text that only a server could have written.
pub(super) const CANARY: &str = "canary";

#[derive(Clone, Debug)]
pub(super) struct Given {
    pub(super) status: u16,
    headers: Vec<(&'static str, String)>,
    pub(super) body: Vec<u8>,
    /// The texts in the body before it was cut.
    pub(super) texts: Vec<String>,
}

impl Given {
    pub(super) fn fault(&self) -> Fault {
        Fault::SaysBytes(self.status, self.headers.clone(), self.body.clone())
    }

    fn bytes(&self) -> &[u8] {
        self.body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(&self.body)
    }

    pub(super) fn is_markup(&self) -> bool {
        self.bytes().trim_ascii_start().first() == Some(&b'<')
    }

    pub(super) fn object(&self) -> Option<Map<String, Value>> {
        match serde_json::from_str(&String::from_utf8_lossy(self.bytes())) {
            Ok(Value::Object(object)) => Some(object),
            _ => None,
        }
    }

    pub(super) fn has_field(&self, name: &str) -> bool {
        self.object().is_some_and(|object| object.contains_key(name))
    }

    /// Whether one of `errors` is where servers put an error's code.
    fn has_error(&self, errors: &[&str]) -> bool {
        let body = self.object().map(Value::Object).unwrap_or_default();
        let places = ["/error", "/error/code", "/detail/error", "/detail/code"];
        let mut found = places.iter().filter_map(|place| body.pointer(place)?.as_str());
        found.any(|found| errors.iter().any(|error| error.eq_ignore_ascii_case(found)))
    }

    /// Whether this answer may end a session. It is written apart from the rules, to judge them.
    pub(super) fn may_end(&self) -> bool {
        let of_others =
            ["invalid_client", "unauthorized_client", "temporarily_unavailable", "server_error", "slow_down"];
        if self.status == 409 {
            return self.object().is_some();
        }
        // The refresh token that was sent is spent, whatever else the answer says.
        if (200..300).contains(&self.status) && self.has_field("refresh_token") {
            return true;
        }
        if self.is_markup() || self.has_error(&of_others) {
            return false;
        }
        let named = self.has_error(&["invalid_grant", "invalid_token", "bad_refresh_token"]);
        named || matches!(self.status, 400 | 401 | 403 | 404 | 422 | 423)
    }

    /// Whether no other reading of the answer is left.
    pub(super) fn must_end(&self) -> bool {
        let object = self.object();
        self.status == 401
            && !self.headers.iter().any(|(name, _)| *name == "www-authenticate")
            && object.is_some_and(|object| object.get("error") == Some(&json!("invalid_grant")))
    }
}

pub(super) fn given() -> impl Strategy<Value = Given> {
    let headers = vec(header(), 0..4);
    (status(), headers, body()).prop_map(|(status, headers, (body, texts))| Given {
        status,
        headers,
        body,
        texts,
    })
}

fn status() -> impl Strategy<Value = u16> {
    const USUAL: [u16; 23] = [
        200, 201, 202, 204, 206, 400, 401, 402, 403, 404, 405, 408, 409, 410, 413, 418, 422, 423, 429, 500,
        502, 503, 504,
    ];
    prop_oneof![9 => select(&USUAL[..]), 1 => 100_u16..600]
}

fn header() -> impl Strategy<Value = (&'static str, String)> {
    const TYPES: [&str; 5] =
        ["application/json", "text/html; charset=utf-8", "text/plain", "application/problem+json", ""];
    const CHALLENGES: [&str; 7] = [
        "Bearer",
        "Basic realm=\"canary\"",
        "Bearer error=\"invalid_token\"",
        "Negotiate, NTLM",
        "JWT",
        "\"",
        ",",
    ];
    const WAITS: [&str; 7] =
        ["0", "900", "-1", "99999999999999999999", "Sun, 06 Nov 1994 08:49:37 GMT", "canary", ""];
    prop_oneof![
        select(&TYPES[..]).prop_map(|value| ("content-type", value.to_owned())),
        select(&CHALLENGES[..]).prop_map(|value| ("www-authenticate", value.to_owned())),
        select(&WAITS[..]).prop_map(|value| ("retry-after", value.to_owned())),
        "[ -~]{0,20}".prop_map(|value| ("date", value)),
        select(&["no-store", "max-age=9", "private,", ""][..])
            .prop_map(|value| ("cache-control", value.to_owned())),
    ]
}

/// A body, and the texts in it.
fn body() -> impl Strategy<Value = (Vec<u8>, Vec<String>)> {
    let object = (object(), any::<bool>(), option::weighted(0.3, any::<prop::sample::Index>()), damage());
    prop_oneof![
        8 => object.prop_map(|(object, mark, cut, damage)| {
            let mut texts = Vec::new();
            gather(&object, &mut texts);
            let mut body = if mark { b"\xef\xbb\xbf".to_vec() } else { Vec::new() };
            body.extend(object.to_string().into_bytes());
            if let Some(cut) = cut {
                body.truncate(cut.index(body.len() + 1));
            }
            if let Some((at, byte)) = damage {
                body.insert(at.index(body.len() + 1), byte);
            }
            (body, texts)
        }),
        1 => select(&BODIES[..]).prop_map(|body| (body.as_bytes().to_vec(), Vec::new())),
        1 => vec(any::<u8>(), 0..200).prop_map(|body| (body, Vec::new())),
    ]
}

const BODIES: [&str; 9] = [
    "",
    "OK",
    "null",
    "[]",
    "  <!doctype html><title>canary</title>",
    "\u{feff}<html>canary</html>",
    "upstream connect error, canary",
    "Internal Server Error",
    "{\"access_token\":",
];

fn damage() -> impl Strategy<Value = Option<(prop::sample::Index, u8)>> {
    option::weighted(0.2, (any::<prop::sample::Index>(), any::<u8>()))
}

/// An object with the names that servers use.
fn object() -> impl Strategy<Value = Value> {
    const NAMES: [&str; 16] = [
        "access_token",
        "refresh_token",
        "token_type",
        "expires_in",
        "idempotent_refresh",
        "error",
        "error_description",
        "detail",
        "message",
        "code",
        "reason",
        "sessions",
        "data",
        "error_type",
        "sid",
        "title",
    ];
    let tokens = option::weighted(0.6, (token(), option::of(token())));
    let others = vec((select(&NAMES[..]), value()), 0..5);
    (tokens, others).prop_map(|(tokens, others)| {
        let mut object: Map<String, Value> =
            others.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        if let Some((access, refresh)) = tokens {
            object.insert("access_token".to_owned(), access.into());
            object.extend(refresh.map(|refresh| ("refresh_token".to_owned(), refresh.into())));
        }
        Value::Object(object)
    })
}

fn token() -> impl Strategy<Value = String> {
    prop_oneof![
        4 => "[A-Za-z0-9._~+/|:!=-]{1,60}",
        1 => "\\PC{0,20}",
        1 => Just("a".repeat(70_000)),
        1 => Just("e30.eyJzdWIiOiJhIiwiaWF0IjoxMCwiZXhwIjoyMH0.s".to_owned()),
        1 => Just(String::new()),
    ]
}

fn value() -> impl Strategy<Value = Value> {
    const WORDS: [&str; 22] = [
        "invalid_grant",
        "invalid_client",
        "invalid_token",
        "temporarily_unavailable",
        "server_error",
        "slow_down",
        "bad_refresh_token",
        "bearer",
        "DPoP",
        "mac",
        "JWT",
        "Signature has expired, canary",
        "Token is blacklisted",
        "Inactive user",
        "account locked",
        "User not found, canary",
        "LOGIN_BAD_CREDENTIALS",
        "Not Found",
        "Could not validate credentials",
        "reuse",
        "revoked",
        "",
    ];
    let leaf = prop_oneof![
        6 => select(&WORDS[..]).prop_map(Value::from),
        1 => Just(Value::Null),
        1 => any::<bool>().prop_map(Value::from),
        1 => any::<i64>().prop_map(Value::from),
        1 => any::<f64>().prop_map(Value::from),
        1 => "\\PC{0,30}".prop_map(|text| Value::from(CANARY.to_owned() + &text)),
    ];
    leaf.prop_recursive(3, 12, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 0..4).prop_map(Value::from),
            vec((select(&["error", "code", "loc", "sid", "msg", "device"][..]), inner), 0..4).prop_map(
                |fields| fields.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
            ),
        ]
    })
}

fn gather(value: &Value, texts: &mut Vec<String>) {
    match value {
        Value::String(text) => texts.push(text.clone()),
        Value::Array(values) => values.iter().for_each(|value| gather(value, texts)),
        Value::Object(fields) => fields.values().for_each(|value| gather(value, texts)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}
