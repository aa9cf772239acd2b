//! Where requests may go: one origin, spelled exactly.
//!
//! A token is attached only to URLs that are built here. There is no URL parser to disagree with
//! the browser's: what is not plainly below the base URL is refused (ASVS 10.1.1).

use std::fmt;

use super::error::Error;
use super::ip::{is_v4, is_v6};

/// What a base URL may begin with, and the port that a browser leaves out of its origin.
const SCHEMES: [(&str, &str); 2] = [("https://", ":443"), ("http://", ":80")];

/// The API's base URL: `http` or `https`, an ASCII host, maybe a port and a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BaseUrl {
    url: String,
    origin_length: usize,
}

/// The text is no usable base URL. What it would have to be is in the message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidBaseUrl;

impl fmt::Display for InvalidBaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(
            "the API's address must look like https://api.example.org or http://localhost:8000/v1, \
             without user, query or fragment, and with an international host name in its xn-- form",
        )
    }
}

impl std::error::Error for InvalidBaseUrl {}

impl BaseUrl {
    /// Reads `text`, which must be absolute.
    ///
    /// ```
    /// # use auth::BaseUrl;
    /// let base: BaseUrl = "https://API.example.org/v1/".parse().unwrap();
    /// assert_eq!(base.origin(), "https://api.example.org");
    /// assert!("https://user@api.example.org".parse::<BaseUrl>().is_err());
    /// ```
    fn parse(text: &str) -> Option<Self> {
        let text = text.trim_ascii();
        let (scheme, default_port, rest) = SCHEMES.into_iter().find_map(|(scheme, port)| {
            let (begin, rest) = text.split_at_checked(scheme.len())?;
            begin.eq_ignore_ascii_case(scheme).then_some((scheme, port, rest))
        })?;
        let slash = rest.bytes().position(|b| b == b'/').unwrap_or(rest.len());
        let (authority, path) = rest.split_at_checked(slash)?;
        let authority = authority.to_ascii_lowercase();
        let (host, port) = host_and_port(&authority);
        let path_fits = path.bytes().all(|b| b.is_ascii_graphic() && !b"?#\\\"<>".contains(&b));
        if !(is_host(host) && is_port(port) && path_fits) {
            return None;
        }
        let port = if port == default_port { "" } else { port };
        let mut url = [scheme, host, port].concat();
        let origin_length = url.len();
        url.push_str(path);
        while url.ends_with('/') {
            url.pop();
        }
        Some(Self { url, origin_length })
    }

    /// Scheme, host and port, as a browser spells an origin.
    pub fn origin(&self) -> &str {
        self.url.get(..self.origin_length).unwrap_or(&self.url)
    }

    /// The whole address, without a slash at its end.
    pub fn as_str(&self) -> &str {
        &self.url
    }

    /// Whether tokens and passwords would cross a network in the clear: `http:` to a host that is
    /// not this device. This device is `localhost` and names below it, `127.0.0.0/8` in four decimal
    /// numbers, and `[::1]`; any other spelling of these counts as exposed.
    pub fn is_exposed(&self) -> bool {
        let Some(authority) = self.origin().strip_prefix("http://") else { return false };
        let (host, _) = host_and_port(authority);
        let loopback = host.starts_with("127.") && is_v4(host.as_bytes());
        !(loopback || host == "[::1]" || host == "localhost" || host.ends_with(".localhost"))
    }

    /// The absolute URL of `target`: a path (`/users/me`), taken below the base URL, or an absolute
    /// URL on exactly this origin.
    pub(crate) fn resolve(&self, target: &str) -> Result<String, Error> {
        let on_origin = |rest: &str| matches!(rest.as_bytes().first(), None | Some(b'/' | b'?'));
        let url = match target.strip_prefix(self.origin()) {
            Some(rest) if on_origin(rest) => target.to_owned(),
            None if is_path(target) => [&self.url, target].concat(),
            _ => return Err(Error::ForeignOrigin),
        };
        if is_plain(target) { Ok(url) } else { Err(Error::ForeignOrigin) }
    }
}

/// Whether `text` is a path that a request can be sent to: visible ASCII without a backslash, beginning with one slash (RFC
/// 3986 §3.3). Other characters must be percent-encoded.
pub fn is_path(text: &str) -> bool {
    text.starts_with('/') && !text.starts_with("//") && is_plain(text)
}

fn is_plain(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_graphic() && b != b'\\')
}

/// Where a host ends: behind its bracket, else before the first colon.
fn host_and_port(authority: &str) -> (&str, &str) {
    let place_of = |mark| authority.bytes().position(|b| b == mark);
    let end = if authority.starts_with('[') { place_of(b']').map(|at| at + 1) } else { place_of(b':') };
    authority.split_at_checked(end.unwrap_or(authority.len())).unwrap_or((authority, ""))
}

