//! Requests and answers as they cross the platform.

pub(super) mod headers;

use std::borrow::Cow;
use std::fmt;

use super::clock::Instant;
use super::error::Error;
use super::json::{Object, Raw};

pub use self::headers::Headers;

/// A text that is in the program, or was read.
pub(crate) type Text = Cow<'static, str>;

/// An HTTP method.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// `GET`
    Get,
    /// `POST`
    Post,
    /// `PUT`
    Put,
    /// `PATCH`
    Patch,
    /// `DELETE`
    Delete,
}

impl Method {
    /// The method's name on the wire.
    pub fn name(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Patch => "PATCH",
            Self::Delete => "DELETE",
        }
    }
}

/// An application request, before a token is attached: what [`Client::send`](crate::Client::send) takes.
///
/// The body is bytes, so that a request which has to be repeated after a refresh goes out the same.
///
/// ```
/// # use auth::Request;
/// let request = Request::get("/protected-route");
/// let note = Request::post("/notes").json(r#"{"text":"hello"}"#);
/// # let _ = (request, note);
/// ```
#[derive(Clone, Debug)]
pub struct Request {
    pub(crate) method: Method,
    pub(crate) target: String,
    pub(crate) headers: Vec<(&'static str, String)>,
    pub(crate) body: Option<Vec<u8>>,
    /// Whether the server may lack what is asked for.
    pub(crate) optional: bool,
}

impl Request {
    /// A request to `target`: a path below the API's base URL, or an absolute URL on its origin.
    pub fn new(method: Method, target: impl Into<String>) -> Self {
        Self { method, target: target.into(), headers: Vec::new(), body: None, optional: false }
    }

    /// `GET target`.
    pub fn get(target: impl Into<String>) -> Self {
        Self::new(Method::Get, target)
    }

    /// `POST target`.
    pub fn post(target: impl Into<String>) -> Self {
        Self::new(Method::Post, target)
    }

    /// Adds a header. `Authorization` is the client's own and is replaced.
    #[must_use]
    pub fn header(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// Sets a body and its media type.
    #[must_use]
    pub fn body(self, media_type: &'static str, bytes: impl Into<Vec<u8>>) -> Self {
        let mut request = self.header("content-type", media_type);
        request.body = Some(bytes.into());
        request
    }

    /// Whether every header can be written into an HTTP message. A browser throws an exception at one that cannot.
    pub(crate) fn is_sound(&self) -> bool {
        self.headers.iter().all(|(name, value)| headers::is_header(name, value))
    }

    /// Sets a body of JSON text.
    #[must_use]
    pub fn json(self, text: impl Into<Vec<u8>>) -> Self {
        self.body("application/json", text)
    }
}

/// A request as the platform sends it.
///
/// `Debug` shows method and URL only: headers and body carry tokens and passwords.
#[derive(Clone, PartialEq, Eq)]
pub struct HttpRequest {
    /// The method.
    pub method: Method,
    /// An absolute URL on the configured origin.
    pub url: String,
    /// Header names, in lower case, and values.
    pub headers: Vec<(Cow<'static, str>, String)>,
    /// The body, if there is one.
    pub body: Option<Vec<u8>>,
    /// Whether the request may outlive the page (fetch's `keepalive`): a logout must.
    pub outlives_page: bool,
    /// The most bytes of an answer's body that are read.
    pub body_limit: usize,
    /// What the browser's HTTP cache may do.
    pub cache: CacheMode,
    /// Whether it carries the cookies of the page's own origin (fetch's `credentials: same-origin`).
    pub cookies: bool,
    /// A cookie that script can read, and the header that repeats its value. The header is empty if there is no such cookie.
    pub echo: Option<(Cow<'static, str>, Cow<'static, str>)>,
}

/// What the browser's HTTP cache may do for a request. The names are those of fetch's `cache`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CacheMode {
    /// The cache is neither read nor written.
    NoStore,
    /// The cache is not read. The answer replaces what the cache held, or removes it.
    Reload,
    /// The cache is used as RFC 9111 says. Chromium remembers a CORS preflight in this mode only.
    Default,
}

impl HttpRequest {
    /// `request` on its way to `url` with a header that carries the access token.
    pub(crate) fn authorized(
        request: &Request,
        url: String,
        authorization: (Cow<'static, str>, String),
        cache: CacheMode,
        body_limit: usize,
    ) -> Self {
        let own = |(name, _): &&(&'static str, String)| !name.eq_ignore_ascii_case(&authorization.0);
        let copied = |(name, value): &(&'static str, String)| ((*name).into(), value.clone());
        let mut headers: Vec<_> = request.headers.iter().filter(own).map(copied).collect();
        headers.push(authorization);
        Self {
            method: request.method,
            url,
            headers,
            body: request.body.clone(),
            outlives_page: false,
            body_limit,
            cache,
            cookies: false,
            echo: None,
        }
    }
}

impl fmt::Debug for HttpRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method.name(), self.url)
    }
}

/// The byte order mark in UTF-8. RFC 8259 §8.1 lets a reader skip it.
const MARK: &[u8] = b"\xef\xbb\xbf";

/// A server's answer, read to its end.
///
/// `Debug` shows the status only: bodies carry tokens.
#[derive(Clone)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The headers that the browser lets the page read.
    pub headers: Headers,
    /// The body.
    pub body: Vec<u8>,
    /// When the answer was complete. If the page had sent the request before the client did, the midpoint of that earlier call.
    pub received: Instant,
}

impl Answer {
    /// Whether its status is 2xx.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }

