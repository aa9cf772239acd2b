//! Paths, names and answers of a server, as data. Another server is another value of [`Contract`], not more code.

use super::http::{Answer, Method, Text};
use super::refusal::{Matcher, Meaning, Refusal, is_gateway_challenge, meaning, rules};

pub use fields::Fields;
pub(crate) use refresh_cookie::Place;
pub use refresh_cookie::RefreshCookie;

/// What one server calls things, and what its answers mean. [`Default`] is the contract of README.md: form `POST /token`,
/// JSON `POST /refresh`, JSON `POST /logout`.
///
/// A server that differs is described by what differs:
///
/// ```
/// # use auth::{Carrier, Contract, Endpoint, Fields};
/// let token = || Carrier::Field("refresh".into());
/// let simple_jwt = Contract {
///     login: Endpoint::post("/api/token/").json(),
///     refresh: Some(Endpoint::post("/api/token/refresh/").json().refresh_token(token())),
///     logout: Some(Endpoint::post("/api/token/blacklist/").json().refresh_token(token())),
///     fields: Fields { access_token: "access".into(), refresh_token: "refresh".into(), ..Fields::default() },
///     ..Contract::default()
/// };
/// # let _ = simple_jwt;
/// ```
#[derive(Clone, Debug)]
pub struct Contract {
    /// Where user name and password go.
    pub login: Endpoint,
    /// Where a refresh token is exchanged; `None` if the server has no refresh.
    pub refresh: Option<Endpoint>,
    /// Where a session is ended; `None` if the server cannot be told.
    pub logout: Option<Endpoint>,
    /// Where the user's sessions are listed (`GET`) and all others are ended (`DELETE`). `DELETE` of
    /// `{sessions}/{sid}` ends one. `None` if the server has nothing like it.
    pub sessions: Option<Text>,
    /// What a login asks the user for, besides name and password.
    pub asks: Vec<AskedField>,
    /// The names in requests and answers.
    pub fields: Fields,
    /// The word before an access token in `Authorization` (RFC 9110 §11.1).
    pub scheme: Text,
    /// What the refusal of a login means. What no rule fits is told by its status.
    pub login_refusals: Vec<Refusal>,
    /// What the refusal of a refresh means: the session's end, or trouble. What no rule fits is trouble.
    pub refresh_refusals: Vec<Refusal>,
    /// What the refusal of a logout means. A session that is over already needs no end; what no rule fits is told by its
    /// status.
    pub logout_refusals: Vec<Refusal>,
    /// Answers to an application request that mean "this access token is not accepted".
    pub expired: Vec<Matcher>,
    /// What is known of the server's rotation.
    pub rotation: Rotation,
    /// How the server keeps refresh tokens in cookies that script cannot read, for the custody
    /// [`Cookie`](crate::RefreshCustody::Cookie); `None` if it does not.
    pub refresh_cookie: Option<RefreshCookie>,
    /// Whether calls to the page's own origin carry that origin's cookies, because a proxy in front may need its own (fetch's
    /// `credentials: same-origin`).
    pub cookies: bool,
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

/// A call of the server: where it goes, and how it is written.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// The method.
    pub method: Method,
    /// The path, beginning with a slash.
    pub path: Text,
    /// How the call's fields are written.
    pub encoding: Encoding,
    /// Fields that each call has, such as `client_id`.
    pub fields: Vec<(Text, Text)>,
    /// Headers that each call has, such as an API key.
    pub headers: Vec<(Text, Text)>,
    /// How the refresh token travels, if it does.
    pub refresh_token: Option<Carrier>,
    /// How the access token travels, if it does.
    pub access_token: Option<Carrier>,
}

impl Endpoint {
    /// `method path`, with a form.
    pub fn new(method: Method, path: impl Into<Text>) -> Self {
        Self {
            method,
            path: path.into(),
            encoding: Encoding::Form,
            fields: Vec::new(),
            headers: Vec::new(),
            refresh_token: None,
            access_token: None,
        }
    }

    /// `POST path`, with a form.
    pub fn post(path: impl Into<Text>) -> Self {
        Self::new(Method::Post, path)
    }

    /// … with JSON.
    #[must_use]
    pub fn json(self) -> Self {
        Self { encoding: Encoding::Json, ..self }
    }

    /// … with its fields in the query.
    #[must_use]
    pub fn query(self) -> Self {
        Self { encoding: Encoding::Query, ..self }
    }

