//! One cookie for all sessions of a browser, as AuthX, fastapi-jwt-auth and fastapi-users have it: each login replaces it, and
//! a refresh does not change it.

use auth::HttpRequest;

use super::dialect::reply;
use super::{Reply, Rotation, Server, fields};

/// The name of the cookie.
pub(crate) const ONE_COOKIE: &str = "refresh";

/// What a login's answer has beside the cookie.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum OneCookie {
    /// An access token.
    Beside,
    /// Nothing.
    Alone,
}

impl Server {
    /// What a call with cookies gets, if the server has one for all sessions.
    pub(super) fn by_one_cookie(&mut self, request: &HttpRequest, path: &str, now: u64) -> Option<Reply> {
        let kind = self.one_cookie.filter(|_| request.cookies)?;
        let sent = self.cookies.sent.get(ONE_COOKIE);
        let family = sent.and_then(|token| self.refresh.get(token)).copied();
        let family = family.filter(|family| self.families[*family].alive);
        if path == self.dialect.login {
            return Some(self.log_in_by_cookie(request, kind, now));
        }
        if sent.is_none() {
            return Some((401, r#"{"message":"Missing cookie 'refresh'."}"#.to_owned()));
        }
        let Some(family) = family else { return Some(reply(self.dialect.terminal)) };
        if path == self.dialect.refresh {
            return Some(self.grant(family, now, Rotation::Null));
        }
        self.families[family].alive = false;
        self.logged_out.push(self.families[family].user.clone());
        self.cookies.set.push((ONE_COOKIE.to_owned(), None));
        Some(reply(self.dialect.logged_out))
    }

    fn log_in_by_cookie(&mut self, request: &HttpRequest, kind: OneCookie, now: u64) -> Reply {
        let fields = fields(request);
        if fields.get("password").map(String::as_str) != Some("secret") {
            return reply(self.dialect.wrong);
        }
        let user = fields.get("username").cloned().unwrap_or_default();
        let (_, token) = self.issue(&user, now);
        self.cookies.set.push((ONE_COOKIE.to_owned(), Some(token)));
        match kind {
            OneCookie::Beside => self.grant(self.families.len() - 1, now, Rotation::Null),
            OneCookie::Alone => (204, String::new()),
        }
    }
}
