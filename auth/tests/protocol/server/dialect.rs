//! What a server calls things.

use auth::Method;

/// Where things are and what they are called; the guide's by default.
#[derive(Clone)]
pub(crate) struct Dialect {
    pub(crate) login: &'static str,
    pub(crate) login_media_type: &'static str,
    pub(crate) refresh: &'static str,
    pub(crate) carrier: Carrier,
    pub(crate) logout: (Method, &'static str),
    pub(crate) access_name: &'static str,
    pub(crate) refresh_name: &'static str,
    /// The answer to a wrong password.
    pub(crate) wrong: (u16, &'static str),
    /// The answer to an application request whose access token is not accepted.
    pub(crate) expired: (u16, &'static str),
    /// The answer to an application request of a session that was ended, if it is another one.
    pub(crate) ended: Option<(u16, &'static str)>,
    /// The answer to a refresh of a session that is over.
    pub(crate) terminal: (u16, &'static str),
    /// The answer to a logout.
    pub(crate) logged_out: (u16, &'static str),
    /// Whether a logout wants the access token, in `Authorization`. Otherwise the carrier brings the refresh token.
    pub(crate) ends_by_access: bool,
    /// Whether a refresh takes the access token, in `Authorization`, however old it is.
    pub(crate) renews_by_access: bool,
}

#[derive(Clone, Copy)]
pub(crate) enum Carrier {
    Json(&'static str),
    Form(&'static str),
    Bearer,
}

pub(crate) const FORM: &str = "application/x-www-form-urlencoded";
pub(crate) const JSON: &str = "application/json";

/// An answer as text.
pub(super) fn reply((status, body): (u16, &str)) -> (u16, String) {
    (status, body.to_owned())
}

impl Default for Dialect {
    fn default() -> Self {
        Self {
            login: "/token",
            login_media_type: FORM,
            refresh: "/refresh",
            carrier: Carrier::Json("refresh_token"),
            logout: (Method::Post, "/logout"),
            access_name: "access_token",
            refresh_name: "refresh_token",
            wrong: (401, r#"{"detail":"Incorrect username or password"}"#),
            expired: (401, r#"{"detail":"Could not validate credentials"}"#),
            ended: None,
            terminal: (401, r#"{"detail":"Invalid refresh token","error":"invalid_grant"}"#),
            logged_out: (204, ""),
            ends_by_access: false,
            renews_by_access: false,
        }
    }
}
