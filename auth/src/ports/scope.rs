//! The names of everything that is stored, locked or broadcast. They begin with the address of the sign-in service,
//! because a browser takes every page of one origin, and everyone's `localhost:8080`, for the same.

use crate::protocol::ids::Sid;
use crate::wire::{BaseUrl, Contract};

/// The address that names are scoped by.
#[derive(Clone, Debug)]
pub(crate) struct Scope {
    address: String,
    origin: String,
}

/// Where the default contract logs in.
const DEFAULT_LOGIN: &str = "/token";

impl Scope {
    /// Two apps share a session only if they name the same base address and log in at the same place below it.
    pub(crate) fn new(base: &BaseUrl, contract: &Contract) -> Self {
        let login = &*contract.login.path;
        let address = match login {
            DEFAULT_LOGIN => base.as_str().to_owned(),
            _ => [base.as_str(), "#", login].concat(),
        };
        Self { address, origin: base.origin().to_owned() }
    }

    pub(crate) fn address(&self) -> &str {
        &self.address
    }

    /// The names that earlier builds used, if they differ: these were scoped by the origin alone.
    pub(crate) fn earlier(&self) -> Option<Self> {
        let origin = self.origin.clone();
        (origin != self.address).then(|| Self { address: origin.clone(), origin })
    }

    pub(crate) fn name(&self, what: &str) -> String {
        ["yew-jwt-auth:", &self.address, ":", what].concat()
    }

    /// The name of the session's row. Without a session it is one that no row has.
    pub(crate) fn row(&self, sid: Option<&Sid>) -> String {
        self.name(&["row:", sid.map_or("none", Sid::as_str)].concat())
    }

    /// The name of the lock for a cookie that all sessions share.
    pub(crate) fn cookie_lock(&self) -> String {
        self.name("lock:cookie")
    }

    /// The name of the lock that a session's refresh holds.
    pub(crate) fn lock(&self, sid: &Sid) -> String {
        self.name(&["lock:", sid.as_str()].concat())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_the_apps_own() {
        let scope = Scope::new(&"http://localhost:8000/crm".parse().unwrap(), &Contract::default());
        let sid = Sid::parse("0123456789abcdefghijkl").unwrap();
        let names = [scope.row(Some(&sid)), scope.row(None), scope.lock(&sid), scope.cookie_lock()];
        let own = |what| format!("yew-jwt-auth:http://localhost:8000/crm:{what}");
        let expected =
            ["row:0123456789abcdefghijkl", "row:none", "lock:0123456789abcdefghijkl", "lock:cookie"];
        assert_eq!(names, expected.map(own));
    }
}
