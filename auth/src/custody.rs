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
    /// `memory`: the page only. The session's row is in the page too, so the session ends with the page.
    Memory,
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
        assert_eq!("memory".parse(), Ok(RefreshCustody::Memory));
        for text in ["", "Local", " local", "cookie"] {
            assert_eq!(text.parse::<AccessCustody>(), Err(UnknownCustody));
            assert_eq!(text.parse::<RefreshCustody>(), Err(UnknownCustody));
        }
    }
}
