//! Reads and rewrites index.html, as far as the build needs it. html5gum knows HTML, and says where each tag stands.

use std::{collections::BTreeMap, ops::Range};

use anyhow::{Result, bail};
use html5gum::{DefaultEmitter, Span, Token, Tokenizer};

/// A start tag and its place in the page.
#[derive(Debug)]
pub(crate) struct Tag {
    pub(crate) name: String,
    attributes: BTreeMap<String, String>,
    pub(crate) range: Range<usize>,
    /// The start tag. With `script` and `style` the whole element.
    pub(crate) element: Range<usize>,
    /// The text of a `script` or `style`.
    pub(crate) text: Range<usize>,
}

impl Tag {
    /// An attribute's value, without character references.
    pub(crate) fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.get(name).map(String::as_str)
    }

    pub(crate) fn has(&self, name: &str, value: &str) -> bool {
        self.attribute(name).is_some_and(|known| known.eq_ignore_ascii_case(value))
    }
}

/// The start tags of a page in order. Comments, scripts and styles contain no tags.
pub(crate) fn tags(page: &str) -> Vec<Tag> {
    let mut tags: Vec<Tag> = Vec::new();
    for token in tokens(page) {
        match token {
            Token::StartTag(tag) => {
                let attributes = tag.attributes.iter().map(|(name, value)| (text(name), text(value)));
                let attributes = attributes.collect();
                let (range, end) = (range(tag.span), tag.span.end);
                tags.push(Tag {
                    name: text(&tag.name),
                    attributes,
                    element: range.clone(),
                    range,
                    text: end..end,
                });
            }
            Token::EndTag(end) => {
                let Some(tag) = tags.last_mut().filter(|tag| tag.name == text(&end.name)) else { continue };
                if matches!(tag.name.as_str(), "script" | "style") {
                    (tag.text.end, tag.element.end) = (end.span.start, end.span.end);
                }
            }
            _ => {}
        }
    }
    tags
}

/// The ranges of the texts of the elements of this kind, `script` or `style`, whose text stands in the page itself.
pub(crate) fn inline(page: &str, kind: &str) -> Vec<Range<usize>> {
    let inline = tags(page).into_iter().filter(|tag| tag.name == kind && tag.attribute("src").is_none());
    inline.map(|tag| tag.text).collect()
}

/// The page without comments and indentation. What stands in tags, scripts and styles stays as it is.
pub(crate) fn compact(page: &str) -> String {
    let comments = tokens(page).filter_map(|token| match token {
        Token::Comment(comment) => Some((range(comment.span), String::new())),
        _ => None,
    });
    let page = replace(page, comments.collect());
    let mut result = String::with_capacity(page.len());
    let mut at = 0;
    for Tag { element, .. } in tags(&page) {
        push_compact(&mut result, page.get(at..element.start).unwrap_or_default());
        result.push_str(page.get(element.clone()).unwrap_or_default());
        at = element.end;
    }
    push_compact(&mut result, page.get(at..).unwrap_or_default());
    result
}

fn push_compact(result: &mut String, text: &str) {
    let mut lines = text.split('\n');
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
    let content = content.or(tag.attribute("content")).unwrap_or_default();
    let content = content.replace('&', "&amp;").replace('"', "&quot;");
    let text = format!("<meta name=\"{name}\" content=\"{content}\">");
    Ok(replace(page, vec![(tag.range.clone(), text)]))
}

fn tokens(page: &str) -> impl Iterator<Item = Token<usize>> {
    let mut emitter = DefaultEmitter::new_with_span();
    // After a script's start tag comes its text.
    emitter.naively_switch_states(true);
    Tokenizer::new_with_emitter(page, emitter).map(|token| match token {
        Ok(token) => token,
    })
}

fn range(span: Span) -> Range<usize> {
    span.start..span.end
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The setting that has the API's address.
pub(crate) const API: &str = "api-base-url";

#[cfg(test)]
mod tests {
    #![allow(clippy::indexing_slicing, clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn attributes_are_read_in_every_quoting() {
        let page = "<p>1 < 2</p><META content='a \"b\"' NAME=x data-y='&quot;&#39;&amp;lt;' disabled/><br>";
        let tags = tags(page);
        let meta = &tags[1];
        assert_eq!(tags.iter().map(|tag| tag.name.as_str()).collect::<Vec<_>>(), ["p", "meta", "br"]);
        assert_eq!(meta.attribute("content"), Some("a \"b\""));
        assert_eq!(meta.attribute("name"), Some("x"));
        assert_eq!(meta.attribute("data-y"), Some("\"'&lt;"));
        assert_eq!(meta.attribute("disabled"), Some(""));
        assert_eq!(
            &page[meta.range.clone()],
            "<META content='a \"b\"' NAME=x data-y='&quot;&#39;&amp;lt;' disabled/>"
        );
    }

    #[test]
    fn comments_and_scripts_hold_no_tags() {
        let page = "<!-- <meta name=a> --><script>if (a<b) '<link>'</script><link rel=x>";
        let tags = tags(page);
        assert_eq!(tags.iter().map(|tag| tag.name.as_str()).collect::<Vec<_>>(), ["script", "link"]);
        assert_eq!(&page[tags[0].element.clone()], "<script>if (a<b) '<link>'</script>");
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
