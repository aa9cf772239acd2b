//! JSON, read and written field by field. ARCHITECTURE.md ("Decisions") says why there is no general value.
//!
//! `serde_json` checks a text as a whole. This module then finds the parts of the checked text by counting its
//! brackets. It interprets a part only when a caller reads it, so unknown fields cost nothing.

mod escapes;

use std::borrow::Cow;

use serde::de::IgnoredAny;

use self::escapes::character;

/// The line and the column, counted from 1, at which `text` stops being JSON. `None` if it is JSON.
pub(crate) fn mistake(text: &str) -> Option<(usize, usize)> {
    let checked: Result<IgnoredAny, _> = serde_json::from_str(text);
    checked.err().map(|error| (error.line(), error.column()))
}

/// One JSON value, checked to be JSON (RFC 8259) and not interpreted yet. There is no white space around it.
#[derive(Clone, Copy)]
pub(crate) struct Raw<'a>(&'a str);

impl<'a> Raw<'a> {
    /// Checks that `text` is one JSON value, white space around it aside.
    pub(crate) fn read(text: &'a str) -> Option<Self> {
        mistake(text).is_none().then(|| Self(text.trim_ascii()))
    }

    /// The value as it was written.
    pub(crate) fn get(self) -> &'a str {
        self.0
    }

    /// The text that a JSON string means. A lone surrogate means none.
    pub(crate) fn text(self) -> Option<String> {
        self.unescaped().map(Cow::into_owned)
    }

    /// As [`text`](Self::text), but borrowed if nothing is escaped.
    fn unescaped(self) -> Option<Cow<'a, str>> {
        let written = self.within(b'"')?;
        if !written.contains('\\') {
            return Some(Cow::Borrowed(written));
        }
        let mut text = String::with_capacity(written.len());
        let mut rest = written.chars();
        while let Some(c) = rest.next() {
            text.push(if c == '\\' { character(&mut rest)? } else { c });
        }
        Some(Cow::Owned(text))
    }

    /// A whole number without sign, fraction and exponent, if a `T` can hold it.
    pub(crate) fn number<T: TryFrom<u64>>(self) -> Option<T> {
        let number: u64 = self.0.parse().ok()?;
        T::try_from(number).ok()
    }

    /// `true` or `false`.
    pub(crate) fn flag(self) -> Option<bool> {
        self.0.parse().ok()
    }

    /// The fields of an object.
    pub(crate) fn object(self) -> Option<Object<'a>> {
        let mut fields = Vec::new();
        let mut parts = parts(self.within(b'{')?).into_iter();
        while let (Some(name), Some(value)) = (parts.next(), parts.next()) {
            fields.push((name.unescaped()?, value));
        }
        Some(Object(fields))
    }

    /// The values of a list.
    pub(crate) fn list(self) -> Option<Vec<Self>> {
        self.within(b'[').map(parts)
    }

    /// The text between the first and the last byte, if the value begins with `mark`.
    fn within(self, mark: u8) -> Option<&'a str> {
        let fits = self.0.as_bytes().first() == Some(&mark);
        self.0.get(1..self.0.len() - 1).filter(|_| fits)
    }
}

/// The values of a checked list, or the names and values of a checked object, given the text between its brackets.
/// Commas and colons separate them, those inside a string or another bracket aside.
fn parts(within: &str) -> Vec<Raw<'_>> {
    let mut parts = Vec::new();
    let mut part_until = |begin, end| {
        let part = within.get(begin..end).unwrap_or_default().trim_ascii();
        if !part.is_empty() {
            parts.push(Raw(part));
        }
    };
    let (mut begin, mut depth) = (0, 0_usize);
    let (mut in_text, mut escaped) = (false, false);
    for (at, byte) in within.bytes().enumerate() {
        match byte {
            _ if escaped => escaped = false,
            b'\\' => escaped = true,
            b'"' => in_text = !in_text,
            _ if in_text => {}
            b'{' | b'[' => depth += 1,
            b'}' | b']' => depth -= 1,
            b',' | b':' if depth == 0 => {
                part_until(begin, at);
                begin = at + 1;
            }
            _ => {}
        }
    }
    part_until(begin, within.len());
    parts
}

/// The fields of one JSON object. Of two with the same name the last one counts, and one that holds `null`
/// counts as absent.
pub(crate) struct Object<'a>(Vec<(Cow<'a, str>, Raw<'a>)>);

impl<'a> Object<'a> {
    /// Reads the text of one object; `None` if it is anything else.
    pub(crate) fn read(text: &'a str) -> Option<Self> {
        Raw::read(text)?.object()
    }

