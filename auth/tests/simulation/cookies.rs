//! Refresh tokens in cookies that script cannot read. Each session has a cookie of its own. Its key stays the same, so the
//! checks see a refresh token that does not rotate; which token the cookie holds is between browser and server.

use std::collections::BTreeMap;

use crate::apps::App;
use crate::server::{Deed, Reply, Server, terminal};
use crate::token::Token;
use crate::world::World;

/// The number of the token that each session's cookie holds.
pub(crate) type Jar = BTreeMap<usize, usize>;

/// What an answer does to the cookies of sessions. `None` deletes one.
pub(crate) type SetCookies = Vec<(usize, Option<usize>)>;

impl Server {
    /// A refresh by a session's key, with the cookies that came along.
    pub(crate) fn rotate_cookie(&mut self, token: Token, sent: &Jar, now: u64) -> (Reply, SetCookies) {
        let Some(number) = sent.get(&token.family).copied() else { return (no_cookie(), Vec::new()) };
        let family = &mut self.families[token.family];
        let Some(current) = family.in_cookie.as_mut().filter(|_| family.alive) else {
            return (terminal(Some(token.family)), vec![(token.family, None)]);
        };
        let deed = if number == *current {
            *current += 1;
            Deed::Rotated { token }
        } else {
            Deed::Repeated { token }
        };
        let set = vec![(token.family, Some(*current))];
        (self.grant(token.family, false, now, deed), set)
    }

    /// A login ends the sessions of its app whose cookies it brings, and deletes these.
    pub(crate) fn end_sent(&mut self, sent: &Jar, app: App) -> SetCookies {
        let mut set = SetCookies::new();
        for family in sent.keys().copied() {
            let of_app = self.families.get_mut(family).filter(|known| known.app == app);
            if let Some(known) = of_app {
                known.alive = false;
                set.push((family, None));
            }
        }
        set
    }
}

fn no_cookie() -> Reply {
    let body = r#"{"detail":"x","error":"invalid_grant","reason":"no_cookie"}"#.to_owned();
    Reply { body, ..terminal(None) }
}

impl World {
    /// The cookies that a request brings.
    pub(crate) fn cookies(&self, request: &auth::HttpRequest) -> Jar {
        if request.cookies { self.jar.borrow().clone() } else { Jar::new() }
    }

    /// A login ended the sessions whose cookies it brought.
    pub(crate) fn ended_by_login(&self, set: &SetCookies, deed: &Deed) {
        if let Deed::LoggedIn { .. } = deed {
            let mut check = self.check.borrow_mut();
            for (family, _) in set.iter().filter(|(_, number)| number.is_none()) {
                check.family(*family).ends.insert("another login");
            }
        }
    }

    /// The browser takes an answer's cookies with its headers, whatever becomes of its body or of the page.
    pub(crate) fn set_cookies(&self, set: SetCookies) {
        for (family, number) in set {
            match number {
                Some(number) => self.jar.borrow_mut().insert(family, number),
                None => self.jar.borrow_mut().remove(&family),
            };
        }
    }
}
