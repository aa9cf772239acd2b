//! What the simulated server and the checks read in a request.

use auth::HttpRequest;

use crate::token::{Kind, Token, tokens_in};

/// The refresh token in a body.
pub(crate) fn carried(request: &HttpRequest) -> Option<Token> {
    let body = std::str::from_utf8(request.body.as_deref()?).ok()?;
    tokens_in(body).find(|token| token.kind == Kind::Refresh)
}

/// The value of the header of this name, however it is spelt.
pub(crate) fn header<'a>(request: &'a HttpRequest, name: &str) -> Option<&'a str> {
    request.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
}
