//! The servers of the stories, and the contracts that fit them.

use auth::{AccessCustody, Carrier, Contract, Custody, Endpoint, RefreshCustody};

use crate::one_cookie::{COOKIE, contract};
use crate::server::{OneCookie, Server};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// One cookie for all sessions, and an access token beside it.
    OneCookie,
    /// The same; a login's answer is empty.
    OneCookieAlone,
    /// A logout takes the access token.
    AccessLogout,
    /// The same, and there are no refresh tokens.
    TokenOnly,
    /// A session is renewed with its access token, and ended with it.
    AccessRenewal,
}

impl Kind {
    pub(super) const ALL: [Self; 5] =
        [Self::OneCookie, Self::OneCookieAlone, Self::AccessLogout, Self::TokenOnly, Self::AccessRenewal];

    pub(super) fn has_one_cookie(self) -> bool {
        matches!(self, Self::OneCookie | Self::OneCookieAlone)
    }

    /// Whether the page can see that another page's login has replaced the cookie.
    pub(super) fn sees_another_pages_login(self) -> bool {
        self == Self::OneCookie
    }

    /// Whether a refresh token is good for one refresh.
    pub(super) fn rotates(self) -> bool {
        self == Self::AccessLogout
    }

    pub(super) fn set_up(self, server: &mut Server) {
        let lifetime = if self == Self::TokenOnly { 3_600 } else { 20 };
        server.lifetime = lifetime;
        server.expires_in = Some(lifetime.to_string());
        server.one_cookie = match self {
            Self::OneCookie => Some(OneCookie::Beside),
            Self::OneCookieAlone => Some(OneCookie::Alone),
            Self::AccessLogout | Self::TokenOnly | Self::AccessRenewal => None,
        };
        server.dialect.ends_by_access = !self.has_one_cookie();
        server.dialect.renews_by_access = self == Self::AccessRenewal;
        server.issues_refresh = !matches!(self, Self::TokenOnly | Self::AccessRenewal);
    }

    pub(super) fn contract(self) -> Contract {
        let with_access = |path| Some(Endpoint::post(path).access_token(Carrier::Authorization));
        let (logout, defaults) = (with_access("/logout"), Contract::default());
        match self {
            Self::OneCookie | Self::OneCookieAlone => contract(self == Self::OneCookieAlone),
            Self::AccessLogout => Contract { logout, ..defaults },
            Self::TokenOnly => Contract { logout, refresh: None, ..defaults },
            Self::AccessRenewal => Contract { logout, refresh: with_access("/refresh"), ..defaults },
        }
    }

    pub(super) fn custody(self, in_database: bool) -> Custody {
        let refresh = if in_database { RefreshCustody::Database } else { RefreshCustody::Local };
        if self.has_one_cookie() { COOKIE } else { Custody { access: AccessCustody::Session, refresh } }
    }
}
