//! What the page says, word for word, where more than one test asks for it.

/// The network is gone: what came of a click.
pub const UNREACHABLE: &str = "Cannot reach the server. Check your connection and try again.";
/// The network is gone: how the session stands.
pub const UNREACHABLE_NOTICE: &str = "The server cannot be reached at the moment. You stay signed in.";
/// The server is in trouble: how the session stands.
pub const UNAVAILABLE_NOTICE: &str = "The server is not available at the moment. You stay signed in.";
/// Something sends the page to another address.
pub const REDIRECTED: &str = "The server redirected the request elsewhere, which is not followed for your safety. Tell whoever runs this page.";
/// The server asks for patience.
pub const TOO_MANY: &str = "Too many attempts. Wait a moment, then try again.";
/// The login was refused.
pub const WRONG: &str = "Incorrect username or password.";
/// The session does not outlive the page.
pub const UNKEPT: &str =
    "This browser does not let the page remember you: you will be signed out when you close or reload it.";
/// The API is plain HTTP on another host.
pub const UNENCRYPTED: &str =
    "The connection to the server is not encrypted. Others on your network can read your password.";
/// The server knows nothing of what was asked for.
pub const NOT_OFFERED: &str = "This server does not offer that.";
/// Another session was ended from here.
pub const ENDED: &str = "The session was ended.";
/// A logout here.
pub const LOGGED_OUT: &str = "You are logged out.";
/// A logout here of which the server has not heard.
pub const LOGGED_OUT_HERE_ONLY: &str = "You are logged out on this device. The server could not be told, so the session there ends when its time is up.";
/// A logout in another tab.
pub const LOGGED_OUT_ELSEWHERE: &str = "You logged out in another tab.";
/// The session's time was up.
pub const EXPIRED: &str = "Your session has expired. Log in again.";
/// Storage was wiped.
pub const LOST: &str = "This browser no longer has your session. Log in again.";
/// A token was used twice.
pub const REUSE: &str = "You were signed out for your safety: this session was used from somewhere else.";
/// The password was changed.
pub const PASSWORD_CHANGED: &str = "Your password was changed. Log in with the new one.";
/// The account was disabled.
pub const DISABLED: &str = "This account is disabled.";