    /// The value of the header with this name, in any case. `None` if the answer has none, or if the browser hides it.
    pub fn header(&self, name: &str) -> Option<String> {
        self.headers.find(name)
    }

    /// The body as JSON text, checked to be JSON (RFC 8259).
    ///
    /// A captive portal's HTML under status 200 is [`Error::Unintelligible`].
    pub fn json(&self) -> Result<Cow<'_, str>, Error> {
        Some(self.text()).filter(|text| Raw::read(text).is_some()).ok_or(Error::Unintelligible)
    }

    /// The body as text (UTF-8). A byte order mark is left out, and a replacement character stands for bytes that are no
    /// UTF-8, because one such byte in a field that nobody reads would otherwise hide the others.
    pub fn text(&self) -> Cow<'_, str> {
        String::from_utf8_lossy(self.unmarked())
    }

    fn unmarked(&self) -> &[u8] {
        self.body.strip_prefix(MARK).unwrap_or(&self.body)
    }

    /// Reads the body's JSON object; `None` if it is anything else.
    pub(crate) fn read<T>(&self, read: impl FnOnce(&Object<'_>) -> Option<T>) -> Option<T> {
        read(&Object::read(&self.text())?)
    }

    /// Whether the body begins like markup: the answer of a captive portal or a proxy instead of the server's. The media
    /// type is not asked, because servers label JSON and empty bodies as `text/html`.
    pub(crate) fn is_markup(&self) -> bool {
        self.unmarked().trim_ascii_start().starts_with(b"<")
    }
}

impl fmt::Debug for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Answer({})", self.status)
    }
}

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HttpError {
    /// No connection, or an answer that the browser does not let the page read (CORS); a page cannot
    /// tell the two apart.
    Unreachable,
    /// The connection ended before the body did.
    Interrupted,
    /// The server answered with a redirect, which is not followed.
    Redirected,
    /// The body is larger than [`HttpRequest::body_limit`].
    TooLarge,
}

impl From<HttpError> for Error {
    fn from(error: HttpError) -> Self {
        match error {
            HttpError::Unreachable => Self::Unreachable,
            HttpError::Interrupted => Self::Interrupted,
            HttpError::Redirected => Self::Redirected,
            HttpError::TooLarge => Self::TooLarge,
        }
    }
}
