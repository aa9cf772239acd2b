//! Names for sessions and for people.

use std::fmt;
use std::rc::Rc;

/// The name of one login's session: random, minted at the login. It tells two logins of one user apart.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Sid(Rc<str>);

impl Sid {
    /// `text` if it can be a session's name. Such a name becomes a part of names in storage.
    pub(crate) fn parse(text: &str) -> Option<Self> {
        let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'-' || b == b'_';
        let fits = (1..=64).contains(&text.len()) && text.bytes().all(plain);
        fits.then(|| Self(text.into()))
    }

    /// A new session's name, from random text.
    pub(crate) fn minted(random: &str) -> Self {
        Self(random.into())
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Sid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A person at the server.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct User {
    /// The user name that was typed, for display.
    pub(crate) name: Rc<str>,
    /// The user's identifier at the server, if its answers have one.
    pub(crate) id: Option<Rc<str>>,
}

impl User {
    /// A user whose name was typed and of whom the server has said nothing.
    #[cfg(test)]
    pub(crate) fn named(name: &str) -> Self {
        Self { name: name.into(), id: None }
    }

    /// Whether both are the same person. The server's word decides, because it alone knows which names it takes
    /// for one. The typed names decide only where the server's word is missing.
    pub(crate) fn is(&self, other: &Self) -> bool {
        match (&self.id, &other.id) {
            (Some(own), Some(others)) => own == others,
            _ => self.name == other.name,
        }
    }
}

impl fmt::Debug for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // A log is no place for names of people.
        f.write_str("User")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn user(name: &str, id: Option<&str>) -> User {
        User { name: name.into(), id: id.map(Into::into) }
    }

    #[test]
    fn the_servers_word_tells_who_is_who() {
        assert!(user("Ann", Some("7")).is(&user("ann", Some("7"))));
        assert!(!user("ann", Some("7")).is(&user("ann", Some("8"))));
    }

    #[test]
    fn the_typed_name_tells_where_the_server_is_silent() {
        assert!(user("ann", None).is(&user("ann", Some("7"))));
        assert!(!user("Ann", None).is(&user("ann", Some("7"))));
        assert!(user("ann", None).is(&User::named("ann")));
    }

    #[test]
    fn a_session_name_is_plain_and_short() {
        assert!(Sid::parse("aZ0-_").is_some());
        for text in ["", "a b", "a:b", "\u{e9}", &"a".repeat(65)] {
            assert!(Sid::parse(text).is_none(), "{text:?}");
        }
    }
}
