//! The headers that a request may have, and those of an answer.

use std::fmt;
use std::rc::Rc;

/// Whether a header can be written into an HTTP message (RFC 9110 §5.1, §5.5).
pub(crate) fn is_header(name: &str, value: &str) -> bool {
    let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    let text = |b: u8| b == b'\t' || (0x20..=0x7e).contains(&b);
    !name.is_empty() && name.bytes().all(token) && value.bytes().all(text)
}

/// The header that carries an attempt's key.
pub(crate) const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// Whether a server's contract may set a header of this name. The rest is the page's or the browser's own (the Fetch
/// standard's "forbidden request-header").
pub(crate) fn is_settable(name: &str) -> bool {
    const OWN: &[&str] = &[
        "accept",
        "content-type",
        IDEMPOTENCY_KEY,
        "accept-charset",
        "accept-encoding",
        "access-control-request-headers",
        "access-control-request-method",
        "connection",
        "content-length",
        "cookie",
        "cookie2",
        "date",
        "dnt",
        "expect",
        "host",
        "keep-alive",
        "origin",
        "referer",
        "set-cookie",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "via",
    ];
    let name = name.to_ascii_lowercase();
    let prefixed = ["proxy-", "sec-"].iter().any(|prefix| name.starts_with(prefix));
    is_header(&name, "") && !prefixed && !OWN.contains(&&*name)
}

/// An answer's headers. Each is read when it is asked for, because reading them takes main-thread time, and most answers are
/// asked for one.
#[derive(Clone)]
pub struct Headers(Rc<Find>);

type Find = dyn Fn(&str) -> Option<String>;

impl Headers {
    /// Headers that `read` finds by their names, which it compares without regard to case.
    pub fn new(read: impl Fn(&str) -> Option<String> + 'static) -> Self {
        Self(Rc::new(read))
    }

    /// The value of the header with this name, in any case.
    pub(super) fn find(&self, name: &str) -> Option<String> {
        (self.0)(name)
    }
}

impl From<Vec<(String, String)>> for Headers {
    /// Of headers with the same name the first one counts.
    fn from(headers: Vec<(String, String)>) -> Self {
        Self::new(move |name| {
            let mut named = headers.iter().filter(|(found, _)| found.eq_ignore_ascii_case(name));
            named.next().map(|(_, value)| value.clone())
        })
    }
}

impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Headers")
    }
}

#[cfg(test)]
mod tests {
    use crate::wire::http::Request;

    #[test]
    fn a_header_is_sound_if_http_can_carry_it() {
        let sound = |name, value: &str| Request::get("/x").header(name, value).is_sound();
        assert!(sound("x-1!#$%&'*+-.^_`|~", "a\tb ~") && sound("x", ""));
        for name in ["", "x y", "x:", "x\n", "\u{e9}"] {
            assert!(!sound(name, "v"), "{name:?}");
        }
        for value in ["a\nb", "a\rb", "\0", "\u{7f}", "\u{e9}"] {
            assert!(!sound("x", value), "{value:?}");
        }
    }
}
