//! A small strict server: rotates at every refresh, ends a family whose spent token comes back.

mod cookies;
mod dialect;
mod one_cookie;
mod tokens;

use std::collections::BTreeMap;

use auth::{HttpRequest, Method};

pub(crate) use self::cookies::{Cookies, Jar};
use self::dialect::reply;
pub(crate) use self::dialect::{Carrier, Dialect, FORM, JSON};
pub(crate) use self::one_cookie::{ONE_COOKIE, OneCookie};

/// What a refresh does to the refresh token.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Rotation {
    Strict,
    /// The answer has no `refresh_token`.
    Absent,
    /// The answer's `refresh_token` is null.
    Null,
    /// The answer repeats the token.
    Same,
    /// As strict, but an attempt that is repeated with its key gets the same successor, and the
    /// server says so.
    Idempotent,
}

pub(crate) struct Server {
    pub(crate) dialect: Dialect,
    pub(crate) rotation: Rotation,
    /// Seconds that an access token is accepted for.
    pub(crate) lifetime: u64,
    /// The text of `expires_in` in token answers.
    pub(crate) expires_in: Option<String>,
    /// The payload of the access token, if it is a JWT.
    pub(crate) payload: Option<String>,
    /// The claim `sub` as JSON. If it is set at a login, that session's access tokens are JWTs with it.
    pub(crate) sub: Option<&'static str>,
    /// The name of a field that names the user in token answers, and its value as JSON.
    pub(crate) names_user: Option<(&'static str, &'static str)>,
    /// The value of `idempotent_refresh` in token answers as JSON, if it is not what `rotation` implies.
    pub(crate) announces: Option<&'static str>,
    /// The CORS rules lack the header `Idempotency-Key`, so no request with it arrives.
    pub(crate) refuses_key: bool,
    /// Begins every opaque token.
    pub(crate) prefix: &'static str,
    pub(crate) issues_refresh: bool,
    /// Milliseconds until a new access token is accepted.
    pub(crate) not_yet: u64,
    /// Refuses every application request.
    pub(crate) refuses_all: bool,
    /// How often a spent token came back.
    pub(crate) reuses: usize,
    minted: usize,
    families: Vec<Family>,
    access: BTreeMap<String, (usize, u64)>,
    /// Spent tokens of idempotent families: the key each was spent with, and its successor.
    spent: BTreeMap<String, (Option<String>, String)>,
    /// How often an attempt came back after its successor was spent.
    pub(crate) conflicts: usize,
    refresh: BTreeMap<String, usize>,
    /// Those of the request that is being handled.
    pub(crate) cookies: Cookies,
    /// Whether all sessions of a browser have one cookie.
    pub(crate) one_cookie: Option<OneCookie>,
    /// Whose sessions were logged out by that cookie, or by a token.
    pub(crate) logged_out: Vec<String>,
}

struct Family {
    user: String,
    sub: Option<String>,
    current: String,
    alive: bool,
    /// Whether the client was told the key of the family's cookie.
    keyed: bool,
}

type Reply = (u16, String);

impl Default for Server {
    fn default() -> Self {
        Self {
            dialect: Dialect::default(),
            rotation: Rotation::Strict,
            lifetime: 900,
            expires_in: Some("900".to_owned()),
            payload: None,
            sub: None,
            names_user: None,
            announces: None,
            refuses_key: false,
            prefix: "",
            issues_refresh: true,
            not_yet: 0,
            refuses_all: false,
            reuses: 0,
            minted: 0,
            families: Vec::new(),
            access: BTreeMap::new(),
            spent: BTreeMap::new(),
            conflicts: 0,
            refresh: BTreeMap::new(),
            cookies: Cookies::default(),
            one_cookie: None,
            logged_out: Vec::new(),
        }
    }
}

impl Server {
    pub(crate) fn alive(&self) -> usize {
        self.families.iter().filter(|family| family.alive).count()
    }

    pub(crate) fn alive_users(&self) -> Vec<String> {
        self.families.iter().filter(|family| family.alive).map(|family| family.user.clone()).collect()
    }

    /// Ends every family, as an administrator might.
    pub(crate) fn end_all(&mut self) {
        self.families.iter_mut().for_each(|family| family.alive = false);
    }

    /// The newest family's current refresh token.
    pub(crate) fn current(&self) -> &str {
        &self.families.last().unwrap().current
    }

    /// Every access token becomes invalid, the families live on.
    pub(crate) fn expire_access(&mut self) {
        self.access.clear();
    }

    pub(crate) fn handle(&mut self, request: &HttpRequest, path: &str, now: u64) -> Reply {
        let dialect = self.dialect.clone();
        self.read_cookies(request);
        if let Some(reply) = self.by_one_cookie(request, path, now) {
            return reply;
        }
        match (request.method, path) {
            (Method::Post, p) if p == dialect.login => self.login(request, now),
            (Method::Post, p) if p == dialect.refresh => self.rotate(request, now),
            call if call == dialect.logout => self.logout(request),
            _ => self.resource(request, now),
        }
    }

