//! Paths, names and answers of a server, as data. Another server is another value of [`Contract`], not more code.

use std::borrow::Cow;

use super::http::{Answer, Method};

type Name = Cow<'static, str>;

/// Paths, encodings, field names and matchers of one server. [`Default`] is the contract of README.md:
/// form `POST /token`, JSON `POST /refresh`, JSON `POST /logout`.
///
/// A server that differs is described by what differs:
///
/// ```
/// # use auth::{Carrier, Contract, Encoding, Endpoint, Fields, Method};
/// let simple_jwt = Contract {
///     login: Endpoint::post("/api/token/"),
///     login_encoding: Encoding::Json,
///     refresh: Some(Endpoint::post("/api/token/refresh/")),
///     refresh_carrier: Carrier::Json("refresh".into()),
///     logout: Some(Endpoint::post("/api/token/blacklist/")),
///     fields: Fields { access_token: "access".into(), refresh_token: "refresh".into(), ..Fields::default() },
///     ..Contract::default()
/// };
/// # let _ = simple_jwt;
/// ```
#[derive(Clone, Debug)]
pub struct Contract {
    /// Where user name and password go.
    pub login: Endpoint,
    /// How they are written.
    pub login_encoding: Encoding,
    /// Where a refresh token is exchanged; `None` if the server has no refresh.
    pub refresh: Option<Endpoint>,
    /// How the refresh token travels, to `refresh` and to `logout`.
    pub refresh_carrier: Carrier,
    /// Where a session is ended; `None` if the server cannot be told.
    pub logout: Option<Endpoint>,
    /// Where the user's sessions are listed (`GET`) and all others are ended (`DELETE`). `DELETE` of
    /// `{sessions}/{sid}` ends one. `None` if the server has nothing like it.
    pub sessions: Option<Name>,
    /// The names in requests and answers.
    pub fields: Fields,
    /// Answers to a login that mean "no such user with this password".
    pub wrong_credentials: Vec<Matcher>,
    /// Answers to an application request that mean "this access token is not accepted".
    pub expired: Vec<Matcher>,
    /// Answers to a refresh that mean "this session is over". Everything else is transient.
    pub terminal: Vec<Matcher>,
    /// What is known of the server's rotation.
    pub rotation: Rotation,
}

/// What a server does to a refresh token that is used.
///
/// One that announces idempotent rotation in its answers ([`Fields::idempotent_refresh`]) need not be
/// described here.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Rotation {
    /// Not known: it may take each token once only, so no token is sent by two tabs at a time.
    #[default]
    Unknown,
    /// It keeps the token valid: sending it twice does no harm.
    Never,
}

/// A method and a path below the base URL.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// The method.
    pub method: Method,
    /// The path, beginning with a slash.
    pub path: Name,
}

impl Endpoint {
    /// `POST path`.
    pub fn post(path: impl Into<Name>) -> Self {
        Self { method: Method::Post, path: path.into() }
    }
}

/// How credentials are written into a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// `application/x-www-form-urlencoded`, with `grant_type=password` (RFC 6749 §4.3.2).
    Form,
    /// A JSON object.
    Json,
}

/// How a refresh token travels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Carrier {
    /// A JSON object with one field of this name.
    Json(Name),
    /// A form with `grant_type=refresh_token` (RFC 6749 §6) and a field of this name.
    Form(Name),
    /// `Authorization: Bearer`, as AuthX and fastapi-jwt-auth take it.
    Bearer,
}

/// The names of fields.
#[derive(Clone, Debug)]
pub struct Fields {
    /// The user name in the login request.
    pub username: Name,
    /// The password in the login request.
    pub password: Name,
    /// The access token in an answer.
    pub access_token: Name,
    /// The refresh token in an answer.
    pub refresh_token: Name,
    /// The token's type in an answer; `bearer` or absent.
    pub token_type: Name,
    /// The access token's lifetime in seconds in an answer.
    pub expires_in: Name,
    /// Whether the server's rotation is idempotent, as `true` or `false` in an answer: such a server takes
    /// `Idempotency-Key`.
    pub idempotent_refresh: Name,
    /// The server's own word for the user in a login's answer, a text or a number; `None` if it has none but the
    /// access token's `sub` (RFC 7519 §4.1.2).
    pub user: Option<Name>,
}

/// Recognises an answer by its status and, if asked to, one field of its JSON object.
#[derive(Clone, Debug)]
pub struct Matcher {
    /// The status.
    pub status: u16,
    /// A top-level field and what it must hold: `Some` text, or `None` for "is absent, or null".
    pub field: Option<(Name, Option<Name>)>,
}

impl Matcher {
    /// Any answer of `status`.
    pub fn status(status: u16) -> Self {
        Self { status, field: None }
    }

