//! Reads the command line. An unknown argument is a [`Usage`] error: one sentence, exit code 2.

use std::{ffi::OsString, fmt};

use anyhow::Result;
use pico_args::Arguments;

/// A wrong command line.
#[derive(Debug)]
pub(crate) struct Usage(pub(crate) String);

impl fmt::Display for Usage {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl std::error::Error for Usage {}

/// The arguments after the command's name. Each method takes its option out, and [`Args::finish`] refuses the
/// rest.
#[derive(Debug)]
pub(crate) struct Args(Arguments);

impl Args {
    pub(crate) fn new(args: Vec<OsString>) -> Self {
        Self(Arguments::from_vec(args))
    }

    pub(crate) fn flag(&mut self, name: &'static str) -> bool {
        self.0.contains(name)
    }

    /// The value of `--name VALUE` or `--name=VALUE`.
    pub(crate) fn value(&mut self, name: &'static str) -> Result<Option<String>> {
        match self.0.opt_value_from_str::<_, String>(name) {
            Ok(value) if !value.as_ref().is_some_and(|value| value.starts_with("--")) => Ok(value),
            _ => Err(Usage(format!("{name} needs a value.")).into()),
        }
    }

    pub(crate) fn api(&mut self) -> Result<Option<String>> {
        self.value("--api")?.map(|url| api_url(&url)).transpose()
    }

    pub(crate) fn finish(self) -> Result<()> {
        let Some(arg) = self.0.finish().into_iter().next() else { return Ok(()) };
        Err(Usage(format!("`{}` is not understood here; --help lists what is.", arg.display())).into())
    }
}

/// A server's address in the page's form: an http(s) origin with an optional path, without a slash at the
/// end.
pub(crate) fn api_url(text: &str) -> Result<String> {
    let refuse = |reason: &str| Err(Usage(format!("`{text}` is no server address: {reason}.")).into());
    let Some(rest) = text.strip_prefix("http://").or_else(|| text.strip_prefix("https://")) else {
        return refuse("it must start with http:// or https://");
    };
    let authority = rest.split('/').next().unwrap_or_default();
    if text.chars().any(|c| !c.is_ascii_graphic() || "\"'<>`\\{}|^".contains(c)) {
        return refuse("it contains a character that a URL cannot have");
    }
    if rest.contains(['?', '#']) {
        return refuse("leave out the query and the fragment");
    }
    if authority.contains('@') {
        return refuse("leave out the user and the password");
    }
    let (host, port) = split_port(authority);
    if host.is_empty() {
        return refuse("the host is missing");
    }
    if port.is_some_and(|port| port.parse::<u16>().is_err() || port == "0") {
        return refuse("the port must be a number from 1 to 65535");
    }
    Ok(text.trim_end_matches('/').to_owned())
}

fn split_port(authority: &str) -> (&str, Option<&str>) {
    match authority.rsplit_once(':') {
        // The colons of an IPv6 address are inside its brackets.
        Some((host, port)) if !port.contains(']') => (host, Some(port)),
        _ => (authority, None),
    }
}

pub(crate) fn port(text: &str) -> Result<u16> {
    match text.parse() {
        Ok(port) if port > 0 => Ok(port),
        _ => Err(Usage(format!("`{text}` is no port: give a number from 1 to 65535.")).into()),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    fn args(line: &str) -> Args {
        Args::new(line.split_whitespace().map(Into::into).collect())
    }

    #[test]
    fn values_are_read_in_both_spellings() {
        for line in ["--port 81 --api http://a", "--api=http://a --port=81"] {
            let mut args = args(line);
            assert_eq!(args.value("--port").unwrap().as_deref(), Some("81"));
            assert_eq!(args.api().unwrap().as_deref(), Some("http://a"));
            args.finish().unwrap();
        }
    }

    #[test]
    fn what_is_left_is_refused_by_name() {
        let mut args = args("--api http://a --fast");
        args.api().unwrap();
        assert_eq!(
            args.finish().unwrap_err().to_string(),
            "`--fast` is not understood here; --help lists what is."
        );
    }

    #[test]
    fn an_option_without_its_value_is_refused() {
        assert!(args("--api").api().is_err());
        assert!(args("--api --port 1").api().is_err());
    }

    #[test]
    fn server_addresses_are_accepted_without_a_closing_slash() {
        for (text, url) in [
            ("http://localhost:8000", "http://localhost:8000"),
            ("https://api.example.org/v1/", "https://api.example.org/v1"),
            ("http://[::1]:8000/", "http://[::1]:8000"),
        ] {
            assert_eq!(api_url(text).unwrap(), url);
        }
    }

    #[test]
    fn what_is_no_server_address_is_refused() {
        for text in [
            "localhost:8000",
            "ftp://a",
            "http://",
            "http:///path",
            "http://user:secret@a",
            "http://a?x=1",
            "http://a#x",
            "http://a:0",
            "http://a:99999",
            "http://a:x",
            "http://a\"><script>",
            "http://a b",
        ] {
            assert!(api_url(text).is_err(), "{text}");
        }
    }

    #[test]
    fn ports_are_numbers_above_zero() {
        assert_eq!(port("8080").unwrap(), 8080);
        for text in ["0", "65536", "-1", "web"] {
            assert!(port(text).is_err(), "{text}");
        }
    }
}
