//! The page's sentences, word for word, that more than one test expects.

/// The alert after a click without a network.
pub const UNREACHABLE: &str = "Cannot reach the server. Check your connection and try again.";
/// Shown while the network is gone and no error says so. The session is kept.
pub const UNREACHABLE_NOTICE: &str = "The server cannot be reached at the moment. You stay signed in.";
/// The notice that the server is not available and the session is kept.
pub const UNAVAILABLE_NOTICE: &str = "The server is not available at the moment. You stay signed in.";
/// What the error came from is over.
pub const WAIT_IS_OVER: &str = "You can try again now.";
/// The server answered with a redirect.
pub const REDIRECTED: &str = "The request was redirected, perhaps to a proxy's login. That is not followed for your safety. Reload the page. If that does not help, tell whoever runs it.";
/// The server answered 429.
pub const TOO_MANY: &str = "Too many attempts. Wait a moment, then try again.";
/// The login was refused.
pub const WRONG: &str = "Incorrect username or password.";
/// The session does not outlive the page.
pub const UNKEPT: &str =
    "This browser does not let the page remember you: you will be signed out when you close or reload it.";
/// The API is plain HTTP on another host.
pub const UNENCRYPTED: &str =
    "The connection to the server is not encrypted. Others on your network can read your password.";
/// The server does not have the service that was asked for.
pub const NOT_OFFERED: &str = "This server does not offer that, or it cannot be reached.";
/// The user ended another session here.
pub const ENDED: &str = "The session was ended.";
/// The user logged out here.
pub const LOGGED_OUT: &str = "You are logged out.";
/// The user logged out here, and the server has not been told.
pub const LOGGED_OUT_HERE_ONLY: &str = "You are logged out on this device. The server could not be told, so the session there ends when its time is up.";
/// The user logged out in another tab.
pub const LOGGED_OUT_ELSEWHERE: &str = "You logged out in another tab.";
/// The session's time was up.
pub const EXPIRED: &str = "Your session has expired. Log in again.";
/// The session was ended at the server.
pub const REVOKED: &str = "Your session was ended. Log in again.";
/// Storage was wiped.
pub const LOST: &str = "This browser no longer has your session. Log in again.";
/// A token was used twice.
pub const REUSE: &str = "You were signed out for your safety: this session was used from somewhere else.";
/// The password was changed.
pub const PASSWORD_CHANGED: &str = "Your password was changed. Log in with the new one.";
/// The account was disabled.
pub const DISABLED: &str = "This account is disabled.";
/// The page's custody is `memory` now, and it ended the session that it had kept.
pub const NO_LONGER_KEPT: &str =
    "This page does not keep sessions where yours was any more, so it was ended. Log in again.";
/// A file of the page does not have the content that the page was built with.
pub const CHANGED: &str =
    "A file of this page was changed, or did not arrive. Reload the page, or tell whoever runs this page.";
