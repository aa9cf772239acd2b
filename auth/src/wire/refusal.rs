//! What a refusal means, by its meaning and not by its status alone. The rules are data: a contract holds a list for its
//! login and one for its refresh, and the first rule that fits an answer decides.

use std::borrow::Cow;

use super::error::EndReason;
use super::http::Answer;
use super::json::{Object, Raw};

type Name = Cow<'static, str>;

/// What the server means by an answer that brings no tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// There is no such user with this password. At a refresh: the session is over.
    NotAccepted,
    /// The account is disabled, or not active yet.
    Disabled,
    /// The user has to confirm the account first, usually by a mail.
    NotVerified,
    /// The account is locked for a while, usually after too many attempts.
    Locked,
    /// The session's time was up.
    Expired,
    /// The session was ended at the server.
    Revoked,
    /// The server has a problem of its own, which passes.
    Trouble,
    /// The server does not take this page: its registration (`client_id`) or its way to ask is wrong.
    Misconfigured,
}

impl Meaning {
    /// Why a session is over of which a refresh got this answer. `None` if it is not over.
    pub(crate) fn end(self) -> Option<EndReason> {
        match self {
            Self::NotAccepted | Self::Expired => Some(EndReason::Expired),
            Self::Revoked => Some(EndReason::Revoked),
            Self::Disabled | Self::NotVerified | Self::Locked => Some(EndReason::Disabled),
            Self::Trouble | Self::Misconfigured => None,
        }
    }
}

/// A rule: answers that fit `when` mean `then`.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// Which answers.
    pub when: Matcher,
    /// What they mean.
    pub then: Meaning,
}

impl Refusal {
    /// Answers that fit `when` mean `then`.
    pub fn new(when: Matcher, then: Meaning) -> Self {
        Self { when, then }
    }
}

/// The meaning of an answer by the first rule that fits. Markup decides nothing, because a captive portal or a proxy may
/// have sent it.
pub(crate) fn meaning(rules: &[Refusal], answer: &Answer) -> Option<Meaning> {
    if answer.is_markup() {
        return None;
    }
    if is_gateways(answer) {
        return Some(Meaning::Misconfigured);
    }
    rules.iter().find(|rule| rule.when.matches(answer)).map(|rule| rule.then)
}

/// Whether a 401 asks for a name and password of the browser (RFC 7617), and for no bearer token: a gateway in front of the
/// server does so.
fn is_gateways(answer: &Answer) -> bool {
    let asks = |challenges: &str, scheme: &str| {
        let mut words = challenges.split([',', ' ', '=']);
        words.any(|word| word.eq_ignore_ascii_case(scheme))
    };
    let challenges = answer.header("www-authenticate").filter(|_| answer.status == 401);
    challenges.is_some_and(|challenges| {
        ["Basic", "Digest", "Negotiate"].into_iter().any(|scheme| asks(challenges, scheme))
            && !asks(challenges, "Bearer")
    })
}

/// Recognises an answer by its status and by what its JSON object says.
///
/// ```
/// # use auth::Matcher;
/// // 403 whose `detail.code` is one of two words, and that has no `retry`.
/// let matcher = Matcher::status(403).is("detail.code", &["expired", "gone"]).lacks("retry");
/// ```
#[derive(Clone, Debug, Default)]
pub struct Matcher {
    /// The statuses; any if the list is empty.
    pub statuses: Vec<u16>,
    /// What must hold of the body, all of it.
    pub tests: Vec<FieldTest>,
}

/// A test of an answer's JSON object. A path names a field within fields: `detail.code`. Text is compared without regard
/// to the case of ASCII letters.
#[derive(Clone, Debug)]
pub enum FieldTest {
    /// The field holds one of these texts.
    Is(Name, Vec<Name>),
    /// The field holds none of these texts, or is not there.
    IsNot(Name, Vec<Name>),
    /// There is an object, and it lacks the field, or holds `null` there.
    Lacks(Name),
    /// One of the fields in which servers explain themselves contains one of these texts.
    Says(Vec<Name>),
}

impl Matcher {
    /// An answer of any status.
    pub fn any() -> Self {
        Self::default()
    }

