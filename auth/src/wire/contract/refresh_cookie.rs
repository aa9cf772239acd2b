//! Refresh tokens in cookies that script cannot read.

use super::Contract;
use crate::wire::http::Text;
use crate::wire::token::RefreshToken;

/// How a server keeps refresh tokens in cookies that script cannot read. Such calls carry the page's own origin's cookies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefreshCookie {
    /// The fields of a login's answer that name the session's cookie: first the session's name, then what proves that it is
    /// the page's own. Refresh and logout repeat them. Empty: the server has one cookie for all sessions of a browser, and
    /// each login replaces it.
    pub handle: Vec<Text>,
    /// Whether a login brings the cookie and no access token, so that a refresh gives the first one.
    pub alone: bool,
    /// Fields by which a login asks for the cookie.
    pub fields: Vec<(Text, Text)>,
    /// Headers of login, refresh and logout that no other site's form can send.
    pub headers: Vec<(Text, Text)>,
    /// A cookie that script can read, and the header that repeats it at refresh and logout (a "double submit").
    pub echo: Option<(Text, Text)>,
}

impl Contract {
    /// Whether each login replaces the cookie of the session before.
    pub(crate) fn has_one_cookie(&self) -> bool {
        self.refresh_cookie.as_ref().is_some_and(|cookie| cookie.handle.is_empty())
    }
}

impl RefreshCookie {
    /// Whether `token` is a handle with as many values as this cookie has. A session from before a redeploy may have another
    /// kind.
    pub(crate) fn fits(&self, token: &RefreshToken) -> bool {
        token.handle().is_some_and(|values| values.count() == self.handle.len().max(1))
    }
}

/// Where the page wants the refresh tokens of new sessions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// In the answers, for the page to keep.
    Body,
    /// In cookies that script cannot read.
    Cookie,
}

impl Place {
    /// Where the answer to a call with this token brings the next one.
    pub(crate) fn of(token: &RefreshToken) -> Self {
        if token.is_in_cookie() { Self::Cookie } else { Self::Body }
    }
}