    fn login(&mut self, request: &HttpRequest, now: u64) -> Reply {
        if header(request, "content-type") != Some(self.dialect.login_media_type) {
            return (422, r#"{"detail":"wrong media type"}"#.to_owned());
        }
        let fields = fields(request);
        let field = |name: &str| fields.get(name).cloned().unwrap_or_default();
        if field("password") != "secret" {
            return reply(self.dialect.wrong);
        }
        self.end_sent();
        self.begin(&field("username"), now)
    }

    fn rotate(&mut self, request: &HttpRequest, now: u64) -> Reply {
        if let Some(reply) = self.rotate_by_handle(request, now) {
            return reply;
        }
        let terminal = reply(self.dialect.terminal);
        if self.dialect.renews_by_access {
            let family = self.bearer(request).map(|(family, _)| family);
            let Some(family) = family.filter(|family| self.families[*family].alive) else { return terminal };
            return self.grant(family, now, Rotation::Absent);
        }
        // RFC 6749 §6: a form names its grant.
        let is_form = header(request, "content-type") == Some(FORM);
        let named = fields(request).get("grant_type").is_some_and(|grant| grant == "refresh_token");
        let Some(token) = self.carried(request).filter(|_| named || !is_form) else {
            // An idempotent server announces itself in every answer of this endpoint.
            let announced = self.announced().map(|announced| format!(r#","idempotent_refresh":{announced}"#));
            return (400, format!(r#"{{"error":"invalid_request"{}}}"#, announced.unwrap_or_default()));
        };
        let Some(family) = self.refresh.get(&token).copied() else { return terminal };
        if !self.families[family].alive {
            return terminal;
        }
        if self.rotation == Rotation::Idempotent {
            return self.repeat(request, family, token, now);
        }
        if self.families[family].current != token {
            self.families[family].alive = false;
            self.reuses += 1;
            return terminal;
        }
        self.grant(family, now, self.rotation)
    }

    /// The table "Idempotent rotation".
    fn repeat(&mut self, request: &HttpRequest, family: usize, token: String, now: u64) -> Reply {
        let key = header(request, "idempotency-key").map(str::to_owned);
        match self.spent.get(&token) {
            None => {
                let reply = self.grant(family, now, Rotation::Strict);
                self.spent.insert(token, (key, self.families[family].current.clone()));
                reply
            }
            Some((spent_with, successor)) if key.is_some() && *spent_with == key => {
                if self.spent.contains_key(successor) {
                    self.conflicts += 1;
                    return (409, r#"{"detail":"spent"}"#.to_owned());
                }
                self.grant(family, now, Rotation::Same)
            }
            Some(_) => {
                self.families[family].alive = false;
                self.reuses += 1;
                (401, r#"{"error":"invalid_grant","reason":"reuse"}"#.to_owned())
            }
        }
    }

    fn logout(&mut self, request: &HttpRequest) -> Reply {
        if let Some(reply) = self.end_by_handle(request) {
            return reply;
        }
        let family = match self.dialect.ends_by_access {
            true => self.bearer(request).map(|(family, _)| family),
            false => self.carried(request).and_then(|token| self.refresh.get(&token).copied()),
        };
        match family {
            Some(family) => {
                self.families[family].alive = false;
                self.logged_out.push(self.families[family].user.clone());
                reply(self.dialect.logged_out)
            }
            None if self.dialect.ends_by_access => reply(self.dialect.expired),
            None => (401, r#"{"detail":"unknown token"}"#.to_owned()),
        }
    }

    fn resource(&self, request: &HttpRequest, now: u64) -> Reply {
        let begins = |until: u64| until - self.lifetime * 1000 + self.not_yet;
        let accepted = |until: u64| (begins(until)..until).contains(&now) && !self.refuses_all;
        match self.bearer(request).filter(|(_, until)| accepted(*until)) {
            Some((family, _)) if self.families[family].alive => {
                (200, format!(r#"{{"user":"{}"}}"#, self.families[family].user))
            }
            Some(_) => reply(self.dialect.ended.unwrap_or(self.dialect.expired)),
            None => reply(self.dialect.expired),
        }
    }

    /// The family of the access token in `Authorization`, and until when the token is accepted.
    fn bearer(&self, request: &HttpRequest) -> Option<(usize, u64)> {
        let token = header(request, "authorization")?.strip_prefix("Bearer ")?;
        self.access.get(token).copied()
    }

    fn carried(&self, request: &HttpRequest) -> Option<String> {
        let media_type = header(request, "content-type");
        match self.dialect.carrier {
            Carrier::Json(name) if media_type == Some(JSON) => fields(request).get(name).cloned(),
            Carrier::Form(name) if media_type == Some(FORM) => fields(request).get(name).cloned(),
            Carrier::Bearer => header(request, "authorization")?.strip_prefix("Bearer ").map(str::to_owned),
            _ => None,
        }
    }
}

pub(crate) fn header<'a>(request: &'a HttpRequest, name: &str) -> Option<&'a str> {
    request.headers.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
}

fn fields(request: &HttpRequest) -> BTreeMap<String, String> {
    let body = request.body.as_deref().unwrap_or_default();
    match header(request, "content-type") {
        Some(FORM) => form_urlencoded::parse(body).into_owned().collect(),
        _ => serde_json::from_slice(body).unwrap_or_default(),
    }
}