    /// An answer of `status`.
    pub fn status(status: u16) -> Self {
        Self::statuses(&[status])
    }

    /// An answer of one of `statuses`.
    pub fn statuses(statuses: &[u16]) -> Self {
        Self { statuses: statuses.into(), tests: Vec::new() }
    }

    /// … whose field at `path` holds one of `texts`.
    #[must_use]
    pub fn is(self, path: &'static str, texts: &[&'static str]) -> Self {
        self.test(FieldTest::Is(path.into(), names(texts)))
    }

    /// … whose field at `path` holds none of `texts`.
    #[must_use]
    pub fn is_not(self, path: &'static str, texts: &[&'static str]) -> Self {
        self.test(FieldTest::IsNot(path.into(), names(texts)))
    }

    /// … that has an object without a field at `path`.
    #[must_use]
    pub fn lacks(self, path: &'static str) -> Self {
        self.test(FieldTest::Lacks(path.into()))
    }

    /// … that explains itself with one of `texts`.
    #[must_use]
    pub fn says(self, texts: &[&'static str]) -> Self {
        self.test(FieldTest::Says(names(texts)))
    }

    fn test(mut self, test: FieldTest) -> Self {
        self.tests.push(test);
        self
    }

    pub(crate) fn matches(&self, answer: &Answer) -> bool {
        let status_fits = self.statuses.is_empty() || self.statuses.contains(&answer.status);
        if !status_fits || self.tests.is_empty() {
            return status_fits;
        }
        let text = answer.text();
        let object = Object::read(&text);
        self.tests.iter().all(|test| test.holds(object.as_ref()))
    }
}

fn names(texts: &[&'static str]) -> Vec<Name> {
    texts.iter().map(|text| (*text).into()).collect()
}

impl FieldTest {
    fn holds(&self, object: Option<&Object<'_>>) -> bool {
        let text_at = |path: &str| at(object?, path)?.text();
        let is_one = |path: &str, texts: &[Name]| {
            text_at(path).is_some_and(|found| texts.iter().any(|text| found.eq_ignore_ascii_case(text)))
        };
        match self {
            Self::Is(path, texts) => is_one(path, texts),
            Self::IsNot(path, texts) => !is_one(path, texts),
            Self::Lacks(path) => object.is_some_and(|object| at(object, path).is_none()),
            Self::Says(texts) => object.is_some_and(|object| {
                let words = explanation(object);
                texts.iter().any(|text| has(&words, text))
            }),
        }
    }
}

/// Whether `text` is a part of `words`. The standard library's search is for long texts and has a lot of code.
fn has(words: &str, text: &str) -> bool {
    words.as_bytes().windows(text.len().max(1)).any(|part| part == text.as_bytes())
}

/// The value at a path of field names, separated by dots.
pub(super) fn at<'a>(object: &Object<'a>, path: &str) -> Option<Raw<'a>> {
    match path.split_once('.') {
        None => object.raw(path),
        Some((name, rest)) => at(&object.object(name)?, rest),
    }
}

/// The fields in which servers say what is wrong (RFC 6749 §5.2, FastAPI, Django REST framework, RFC 9457).
const EXPLAINING: [&str; 9] =
    ["error", "error_description", "error_type", "code", "detail", "message", "msg", "title", "type"];

/// What an answer says of itself in lower case, with spaces for the marks that join words in codes. What `error` and
/// `detail` hold may be an object with such fields in turn.
fn explanation(object: &Object<'_>) -> String {
    let mut words = String::new();
    let nested = ["error", "detail"].into_iter().filter_map(|name| object.object(name));
    let own =
        |object: &Object<'_>| EXPLAINING.into_iter().filter_map(|name| object.text(name)).collect::<Vec<_>>();
    for text in own(object).into_iter().chain(nested.flat_map(|object| own(&object))) {
        words.push_str(&text.to_ascii_lowercase());
        words.push('\n');
    }
    words.replace(['_', '-'], " ")
}

