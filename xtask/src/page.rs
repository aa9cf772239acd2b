//! Reads and rewrites tags of index.html, as far as the build needs it.

use std::ops::Range;

/// A start tag and its range in the page.
#[derive(Debug)]
pub(crate) struct Tag<'a> {
    pub(crate) name: String,
    attributes: Vec<(String, &'a str)>,
    pub(crate) range: Range<usize>,
}

impl<'a> Tag<'a> {
    /// An attribute's text as written in the page. Character references are not decoded.
    pub(crate) fn attribute(&self, name: &str) -> Option<&'a str> {
        self.attributes.iter().find(|(known, _)| known == name).map(|(_, value)| *value)
    }

    pub(crate) fn has(&self, name: &str, value: &str) -> bool {
        self.attribute(name).is_some_and(|known| known.eq_ignore_ascii_case(value))
    }
}

/// The start tags of a page in order. Comments, scripts and styles contain no tags.
pub(crate) fn tags(page: &str) -> Vec<Tag<'_>> {
    let mut tags = Vec::new();
    let mut at = 0;
    while let Some(open) = find(page, at, "<") {
        let rest = page.get(open..).unwrap_or_default();
        if rest.starts_with("<!--") {
            at = find(page, open, "-->").map_or(page.len(), |end| end + 3);
        } else if rest[1..].starts_with(|c: char| c.is_ascii_alphabetic()) {
            let tag = tag(page, open);
            at = tag.range.end;
            if matches!(tag.name.as_str(), "script" | "style" | "title" | "textarea") {
                at = find(page, at, &format!("</{}", tag.name)).unwrap_or(page.len());
            }
            tags.push(tag);
        } else {
            at = open + 1;
        }
    }
    tags
}

/// The range from a start tag to the end of its element, for elements without child elements (`script`,
/// `link`).
pub(crate) fn element(page: &str, tag: &Tag<'_>) -> Range<usize> {
    let close = format!("</{}>", tag.name);
    let end = match tag.name.as_str() {
        "script" | "style" => {
            find(page, tag.range.end, &close).map_or(tag.range.end, |end| end + close.len())
        }
        _ => tag.range.end,
    };
    tag.range.start..end
}

/// The page with each range replaced by its text. The ranges must not overlap.
pub(crate) fn replace(page: &str, mut edits: Vec<(Range<usize>, String)>) -> String {
    edits.sort_by_key(|(range, _)| range.start);
    let mut result = String::with_capacity(page.len());
    let mut at = 0;
    for (range, text) in edits {
        result.push_str(page.get(at..range.start).unwrap_or_default());
        result.push_str(&text);
        at = range.end;
    }
    result.push_str(page.get(at..).unwrap_or_default());
    result
}

/// Rewrites every meta setting as `<meta name="…" content="…">`, because a minifier changes the order and the
/// quotes, and people and scripts look for `<meta name="api-base-url" content="…">` to change it. `api`
/// replaces its content.
pub(crate) fn readable_settings(page: &str, api: Option<&str>) -> String {
    let edits = tags(page).into_iter().filter_map(|tag| {
        let (name, content) = (tag.attribute("name")?, tag.attribute("content")?);
        let content = if name == API { api.unwrap_or(content) } else { content };
        (tag.name == "meta").then(|| {
            (
                tag.range.clone(),
                format!("<meta name=\"{name}\" content=\"{}\">", content.replace('"', "&quot;")),
            )
        })
    });
    replace(page, edits.collect())
}

pub(crate) fn has_api_setting(page: &str) -> bool {
    tags(page).iter().any(|tag| tag.name == "meta" && tag.has("name", API))
}