    /// … with a field that is always the same.
    #[must_use]
    pub fn field(mut self, name: impl Into<Text>, value: impl Into<Text>) -> Self {
        self.fields.push((name.into(), value.into()));
        self
    }

    /// … with a header that is always the same.
    #[must_use]
    pub fn header(mut self, name: impl Into<Text>, value: impl Into<Text>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// … with the refresh token.
    #[must_use]
    pub fn refresh_token(self, carrier: Carrier) -> Self {
        Self { refresh_token: Some(carrier), ..self }
    }

    /// … with the access token.
    #[must_use]
    pub fn access_token(self, carrier: Carrier) -> Self {
        Self { access_token: Some(carrier), ..self }
    }
}

/// A field of a login besides name and password: a tenant, or a one-time code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AskedField {
    /// Its name in the request.
    pub name: Text,
    /// What the user reads beside it.
    pub label: Text,
    /// What the browser may fill in: a word of HTML's `autocomplete`, such as `organization` or `one-time-code`.
    pub autocomplete: Text,
    /// Whether it may stay empty. An empty field is not sent.
    pub optional: bool,
}

/// How a call's fields are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Encoding {
    /// `application/x-www-form-urlencoded`, as RFC 6749 has it.
    Form,
    /// A JSON object.
    Json,
    /// In the URL's query. Servers and proxies log URLs, so this is for servers that take nothing else.
    Query,
}

/// How a token travels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Carrier {
    /// In a field of this name.
    Field(Text),
    /// In a header of this name, as it is.
    Header(Text),
    /// In `Authorization`, after the contract's [`scheme`](Contract::scheme).
    Authorization,
}

impl Default for Contract {
    fn default() -> Self {
        let token = || Carrier::Field("refresh_token".into());
        Self {
            login: Endpoint::post("/token").field("grant_type", "password"),
            refresh: Some(Endpoint::post("/refresh").json().refresh_token(token())),
            logout: Some(Endpoint::post("/logout").json().refresh_token(token())),
            sessions: Some("/sessions".into()),
            asks: Vec::new(),
            fields: Fields::default(),
            scheme: "Bearer".into(),
            login_refusals: rules::of_login(),
            refresh_refusals: rules::of_refresh(),
            logout_refusals: rules::of_logout(),
            expired: vec![
                Matcher::status(401),
                // A FastAPI tutorial's sentence, and Supabase's code.
                Matcher::status(403).says(&["invalid token or expired token"]),
                Matcher::status(403).is("error_code", &["bad_jwt"]),
            ],
            rotation: Rotation::Unknown,
            refresh_cookie: Some(RefreshCookie {
                handle: vec!["sid".into(), "session_key".into()],
                alone: false,
                fields: vec![("refresh_custody".into(), "cookie".into())],
                headers: vec![("x-requested-with".into(), "yew-jwt-auth".into())],
                echo: None,
            }),
            cookies: false,
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

    /// What the refusal of a logout means, if a rule fits it.
    pub(crate) fn logout_refusal(&self, answer: &Answer) -> Option<Meaning> {
        meaning(&self.logout_refusals, answer)
    }

    /// Whether a session is renewed with its access token, which serves as refresh token then.
    pub(crate) fn renews_with_access(&self) -> bool {
        let own = |refresh: &Endpoint| refresh.refresh_token.is_none() && refresh.access_token.is_some();
        self.refresh.as_ref().is_some_and(own)
    }

    /// A header's value without the scheme word that it may begin with.
    pub(crate) fn without_scheme<'a>(&self, value: &'a str) -> &'a str {
        match value.split_once(' ') {
            Some((word, rest)) if word.eq_ignore_ascii_case(&self.scheme) => rest.trim_ascii(),
            _ => value,
        }
    }

    /// Whether an access token is not accepted. If the session can be renewed, a proxy's page or a gateway's challenge may say
    /// so as well, because the refresh that follows does no harm. A success counts only if a matcher names its status, because
    /// the server has carried it out.
    pub(crate) fn is_expired(&self, answer: &Answer, is_renewable: bool) -> bool {
        if !is_renewable && is_gateway_challenge(answer) {
            return false;
        }
        self.expired.iter().any(|matcher| {
            let is_heard = is_renewable || matcher.hears(answer);
            let counts = !answer.is_success() || matcher.statuses.contains(&answer.status);
            is_heard && counts && matcher.matches(answer)
        })
    }
}

mod fields;
mod refresh_cookie;

#[cfg(test)]
mod tests;
