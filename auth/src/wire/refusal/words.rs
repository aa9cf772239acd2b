//! The words by which the default contract's rules know what a server means.

pub(super) type Words = &'static [&'static str];

/// Errors that speak of the page's registration at the server, or of its way to ask (RFC 6749 §5.2).
pub(super) const OF_THE_PAGE: Words =
    &["invalid_client", "unauthorized_client", "unsupported_grant_type", "invalid_scope"];
/// Errors that speak of the server itself (RFC 6749 §4.1.2.1, RFC 8628 §3.5).
pub(super) const OF_THE_SERVER: Words = &["temporarily_unavailable", "server_error", "slow_down"];
/// A gateway wants a key of the page, or the server saw no token.
pub(super) const NO_KEY_OR_TOKEN: Words = &[
    "api key",
    "apikey",
    "subscription key",
    "not authenticated",
    "credentials were not provided",
    "missing authorization header",
    "jwt is missing",
    "missing or malformed jwt",
    "missing cookie",
    "no authorization",
    "header is empty",
    // Spring Security's 401 to a request without a token. It hides the server's own faults behind it, unless "/error" is
    // permitted.
    "full authentication is required",
];
/// Words of a server that wants its refresh cookie. AuthX and fastapi-jwt-auth say them.
pub(super) const NO_COOKIE: Words =
    &["missing cookie", "missing csrf token", "missing jwt in request", "no token found in request"];
/// Words about a request that a gateway or a check for robots stopped. They say nothing of users and sessions.
pub(super) const OF_GATEWAYS: Words = &[
    "csrf",
    "authenticity token",
    "antiforgery",
    "anti forgery",
    "captcha",
    "user agent",
    "security token",
    "app check",
    "iap credentials",
];
/// Marks of an answer that names the address it does not know.
pub(super) const OF_ADDRESSES: Words =
    &[" /", "get:/", "post:/", "put:/", "patch:/", "delete:/", "static resource"];

pub(super) const ACCOUNT: Words = &["account", "user"];
pub(super) const ADDRESS: Words = &["account", "user", "email", "e mail", "phone"];
pub(super) const LOCKED: Words = &[
    "locked out",
    "too many attempts",
    "too many failed",
    "too many login",
    "attempts exceeded",
    "lockedout",
];
/// A wrong password may come with a warning.
pub(super) const WARNING: Words = &[
    "before your account",
    "attempts left",
    "attempts remaining",
    "more attempt",
    "more fail",
    "will be locked",
    "will be blocked",
    "will be disabled",
    "will be suspended",
];
/// Words of another reason. Beside them the account's state is only one of several.
pub(super) const OTHER_REASONS: Words = &[
    "incorrect",
    "sign in correctly",
    "invalid credential",
    "invalid email",
    "invalid user",
    "invalid login",
    "wrong ",
    "or missing",
    "or password",
];
pub(super) const DISABLED: Words =
    &["inactive", "not active", "disabled", "deactivated", "suspended", "blocked", "banned"];
pub(super) const UNCONFIRMED: Words = &[
    "not verified",
    "unverified",
    "verify your",
    "not confirmed",
    "unconfirmed",
    "confirm your",
    "confirmation email",
    "awaiting verification",
    "not activated",
    "activate your",
    "not fully set up",
];

pub(super) const WRONG: Words = &["credential", "password", "could not verify"];
pub(super) const USER: Words = &["account", "user", "email", "e mail", "mobile"];
/// "t exist" is in "not exist" and in "doesn't exist", whatever its apostrophe is.
pub(super) const UNKNOWN: Words = &[
    "not found",
    "t exist",
    "t registered",
    "t find",
    "unknown",
    "invalid",
    "incorrect",
    "no such",
    "no account",
    "no user",
];
/// Under 200 a server may ask for more than the password.
pub(super) const WRONG_200: Words = &["invalid", "incorrect", "wrong", "bad", "match"];
/// A validation message may speak of a password as well.
pub(super) const WRONG_422: Words =
    &["invalid credentials", "credentials do not match", "incorrect", "wrong password"];
pub(super) const UNUSABLE: Words = &[
    "password has expired",
    "password expired",
    "password is expired",
    "password reset required",
    "must be changed",
    "must change",
    "credentials have expired",
    "account has expired",
];
/// What this page cannot give, as a second factor that the contract does not ask for.
pub(super) const SECOND_STEP: Words = &[
    "login disabled",
    "requires verification",
    "mfa",
    "multi factor",
    "two factor",
    "second factor",
    "otp required",
    "requirestwofactor",
    "invalid otp",
];
pub(super) const OF_POLICIES: Words = &["policy", "realm", "service not found"];

/// Errors of a 401 that say nothing of credentials or sessions (RFC 6749 §5.2, RFC 9449 §8, API gateways).
pub(super) const NO_WORD_ON_USERS: Words =
    &["invalid_request", "use_dpop_nonce", "missing_api_key", "invalid_api_key", "service_unavailable"];
/// What a session's end is said of.
pub(super) const SESSION: Words = &["token", "session", "signature", "jwt"];
/// Words that a session's end does not have: of other things that expire, and of an end that failed ("could not be revoked").
pub(super) const FOREIGN: Words = &["subscription", "license", "password", "not be", "n't be"];
/// Words about how a request is written. They say nothing of users and sessions.
pub(super) const OF_THE_FORM: Words = &[
    "validation error",
    "parsing",
    "parse error",
    "request body",
    "field",
    "payload",
    "not valid json",
    "json input",
    "in json at",
    "content length",
    "is required",
    "must include",
    "rate exceeded",
    "too many requests",
];
pub(super) const REVOKED: Words = &["revoked", "blacklisted", "logged out"];
pub(super) const ENDS: Words = &[
    "expired",
    "invalid",
    "not found",
    "unknown",
    "not active",
    "inactive",
    "not valid",
    "already used",
    "been used",
    "reuse",
    "t exist",
    "not in database",
];
pub(super) const UNKNOWN_USER: Words = &["user not found", "could not validate credentials"];
