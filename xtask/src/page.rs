//! Reads and rewrites tags of index.html, as far as the build needs it.

use std::ops::Range;

use anyhow::{Result, bail};

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

/// The ranges of the texts of the elements of this kind, `script` or `style`, whose text stands in the page itself.
pub(crate) fn inline(page: &str, kind: &str) -> Vec<Range<usize>> {
    let inline = tags(page).into_iter().filter(|tag| tag.name == kind && tag.attribute("src").is_none());
    let end = format!("</{kind}>");
    inline
        .map(|tag| {
            let element = element(page, &tag);
            let text = page.get(element.clone()).unwrap_or_default();
            tag.range.end..element.end - if text.ends_with(&end) { end.len() } else { 0 }
        })
        .collect()
}

/// The page without comments and indentation. What stands in tags, scripts and styles stays as it is.
pub(crate) fn compact(page: &str) -> String {
    let mut result = String::with_capacity(page.len());
    let mut at = 0;
    for tag in tags(page) {
        let element = element(page, &tag);
        push_compact(&mut result, page.get(at..element.start).unwrap_or_default());
        result.push_str(page.get(element.clone()).unwrap_or_default());
        at = element.end;
    }
    push_compact(&mut result, page.get(at..).unwrap_or_default());
    result
}

fn push_compact(result: &mut String, text: &str) {
    let mut shown = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("<!--") {
        shown.push_str(before);
        rest = after.split_once("-->").map_or("", |(_, after)| after);
    }
    shown.push_str(rest);
    let mut lines = shown.split('\n');
    let mut compact = lines.next().unwrap_or_default().to_owned();
    for line in lines {
        // One line break is left of each white space that has some: two words must not become one.
        compact.truncate(compact.trim_end().len());
        compact.push('\n');
        compact.push_str(line.trim_start());
    }
    result.push_str(&compact);
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

/// The page with `content` in the tag of one setting. Without `content` the tag keeps its own, and is written as
/// `<meta name="…" content="…">`. Fails unless there is exactly one such tag.
pub(crate) fn with_setting(page: &str, name: &str, content: Option<&str>) -> Result<String> {
    let tags = tags(page).into_iter();
    let found: Vec<_> = tags.filter(|tag| tag.name == "meta" && tag.has("name", name)).collect();
    let [tag] = found.as_slice() else {
        bail!("index.html must have one <meta name=\"{name}\" content=\"…\"> in its head.");
    };
    let content = content.or(tag.attribute("content")).unwrap_or_default().replace('"', "&quot;");
    let text = format!("<meta name=\"{name}\" content=\"{content}\">");
    Ok(replace(page, vec![(tag.range.clone(), text)]))
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

/// The setting that has the API's address.
pub(crate) const API: &str = "api-base-url";

#[cfg(test)]
mod tests {
    #![allow(clippy::indexing_slicing, clippy::unwrap_used, reason = "a test fails by panicking")]

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
    fn a_setting_is_replaced_and_never_missing() {
        let page = "<meta charset=utf-8><meta content='a\"b' name=a><meta name=\"b\" content=\"2\" />";
        for (name, content, expected) in [
            (
                "a",
                None,
                "<meta charset=utf-8><meta name=\"a\" content=\"a&quot;b\"><meta name=\"b\" content=\"2\" />",
            ),
            (
                "b",
                Some("3"),
                "<meta charset=utf-8><meta content='a\"b' name=a><meta name=\"b\" content=\"3\">",
            ),
        ] {
            assert_eq!(with_setting(page, name, content).unwrap(), expected);
        }
        assert!(with_setting(page, "c", Some("3")).is_err());
    }

    #[test]
    fn comments_and_indentation_go_and_words_stay_apart() {
        let page = "<p>\n\n  two\n  words <b>x</b>\n  <!-- a\n <comment> -->\n  <script>\n  1 <!-- 2\n</script></p>\n";
        assert_eq!(compact(page), "<p>\ntwo\nwords <b>x</b>\n<script>\n  1 <!-- 2\n</script></p>\n");
    }

    #[test]
    fn only_scripts_without_an_address_are_inline() {
        let page = "<script src=a.js></script><script>alert(1)</script><script>";
        let found: Vec<&str> = inline(page, "script").into_iter().map(|range| &page[range]).collect();
        assert_eq!(found, ["alert(1)", ""]);
    }
}
