//! Which requests the proxy sends to which server.

use std::net::SocketAddr;

use hyper::header::HOST;
use hyper::http::request::Parts;
use hyper::http::uri::Authority;

/// Which requests go to which server. The proxy uses the first route that fits a request.
#[derive(Clone, Debug)]
pub struct Route {
    /// The host of the request's address or `Host` header, without its port. `None` fits any host.
    pub host: Option<String>,
    /// Paths, each with everything below it. An empty list fits any path.
    pub paths: Vec<String>,
    /// The server that gets the request.
    pub upstream: SocketAddr,
    /// Whether requests are recorded and faults injected: for the API, but not for the page's files.
    pub recorded: bool,
}

impl Route {
    /// A route to the API for any host and path.
    pub fn api(upstream: SocketAddr) -> Self {
        Self { host: None, paths: Vec::new(), upstream, recorded: true }
    }

    /// A route to the page's files for any host and path.
    pub fn pages(upstream: SocketAddr) -> Self {
        Self { recorded: false, ..Self::api(upstream) }
    }

    /// Limits the route to this host.
    pub fn host(self, host: &str) -> Self {
        Self { host: Some(host.to_owned()), ..self }
    }

    /// Limits the route to these paths and everything below them, so that page and API share one origin.
    pub fn paths(self, paths: &[&str]) -> Self {
        Self { paths: paths.iter().map(|&path| path.to_owned()).collect(), ..self }
    }

    pub(super) fn fits(&self, head: &Parts) -> bool {
        let (host, path) = (host_of(head), head.uri.path());
        let below = |prefix: &String| {
            path.strip_prefix(prefix.as_str()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        (self.host.is_none() || self.host.as_deref() == host)
            && (self.paths.is_empty() || self.paths.iter().any(below))
    }
}

fn host_of(head: &Parts) -> Option<&str> {
    let header = || head.headers.get(HOST)?.to_str().ok();
    let authority = head.uri.authority().map(Authority::as_str).or_else(header)?;
    Some(authority.rsplit_once(':').map_or(authority, |(host, _)| host))
}
