//! The page's settings: its server, and where tokens are stored. They are read at run time from
//! `<meta>` tags, so that one build serves every environment.

use std::fmt;

use auth::{BaseUrl, Contract, Custody, Endpoint, InvalidContract, RefreshCustody, is_path};
use yew::AttrValue;

/// The settings of an [`AuthProvider`](crate::AuthProvider).
#[derive(Clone, Debug)]
pub struct Settings {
    /// The API's base URL.
    pub base: BaseUrl,
    /// What the server calls things, and what its answers mean.
    pub contract: Contract,
    /// Where the tokens are stored.
    pub custody: Custody,
    /// The path of the protected resource that [`App`](crate::App) shows. An app of your own gives its path to
    /// [`use_protected`](crate::use_protected).
    pub data_path: AttrValue,
    /// The label of the form's first field in [`App`](crate::App). An app of your own gives it to
    /// [`LoginForm`](crate::LoginForm).
    pub username_label: AttrValue,
}

/// A `<meta>` tag of the page is missing or malformed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidSettings {
    /// The tag's name.
    pub name: &'static str,
    /// What is wrong, and what the tag takes.
    pub wrong: String,
}

impl InvalidSettings {
    fn takes(name: &'static str, takes: &str) -> Self {
        Self { name, wrong: ["it takes ", takes].concat() }
    }
}

impl fmt::Display for InvalidSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, wrong } = self;
        write!(f, "This page is not set up correctly. Its setting \"{name}\" is wrong: {wrong}.")
    }
}

impl std::error::Error for InvalidSettings {}

impl Settings {
    /// The default contract and custody for the API at `base`.
    pub fn new(base: BaseUrl) -> Self {
        Self {
            base,
            contract: Contract::default(),
            custody: Custody::default(),
            data_path: "/protected-route".into(),
            username_label: "Username".into(),
        }
    }

    /// Reads the page's `<meta>` tags: `api-base-url` (an absolute URL, or a path on the page's own
    /// origin), `auth-access-token` (`session`, `memory`), `auth-refresh-token` (`local`, `database`, `cookie`, `memory`),
    /// `auth-contract` (what [`Contract::from_text`] reads), `auth-data-path` and `auth-username-label`. All but the
    /// first are optional.
    pub fn from_page() -> Result<Self, InvalidSettings> {
        let document = web_sys::window().and_then(|window| window.document());
        let origin = document.as_ref().and_then(|document| document.location()?.origin().ok());
        let content = |name: &str| {
            let tag = document.as_ref()?.query_selector(&format!("meta[name=\"{name}\"]")).ok()??;
            tag.get_attribute("content")
        };
        Self::read(&content, origin.as_deref())
    }

    /// Reads the settings of a page at `origin` from the `content` of the tag of each name.
    pub(crate) fn read(
        content: &dyn Fn(&str) -> Option<String>,
        origin: Option<&str>,
    ) -> Result<Self, InvalidSettings> {
        const ADDRESS: &str = "api-base-url";
        let missing = || {
            InvalidSettings::takes(
                ADDRESS,
                "the API's address, such as https://api.example.org, or a path that begins with a slash",
            )
        };
        let address = content(ADDRESS).ok_or_else(missing)?;
        let address = absolute(address.trim(), origin).ok_or_else(missing)?;
        let mut settings = Self::new(address.parse().map_err(|_| missing())?);
        settings.custody = Custody {
            access: choice(content, "auth-access-token", "session or memory")?,
            refresh: choice(content, REFRESH_TOKEN, "local, database, cookie or memory")?,
        };
        if let Some(text) = content(CONTRACT) {
            let wrong = |wrong: InvalidContract| InvalidSettings { name: CONTRACT, wrong: wrong.to_string() };
            settings.contract = Contract::from_text(&text).map_err(wrong)?;
        }
        if settings.custody.refresh == RefreshCustody::Cookie {
            if origin != Some(settings.base.origin()) {
                let takes = "cookie only if the API is at the page's own origin, such as \"/api\"";
                return Err(InvalidSettings::takes(REFRESH_TOKEN, takes));
            }
            if settings.base.is_exposed() {
                let takes = "cookie only over HTTPS or at http://localhost, because browsers keep no such cookie of other pages";
                return Err(InvalidSettings::takes(REFRESH_TOKEN, takes));
            }
            let contract = &settings.contract;
            let carries = |refresh: &Endpoint| refresh.refresh_token.is_some();
            if !contract.refresh.as_ref().is_some_and(carries) || contract.refresh_cookie.is_none() {
                let takes = "cookie only if the contract has refresh.refresh_token and refresh_cookie";
                return Err(InvalidSettings::takes(REFRESH_TOKEN, takes));
            }
        }
        if let Some(path) = content(DATA_PATH) {
            let path = Some(path.trim().to_owned()).filter(|path| is_path(path));
            let takes = "a path of visible ASCII that begins with one slash";
            settings.data_path = path.ok_or_else(|| InvalidSettings::takes(DATA_PATH, takes))?.into();
        }
        if let Some(label) = content(USERNAME_LABEL) {
            let label = label.trim().to_owned();
            let label = Some(label).filter(|label| !label.is_empty());
            settings.username_label =
                label.ok_or_else(|| InvalidSettings::takes(USERNAME_LABEL, "a text"))?.into();
        }
        Ok(settings)
    }
}

const REFRESH_TOKEN: &str = "auth-refresh-token";
const CONTRACT: &str = "auth-contract";
const DATA_PATH: &str = "auth-data-path";
const USERNAME_LABEL: &str = "auth-username-label";

fn absolute(address: &str, origin: Option<&str>) -> Option<String> {
    let own_origin = address.is_empty() || (address.starts_with('/') && !address.starts_with("//"));
    if !own_origin {
        return Some(address.to_owned());
    }
    Some([origin?, address].concat())
}

fn choice<T: Default + std::str::FromStr>(
    content: &dyn Fn(&str) -> Option<String>,
    name: &'static str,
    takes: &str,
) -> Result<T, InvalidSettings> {
    match content(name) {
        None => Ok(T::default()),
        Some(text) => text.trim().parse().map_err(|_| InvalidSettings::takes(name, takes)),
    }
}

#[cfg(test)]
mod tests;
