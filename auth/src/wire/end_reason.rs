//! Why a session ended: what the user reads, and the names in the ledger.

/// Why a session ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndReason {
    /// The user logged out here.
    LoggedOut,
    /// The user logged out here, and the server could not be told.
    LoggedOutHereOnly,
    /// The user logged out in another tab.
    LoggedOutElsewhere,
    /// A login in another tab replaced it.
    ReplacedElsewhere,
    /// The browser no longer has what was stored.
    Lost,
    /// The page ended the stored session, because its settings keep sessions elsewhere now.
    NoLongerKept,
    /// The session's time was up.
    Expired,
    /// The session was ended at the server.
    Revoked,
    /// The server ended it because a refresh token was used twice and may have been stolen.
    Reuse,
    /// The password was changed.
    PasswordChanged,
    /// The account was disabled.
    Disabled,
    /// The browser did not send the cookie that holds the refresh token.
    NoCookie,
    /// The server's answer to a refresh held a token that no request can carry.
    UnusableToken,
}

impl EndReason {
    /// What the user reads above the form.
    pub fn message(self) -> &'static str {
        match self {
            Self::LoggedOut => "You are logged out.",
            Self::LoggedOutHereOnly => {
                "You are logged out on this device. The server could not be told, so the session there ends when its time is up."
            }
            Self::LoggedOutElsewhere => "You logged out in another tab.",
            Self::ReplacedElsewhere => {
                "Another login in this browser ended your session here. Log in again to continue."
            }
            Self::Lost => "This browser no longer has your session. Log in again.",
            Self::NoLongerKept => {
                "This page does not keep sessions where yours was any more, so it was ended. Log in again."
            }
            Self::Expired => "Your session has expired. Log in again.",
            Self::Revoked => "Your session was ended. Log in again.",
            Self::Reuse => "You were signed out for your safety: this session was used from somewhere else.",
            Self::PasswordChanged => "Your password was changed. Log in with the new one.",
            Self::Disabled => "This account is disabled.",
            Self::NoCookie => {
                "This browser did not keep the cookie that your session needs. Log in again. If this repeats, tell whoever runs this page."
            }
            Self::UnusableToken => {
                "Your session was ended, because the server sent a token that this page cannot use. Log in again."
            }
        }
    }

    /// The reason's name in the ledger.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::LoggedOut | Self::LoggedOutHereOnly | Self::LoggedOutElsewhere | Self::NoLongerKept => {
                "logged_out"
            }
            Self::ReplacedElsewhere => "replaced",
            Self::Lost => "lost",
            Self::Expired => "expired",
            Self::Revoked => "revoked",
            Self::Reuse => "reuse",
            Self::PasswordChanged => "password_changed",
            Self::Disabled => "disabled",
            Self::NoCookie => "no_cookie",
            Self::UnusableToken => "unusable_token",
        }
    }

    /// The reason that another tab wrote into the ledger.
    pub(crate) fn elsewhere(name: &str) -> Self {
        match name {
            "logged_out" => Self::LoggedOutElsewhere,
            "replaced" => Self::ReplacedElsewhere,
            "lost" => Self::Lost,
            name => Self::named(name).unwrap_or(Self::Expired),
        }
    }

    /// The reason of this name, as the reference server and the ledger write it.
    pub(crate) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "reuse" => Self::Reuse,
            "revoked" => Self::Revoked,
            "password_changed" => Self::PasswordChanged,
            "disabled" => Self::Disabled,
            "expired" => Self::Expired,
            "no_cookie" => Self::NoCookie,
            "unusable_token" => Self::UnusableToken,
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::EndReason::{
        self, Disabled, Expired, Lost, NoCookie, PasswordChanged, ReplacedElsewhere, Reuse, Revoked,
        UnusableToken,
    };

    #[test]
    fn what_a_server_or_a_row_says_is_read_as_it_was_written() {
        for reason in [Reuse, Revoked, PasswordChanged, Disabled, Expired, NoCookie, UnusableToken] {
            assert_eq!(EndReason::named(reason.name()), Some(reason));
        }
        for reason in [Lost, ReplacedElsewhere, UnusableToken, Disabled] {
            assert_eq!(EndReason::elsewhere(reason.name()), reason);
        }
        assert_eq!(EndReason::named("of a newer build"), None);
        assert_eq!(EndReason::elsewhere("of a newer build"), Expired);
    }
}
