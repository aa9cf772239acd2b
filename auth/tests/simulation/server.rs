//! The rotating server, as a state machine that remembers everything.

use auth::HttpRequest;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

use crate::apps::App;
use crate::check::person::person;
use crate::cookies::{Jar, SetCookies};
use crate::options::{Class, Lifetime, Options, Rotation};
use crate::request::{carried, header};
use crate::token::{Kind, Token, tokens_in};

/// How an answer announces idempotent rotation.
pub(crate) const ANNOUNCEMENT: &str = r#""idempotent_refresh":true"#;

/// How far the clock of the service that makes tokens is ahead of that which checks them, in milliseconds.
const NOT_YET: u64 = 800;

/// What the server did with a request; the checks judge it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Deed {
    LoggedIn {
        family: usize,
    },
    Rotated {
        token: Token,
    },
    /// The same successor again, as the table says.
    Repeated {
        token: Token,
    },
    /// 409: spent, and so is its successor.
    Conflict {
        token: Token,
    },
    /// A spent token with another key, or outside of the grace window: the family is revoked.
    Theft {
        token: Token,
    },
    Terminal {
        family: Option<usize>,
    },
    LoggedOut {
        family: usize,
    },
    Served {
        family: usize,
    },
    Refused,
}

pub(crate) struct Reply {
    pub(crate) status: u16,
    pub(crate) body: String,
    pub(crate) deed: Deed,
}

pub(crate) struct Family {
    pub(crate) app: App,
    pub(crate) user: String,
    pub(crate) alive: bool,
    born: u64,
    /// For each refresh token but the last: with which key it was spent, and when.
    spent: Vec<(Option<String>, u64)>,
    /// When each access token stops being accepted.
    access: Vec<u64>,
    /// The number of the refresh token that its cookie should hold, if it has one.
    pub(crate) in_cookie: Option<usize>,
}

pub(crate) struct Server {
    pub(crate) families: Vec<Family>,
    pub(crate) rotation: Rotation,
    life: u64,
    lifetime: Lifetime,
    absolute: Option<u64>,
    token_only: bool,
    /// Milliseconds until a new access token is accepted.
    not_yet: u64,
}

impl Server {
    pub(crate) fn new(options: &Options) -> Self {
        let Options { rotation, life, lifetime, absolute, .. } = *options;
        let token_only = options.has(Class::TokenOnly);
        let not_yet = if options.has(Class::NotYetValid) { NOT_YET } else { 0 };
        Self { families: Vec::new(), rotation, life, lifetime, absolute, token_only, not_yet }
    }

    /// The number of the family's current refresh token.
    pub(crate) fn current(&self, family: usize) -> usize {
        self.families[family].spent.len()
    }

    /// The number of the family's newest access token.
    pub(crate) fn newest_access(&self, family: usize) -> Option<usize> {
        self.families.get(family)?.access.len().checked_sub(1)
    }

    /// No access token that was issued until now is accepted any more.
    pub(crate) fn change_key(&mut self, now: u64) {
        let all = self.families.iter_mut().flat_map(|family| &mut family.access);
        all.for_each(|until| *until = now.min(*until));
    }

    /// Until when the family's first access token is accepted.
    pub(crate) fn first_access_until(&self, family: usize) -> Option<u64> {
        self.families.get(family)?.access.first().copied()
    }

    /// Ends families whose time is up.
    fn expire(&mut self, now: u64) {
        if let Some(absolute) = self.absolute {
            self.families.iter_mut().filter(|f| now >= f.born + absolute).for_each(|f| f.alive = false);
        }
    }

    /// What the server of `app` answers to a request with the cookies `sent`. It knows nothing of the other app's families.
    pub(crate) fn handle(
        &mut self,
        request: &HttpRequest,
        sent: &Jar,
        app: App,
        path: &str,
        now: u64,
    ) -> (Reply, SetCookies) {
        self.expire(now);
        let known = carried(request).filter(|token| self.knows(app, *token));
        let in_cookie = |token: &Token| self.families[token.family].in_cookie.is_some();
        match (path, known.filter(in_cookie)) {
            ("/refresh", Some(token)) => return self.rotate_cookie(token, sent, now),
            ("/logout", Some(token)) => return (self.logout(request, app), vec![(token.family, None)]),
            _ => {}
        }
        let reply = match path {
            "/token" => self.login(request, app, now),
            "/refresh" => self.refresh(request, app, now),
            "/logout" => self.logout(request, app),
            _ => self.resource(request, app, now),
        };
        let login = match reply.deed {
            Deed::LoggedIn { family } if self.families[family].in_cookie.is_some() => family,
            _ => return (reply, Vec::new()),
        };
        let mut set = self.end_sent(sent, app);
        set.push((login, Some(0)));
        (reply, set)
    }

    pub(crate) fn knows(&self, app: App, token: Token) -> bool {
        self.families.get(token.family).is_some_and(|family| family.app == app)
    }

    fn login(&mut self, request: &HttpRequest, app: App, now: u64) -> Reply {
        let body = request.body.as_deref().unwrap_or_default();
        let field = |name: &str| form_urlencoded::parse(body).find(|(found, _)| found == name);
        let user = field("username").map(|(_, user)| person(&user)).unwrap_or_default();
        let in_cookie = field("refresh_custody").is_some_and(|(_, custody)| custody == "cookie").then_some(0);
        let (spent, access) = (Vec::new(), Vec::new());
        self.families.push(Family { app, user, alive: true, born: now, spent, access, in_cookie });
        let family = self.families.len() - 1;
        self.grant(family, !self.token_only, now, Deed::LoggedIn { family })
    }

