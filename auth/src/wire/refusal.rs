//! What a refusal means, by what it says and not by its status alone. A contract has one list of rules each for login,
//! refresh and logout. The first rule that fits an answer decides.

use super::end_reason::EndReason;
use super::http::{Answer, Text};
use super::json::{Object, Raw};

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
    PageNotAccepted,
}

impl Meaning {
    /// Why a session is over of which a refresh got this answer. `None` if it is not over.
    pub(crate) fn end(self) -> Option<EndReason> {
        match self {
            Self::NotAccepted | Self::Expired => Some(EndReason::Expired),
            Self::Revoked => Some(EndReason::Revoked),
            Self::Disabled => Some(EndReason::Disabled),
            // A lock ends by itself, and an account can be confirmed.
            Self::NotVerified | Self::Locked | Self::Trouble | Self::PageNotAccepted => None,
        }
    }
}

/// A rule: what answers mean that fit `when`.
#[derive(Clone, Debug)]
pub struct Refusal {
    /// Which answers.
    pub when: Matcher,
    /// What they mean.
    pub means: Meaning,
}

impl Refusal {
    /// The rule that answers that fit `when` have this meaning.
    pub fn new(when: Matcher, means: Meaning) -> Self {
        Self { when, means }
    }
}

/// The meaning of an answer by the first rule that fits.
pub(crate) fn meaning(rules: &[Refusal], answer: &Answer) -> Option<Meaning> {
    if is_gateway_challenge(answer) {
        return Some(Meaning::PageNotAccepted);
    }
    let text = answer.text();
    let said = Said::read(answer, &text);
    let mut rules = rules.iter().filter(|rule| rule.when.may_judge(answer));
    rules.find(|rule| rule.when.takes(answer.status) && rule.when.fits(&said)).map(|rule| rule.means)
}

/// Whether a gateway in front of the server refused: a 401 that asks for a name and password of the browser (RFC 7617) or
/// for a key of the page, and for no bearer token, and that says no more than that.
pub(super) fn is_gateway_challenge(answer: &Answer) -> bool {
    let asks = |challenges: &str, scheme: &str| {
        let mut words = challenges.split([',', ' ', '=']);
        words.any(|word| word.eq_ignore_ascii_case(scheme))
    };
    let challenges = answer.header("www-authenticate").filter(|_| answer.status == 401);
    challenges.is_some_and(|challenges| {
        ["Basic", "Digest", "Negotiate", "Key"].into_iter().any(|scheme| asks(challenges, scheme))
            && !asks(challenges, "Bearer")
    }) && says_nothing(answer)
}

