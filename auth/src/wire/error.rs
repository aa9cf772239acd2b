//! Everything that can go wrong, as a closed set. Each error knows what the user reads, whether
//! trying again helps, and whether the session lives on.
//!
//! A message never shows a server's text. It names at most a status code.

use std::borrow::Cow;
use std::fmt;

use super::end_reason::EndReason;

/// What an operation ended with instead of a result.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error {
    /// A login without a user name, a password or a required field of the contract; nothing was sent.
    EmptyFields(FormFields),
    /// The server knows no such user with this password.
    WrongCredentials,
    /// The account is disabled, or not active yet.
    AccountDisabled,
    /// The user has to confirm the account first.
    AccountNotVerified,
    /// The account is locked for a while.
    AccountLocked,
    /// The server found the form's fields malformed (422).
    InvalidFields(FormFields),
    /// Another login is still under way.
    AlreadySigningIn,
    /// There is no session.
    NotSignedIn,
    /// The session ended.
    SessionEnded(EndReason),
    /// The session changed while the request was out; its answer was dropped.
    SessionChanged,
    /// The server refused the access token again after a refresh (401).
    StillUnauthorized,
    /// The user may not do this (403).
    Forbidden,
    /// The request was refused with a page of markup: by something between page and server, or by a server that answers so.
    Intercepted {
        /// The status code.
        status: u16,
    },
    /// There is no such thing (404).
    NotFound,
    /// The server has no such service: the contract does not name it, or the server answered 404 or 405. For the list of
    /// sessions: or the browser hides the answer.
    NotOffered,
    /// The server wants fewer requests (429).
    TooManyRequests {
        /// Seconds to wait, 1 at least; `None` if the server did not say.
        retry_after: Option<u32>,
    },
    /// The server has a problem of its own (5xx).
    ServerError {
        /// The status code.
        status: u16,
    },
    /// Any other failure, reported with its status.
    Refused {
        /// The status code.
        status: u16,
    },
    /// The sign-in service is not where the page looks for it, or does not take the call (404, 405).
    ServiceNotFound {
        /// The status code.
        status: u16,
    },
    /// The sign-in service cannot serve this page as it is set up: its registration (`client_id`), its way to ask, or a key or
    /// second factor that it does not send.
    PageNotAccepted {
        /// The status code.
        status: u16,
    },
    /// The server answered with a redirect, which is never followed with a token.
    Redirected,
    /// No connection, or an answer the browser does not let the page read (CORS).
    Unreachable,
    /// No complete answer in time.
    TimedOut,
    /// The session could not be renewed in time, because another tab is renewing it, or storage does not show its token yet.
    Unavailable,
    /// This browser's storage gives the page no answer, so the session cannot be renewed.
    StorageStuck,
    /// This browser's storage did not say in time whether it stored the login, or cannot hold it although the server's one cookie
    /// needs that. The login was taken back.
    StorageSilent,
    /// The connection ended in the middle of the answer.
    Interrupted,
    /// A success whose body is not what it should be: markup, empty, truncated, or of another shape.
    Unintelligible,
    /// The answer has more bytes than the page reads.
    TooLarge,
    /// The server sent a token that no request can carry: it has control characters or blanks, more than 64 KiB, or needs
    /// a proof besides.
    UnusableToken,
    /// The server sent a refresh token that scripts can read, although the page keeps sessions in cookies only.
    NoRefreshCookie,
    /// The request's address is not on the API's origin; nothing was sent.
    ForeignOrigin,
    /// A header of the request cannot be written into an HTTP message; nothing was sent.
    MalformedHeader,
}

/// The fields of the login form; `true` marks the one that is meant.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FormFields {
    /// The user name.
    pub username: bool,
    /// The password.
    pub password: bool,
    /// Any of the contract's [`asks`](crate::Contract::asks).
    pub other: bool,
}