/// Errors that speak of the page's registration at the server, or of its way to ask (RFC 6749 §5.2).
const OF_THE_PAGE: [&str; 4] =
    ["invalid_client", "unauthorized_client", "unsupported_grant_type", "invalid_scope"];
/// Errors that speak of the server itself (RFC 6749 §4.1.2.1, RFC 8628 §3.5).
const OF_THE_SERVER: [&str; 3] = ["temporarily_unavailable", "server_error", "slow_down"];
/// The statuses under which servers say why they refuse.
const REFUSALS: [u16; 5] = [400, 401, 403, 404, 422];

/// What no status changes: errors that are about neither credentials nor sessions.
fn of_others() -> [Refusal; 2] {
    [
        Refusal::new(Matcher::any().is("error", &OF_THE_PAGE), Meaning::Misconfigured),
        Refusal::new(Matcher::any().is("error", &OF_THE_SERVER), Meaning::Trouble),
    ]
}

/// What servers say of an account that nobody may use.
fn of_accounts() -> [Refusal; 4] {
    let says = |texts: &[&'static str]| Matcher::statuses(&REFUSALS).says(texts);
    [
        Refusal::new(Matcher::status(423), Meaning::Locked),
        Refusal::new(says(&["account locked", "is locked", "user locked", "locked out"]), Meaning::Locked),
        Refusal::new(
            says(&["not verified", "unverified", "not confirmed", "unconfirmed"]),
            Meaning::NotVerified,
        ),
        Refusal::new(
            says(&["inactive", "not active", "disabled", "deactivated", "suspended"]),
            Meaning::Disabled,
        ),
    ]
}

/// The default contract's rules for a login: RFC 6749 §5.2, the answers of FastAPI's tutorials (400 or 401 without any
/// `error`), and what other servers say in words.
pub(super) fn of_login() -> Vec<Refusal> {
    const WRONG: [&str; 7] = [
        "credential",
        "password",
        "user not found",
        "no such user",
        "unknown user",
        "invalid username",
        "invalid email",
    ];
    let rules = [
        Refusal::new(Matcher::any().is("error", &["invalid_grant", "access_denied"]), Meaning::NotAccepted),
        Refusal::new(Matcher::statuses(&[400, 403, 404]).says(&WRONG), Meaning::NotAccepted),
        Refusal::new(Matcher::status(401), Meaning::NotAccepted),
        Refusal::new(Matcher::status(400).lacks("error"), Meaning::NotAccepted),
    ];
    of_others().into_iter().chain(of_accounts()).chain(rules).collect()
}

/// Errors that say of a refresh token that it is good for nothing any more.
const OVER: [&str; 3] = ["invalid_grant", "invalid_token", "bad_refresh_token"];

/// What servers say of a session that is over.
fn of_sessions() -> [Refusal; 3] {
    const REVOKED: [&str; 3] = ["revoked", "blacklisted", "logged out"];
    const EXPIRED: [&str; 6] = [
        "expired",
        "invalid refresh token",
        "invalid token",
        "session not found",
        "user not found",
        "could not validate credentials",
    ];
    [
        Refusal::new(Matcher::any().is("error", &OVER), Meaning::Expired),
        Refusal::new(Matcher::statuses(&REFUSALS).says(&REVOKED), Meaning::Revoked),
        Refusal::new(Matcher::statuses(&REFUSALS).says(&EXPIRED), Meaning::Expired),
    ]
}

/// The default contract's rules for a refresh. A status alone ends no session but 401, and 400 without any `error`.
pub(super) fn of_refresh() -> Vec<Refusal> {
    let by_status = [
        Refusal::new(Matcher::status(401).is_not("error", &["invalid_request"]), Meaning::Expired),
        Refusal::new(Matcher::status(400).lacks("error"), Meaning::Expired),
    ];
    of_others().into_iter().chain(of_accounts()).chain(of_sessions()).chain(by_status).collect()
}

/// The default contract's rules for a logout. No status but a success says that the session is over, because a server that
/// wants another token answers 401 as well.
pub(super) fn of_logout() -> Vec<Refusal> {
    of_others().into_iter().chain(of_sessions()).collect()
}

#[cfg(test)]
mod tests;
