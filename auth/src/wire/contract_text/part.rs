//! Reads one object of a contract's text, with the words for what is wrong in it.

use std::cell::OnceCell;
use std::fmt;

use crate::wire::http::Text;
use crate::wire::json::{Object, Raw};
use crate::wire::target::is_path;

/// What is wrong with the text of a contract.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidContract {
    /// The field, with the fields that it is in: `login.encoding`. Empty if it is the whole text.
    pub field: String,
    /// What is wrong with it, as the rest of a sentence that begins with the field.
    pub wrong: String,
}

impl fmt::Display for InvalidContract {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.field.as_str() {
            "" => write!(f, "it {}", self.wrong),
            field => write!(f, "{field} {}", self.wrong),
        }
    }
}

impl std::error::Error for InvalidContract {}

/// One object of the text, and where it stands. Reading goes on after a mistake, and the first one is kept.
pub(super) struct Part<'a> {
    path: String,
    object: Object<'a>,
    mistake: &'a OnceCell<InvalidContract>,
}

impl<'a> Part<'a> {
    pub(super) fn whole(object: Object<'a>, mistake: &'a OnceCell<InvalidContract>) -> Self {
        Self { path: String::new(), object, mistake }
    }

    /// The names of all fields.
    pub(super) fn names(&self) -> Vec<String> {
        self.object.names()
    }

    pub(super) fn wrong(&self, name: &str, wrong: &[&str]) {
        let mistake = InvalidContract { field: self.at(name), wrong: wrong.concat() };
        let _earlier = self.mistake.set(mistake);
    }

    /// The field has a value that it does not take.
    pub(super) fn takes(&self, name: &str, takes: &str) {
        self.wrong(name, &["takes ", takes]);
    }

    fn at(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { [&self.path, ".", name].concat() }
    }

    /// A misspelt name would otherwise change nothing, and nobody would know.
    pub(super) fn knows_only(&self, known: &[&str]) {
        if let Some(unknown) = self.object.names().into_iter().find(|name| !known.contains(&name.as_str())) {
            self.wrong(&unknown, &["is unknown; the fields are ", &listed(known, " and ")]);
        }
    }

    /// The field, if it is there and `read` makes something of it. `null` is a value of its own.
    pub(super) fn field<T>(
        &self,
        name: &str,
        takes: &'static str,
        read: impl FnOnce(Raw<'a>) -> Option<T>,
    ) -> Option<T> {
        let read = read(self.object.written(name)?);
        if read.is_none() {
            self.takes(name, takes);
        }
        read
    }

    /// What the field's word means.
    pub(super) fn word<T: Copy>(&self, name: &str, words: &[(&str, T)]) -> Option<T> {
        let written = self.object.written(name)?.text();
        let found = words.iter().find(|(word, _)| written.as_deref() == Some(*word));
        if found.is_none() {
            let words: Vec<_> = words.iter().map(|(word, _)| *word).collect();
            self.takes(name, &listed(&words, " or "));
        }
        found.map(|(_, meaning)| *meaning)
    }

    pub(super) fn text(&self, name: &str) -> Option<Text> {
        self.field(name, "a text", |raw| raw.text().filter(|text| !text.is_empty())).map(Text::from)
    }

    pub(super) fn path(&self, name: &str) -> Option<Text> {
        let path = |raw: Raw<'_>| raw.text().filter(|text| is_path(text));
        self.field(name, "a path of visible ASCII that begins with one slash", path).map(Text::from)
    }

    pub(super) fn set(&self, name: &str, value: &mut Text) {
        if let Some(text) = self.text(name) {
            *value = text;
        }
    }

    pub(super) fn object(&self, name: &str) -> Option<Part<'a>> {
        let object = self.field(name, "an object", Raw::object)?;
        Some(Part { path: self.at(name), object, mistake: self.mistake })
    }

    /// The objects of a list.
    pub(super) fn objects(&self, name: &str) -> Option<Vec<Part<'a>>> {
        let objects = self.field(name, "a list of objects", |raw| each(raw, Raw::object))?;
        let part = |object| Part { path: self.at(name), object, mistake: self.mistake };
        Some(objects.into_iter().map(part).collect())
    }

    /// One text, or a list of them.
    pub(super) fn texts(&self, name: &str) -> Vec<Text> {
        let text = |raw: Raw<'_>| raw.text().filter(|text| !text.is_empty()).map(Text::from);
        let texts = |raw: Raw<'_>| text(raw).map(|text| vec![text]).or_else(|| each(raw, text));
        self.field(name, "a text, or a list of them", texts).unwrap_or_default()
    }

    pub(super) fn has(&self, name: &str) -> bool {
        self.object.written(name).is_some()
    }

    /// Whether the field says that the server has nothing like it.
    pub(super) fn is_null(&self, name: &str) -> bool {
        self.object.written(name).is_some_and(|raw| raw.get() == "null")
    }
}

/// What `read` makes of each value of a list; `None` if it makes nothing of one. It is a loop, because collecting into an
/// `Option` takes more bytes of a page.
pub(super) fn each<'a, T>(raw: Raw<'a>, read: fn(Raw<'a>) -> Option<T>) -> Option<Vec<T>> {
    let mut values = Vec::new();
    for raw in raw.list()? {
        values.push(read(raw)?);
    }
    Some(values)
}

/// `a, b or c`
pub(super) fn listed(words: &[&str], last: &str) -> String {
    match words.split_last() {
        Some((end, rest)) if !rest.is_empty() => [&rest.join(", "), last, end].concat(),
        _ => words.concat(),
    }
}
