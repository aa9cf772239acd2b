//! The page's settings: its server, and where tokens are stored. They are read at run time from
//! `<meta>` tags, so that one build serves every environment.

use std::fmt;

use auth::{BaseUrl, Contract, Custody};
use web_sys::Document;

/// The settings of an [`AuthProvider`](crate::AuthProvider).
#[derive(Clone, Debug)]
pub struct Settings {
    /// The API's base URL.
    pub base: BaseUrl,
    /// The server's paths, field names and encodings.
    pub contract: Contract,
    /// Where the tokens are stored.
    pub custody: Custody,
}

/// A `<meta>` tag of the page is missing or malformed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidSettings {
    /// The tag's name.
    pub name: &'static str,
}

impl fmt::Display for InvalidSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "This page is not set up correctly: its setting \"{}\" is missing or malformed.", self.name)
    }
}

impl std::error::Error for InvalidSettings {}

impl Settings {
    /// The default contract and custody for the API at `base`.
    pub fn new(base: BaseUrl) -> Self {
        Self { base, contract: Contract::default(), custody: Custody::default() }
    }

    /// Reads the page's `<meta>` tags: `api-base-url` (an absolute URL, or a path on the page's own
    /// origin), `auth-access-token` (`session`, `memory`) and `auth-refresh-token` (`local`, `database`,
    /// `memory`). The last two are optional.
    pub fn from_page() -> Result<Self, InvalidSettings> {
        const ADDRESS: &str = "api-base-url";
        let document = web_sys::window().and_then(|window| window.document());
        let document = document.ok_or(InvalidSettings { name: ADDRESS })?;
        let address = content(&document, ADDRESS).ok_or(InvalidSettings { name: ADDRESS })?;
        let address = absolute(address.trim(), &document).ok_or(InvalidSettings { name: ADDRESS })?;
        let base = address.parse().map_err(|_| InvalidSettings { name: ADDRESS })?;
        let custody = Custody {
            access: choice(&document, "auth-access-token")?,
            refresh: choice(&document, "auth-refresh-token")?,
        };
        Ok(Self { custody, ..Self::new(base) })
    }
}

fn content(document: &Document, name: &str) -> Option<String> {
    let tag = document.query_selector(&format!("meta[name=\"{name}\"]")).ok()??;
    tag.get_attribute("content")
}

fn absolute(address: &str, document: &Document) -> Option<String> {
    let own_origin = address.is_empty() || (address.starts_with('/') && !address.starts_with("//"));
    if !own_origin {
        return Some(address.to_owned());
    }
    let origin = document.location()?.origin().ok()?;
    Some(origin + address)
}

fn choice<T: Default + std::str::FromStr>(
    document: &Document,
    name: &'static str,
) -> Result<T, InvalidSettings> {
    match content(document, name) {
        None => Ok(T::default()),
        Some(text) => text.trim().parse().map_err(|_| InvalidSettings { name }),
    }
}