    /// An answer of `status` whose `field` holds the text `value`.
    pub fn with(status: u16, field: impl Into<Name>, value: impl Into<Name>) -> Self {
        Self { status, field: Some((field.into(), Some(value.into()))) }
    }

    /// An answer of `status` whose JSON object has no `field`.
    pub fn without(status: u16, field: impl Into<Name>) -> Self {
        Self { status, field: Some((field.into(), None)) }
    }

    fn matches(&self, answer: &Answer) -> bool {
        let field_fits = || match &self.field {
            None => true,
            Some((name, wanted)) => answer.object().is_some_and(|object| match wanted {
                Some(wanted) => object.text(name).is_some_and(|found| found == **wanted),
                // A field that holds anything but text is there all the same: gateways put an object into `error`.
                None => object.raw(name).is_none(),
            }),
        };
        self.status == answer.status && field_fits()
    }
}

impl Default for Contract {
    fn default() -> Self {
        // RFC 6749 §5.2 names both a wrong password and a dead refresh token `invalid_grant`;
        // FastAPI's tutorials answer 400 or 401 without any `error`.
        let refused = vec![
            Matcher::status(401),
            Matcher::with(400, "error", "invalid_grant"),
            Matcher::without(400, "error"),
        ];
        Self {
            login: Endpoint::post("/token"),
            login_encoding: Encoding::Form,
            refresh: Some(Endpoint::post("/refresh")),
            refresh_carrier: Carrier::Json("refresh_token".into()),
            logout: Some(Endpoint::post("/logout")),
            sessions: Some("/sessions".into()),
            fields: Fields::default(),
            expired: vec![Matcher::status(401)],
            wrong_credentials: refused.clone(),
            terminal: refused,
            rotation: Rotation::Unknown,
        }
    }
}

impl Default for Fields {
    fn default() -> Self {
        Self {
            username: "username".into(),
            password: "password".into(),
            access_token: "access_token".into(),
            refresh_token: "refresh_token".into(),
            token_type: "token_type".into(),
            expires_in: "expires_in".into(),
            idempotent_refresh: "idempotent_refresh".into(),
            user: None,
        }
    }
}

impl Contract {
    // An answer in HTML decides nothing about credentials and sessions, because a captive portal or a proxy may have
    // sent it. It may say that an access token is not accepted, because the refresh that follows does no harm.

    pub(crate) fn is_wrong_credentials(&self, answer: &Answer) -> bool {
        !answer.is_html() && self.wrong_credentials.iter().any(|matcher| matcher.matches(answer))
    }

    pub(crate) fn is_expired(&self, answer: &Answer) -> bool {
        self.expired.iter().any(|matcher| matcher.matches(answer))
    }

    pub(crate) fn is_terminal(&self, answer: &Answer) -> bool {
        !answer.is_html() && self.terminal.iter().any(|matcher| matcher.matches(answer))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::clock::Instant;

    fn answer(status: u16, body: &str) -> Answer {
        let received = Instant { monotonic: 0, wall: 0 };
        Answer { status, headers: Vec::new(), body: body.into(), received }
    }

    #[test]
    fn only_the_closed_list_is_terminal() {
        let contract = Contract::default();
        for (status, body) in [
            (401, r#"{"detail":"x"}"#),
            (401, ""),
            (400, r#"{"error":"invalid_grant"}"#),
            (400, r#"{"detail":"x"}"#),
            (400, r#"{"detail":"x","error":null}"#),
        ] {
            assert!(contract.is_terminal(&answer(status, body)), "{status} {body}");
        }
        for (status, body) in [
            (400, r#"{"error":"invalid_request"}"#),
            (400, r#"{"error":{"code":400}}"#),
            (400, r#"{"error":400}"#),
            (400, "not json"),
            (400, ""),
            (401, "<html>sign in to the hotel's network</html>"),
            (403, "{}"),
            (404, "{}"),
            (405, "{}"),
            (409, "{}"),
            (422, "{}"),
            (429, "{}"),
            (500, "{}"),
            (503, "{}"),
            (200, "{}"),
        ] {
            assert!(!contract.is_terminal(&answer(status, body)), "{status} {body}");
        }
    }

    #[test]
    fn a_contract_can_say_that_422_or_403_means_expired() {
        let contract = Contract {
            expired: vec![
                Matcher::with(422, "error_type", "TokenExpiredError"),
                Matcher::with(403, "detail", "Could not validate credentials"),
            ],
            ..Contract::default()
        };
        assert!(contract.is_expired(&answer(422, r#"{"error_type":"TokenExpiredError"}"#)));
        assert!(contract.is_expired(&answer(403, r#"{"detail":"Could not validate credentials"}"#)));
        assert!(!contract.is_expired(&answer(403, r#"{"detail":"Not enough permissions"}"#)));
        assert!(!contract.is_expired(&answer(422, r#"{"detail":[{"loc":["body",0],"msg":"x"}]}"#)));
    }
}
