//! How a rule knows an answer: by its status, and by what its body says.

use crate::wire::http::{Answer, Text};
use crate::wire::json::{Object, Raw};

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

/// A test of what an answer says. A path names a field within fields: `detail.code`. Text is compared without regard
/// to the case of ASCII letters.
#[derive(Clone, Debug)]
pub enum FieldTest {
    /// `Is(paths, texts)`: the field at one of `paths` holds one of `texts`.
    Is(Vec<Text>, Vec<Text>),
    /// `IsNot(paths, texts)`: no field at one of `paths` holds one of `texts`.
    IsNot(Vec<Text>, Vec<Text>),
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
        self.test(FieldTest::Is(names(&[path]), names(texts)))
    }

    /// … whose field at `path` holds none of `texts`.
    #[must_use]
    pub fn is_not(self, path: &'static str, texts: &[&'static str]) -> Self {
        self.test(FieldTest::IsNot(names(&[path]), names(texts)))
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
        self.takes(answer.status) && (self.tests.is_empty() || self.fits(&Body::read(answer, &answer.text())))
    }

    /// Whether it hears this kind of answer: markup only with [`FieldTest::IsMarkup`].
    pub(crate) fn hears(&self, answer: &Answer) -> bool {
        !answer.is_markup() || self.tests.iter().any(|test| matches!(test, FieldTest::IsMarkup))
    }

    pub(super) fn takes(&self, status: u16) -> bool {
        self.statuses.is_empty() || self.statuses.contains(&status)
    }

    pub(super) fn fits(&self, said: &Body<'_>) -> bool {
        self.tests.iter().all(|test| test.holds(said))
    }
}

/// A body, read once for all tests.
pub(super) struct Body<'a> {
    pub(super) object: Option<Object<'a>>,
    /// Its explanation.
    pub(super) words: String,
    is_markup: bool,
}

impl<'a> Body<'a> {
    pub(super) fn read(answer: &Answer, text: &'a str) -> Self {
        let object = Object::read(text);
        Self { words: explanation(text, object.as_ref()), object, is_markup: answer.is_markup() }
    }
}

fn names(texts: &[&'static str]) -> Vec<Text> {
    texts.iter().map(|text| (*text).into()).collect()
}

impl FieldTest {
    fn holds(&self, said: &Body<'_>) -> bool {
        let Body { object, words, is_markup } = said;
        let at = |path: &str| at(object.as_ref()?, path);
        let is_one = |paths: &[Text], texts: &[Text]| {
            let mut found = paths.iter().filter_map(|path| at(path)?.text());
            found.any(|found| texts.iter().any(|text| found.eq_ignore_ascii_case(text)))
        };
        match self {
            Self::Is(paths, texts) => is_one(paths, texts),
            Self::IsNot(paths, texts) => !is_one(paths, texts),
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
pub(crate) fn at<'a>(object: &Object<'a>, path: &str) -> Option<Raw<'a>> {
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

/// What an answer says of itself, as `plain` text: in fields, in lists and objects within them, or in one sentence.
fn explanation(text: &str, object: Option<&Object<'_>>) -> String {
    let mut words = String::new();
    match object {
        Some(object) => explain(object, 2, &mut words),
        None if text.len() <= SENTENCE => words.push_str(text),
        None => {}
    }
    plain(&words)
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

/// A text in lower case, with spaces for the marks that join words in codes. A slash between two words is no address. The
/// code `invalid_request` (RFC 6749 §5.2) is rewritten, because its "invalid" says nothing of tokens.
fn plain(text: &str) -> String {
    let text = text.to_ascii_lowercase().replace(['_', '-'], " ").replace(" / ", "/");
    text.replace("invalid request", "unreadable request").replace("invalid parameter", "unreadable parameter")
}
