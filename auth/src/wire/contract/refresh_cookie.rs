//! Refresh tokens in cookies that script cannot read.

use crate::wire::http::Text;
use crate::wire::token::RefreshToken;

/// How a server keeps refresh tokens in cookies that script cannot read. Such calls carry the page's own origin's cookies.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefreshCookie {
    /// The fields of a login's answer that name the session's cookie: first the session's name, then what proves that it is
    /// the page's own. Refresh and logout repeat them.
    pub handle: Vec<Text>,
    /// Fields by which a login asks for the cookie.
    pub fields: Vec<(Text, Text)>,
    /// Headers of login, refresh and logout that no other site's form can send.
    pub headers: Vec<(Text, Text)>,
    /// A cookie that script can read, and the header that repeats it at refresh and logout (a "double submit").
    pub echo: Option<(Text, Text)>,
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
