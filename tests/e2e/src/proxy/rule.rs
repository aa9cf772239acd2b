//! Which requests are hit, and by what.

use hyper::http::request::Parts;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::log::is_preflight;

/// Which requests are hit, how often, and by what.
///
/// A request is offered to the rules in their order and the first that fires has it; rules after
/// that one do not count the request.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// The method; none means any. Preflights are only hit by a rule that says `OPTIONS`.
    #[serde(default)]
    pub method: Option<String>,
    /// The path without its query; none means any.
    #[serde(default)]
    pub path: Option<String>,
    /// How many matching requests go through before the first is hit.
    #[serde(default)]
    pub skip: u32,
    /// How many are hit; none means all that follow.
    #[serde(default)]
    pub times: Option<u32>,
    /// What happens to them.
    pub action: Action,
}

impl Rule {
    /// Hits every request with this method and path.
    pub fn new(method: &str, path: &str, action: Action) -> Self {
        Self { method: Some(method.to_owned()), path: Some(path.to_owned()), skip: 0, times: None, action }
    }

    /// Hits every request.
    pub fn any(action: Action) -> Self {
        Self { method: None, path: None, skip: 0, times: None, action }
    }

    /// Hits one request only.
    pub fn once(self) -> Self {
        self.times(1)
    }

    /// Hits that many requests only.
    pub fn times(mut self, times: u32) -> Self {
        self.times = Some(times);
        self
    }

    /// Lets that many matching requests through first.
    pub fn skip(mut self, skip: u32) -> Self {
        self.skip = skip;
        self
    }

    /// Whether this request is hit; counts it.
    pub(super) fn fires(&mut self, head: &Parts) -> bool {
        let method = match &self.method {
            Some(method) => head.method.as_str() == method,
            None => !is_preflight(head),
        };
        if !method || self.path.as_ref().is_some_and(|path| head.uri.path() != path) {
            return false;
        }
        if self.skip > 0 {
            self.skip -= 1;
            return false;
        }
        match &mut self.times {
            Some(0) => false,
            Some(times) => {
                *times -= 1;
                true
            }
            None => true,
        }
    }
}

/// A fault. In JSON `{"type": "drop_after"}`, `{"type": "cut_body", "bytes": 7}` and so on.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
pub enum Action {
    /// Answers without asking the server.
    Respond {
        /// The status.
        status: u16,
        /// Headers, added to a `Content-Length`.
        #[serde(default)]
        headers: Vec<(String, String)>,
        /// The body, as it is.
        #[serde(default)]
        body: String,
        /// Whether the headers that let another origin's script read it are added.
        #[serde(default)]
        cors: bool,
    },
    /// Closes the connection; the server never hears of the request.
    DropBefore,
    /// Lets the server do its work and closes the connection instead of answering.
    DropAfter,
    /// Sends the server's head with the full length and closes after that much of its body.
    CutBody {
        /// How many bytes of the body arrive.
        bytes: usize,
    },
    /// Holds the server's answer back.
    DelayHeaders {
        /// Milliseconds.
        ms: u64,
    },
    /// Sends the server's head at once and holds its body back.
    DelayBody {
        /// Milliseconds.
        ms: u64,
    },
    /// Holds the request back until hung ones are released, then forwards it.
    Hang,
    /// Forwards the request and holds the answer back until hung ones are released.
    HangAfter,
    /// Changes the server's answer, if it is a JSON object, at its top level.
    RewriteJson {
        /// Fields that go.
        #[serde(default)]
        remove: Vec<String>,
        /// Fields that are set.
        #[serde(default)]
        set: Map<String, Value>,
    },
    /// Sends the client elsewhere, with CORS headers.
    Redirect {
        /// 301, 302, 303, 307 or 308.
        status: u16,
        /// Where to.
        location: String,
    },
}

impl Action {
    /// An answer with CORS headers and a JSON body.
    pub fn json(status: u16, body: &Value) -> Self {
        let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
        Self::Respond { status, headers, body: body.to_string(), cors: true }
    }

    /// An answer with CORS headers and an HTML body, as gateways and captive portals give.
    pub fn html(status: u16, body: &str) -> Self {
        let headers = vec![("content-type".to_owned(), "text/html; charset=utf-8".to_owned())];
        Self::Respond { status, headers, body: body.to_owned(), cors: true }
    }

    /// The name that the log gives the fault.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Respond { .. } => "respond",
            Self::DropBefore => "drop_before",
            Self::DropAfter => "drop_after",
            Self::CutBody { .. } => "cut_body",
            Self::DelayHeaders { .. } => "delay_headers",
            Self::DelayBody { .. } => "delay_body",
            Self::Hang => "hang",
            Self::HangAfter => "hang_after",
            Self::RewriteJson { .. } => "rewrite_json",
            Self::Redirect { .. } => "redirect",
        }
    }
}