fn tag(page: &str, start: usize) -> Tag<'_> {
    let mut reader = Reader { page, at: start + 1 };
    let name = reader.take_while(|c| !c.is_whitespace() && c != '>' && c != '/').to_ascii_lowercase();
    let mut attributes = Vec::new();
    loop {
        reader.take_while(|c| c.is_whitespace() || c == '/');
        let attribute = reader.take_while(|c| !c.is_whitespace() && c != '>' && c != '/' && c != '=');
        if attribute.is_empty() && !reader.eat('=') {
            reader.eat('>');
            break;
        }
        reader.take_while(char::is_whitespace);
        let mut value = "";
        if reader.eat('=') {
            reader.take_while(char::is_whitespace);
            value = match reader.peek() {
                Some(quote @ ('"' | '\'')) => {
                    reader.eat(quote);
                    let value = reader.take_while(|c| c != quote);
                    reader.eat(quote);
                    value
                }
                _ => reader.take_while(|c| !c.is_whitespace() && c != '>'),
            };
        }
        attributes.push((attribute.to_ascii_lowercase(), value));
    }
    Tag { name, attributes, range: start..reader.at }
}

#[derive(Debug)]
struct Reader<'a> {
    page: &'a str,
    at: usize,
}

impl<'a> Reader<'a> {
    fn rest(&self) -> &'a str {
        self.page.get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    fn eat(&mut self, wanted: char) -> bool {
        let found = self.peek() == Some(wanted);
        if found {
            self.at += wanted.len_utf8();
        }
        found
    }

    fn take_while(&mut self, wanted: impl Fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        let length = rest.find(|c| !wanted(c)).unwrap_or(rest.len());
        self.at += length;
        rest.get(..length).unwrap_or_default()
    }
}

fn find(page: &str, from: usize, text: &str) -> Option<usize> {
    page.get(from..)?.find(text).map(|at| from + at)
}

const API: &str = "api-base-url";

#[cfg(test)]
mod tests {
    #![allow(clippy::indexing_slicing, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn attributes_are_read_in_every_quoting() {
        let page = "<p>1 < 2</p><META content='a \"b\"' NAME=x data-y disabled/><br>";
        let tags = tags(page);
        let meta = &tags[1];
        assert_eq!(tags.iter().map(|tag| tag.name.as_str()).collect::<Vec<_>>(), ["p", "meta", "br"]);
        assert_eq!(meta.attribute("content"), Some("a \"b\""));
        assert_eq!(meta.attribute("name"), Some("x"));
        assert_eq!(meta.attribute("disabled"), Some(""));
        assert_eq!(&page[meta.range.clone()], "<META content='a \"b\"' NAME=x data-y disabled/>");
    }

    #[test]
    fn comments_and_scripts_hold_no_tags() {
        let page = "<!-- <meta name=a> --><script>if (a<b) '<link>'</script><link rel=x>";
        let tags = tags(page);
        assert_eq!(tags.iter().map(|tag| tag.name.as_str()).collect::<Vec<_>>(), ["script", "link"]);
        assert_eq!(&page[element(page, &tags[0])], "<script>if (a<b) '<link>'</script>");
    }

    #[test]
    fn a_truncated_page_is_read_to_its_end() {
        for page in ["<", "<a", "<a b=", "<a b='", "<!--", "<script>", "<a =x"] {
            assert!(tags(page).len() <= 1, "{page}");
        }
    }

    #[test]
    fn settings_are_put_back_into_their_readable_form() {
        let page = "<meta charset=utf-8><meta content=http://localhost:8000 name=api-base-url><meta content='a\"b' name=other>";
        assert_eq!(
            readable_settings(page, None),
            "<meta charset=utf-8><meta name=\"api-base-url\" content=\"http://localhost:8000\"><meta name=\"other\" content=\"a&quot;b\">"
        );
    }

    #[test]
    fn another_server_replaces_only_the_address() {
        let page =
            "<meta name=\"api-base-url\" content=\"http://localhost:8000\"><meta name=\"x\" content=\"y\">";
        assert_eq!(
            readable_settings(page, Some("https://a.example")),
            "<meta name=\"api-base-url\" content=\"https://a.example\"><meta name=\"x\" content=\"y\">"
        );
        assert!(has_api_setting(page) && !has_api_setting("<meta name=other>"));
    }
}