/// Whether an answer explains itself with nothing but its status.
fn says_nothing(answer: &Answer) -> bool {
    let text = answer.text();
    let said = Said::read(answer, &text);
    said.object.is_none() || matches!(said.words.trim_ascii(), "" | "unauthorized")
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
    Is(Text, Vec<Text>),
    /// The field holds none of these texts, or is not there.
    IsNot(Text, Vec<Text>),
    /// The field is there, and holds anything but `null`.
    Has(Text),
    /// There is an object, and it lacks the field, or holds `null` there.
    Lacks(Text),
    /// One of the fields in which servers explain themselves contains one of these texts. Case does not matter, and `_` and
    /// `-` count as spaces. An empty list: the answer explains itself with anything.
    Says(Vec<Text>),
    /// The answer does not explain itself with any of these texts. An empty list: it does not explain itself.
    SaysNot(Vec<Text>),
    /// The answer is markup. A matcher without this test takes no markup for a refusal, because a captive portal or a proxy
    /// may have sent it.
    IsMarkup,
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

    /// … that has an object with a field at `path`.
    #[must_use]
    pub fn has(self, path: &'static str) -> Self {
        self.test(FieldTest::Has(path.into()))
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

    /// … that does not explain itself with any of `texts`.
    #[must_use]
    pub fn says_not(self, texts: &[&'static str]) -> Self {
        self.test(FieldTest::SaysNot(names(texts)))
    }

    /// … that is markup, as some servers refuse.
    #[must_use]
    pub fn is_markup(self) -> Self {
        self.test(FieldTest::IsMarkup)
    }

    fn test(mut self, test: FieldTest) -> Self {
        self.tests.push(test);
        self
    }

    pub(crate) fn matches(&self, answer: &Answer) -> bool {
        self.takes(answer.status) && (self.tests.is_empty() || self.fits(&Said::read(answer, &answer.text())))
    }

    /// Whether an answer of its kind may be a refusal by this matcher.
    pub(super) fn may_judge(&self, answer: &Answer) -> bool {
        !answer.is_markup() || self.tests.iter().any(|test| matches!(test, FieldTest::IsMarkup))
    }

    fn takes(&self, status: u16) -> bool {
        self.statuses.is_empty() || self.statuses.contains(&status)
    }

    fn fits(&self, said: &Said<'_>) -> bool {
        self.tests.iter().all(|test| test.holds(said))
    }
}

/// A body, read once for all tests.
struct Said<'a> {
    object: Option<Object<'a>>,
    /// Its explanation.
    words: String,
    is_markup: bool,
}

impl<'a> Said<'a> {
    fn read(answer: &Answer, text: &'a str) -> Self {
        let object = Object::read(text);
        Self { words: explanation(text, object.as_ref()), object, is_markup: answer.is_markup() }
    }
}

fn names(texts: &[&'static str]) -> Vec<Text> {
    texts.iter().map(|text| (*text).into()).collect()
}

impl FieldTest {
    fn holds(&self, said: &Said<'_>) -> bool {
        let Said { object, words, is_markup } = said;
        let at = |path: &str| at(object.as_ref()?, path);
        let is_one = |path: &str, texts: &[Text]| {
            let found = at(path).and_then(Raw::text);
            found.is_some_and(|found| texts.iter().any(|text| found.eq_ignore_ascii_case(text)))
        };
        match self {
            Self::Is(path, texts) => is_one(path, texts),
            Self::IsNot(path, texts) => !is_one(path, texts),
            Self::Has(path) => at(path).is_some(),
            Self::Lacks(path) => object.is_some() && at(path).is_none(),
            Self::Says(texts) => says(words, texts),
            Self::SaysNot(texts) => !says(words, texts),
            Self::IsMarkup => *is_markup,
        }
    }
}

fn says(words: &str, texts: &[Text]) -> bool {
    if texts.is_empty() {
        return !words.trim_ascii().is_empty();
    }
    texts.iter().any(|text| has(words, &plain(text)))
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

/// The fields in which servers say what is wrong (RFC 6749 §5.2, FastAPI, Django REST framework, RFC 9457, JSON:API).
const EXPLAINING: [&str; 12] = [
    "error",
    "error_code",
    "error_description",
    "error_type",
    "code",
    "detail",
    "message",
    "msg",
    "title",
    "type",
    "errors",
    "non_field_errors",
];
/// A text that is no JSON object is an explanation up to this length, in bytes.
const SENTENCE: usize = 200;

/// What an answer says of itself, as `plain` text: in fields, in lists and objects within them, or in one sentence. The
/// code `invalid_request` (RFC 6749 §5.2) says nothing of tokens, and a slash between two words is no address.
fn explanation(text: &str, object: Option<&Object<'_>>) -> String {
    let mut words = String::new();
    match object {
        Some(object) => explain(object, 2, &mut words),
        None if text.len() <= SENTENCE => words.push_str(text),
        None => {}
    }
    let words = plain(&words).replace("invalid request", "request").replace("invalid parameter", "parameter");
    words.replace(" / ", "/")
}

fn explain(object: &Object<'_>, depth: u32, words: &mut String) {
    for value in EXPLAINING.into_iter().filter_map(|name| object.raw(name)) {
        for value in value.list().unwrap_or_else(|| vec![value]) {
            // RFC 9457's `type` is an address.
            if let Some(text) = value.text().filter(|text| !text.starts_with("http")) {
                words.push_str(&text);
                words.push('\n');
            } else if let Some(object) = value.object().filter(|_| depth > 0) {
                explain(&object, depth - 1, words);
            }
        }
    }
}

/// A text in lower case, with spaces for the marks that join words in codes.
fn plain(text: &str) -> String {
    text.to_ascii_lowercase().replace(['_', '-'], " ")
}

pub(super) mod rules;
#[cfg(test)]
mod tests;