    fn refresh(&mut self, request: &HttpRequest, app: App, now: u64) -> Reply {
        let Some(token) = carried(request).filter(|token| self.knows(app, *token)) else {
            return self.refusal();
        };
        let key = header(request, "idempotency-key").map(str::to_owned);
        self.rotate(token, key, now)
    }

    /// What a refresh token and a key get, whoever sends them.
    pub(crate) fn rotate(&mut self, token: Token, key: Option<String>, now: u64) -> Reply {
        let family = &mut self.families[token.family];
        if !family.alive {
            return terminal(Some(token.family));
        }
        let last = family.spent.len();
        if token.number > last {
            return terminal(None);
        }
        if token.number == last {
            if let Rotation::None { repeated } = self.rotation {
                return self.grant(token.family, repeated, now, Deed::Rotated { token });
            }
            family.spent.push((key, now));
            return self.grant(token.family, true, now, Deed::Rotated { token });
        }
        let (spent_with, spent_at) = &family.spent[token.number];
        let successor_unspent = token.number + 1 == last;
        match self.rotation {
            Rotation::Idempotent if key.is_some() && *spent_with == key && successor_unspent => {
                self.grant(token.family, true, now, Deed::Repeated { token })
            }
            Rotation::Idempotent if key.is_some() && *spent_with == key => {
                let body = r#"{"detail":"spent","error":"conflict"}"#.to_owned();
                Reply { status: 409, body, deed: Deed::Conflict { token } }
            }
            Rotation::Grace(window) if successor_unspent && now <= spent_at + window => {
                self.grant(token.family, true, now, Deed::Repeated { token })
            }
            _ => {
                family.alive = false;
                Reply { deed: Deed::Theft { token }, ..terminal(None) }
            }
        }
    }

    /// An idempotent server announces itself in every answer of this endpoint.
    fn refusal(&self) -> Reply {
        match self.rotation {
            Rotation::Idempotent => {
                let body = format!(r#"{{"error":"invalid_request",{ANNOUNCEMENT}}}"#);
                Reply { body, ..terminal(None) }
            }
            _ => terminal(None),
        }
    }

    fn logout(&mut self, request: &HttpRequest, app: App) -> Reply {
        match carried(request).filter(|token| self.knows(app, *token)) {
            Some(Token { family, .. }) => {
                self.families[family].alive = false;
                Reply { status: 204, body: String::new(), deed: Deed::LoggedOut { family } }
            }
            None => terminal(None),
        }
    }

    fn resource(&self, request: &HttpRequest, app: App, now: u64) -> Reply {
        let carried = header(request, "authorization").and_then(|value| tokens_in(value).next());
        let accepted = carried.filter(|token| {
            token.kind == Kind::Access && self.knows(app, *token) && self.accepts(*token, now)
        });
        match accepted {
            Some(Token { family, .. }) => {
                let body = format!(r#"{{"user":"{}","family":{family}}}"#, self.families[family].user);
                Reply { status: 200, body, deed: Deed::Served { family } }
            }
            None => {
                let body = r#"{"detail":"Could not validate credentials"}"#.to_owned();
                Reply { status: 401, body, deed: Deed::Refused }
            }
        }
    }

    /// Whether an access token is accepted at `now`.
    pub(crate) fn accepts(&self, token: Token, now: u64) -> bool {
        let family = self.families.get(token.family).filter(|family| family.alive);
        let until = family.and_then(|family| family.access.get(token.number)).copied();
        until.is_some_and(|until| now < until && until + self.not_yet <= now + self.life)
    }

    pub(crate) fn grant(&mut self, at: usize, with_refresh: bool, now: u64, deed: Deed) -> Reply {
        let (life, refresh) = (self.life, self.families[at].spent.len());
        let family = &mut self.families[at];
        let number = family.access.len();
        family.access.push(now + life);
        let jwt = |exp: &str, iat: u64| {
            let payload = format!(r#"{{"sub":"{}","iat":{iat},"exp":{exp}}}"#, family.user);
            format!("e30.{}.AT-{at}-{number}-Z", URL_SAFE_NO_PAD.encode(payload))
        };
        // The server's clock need not agree with the device's.
        let iat = 1_767_225_600 + now / 1000 + 86_400;
        let (access, expires_in) = match self.lifetime {
            Lifetime::ExpiresIn => (format!("AT-{at}-{number}-Z"), Some((life / 1000).to_string())),
            Lifetime::Jwt => (jwt(&(iat + life / 1000).to_string(), iat), None),
            Lifetime::Unsaid => (format!("AT-{at}-{number}-Z"), None),
            Lifetime::Absurd(exp) => (jwt(exp, iat), Some(exp.to_owned())),
        };
        let mut parts = vec![format!(r#""access_token":"{access}","token_type":"bearer""#)];
        if family.in_cookie.is_some() {
            // Only a login tells the session's key.
            let key = if with_refresh { format!(r#","session_key":"RT-{at}-0-Z""#) } else { String::new() };
            parts.push(format!(r#""sid":"{at}"{key}"#));
        } else if with_refresh {
            parts.push(format!(r#""refresh_token":"RT-{at}-{refresh}-Z""#));
        }
        // JSON has no 1e400 that a browser reads as a number, but servers write it.
        parts.extend(expires_in.map(|seconds| format!(r#""expires_in":{seconds}"#)));
        if self.rotation == Rotation::Idempotent {
            parts.push(ANNOUNCEMENT.to_owned());
        }
        Reply { status: 200, body: format!("{{{}}}", parts.join(",")), deed }
    }
}

pub(crate) fn terminal(family: Option<usize>) -> Reply {
    let body = r#"{"detail":"Invalid refresh token","error":"invalid_grant"}"#.to_owned();
    Reply { status: 401, body, deed: Deed::Terminal { family } }
}