impl Error {
    /// What the user reads: complete sentences without markup, none of them from a server.
    pub fn message(&self) -> Cow<'static, str> {
        Cow::Borrowed(match self {
            Self::EmptyFields(FormFields { other: true, .. }) => "Fill in every required field.",
            Self::EmptyFields(FormFields { username: true, password: true, .. }) => {
                "Enter your username and password."
            }
            Self::EmptyFields(FormFields { username: true, .. }) => "Enter your username.",
            Self::EmptyFields(_) => "Enter your password.",
            Self::WrongCredentials => "Incorrect username or password.",
            Self::AccountDisabled => "This account is disabled. Ask whoever runs this service.",
            Self::AccountNotVerified => {
                "This account is not verified yet. Follow the message that you got when you signed up, then try again."
            }
            Self::AccountLocked => "This account is locked for now. Try again later.",
            Self::InvalidFields(FormFields { username: true, password: false, .. }) => {
                "The server does not accept this username. Check it and try again."
            }
            Self::InvalidFields(FormFields { username: false, password: true, .. }) => {
                "The server does not accept this password. Check it and try again."
            }
            Self::InvalidFields(_) => "The server does not accept this entry. Check it and try again.",
            Self::AlreadySigningIn => "You are already being signed in.",
            Self::NotSignedIn => "Log in first.",
            Self::SessionEnded(reason) => reason.message(),
            Self::SessionChanged => "Your session changed meanwhile, so the answer was discarded.",
            Self::StillUnauthorized => "The server did not accept your session for this request (401).",
            Self::Forbidden => "You do not have permission for this (403).",
            Self::Intercepted { status } => {
                return format!("The request was stopped on its way, perhaps by a proxy or a check for robots ({status}). Reload the page or try again. If that does not help, perhaps you do not have permission.").into();
            }
            Self::NotFound => "The server has nothing at this address (404).",
            Self::NotOffered => "This server does not offer that, or it cannot be reached.",
            Self::TooManyRequests { .. } => "Too many attempts. Wait a moment, then try again.",
            Self::ServerError { status } => {
                return format!("The server has a problem ({status}). Try again in a moment.").into();
            }
            Self::Refused { status } => return format!("The server refused the request ({status}).").into(),
            Self::ServiceNotFound { status } => {
                return format!("The sign-in service was not found at the configured address ({status}). Tell whoever runs this page.").into();
            }
            Self::PageNotAccepted { status } => {
                return format!(
                    "The sign-in service does not accept this page ({status}). Tell whoever runs this page."
                )
                .into();
            }
            Self::Redirected => {
                "The request was redirected, perhaps to a proxy's login. That is not followed for your safety. Reload the page. If that does not help, tell whoever runs it."
            }
            Self::Unreachable => "Cannot reach the server. Check your connection and try again.",
            Self::TimedOut => "The server did not answer in time. Try again in a moment.",
            Self::Unavailable => "Your session could not be renewed in time. Try again in a moment.",
            Self::StorageStuck => "This browser's storage does not answer. Reload the page to go on.",
            Self::StorageSilent => {
                "Signing in did not work, because this browser's storage gave no answer. Reload the page and try again."
            }
            Self::Interrupted => "The connection broke off before the answer was complete. Try again.",
            Self::Unintelligible => "The server's answer could not be understood. Try again later.",
            Self::TooLarge => "The server's answer is too large for this page.",
            Self::UnusableToken => {
                "The server sent a token that this page cannot use. Tell whoever runs this page."
            }
            Self::NoRefreshCookie => {
                "The sign-in service does not keep sessions in cookies, as this page needs. Tell whoever runs this page."
            }
            Self::MalformedHeader => "This request was not sent, because one of its headers is malformed.",
            Self::ForeignOrigin => {
                "This request was not sent, because its address does not belong to the server."
            }
        })
    }

    /// Seconds that the server asks to wait before the next try, 1 at least.
    pub fn wait(&self) -> Option<u32> {
        match self {
            Self::TooManyRequests { retry_after } => *retry_after,
            _ => None,
        }
    }

    /// Whether the same call may succeed when it is made again later.
    pub fn retry_helps(&self) -> bool {
        matches!(
            self,
            Self::TooManyRequests { .. }
                | Self::ServerError { .. }
                | Self::Unreachable
                | Self::TimedOut
                | Self::Intercepted { .. }
                | Self::Unavailable
                | Self::StorageStuck
                | Self::StorageSilent
                | Self::Interrupted
                | Self::Unintelligible
                | Self::SessionChanged
        )
    }

    /// Whether a session that existed before the call still exists after it. After [`SessionChanged`](Self::SessionChanged) the page has
    /// another session or none, and this says nothing.
    pub fn session_lives(&self) -> bool {
        !matches!(self, Self::SessionEnded(_) | Self::NotSignedIn)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message())
    }
}

impl std::error::Error for Error {}
