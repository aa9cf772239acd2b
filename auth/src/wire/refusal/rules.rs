//! The default contract's rules: what servers of the field say in codes and in words.

use super::{Matcher, Meaning, Refusal};

/// Errors that speak of the page's registration at the server, or of its way to ask (RFC 6749 §5.2).
const OF_THE_PAGE: &[&str] =
    &["invalid_client", "unauthorized_client", "unsupported_grant_type", "invalid_scope"];
/// Errors that speak of the server itself (RFC 6749 §4.1.2.1, RFC 8628 §3.5).
const OF_THE_SERVER: &[&str] = &["temporarily_unavailable", "server_error", "slow_down"];
/// The statuses under which servers say why they refuse.
const REFUSALS: [u16; 5] = [400, 401, 403, 404, 422];

/// Where servers put an error's code. FastAPI can only nest it in `detail`.
const CODES: [&str; 4] = ["error", "error.code", "detail.error", "detail.code"];

/// Answers of any status with one of these errors.
fn of_errors(errors: &[&'static str], meaning: Meaning) -> [Refusal; 4] {
    CODES.map(|path| Refusal::new(Matcher::any().is(path, errors), meaning))
}

/// What speaks of the page or of the server: errors under any status, a gateway that wants a key of the page, and a server
/// that saw no token at all.
fn page_and_server_errors() -> impl Iterator<Item = Refusal> {
    const WANTED: &[&str] = &[
        "api key",
        "apikey",
        "subscription key",
        "jwks",
        "not authenticated",
        "credentials were not provided",
        "missing authorization header",
        "jwt is missing",
        "missing or malformed jwt",
        "missing cookie",
        "no authorization",
        "header is empty",
        // Spring's answer to a fault of its own, unless "/error" is permitted.
        "full authentication is required",
    ];
    let page = of_errors(OF_THE_PAGE, Meaning::PageNotAccepted);
    let wanted = Refusal::new(Matcher::statuses(&REFUSALS).says(WANTED), Meaning::PageNotAccepted);
    page.into_iter().chain(of_errors(OF_THE_SERVER, Meaning::Trouble)).chain([wanted])
}

/// Words about a request that a gateway or a check for robots stopped. They say nothing of users and sessions.
const OF_GATEWAYS: &[&str] = &[
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
const OF_ADDRESSES: &[&str] = &[" /", "get:/", "post:/", "put:/", "patch:/", "delete:/", "static resource"];

/// Refusals that explain themselves with one of `texts`.
fn refusals(texts: &[&'static str]) -> Matcher {
    Matcher::statuses(&REFUSALS).says(texts).says_not(OF_GATEWAYS).says_not(OF_ADDRESSES)
}

/// What servers say of an account that nobody may use.
fn of_accounts() -> [Refusal; 6] {
    const ACCOUNT: &[&str] = &["account", "user"];
    const ADDRESS: &[&str] = &["account", "user", "email", "e mail", "phone"];
    const LOCKED: &[&str] = &[
        "locked out",
        "too many attempts",
        "too many failed",
        "too many login",
        "attempts exceeded",
        "lockedout",
    ];
    // A wrong password may come with a warning.
    const WARNING: &[&str] = &[
        "before your account",
        "attempts left",
        "attempts remaining",
        "more attempt",
        "more fail",
        "will be",
    ];
    // The account's state may be one of several reasons.
    const AMONG_OTHERS: &[&str] = &[
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
    const DISABLED: &[&str] =
        &["inactive", "not active", "disabled", "deactivated", "suspended", "blocked", "banned"];
    const UNCONFIRMED: &[&str] = &[
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
    [
        Refusal::new(Matcher::status(423), Meaning::Locked),
        Refusal::new(refusals(LOCKED), Meaning::Locked),
        Refusal::new(
            refusals(ACCOUNT).says(&["locked"]).says_not(&["blocked"]).says_not(WARNING),
            Meaning::Locked,
        ),
        Refusal::new(refusals(ADDRESS).says(UNCONFIRMED).says_not(AMONG_OTHERS), Meaning::NotVerified),
        // ASP.NET Core Identity's word for an account that is not confirmed.
        Refusal::new(Matcher::status(401).is("detail", &["NotAllowed"]), Meaning::NotVerified),
        Refusal::new(
            refusals(ACCOUNT).says(DISABLED).says_not(WARNING).says_not(AMONG_OTHERS),
            Meaning::Disabled,
        ),
    ]
}

/// The default contract's rules for a login: RFC 6749 §5.2, the answers of FastAPI's tutorials (400 or 401 without any
/// `error`), and what other servers say in words.
pub(crate) fn of_login() -> Vec<Refusal> {
    const WRONG: &[&str] = &["credential", "password", "could not verify"];
    const USER: &[&str] = &["account", "user", "email", "e mail", "mobile"];
    // "t exist" is in "not exist" and in "doesn't exist", whatever its apostrophe is.
    const UNKNOWN: &[&str] = &[
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
    // Under 200 a server may ask for more than the password.
    const WRONG_200: &[&str] = &["invalid", "incorrect", "wrong", "bad", "match"];
    // A validation message may speak of a password as well.
    const WRONG_422: &[&str] =
        &["invalid credentials", "credentials do not match", "incorrect", "wrong password"];
    const UNUSABLE: &[&str] = &[
        "password has expired",
        "password expired",
        "password is expired",
        "password reset required",
        "must be changed",
        "must change",
        "credentials have expired",
        "account has expired",
    ];
    // What this page cannot give, as a second factor that the contract does not ask for.
    const WANTED: &[&str] = &[
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
    const OF_POLICIES: &[&str] = &["policy", "realm", "service not found"];
    let denied = || Matcher::statuses(&REFUSALS).is("error", &["access_denied"]);
    let wrong = Matcher::statuses(&[400, 403, 404])
        .is_not("error", &["invalid_request"])
        .says_not(OF_GATEWAYS)
        .says_not(OF_ADDRESSES);
    let rules = [
        Refusal::new(refusals(WANTED), Meaning::PageNotAccepted),
        // Second steps that two servers name by a field alone.
        Refusal::new(Matcher::status(401).has("mfaId"), Meaning::PageNotAccepted),
        Refusal::new(Matcher::status(401).has("data.flows"), Meaning::PageNotAccepted),
        Refusal::new(refusals(UNUSABLE), Meaning::Disabled),
        Refusal::new(Matcher::any().is("error", &["invalid_grant"]), Meaning::NotAccepted),
        Refusal::new(denied().says(OF_POLICIES), Meaning::PageNotAccepted),
        Refusal::new(denied(), Meaning::NotAccepted),
        // Django's sentence, which speaks of its form as well.
        Refusal::new(refusals(&["correct username and password"]), Meaning::NotAccepted),
        Refusal::new(
            wrong.says(WRONG).says_not(OF_THE_FORM).says_not(&["should not exist", "are blocked"]),
            Meaning::NotAccepted,
        ),
        Refusal::new(Matcher::status(200).says(WRONG).says(WRONG_200), Meaning::NotAccepted),
        Refusal::new(
            refusals(USER).says(UNKNOWN).says_not(&["field", "should not exist"]),
            Meaning::NotAccepted,
        ),
        Refusal::new(Matcher::status(200).says(USER).says(UNKNOWN), Meaning::NotAccepted),
        Refusal::new(Matcher::status(422).says(WRONG_422), Meaning::NotAccepted),
    ];
    let by_status = by_status(Meaning::NotAccepted);
    page_and_server_errors().chain(of_accounts()).chain(rules).chain(by_status).collect()
}

/// Errors of a 401 that say nothing of credentials or sessions (RFC 6749 §5.2, RFC 9449 §8, API gateways).
const NO_WORD_ON_USERS: &[&str] =
    &["invalid_request", "use_dpop_nonce", "missing_api_key", "invalid_api_key", "service_unavailable"];
/// What a session's end is said of.
const SESSION: &[&str] = &["token", "session", "signature", "jwt"];
/// What may be over without the session.
const FOREIGN: &[&str] = &["subscription", "license", "password", "not be", "n't be"];

/// Words about how a request is written. They say nothing of users and sessions.
const OF_THE_FORM: &[&str] = &[
    "validation error",
    "parsing",
    "parse error",
    "request body",
    "field",
    "payload",
    "json",
    "content length",
    "is required",
    "must include",
    "rate exceeded",
    "too many requests",
];

/// What a 401 means, and a 400 with a message and without an error's code: FastAPI's tutorials send both.
fn by_status(meaning: Meaning) -> [Refusal; 2] {
    let of_users = |matcher: Matcher, path| matcher.is_not(path, NO_WORD_ON_USERS);
    let unauthorized = CODES.into_iter().fold(Matcher::status(401), of_users);
    let plain = Matcher::status(400)
        .lacks("error")
        .lacks("detail.error")
        .says(&[])
        .says_not(&["bad request", "something went wrong", "database"])
        .says_not(OF_THE_FORM);
    let [unauthorized, plain] = [unauthorized, plain].map(|matcher| matcher.says_not(OF_GATEWAYS));
    [Refusal::new(unauthorized, meaning), Refusal::new(plain, meaning)]
}

fn of_sessions(ends: &[&'static str]) -> [Refusal; 2] {
    const REVOKED: &[&str] = &["revoked", "blacklisted", "logged out"];
    let says = |texts| refusals(SESSION).says(texts).says_not(FOREIGN).says_not(OF_THE_FORM);
    [Refusal::new(says(REVOKED), Meaning::Revoked), Refusal::new(says(ends), Meaning::Expired)]
}

/// The default contract's rules for a refresh. A status alone ends no session but 401, and 400 without any `error`.
pub(crate) fn of_refresh() -> Vec<Refusal> {
    const OVER: &[&str] = &["invalid_grant", "invalid_token", "bad_refresh_token"];
    const ENDS: &[&str] = &[
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
    const UNKNOWN_USER: &[&str] = &["user not found", "could not validate credentials"];
    // A JWT of the future, by another clock.
    let early = Refusal::new(refusals(&["jwt not active", "not yet valid"]), Meaning::Trouble);
    let over = of_errors(OVER, Meaning::Expired);
    let unknown_user = Refusal::new(refusals(UNKNOWN_USER), Meaning::Expired);
    page_and_server_errors()
        .chain([early])
        .chain(of_accounts())
        .chain(of_sessions(ENDS))
        .chain(over)
        .chain([unknown_user])
        .chain(by_status(Meaning::Expired))
        .collect()
}

/// The default contract's rules for a logout. By its status only a success ends the session there, because a 401 may mean
/// that the server wants another token.
pub(crate) fn of_logout() -> Vec<Refusal> {
    let over = of_errors(&["invalid_grant", "bad_refresh_token"], Meaning::Expired);
    let gone = Refusal::new(refusals(&["session not found"]), Meaning::Expired);
    // dj-rest-auth without its block list.
    let untold = Refusal::new(Matcher::status(200).says(&["not been deleted"]), Meaning::PageNotAccepted);
    page_and_server_errors()
        .chain([untold])
        .chain(over)
        .chain([gone])
        .chain(of_sessions(&["expired"]))
        .collect()
}
