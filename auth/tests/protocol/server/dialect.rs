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
    pub(crate) expired: (u16, &'static str),
    pub(crate) terminal: (u16, &'static str),
}

#[derive(Clone, Copy)]
pub(crate) enum Carrier {
    Json(&'static str),
    Form(&'static str),
    Bearer,
}

pub(crate) const FORM: &str = "application/x-www-form-urlencoded";
pub(crate) const JSON: &str = "application/json";

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
            expired: (401, r#"{"detail":"Could not validate credentials"}"#),
            terminal: (401, r#"{"detail":"Invalid refresh token","error":"invalid_grant"}"#),
        }
    }
}
