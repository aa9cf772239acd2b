//! The two settings that say where tokens lie.

use std::str::FromStr;

/// The place of each token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Custody {
    /// The access token's place.
    pub access: AccessCustody,
    /// The refresh token's place.
    pub refresh: RefreshCustody,
}

/// Where the access token lies (`auth-access-token`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AccessCustody {
    /// `session`: this tab's storage; a reload keeps it.
    #[default]
    Session,
    /// `memory`: the page only, so a reload needs a refresh. The tab's storage still notes the token's user.
    Memory,
}

/// Where the refresh token lies (`auth-refresh-token`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum RefreshCustody {
    /// `local`: the profile's storage, shared by all tabs.
    #[default]
    Local,
    /// `database`: inside the ledger's row, shared by all tabs.
    Database,
    /// `cookie`: a cookie that script cannot read, so no script can take the token. Page and API are of one origin. The
    /// ledger's row holds the cookie's handle.
    Cookie,
    /// `memory`: the page only. The session's row is in the page too, so the session ends with the page.
    Memory,
}

impl RefreshCustody {
    /// Whether the ledger's row holds the token, or its handle.
    pub(crate) fn is_in_row(self) -> bool {
        matches!(self, Self::Database | Self::Cookie)
    }
}

/// The text names no custody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownCustody;

impl FromStr for AccessCustody {
    type Err = UnknownCustody;

    fn from_str(text: &str) -> Result<Self, UnknownCustody> {
        match text {
            "session" => Ok(Self::Session),
            "memory" => Ok(Self::Memory),
            _ => Err(UnknownCustody),
        }
    }
}

impl FromStr for RefreshCustody {
    type Err = UnknownCustody;

    fn from_str(text: &str) -> Result<Self, UnknownCustody> {
        match text {
            "local" => Ok(Self::Local),
            "database" => Ok(Self::Database),
            "cookie" => Ok(Self::Cookie),
            "memory" => Ok(Self::Memory),
            _ => Err(UnknownCustody),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_custody_goes_by_its_name_and_by_no_other() {
        assert_eq!("session".parse(), Ok(AccessCustody::Session));
        assert_eq!("memory".parse(), Ok(AccessCustody::Memory));
        assert_eq!("local".parse(), Ok(RefreshCustody::Local));
        assert_eq!("database".parse(), Ok(RefreshCustody::Database));
        assert_eq!("cookie".parse(), Ok(RefreshCustody::Cookie));
        assert_eq!("memory".parse(), Ok(RefreshCustody::Memory));
        assert_eq!("cookie".parse::<AccessCustody>(), Err(UnknownCustody));
        for text in ["", "Local", " local", "cookies"] {
            assert_eq!(text.parse::<AccessCustody>(), Err(UnknownCustody));
            assert_eq!(text.parse::<RefreshCustody>(), Err(UnknownCustody));
        }
    }
}
