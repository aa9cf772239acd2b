//! Refresh tokens in cookies that script cannot read: each session has a cookie of its own, and a handle that names it.

use std::collections::BTreeMap;

use auth::HttpRequest;

use super::dialect::reply;
use super::{Reply, Rotation, Server, fields, header};

/// What a browser holds: a cookie's name and its value.
pub(crate) type Jar = BTreeMap<String, String>;

/// Cookies that one request brings and its answer sets. `None` deletes one.
#[derive(Default)]
pub(crate) struct Cookies {
    pub(crate) sent: Jar,
    pub(crate) set: Vec<(String, Option<String>)>,
    /// Whether the request asks for them.
    pub(super) asked: bool,
}

/// The name of a family's cookie.
fn name(family: usize) -> String {
    format!("__Host-rt-{family}")
}

impl Server {
    /// What the request may have to do with cookies.
    pub(super) fn read_cookies(&mut self, request: &HttpRequest) {
        self.cookies.set.clear();
        let fields = fields(request);
        let asks = fields.get("refresh_custody").is_some_and(|custody| custody == "cookie");
        let own = self.one_cookie.is_none();
        self.cookies.asked = own && (asks || fields.contains_key("sid")) && is_of_the_page(request);
    }

    /// The session's name in a token answer, in place of the token. The token goes into the family's cookie. Only a login
    /// tells the session's key.
    pub(super) fn put_in_cookie(&mut self, family: usize) -> String {
        let current = self.families[family].current.clone();
        self.cookies.set.push((name(family), Some(current)));
        let key = self.families[family].keyed.then(String::new);
        self.families[family].keyed = true;
        let key = key.unwrap_or_else(|| format!(r#","session_key":"{}""#, key_of(family)));
        format!(r#""sid":"{family}"{key}"#)
    }

    /// A login ends the sessions whose cookies it gets.
    pub(super) fn end_sent(&mut self) {
        for family in 0..self.families.len() {
            if self.cookies.sent.contains_key(&name(family)) {
                self.families[family].alive = false;
                self.cookies.set.push((name(family), None));
            }
        }
    }

    /// A refresh by handle, if it is one.
    pub(super) fn rotate_by_handle(&mut self, request: &HttpRequest, now: u64) -> Option<Reply> {
        let (family, key) = named(request)?;
        if !is_of_the_page(request) {
            return Some((403, r#"{"detail":"Not from this page"}"#.to_owned()));
        }
        let Some(token) = self.cookies.sent.get(&name(family)).cloned() else {
            let body = r#"{"detail":"x","error":"invalid_grant","reason":"no_cookie"}"#;
            return Some((401, body.to_owned()));
        };
        if self.refresh.get(&token) != Some(&family) || !self.families[family].alive {
            return Some(reply(self.dialect.terminal));
        }
        if key != Some(key_of(family)) {
            self.families[family].alive = false;
            self.reuses += 1;
            return Some((401, r#"{"error":"invalid_grant","reason":"reuse"}"#.to_owned()));
        }
        // Any older token of the family gets the current one again.
        let rotation = if self.families[family].current == token { Rotation::Strict } else { Rotation::Same };
        Some(self.grant(family, now, rotation))
    }

    /// A logout by handle, if it is one.
    pub(super) fn end_by_handle(&mut self, request: &HttpRequest) -> Option<Reply> {
        let (family, _) = named(request)?;
        if let Some(family) = self.families.get_mut(family) {
            family.alive = false;
        }
        self.cookies.set.push((name(family), None));
        Some(reply(self.dialect.logged_out))
    }
}

/// The family and the key that a request names.
fn named(request: &HttpRequest) -> Option<(usize, Option<String>)> {
    let fields = fields(request);
    Some((fields.get("sid")?.parse().ok()?, fields.get("session_key").cloned()))
}

fn key_of(family: usize) -> String {
    format!("key-{family}")
}

fn is_of_the_page(request: &HttpRequest) -> bool {
    request.cookies && header(request, "x-requested-with").is_some()
}
