//! The network, the server behind it, and what happens to requests.

use std::collections::VecDeque;

use auth::{Answer, HttpError, HttpRequest};

use super::World;
use crate::server::{Jar, Server, header};

pub(crate) const BASE: &str = "http://localhost:8000";
/// The network's time for one way, in milliseconds.
const ONE_WAY: u64 = 10;

/// What happens to one request.
#[derive(Clone)]
pub(crate) enum Fault {
    /// Nothing.
    None,
    /// Something in front of the server answers.
    Says(u16, Vec<(&'static str, &'static str)>, String),
    /// As `Says`, but so many milliseconds late.
    SaysLate(u64, u16, &'static str),
    /// As `Says`, with whatever bytes.
    SaysBytes(u16, Vec<(&'static str, String)>, Vec<u8>),
    /// The network fails before the server is reached.
    Lost,
    /// The server acts; the network fails on the way back.
    LostAnswer,
    /// No answer ever comes, and the server does not act.
    Silent,
    /// The server acts; no answer ever comes.
    SilentAfter,
    /// The server acts; the connection ends within the body.
    Cut,
    /// The server acts; the answer's body is another.
    Body(String),
    /// The server answers with a redirect.
    Redirects,
    /// The server acts; so many milliseconds more go by on the way there and back.
    Slow(u64, u64),
}

impl Fault {
    pub(crate) fn says(status: u16, body: &str) -> Self {
        Self::Says(status, Vec::new(), body.to_owned())
    }
}

impl World {
    /// The server at [`BASE`].
    pub(crate) fn server<T>(&self, look: impl FnOnce(&mut Server) -> T) -> T {
        self.server_at(BASE, look)
    }

    /// The server at `base`. The first call opens it.
    pub(crate) fn server_at<T>(&self, base: &str, look: impl FnOnce(&mut Server) -> T) -> T {
        look(self.0.servers.borrow_mut().entry(base.to_owned()).or_default())
    }

    /// The base of the server that `url` leads to: the longest base above it.
    fn base_of(&self, url: &str) -> String {
        let servers = self.0.servers.borrow();
        let leads = |base: &&String| url.strip_prefix(&***base).is_some_and(|path| path.starts_with('/'));
        servers.keys().filter(leads).max_by_key(|base| base.len()).unwrap().clone()
    }

    /// What happens to the next requests to `path`, one after the other. A path below another origin than
    /// that of [`BASE`] is the whole URL.
    pub(crate) fn next(&self, path: &str, faults: impl IntoIterator<Item = Fault>) {
        self.0.faults.borrow_mut().entry(path.to_owned()).or_default().extend(faults);
    }

    /// What happens to every request to `path` from now on.
    pub(crate) fn always(&self, path: &str, fault: Fault) {
        self.0.standing.borrow_mut().insert(path.to_owned(), fault);
    }

    /// Nothing reaches the server from now on.
    pub(crate) fn go_offline(&self) {
        self.always("*", Fault::Lost);
    }

    /// What the browser holds.
    pub(crate) fn jar(&self) -> Jar {
        self.0.jar.borrow().clone()
    }

    /// Sets cookies, or deletes them.
    pub(crate) fn set_cookies(&self, cookies: impl IntoIterator<Item = (String, Option<String>)>) {
        let mut jar = self.0.jar.borrow_mut();
        for (name, value) in cookies.into_iter().filter(|_| !self.0.refuses_cookies.get()) {
            match value {
                Some(value) => jar.insert(name, value),
                None => jar.remove(&name),
            };
        }
    }

    /// The browser takes no cookie from now on.
    pub(crate) fn refuse_cookies(&self) {
        self.0.refuses_cookies.set(true);
    }

    /// No more faults.
    pub(crate) fn heal(&self) {
        self.0.faults.borrow_mut().clear();
        self.0.standing.borrow_mut().clear();
    }

    /// What was on the wire since the last look, in the order in which the server saw it.
    pub(crate) fn take_log(&self) -> Vec<String> {
        self.0.log.take()
    }

    pub(crate) fn count(&self, entry: &str) -> usize {
        self.0.log.borrow().iter().filter(|e| e.starts_with(entry)).count()
    }

    /// Every request that was made so far.
    pub(crate) fn sent(&self) -> Vec<HttpRequest> {
        self.0.sent.borrow().clone()
    }

    /// What whoever sets up the page was told.
    pub(crate) fn hints(&self) -> Vec<String> {
        self.0.hints.borrow().clone()
    }

    pub(super) async fn carry(self, request: HttpRequest) -> Result<Answer, HttpError> {
        let base = self.base_of(&request.url);
        let below = request.url[base.len()..].to_owned();
        let path = request.url.strip_prefix(BASE).unwrap_or(&request.url).to_owned();
        let log = |what: &str| {
            self.0.log.borrow_mut().push(format!("{} {path} {what}", request.method.name()));
        };
        let has_key = header(&request, "idempotency-key").is_some();
        if has_key && self.server_at(&base, |server| server.refuses_key) {
            // The browser's preflight fails, so the browser does not send the request.
            self.timer(2 * ONE_WAY).await;
            log("refused by the preflight");
            return Err(HttpError::Unreachable);
        }
        let queued = self.0.faults.borrow_mut().get_mut(&path).and_then(VecDeque::pop_front);
        let standing = || {
            let standing = self.0.standing.borrow();
            standing.get(&path).or_else(|| standing.get("*")).cloned()
        };
        let fault = queued.or_else(standing).unwrap_or(Fault::None);
        let (there, back) = match fault {
            Fault::Slow(there, back) => (there, back),
            Fault::SaysLate(back, ..) => (0, back),
            _ => (0, 0),
        };
        let cookies = if request.cookies { self.jar() } else { Jar::new() };
        self.timer(ONE_WAY + there).await;
        let mut set = Vec::new();
        let reply = match &fault {
            Fault::Lost => {
                log("lost");
                return Err(HttpError::Unreachable);
            }
            Fault::Silent => {
                log("silent");
                std::future::pending::<()>().await;
                unreachable!()
            }
            Fault::Redirects => {
                log("redirect");
                return Err(HttpError::Redirected);
            }
            Fault::Says(status, _, body) => (*status, body.clone()),
            Fault::SaysLate(_, status, body) => (*status, (*body).to_owned()),
            Fault::SaysBytes(status, ..) => (*status, String::new()),
            _ => self.server_at(&base, |server| {
                server.cookies.sent = cookies;
                let reply = server.handle(&request, &below, self.time());
                set.append(&mut server.cookies.set);
                reply
            }),
        };
        log(&reply.0.to_string());
        self.timer(ONE_WAY + back).await;
        let (status, body) = reply;
        let mut body = body.into_bytes();
        let mut headers = vec![("content-type".to_owned(), "application/json".to_owned())];
        if !matches!(fault, Fault::LostAnswer | Fault::SilentAfter) && request.cookies {
            // The browser takes an answer's cookies with its headers, whatever becomes of its body or of the page.
            self.set_cookies(set);
        }
        match fault {
            Fault::LostAnswer => return Err(HttpError::Unreachable),
            Fault::SilentAfter => std::future::pending().await,
            Fault::Cut => return Err(HttpError::Interrupted),
            Fault::Body(other) => body = other.into_bytes(),
            Fault::Says(_, given, _) => {
                headers = given.into_iter().map(|(n, v)| (n.to_owned(), v.to_owned())).collect();
            }
            Fault::SaysBytes(_, given, bytes) => {
                headers = given.into_iter().map(|(n, v)| (n.to_owned(), v)).collect();
                body = bytes;
            }
            _ => {}
        }
        if body.len() > request.body_limit {
            return Err(HttpError::TooLarge);
        }
        Ok(Answer { status, headers: headers.into(), body, received: self.now() })
    }
}