    /// The field of this name, whatever it holds but `null`.
    pub(crate) fn raw(&self, name: &str) -> Option<Raw<'a>> {
        self.written(name).filter(|raw| raw.get() != "null")
    }

    /// The names of all fields, each once, in the order of the text.
    pub(crate) fn names(&self) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        for (name, _) in &self.0 {
            if names.iter().all(|known| known != name) {
                names.push(name.clone().into_owned());
            }
        }
        names
    }

    /// The field of this name, whatever it holds.
    pub(crate) fn written(&self, name: &str) -> Option<Raw<'a>> {
        self.0.iter().rev().find(|(known, _)| known == name).map(|(_, raw)| *raw)
    }

    /// A field that need not be there: `Some(None)` if it is absent, and `None` if it is there and `read` makes
    /// nothing of it. A reader of records treats the record as unreadable then:
    /// `object.optional("before", Raw::text)?` is an `Option<String>`.
    pub(crate) fn optional<T>(
        &self,
        name: &str,
        read: impl FnOnce(Raw<'a>) -> Option<T>,
    ) -> Option<Option<T>> {
        match self.raw(name) {
            None => Some(None),
            Some(raw) => read(raw).map(Some),
        }
    }

    /// The field of this name, if it is a text.
    pub(crate) fn text(&self, name: &str) -> Option<String> {
        self.raw(name)?.text()
    }

    /// The field of this name, if it is a whole number that a `T` can hold.
    pub(crate) fn number<T: TryFrom<u64>>(&self, name: &str) -> Option<T> {
        self.raw(name)?.number()
    }

    /// The field of this name, if it is `true` or `false`.
    pub(crate) fn flag(&self, name: &str) -> Option<bool> {
        self.raw(name)?.flag()
    }

    /// The field of this name, if it is an object.
    pub(crate) fn object(&self, name: &str) -> Option<Self> {
        self.raw(name)?.object()
    }

    /// The field of this name, if it is a list.
    pub(crate) fn list(&self, name: &str) -> Option<Vec<Raw<'a>>> {
        self.raw(name)?.list()
    }
}

/// Writes the text of one JSON object, field by field, in the order of the calls.
///
/// ```text
/// Writer::new().number("v", VERSION).text("sid", sid).optional_text("before", before).finish()
/// ```
pub(crate) struct Writer(String);

impl Writer {
    /// An object without fields.
    pub(crate) fn new() -> Self {
        Self(String::from("{"))
    }

    /// Adds a text.
    pub(crate) fn text(self, name: &str, value: &str) -> Self {
        self.field(name, &quoted(value))
    }

    /// Adds a whole number.
    pub(crate) fn number(self, name: &str, value: impl Into<u64>) -> Self {
        let value: u64 = value.into();
        self.field(name, &value.to_string())
    }

    /// Adds `true` or `false`.
    pub(crate) fn flag(self, name: &str, value: bool) -> Self {
        self.field(name, if value { "true" } else { "false" })
    }

    /// Adds a value that is written as JSON already.
    pub(crate) fn json(self, name: &str, value: &str) -> Self {
        self.field(name, value)
    }

    /// Adds an object.
    pub(crate) fn object(self, name: &str, value: Self) -> Self {
        self.field(name, &value.finish())
    }

    /// Adds a text, or `null`; the reader takes an absent field and `null` alike.
    pub(crate) fn optional_text(self, name: &str, value: Option<&str>) -> Self {
        match value {
            Some(value) => self.text(name, value),
            None => self.field(name, "null"),
        }
    }

    /// Adds a whole number, or `null`.
    pub(crate) fn optional_number(self, name: &str, value: Option<u64>) -> Self {
        match value {
            Some(value) => self.number(name, value),
            None => self.field(name, "null"),
        }
    }

    /// Adds an object, or `null`.
    pub(crate) fn optional_object(self, name: &str, value: Option<Self>) -> Self {
        match value {
            Some(value) => self.object(name, value),
            None => self.field(name, "null"),
        }
    }

    /// The object's text.
    pub(crate) fn finish(mut self) -> String {
        self.0.push('}');
        self.0
    }

    fn field(mut self, name: &str, value: &str) -> Self {
        if self.0.len() > 1 {
            self.0.push(',');
        }
        self.0.push_str(&quoted(name));
        self.0.push(':');
        self.0.push_str(value);
        self
    }
}

/// A text as a JSON string. Writing one into memory cannot fail.
fn quoted(text: &str) -> String {
    serde_json::to_string(text).unwrap_or_default()
}

#[cfg(test)]
mod tests;
