//! Paths, names and answers of a server, as data. Another server is another value of [`Contract`], not more code.

use std::borrow::Cow;

use super::http::{Answer, Method};
use super::refusal::{self, Matcher, Meaning, Refusal, meaning};

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
    /// What the refusal of a login means. What no rule fits is told by its status.
    pub login_refusals: Vec<Refusal>,
    /// What the refusal of a refresh means: the session's end, or trouble. What no rule fits is trouble.
    pub refresh_refusals: Vec<Refusal>,
    /// Answers to an application request that mean "this access token is not accepted".
    pub expired: Vec<Matcher>,
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

impl Default for Contract {
    fn default() -> Self {
        Self {
            login: Endpoint::post("/token"),
            login_encoding: Encoding::Form,
            refresh: Some(Endpoint::post("/refresh")),
            refresh_carrier: Carrier::Json("refresh_token".into()),
            logout: Some(Endpoint::post("/logout")),
            sessions: Some("/sessions".into()),
            fields: Fields::default(),
            login_refusals: refusal::of_login(),
            refresh_refusals: refusal::of_refresh(),
            expired: vec![Matcher::status(401)],
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
    /// What the refusal of a login means, if a rule fits it.
    pub(crate) fn login_refusal(&self, answer: &Answer) -> Option<Meaning> {
        meaning(&self.login_refusals, answer)
    }

    /// What the refusal of a refresh means, if a rule fits it.
    pub(crate) fn refresh_refusal(&self, answer: &Answer) -> Option<Meaning> {
        meaning(&self.refresh_refusals, answer)
    }

    /// Whether an access token is not accepted. Markup may say so as well, because the refresh that follows does no harm.
    pub(crate) fn is_expired(&self, answer: &Answer) -> bool {
        self.expired.iter().any(|matcher| matcher.matches(answer))
    }
}
