//! Lays out JSON text for people.

/// Indents JSON text by two spaces a level, down to 32 levels. Deeper levels keep that indentation. Stops soon after `limit`
/// bytes, because a short text can become a very long one; the second value says whether that was the end.
///
/// Changes white space only. Numbers keep every digit (a browser's own parser rounds integers beyond
/// 2^53), and keys keep their order. `text` must be JSON; see [`Answer::json`](auth::Answer::json).
///
/// ```
/// # use yew_jwt_auth::indent;
/// let text = r#"{"id":12345678901234567890,"tags":[]}"#;
/// let laid_out = "{\n  \"id\": 12345678901234567890,\n  \"tags\": []\n}";
/// assert_eq!(indent(text, 1_000), (laid_out.to_owned(), true));
/// assert_eq!(indent(text, 5), ("{\n  \"i".to_owned(), false));
/// ```
pub fn indent(text: &str, limit: usize) -> (String, bool) {
    let mut out = String::new();
    let mut depth = 0_usize;
    let mut in_text = false;
    let mut escaped = false;
    // The line break after an opening bracket waits for the next character: an empty pair gets none.
    let mut opened = false;
    for c in text.chars() {
        if out.len() > limit {
            return (out, false);
        }
        if in_text {
            out.push(c);
            in_text = escaped || c != '"';
            escaped = !escaped && c == '\\';
            continue;
        }
        if matches!(c, ' ' | '\t' | '\n' | '\r') {
            continue;
        }
        let closing = matches!(c, '}' | ']');
        if closing {
            depth = depth.saturating_sub(1);
        }
        if opened != closing {
            new_line(&mut out, depth);
        }
        opened = false;
        out.push(c);
        match c {
            '{' | '[' => {
                depth += 1;
                opened = true;
            }
            ',' => new_line(&mut out, depth),
            ':' => out.push(' '),
            '"' => in_text = true,
            _ => {}
        }
    }
    (out, true)
}

/// The deepest indented level. Without a limit, a few kilobytes of brackets would become gigabytes of
/// white space and crash the page.
const MARGIN: usize = 32;

fn new_line(out: &mut String, depth: usize) {
    out.push('\n');
    out.extend(std::iter::repeat_n("  ", depth.min(MARGIN)));
}

#[cfg(test)]
mod tests {
    fn indent(text: &str) -> String {
        let (laid_out, is_whole) = super::indent(text, usize::MAX);
        assert!(is_whole);
        laid_out
    }

    #[test]
    fn values_are_laid_out_one_a_line() {
        assert_eq!(
            indent(r#"{"a":[1,{"b":null}],"c":"d"}"#),
            "{\n  \"a\": [\n    1,\n    {\n      \"b\": null\n    }\n  ],\n  \"c\": \"d\"\n}"
        );
    }

    #[test]
    fn what_stands_in_quotes_is_left_alone() {
        let text = r#"{"a\"b\\": "x, [y] {z}: \\\" "}"#;
        assert_eq!(indent(text), "{\n  \"a\\\"b\\\\\": \"x, [y] {z}: \\\\\\\" \"\n}");
    }

    #[test]
    fn empty_pairs_stay_on_one_line_and_old_white_space_goes() {
        assert_eq!(indent("{ \"a\" : [ ] ,\n\"b\" : { } }"), "{\n  \"a\": [],\n  \"b\": {}\n}");
        assert_eq!(indent(" 12345678901234567890.10 "), "12345678901234567890.10");
    }

    #[test]
    fn deep_nesting_does_not_fill_the_memory() {
        let text = ["[".repeat(50_000), "]".repeat(50_000)].concat();
        let laid_out = indent(&text);
        assert!(laid_out.len() < 10_000_000, "{} bytes", laid_out.len());
        let squeezed: String = laid_out.split_whitespace().collect();
        assert_eq!(squeezed, text);
    }

    #[test]
    fn a_limit_bounds_the_work_and_the_text() {
        let text = ["[".repeat(50_000), "]".repeat(50_000)].concat();
        let (laid_out, is_whole) = super::indent(&text, 10_000);
        assert!((10_000..10_200).contains(&laid_out.len()) && !is_whole, "{} bytes", laid_out.len());
        assert_eq!(super::indent("[1]", 0), ("[".to_owned(), false));
        assert_eq!(super::indent("", 0), (String::new(), true));
    }

    #[test]
    fn no_digit_and_no_key_is_lost() {
        let text = r#"{"b":1.10,"a":1e400,"a":-0}"#;
        let squeezed: String = indent(text).split_whitespace().collect();
        assert_eq!(squeezed, text);
    }
}
