//! Lays out JSON text for people.

/// Lays JSON text out, piece by piece: one value a line, indented by two spaces a level, down to 32 levels. Deeper levels
/// keep that indentation. All pieces together are the whole text.
///
/// A piece ends after 200 lines, or in a longer line after 32 KiB, because a browser takes seconds to lay out a megabyte in
/// one element, and no time for elements that nobody sees.
///
/// Changes white space only. Numbers keep every digit (a browser's own parser rounds integers beyond
/// 2^53), and keys keep their order. The text must be JSON; see [`Answer::json`](auth::Answer::json).
///
/// ```
/// # use yew_jwt_auth::Layout;
/// let mut layout = Layout::default();
/// let text = r#"{"id":12345678901234567890,"tags":[]}"#;
/// let laid_out = "{\n  \"id\": 12345678901234567890,\n  \"tags\": []\n}";
/// assert_eq!(layout.next(text).as_deref(), Some(laid_out));
/// assert_eq!(layout.next(text), None);
/// ```
#[derive(Clone, Debug, Default)]
pub struct Layout {
    /// So many bytes of the text are laid out.
    at: usize,
    depth: usize,
    in_text: bool,
    escaped: bool,
    /// The line break after an opening bracket waits for the next character: an empty pair gets none.
    opened: bool,
    /// A line has begun, and its indentation waits for its first character.
    is_new_line: bool,
}

impl Layout {
    /// The next piece of `text`, which must be the same in each call. `None` after the last one.
    pub fn next(&mut self, text: &str) -> Option<String> {
        let (mut piece, mut lines) = (String::new(), 0);
        for c in text.get(self.at..)?.chars() {
            if lines == LINES || piece.len() >= LONGEST {
                break;
            }
            let after = self.at + c.len_utf8();
            if self.in_text {
                piece.push(c);
                self.at = after;
                self.in_text = self.escaped || c != '"';
                self.escaped = !self.escaped && c == '\\';
                continue;
            }
            if matches!(c, ' ' | '\t' | '\n' | '\r') {
                self.at = after;
                continue;
            }
            let closing = matches!(c, '}' | ']');
            if self.opened != closing && !self.is_new_line {
                self.end_line(&mut piece, &mut lines);
                if lines == LINES {
                    // The next piece begins with this character.
                    break;
                }
            }
            self.at = after;
            if closing {
                self.depth = self.depth.saturating_sub(1);
            }
            self.opened = matches!(c, '{' | '[');
            if std::mem::take(&mut self.is_new_line) {
                piece.extend(std::iter::repeat_n("  ", self.depth.min(MARGIN)));
            }
            piece.push(c);
            match c {
                '{' | '[' => self.depth += 1,
                ',' => self.end_line(&mut piece, &mut lines),
                ':' => piece.push(' '),
                '"' => self.in_text = true,
                _ => {}
            }
        }
        (!piece.is_empty()).then_some(piece)
    }

    /// Whether all of `text` is laid out.
    pub fn is_at_end(&self, text: &str) -> bool {
        text.get(self.at..).is_none_or(|rest| rest.trim_ascii().is_empty())
    }

    fn end_line(&mut self, piece: &mut String, lines: &mut usize) {
        piece.push('\n');
        *lines += 1;
        self.is_new_line = true;
    }
}

/// The lines of a piece.
const LINES: usize = 200;
/// The bytes of a piece with long lines.
const LONGEST: usize = 32 * 1024;
/// The deepest indented level. Without a limit, a few kilobytes of brackets would become gigabytes of
/// white space and crash the page.
const MARGIN: usize = 32;

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(text: &str) -> Vec<String> {
        let mut layout = Layout::default();
        let pieces = std::iter::from_fn(|| layout.next(text)).collect();
        assert!(layout.is_at_end(text));
        pieces
    }

    fn laid_out(text: &str) -> String {
        pieces(text).concat()
    }

    #[test]
    fn values_are_laid_out_one_a_line() {
        assert_eq!(
            laid_out(r#"{"a":[1,{"b":null}],"c":"d"}"#),
            "{\n  \"a\": [\n    1,\n    {\n      \"b\": null\n    }\n  ],\n  \"c\": \"d\"\n}"
        );
    }

    #[test]
    fn what_stands_in_quotes_is_left_alone() {
        let text = r#"{"a\"b\\": "x, [y] {z}: \\\" "}"#;
        assert_eq!(laid_out(text), "{\n  \"a\\\"b\\\\\": \"x, [y] {z}: \\\\\\\" \"\n}");
    }

    #[test]
    fn empty_pairs_stay_on_one_line_and_old_white_space_goes() {
        assert_eq!(laid_out("{ \"a\" : [ ] ,\n\"b\" : { } }"), "{\n  \"a\": [],\n  \"b\": {}\n}");
        assert_eq!(laid_out(" 12345678901234567890.10 "), "12345678901234567890.10");
        assert_eq!(laid_out(""), "");
    }

    #[test]
    fn deep_nesting_does_not_fill_the_memory() {
        let text = ["[".repeat(50_000), "]".repeat(50_000)].concat();
        let laid_out = laid_out(&text);
        assert!(laid_out.len() < 10_000_000, "{} bytes", laid_out.len());
        let squeezed: String = laid_out.split_whitespace().collect();
        assert_eq!(squeezed, text);
    }

    #[test]
    fn a_piece_is_short_and_ends_with_a_line_where_it_can() {
        let many = format!("[{}]", (0..1_000).map(|n| n.to_string()).collect::<Vec<_>>().join(","));
        let found = pieces(&many);
        assert_eq!(found.len(), 6);
        let (last, whole) = found.split_last().unwrap_or((&many, &[]));
        assert!(whole.iter().all(|piece| piece.lines().count() == 200 && piece.ends_with('\n')), "{whole:?}");
        assert!(last.ends_with("  999\n]"), "{last}");
        let deep = ["[".repeat(500), "]".repeat(500)].concat();
        for piece in pieces(&deep).iter().rev().skip(1) {
            assert!(piece.ends_with('\n') && piece.lines().count() == 200, "{piece}");
        }
        let long = format!("[\"{}\"]", "é".repeat(40_000));
        assert!(pieces(&long).iter().all(|piece| piece.len() <= LONGEST + 4));
        assert_eq!(laid_out(&long), format!("[\n  \"{}\"\n]", "é".repeat(40_000)));
    }

    #[test]
    fn no_digit_and_no_key_is_lost() {
        let text = r#"{"b":1.10,"a":1e400,"a":-0}"#;
        let squeezed: String = laid_out(text).split_whitespace().collect();
        assert_eq!(squeezed, text);
    }
}
