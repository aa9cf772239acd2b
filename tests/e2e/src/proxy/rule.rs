//! The rules: which requests get a fault, and which fault.

use hyper::http::request::Parts;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::log::is_preflight;

/// Which requests get a fault, how many of them, and which fault.
///
/// The proxy tries the rules in their order. The first rule that fires determines the fault. The rules
/// after it do not count the request.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Rule {
    /// The method. `None` fits any, except for preflights: only a rule with `OPTIONS` fits those.
    #[serde(default)]
    pub method: Option<String>,
    /// The path without its query. `None` fits any.
    #[serde(default)]
    pub path: Option<String>,
    /// A header that the request must lack.
    #[serde(default)]
    pub lacks: Option<String>,
    /// How many matching requests pass before the first one gets the fault.
    #[serde(default)]
    pub skip: u32,
    /// How many requests get the fault. `None` means all that follow.
    #[serde(default)]
    pub times: Option<u32>,
    /// The fault.
    pub action: Action,
}

impl Rule {
    /// A rule for every request with this method and path.
    pub fn new(method: &str, path: &str, action: Action) -> Self {
        Self { method: Some(method.to_owned()), path: Some(path.to_owned()), ..Self::any(action) }
    }

    /// A rule for every request.
    pub fn any(action: Action) -> Self {
        Self { method: None, path: None, lacks: None, skip: 0, times: None, action }
    }

    /// Limits the rule to requests without this header.
    pub fn lacks(self, header: &str) -> Self {
        Self { lacks: Some(header.to_owned()), ..self }
    }

    /// Limits the rule to one request.
    pub fn once(self) -> Self {
        self.times(1)
    }

    /// Limits the rule to this many requests.
    pub fn times(mut self, times: u32) -> Self {
        self.times = Some(times);
        self
    }

    /// Lets this many matching requests pass first.
    pub fn skip(mut self, skip: u32) -> Self {
        self.skip = skip;
        self
    }

    /// Whether this request gets the fault. Counts the request.
    pub(super) fn fires(&mut self, head: &Parts) -> bool {
        let method = match &self.method {
            Some(method) => head.method.as_str() == method,
            None => !is_preflight(head),
        };
        let has_header = self.lacks.as_ref().is_some_and(|header| head.headers.contains_key(header));
        if !method || has_header || self.path.as_ref().is_some_and(|path| head.uri.path() != path) {
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
        /// Headers in addition to `Content-Length`.
        #[serde(default)]
        headers: Vec<(String, String)>,
        /// The body, unchanged.
        #[serde(default)]
        body: String,
        /// Whether to add the CORS headers that let another origin's script read the answer.
        #[serde(default)]
        cors: bool,
    },
    /// Closes the connection. The server never gets the request.
    DropBefore,
    /// Forwards the request, then closes the connection instead of answering.
    DropAfter,
    /// Sends the head of the server's answer with the full length, then a part of the body, then closes.
    CutBody {
        /// How many bytes of the body are sent.
        bytes: usize,
    },
    /// Delays the server's answer.
    DelayHeaders {
        /// Milliseconds.
        ms: u64,
    },
    /// Sends the head of the server's answer at once and delays the body.
    DelayBody {
        /// Milliseconds.
        ms: u64,
    },
    /// Holds the request back until hung requests are released, then forwards it.
    Hang,
    /// Forwards the request and holds the answer back until hung requests are released.
    HangAfter,
    /// Changes top-level fields of the server's answer, if that is a JSON object.
    RewriteJson {
        /// Fields to remove.
        #[serde(default)]
        remove: Vec<String>,
        /// Fields to set.
        #[serde(default)]
        set: Map<String, Value>,
    },
    /// Answers with a redirect, with CORS headers.
    Redirect {
        /// 301, 302, 303, 307 or 308.
        status: u16,
        /// The `Location` header.
        location: String,
    },
}

impl Action {
    /// An answer with CORS headers and a JSON body.
    pub fn json(status: u16, body: &Value) -> Self {
        let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
        Self::Respond { status, headers, body: body.to_string(), cors: true }
    }

    /// An answer with CORS headers and an HTML body, as gateways and captive portals send it.
    pub fn html(status: u16, body: &str) -> Self {
        let headers = vec![("content-type".to_owned(), "text/html; charset=utf-8".to_owned())];
        Self::Respond { status, headers, body: body.to_owned(), cors: true }
    }

    /// The fault's name in the log.
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