fn is_host(text: &str) -> bool {
    let in_name = |b: u8| b.is_ascii_alphanumeric() || b"-._".contains(&b);
    match text.strip_prefix('[') {
        Some(v6) => v6.strip_suffix(']').is_some_and(|v6| is_v6(v6.as_bytes())),
        None => !text.is_empty() && text.bytes().all(in_name),
    }
}

/// Whether `text` is a colon and a number of 16 bits, or nothing.
fn is_port(text: &str) -> bool {
    let Some(number) = text.strip_prefix(':') else { return text.is_empty() };
    // `parse` alone would take the plus sign of `+80`.
    number.bytes().all(|b| b.is_ascii_digit()) && number.parse::<u64>().is_ok_and(|port| port <= 65_535)
}

impl std::str::FromStr for BaseUrl {
    type Err = InvalidBaseUrl;

    fn from_str(text: &str) -> Result<Self, InvalidBaseUrl> {
        Self::parse(text).ok_or(InvalidBaseUrl)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn base(text: &str) -> BaseUrl {
        text.parse().unwrap()
    }

    #[test]
    fn a_base_url_is_normalised_to_the_browsers_origin() {
        for (text, origin) in [
            ("http://localhost:8000", "http://localhost:8000"),
            (" https://API.Example.org:443/v1/ ", "https://api.example.org"),
            ("HTTP://host:80", "http://host"),
            ("http://[::1]:8000/", "http://[::1]:8000"),
            ("http://[::1]", "http://[::1]"),
        ] {
            assert_eq!(base(text).origin(), origin);
        }
        assert_eq!(base("https://h/v1/").resolve("/x?y=1").unwrap(), "https://h/v1/x?y=1");
        assert_eq!(base("https://h").resolve("https://h").unwrap(), "https://h");
    }

    #[test]
    fn whoever_gave_no_base_url_reads_what_one_looks_like() {
        assert!(InvalidBaseUrl.to_string().contains("https://api.example.org"));
    }

    #[test]
    fn what_is_no_base_url_is_refused() {
        for text in [
            "",
            "localhost:8000",
            "//host",
            "ftp://host",
            "javascript://host",
            "http://",
            "http:///path",
            "http://user@host",
            "http://user:secret@host",
            "http://host:99999",
            "http://host:",
            "http://host:8000:1",
            "http://host:+80",
            "http://ho st",
            "http://hoſt",
            "http://bücher.example",
            "http://host\\@evil",
            "http://host/a?b",
            "http://host/a#b",
            "http://host/a b",
            "http://host/\nx",
            "http://[::1",
            "http://[zz]",
            "http://[::1]8000",
            "http://[::1]]",
            "http://[]",
            "http://host:65536",
            "http://%65vil",
        ] {
            assert_eq!(text.parse::<BaseUrl>(), Err(InvalidBaseUrl), "{text:?}");
        }
    }

    #[test]
    fn no_target_leaves_the_origin() {
        let base = base("https://api.example.org/v1");
        for target in [
            "//evil.example/x",
            "/\\evil.example",
            "\\\\evil.example",
            "https://evil.example/",
            "https://api.example.org.evil.example/",
            "https://api.example.org@evil.example/",
            "https://api.example.org:8443/x",
            "https://api.example.org\\@evil.example",
            "http://api.example.org/x",
            "HTTPS://API.example.org/x",
            "javascript:alert(1)",
            "users/me",
            "",
            "/a\nb",
            "/a b",
            "/caf\u{e9}",
            "\t//evil.example",
        ] {
            assert_eq!(base.resolve(target), Err(Error::ForeignOrigin), "{target:?}");
        }
        assert_eq!(base.resolve("/x").unwrap(), "https://api.example.org/v1/x");
        assert_eq!(base.resolve("https://api.example.org/y").unwrap(), "https://api.example.org/y");
    }

    #[test]
    fn plain_http_is_exposed_unless_it_stays_on_this_device() {
        for url in [
            "http://api.example.org",
            "http://192.168.1.5:8000",
            "http://localhost.example.org",
            "http://127.0.0.1.example.org",
            "http://127.1",
            "http://notlocalhost",
            "http://[::2]",
        ] {
            assert!(base(url).is_exposed(), "{url}");
        }
        for url in [
            "https://api.example.org",
            "http://localhost:8000",
            "http://api.localhost",
            "http://127.0.0.1",
            "http://127.255.0.1:80",
            "http://[::1]:1",
        ] {
            assert!(!base(url).is_exposed(), "{url}");
        }
    }
}
