//! Where requests may go: one origin, spelled exactly.
//!
//! A token is attached only to URLs that are built here. There is no URL parser to disagree with
//! the browser's: what is not plainly below the base URL is refused (ASVS 10.1.1).

use std::fmt;

use crate::error::Error;

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
        let text = text.trim();
        let (scheme, rest) = text.split_once("://")?;
        let scheme = scheme.to_ascii_lowercase();
        let default_port = match scheme.as_str() {
            "https" => ":443",
            "http" => ":80",
            _ => return None,
        };
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let authority = authority.to_ascii_lowercase();
        let (host, port) = match authority.rfind(':') {
            Some(at) if !authority.ends_with(']') => authority.split_at(at),
            _ => (authority.as_str(), ""),
        };
        let name = |b: u8| b.is_ascii_alphanumeric() || b"-._".contains(&b);
        let v6 = host.strip_prefix('[').and_then(|h| h.strip_suffix(']'));
        let host_fits = match v6 {
            Some(address) => address.parse::<std::net::Ipv6Addr>().is_ok(),
            None => !host.is_empty() && host.bytes().all(name),
        };
        // `parse` alone would take the plus sign of `+80`.
        let digits = |text: &str| !text.starts_with('+') && text.parse::<u16>().is_ok();
        let port_fits = port.is_empty() || port.get(1..).is_some_and(digits);
        let path_fits = path.bytes().all(|b| b.is_ascii_graphic() && !b"?#\\\"<>".contains(&b));
        if !(host_fits && port_fits && path_fits) {
            return None;
        }
        let port = if port == default_port { "" } else { port };
        let origin = format!("{scheme}://{host}{port}");
        Some(Self { origin_length: origin.len(), url: origin + path.trim_end_matches('/') })
    }

    /// Scheme, host and port, as a browser spells an origin.
    pub fn origin(&self) -> &str {
        self.url.get(..self.origin_length).unwrap_or(&self.url)
    }

    /// Whether tokens and passwords would cross a network in the clear: `http:` to a host that is
    /// not this device.
    pub fn is_exposed(&self) -> bool {
        let Some(authority) = self.origin().strip_prefix("http://") else { return false };
        let host = match authority.strip_prefix('[') {
            Some(v6) => v6.split(']').next().unwrap_or(v6),
            None => authority.split(':').next().unwrap_or(authority),
        };
        let loopback = host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
        !(loopback || host == "localhost" || host.ends_with(".localhost"))
    }

    /// The absolute URL of `target`: a path (`/users/me`), taken below the base URL, or an absolute
    /// URL on exactly this origin.
    pub(crate) fn resolve(&self, target: &str) -> Result<String, Error> {
        let plain = target.bytes().all(|b| b.is_ascii_graphic() && b != b'\\');
        let url = match target.strip_prefix(self.origin()) {
            Some("") => target.to_owned(),
            Some(rest) if rest.starts_with(['/', '?']) => target.to_owned(),
            None if target.starts_with('/') && !target.starts_with("//") => format!("{}{target}", self.url),
            _ => return Err(Error::ForeignOrigin),
        };
        if plain { Ok(url) } else { Err(Error::ForeignOrigin) }
    }
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
        for url in ["http://api.example.org", "http://192.168.1.5:8000", "http://localhost.example.org"] {
            assert!(base(url).is_exposed(), "{url}");
        }
        for url in ["https://api.example.org", "http://localhost:8000", "http://127.0.0.1", "http://[::1]:1"]
        {
            assert!(!base(url).is_exposed(), "{url}");
        }
    }
}
