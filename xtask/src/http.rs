//! The little HTTP and TCP that xtask needs.

use std::{
    io,
    net::{Ipv4Addr, Ipv6Addr, TcpListener},
    time::Duration,
};

use ureq::Agent;

/// A client that returns every answer as it is.
pub(crate) fn agent() -> Agent {
    let agent =
        Agent::config_builder().http_status_as_error(false).max_redirects(0).max_redirects_will_error(false);
    agent.proxy(None).timeout_connect(Some(Duration::from_secs(1))).build().new_agent()
}

/// The status of `GET path` on this machine, or `None` without an answer.
pub(crate) fn status(port: u16, path: &str) -> Option<u16> {
    let call = agent().get(format!("http://localhost:{port}{path}"));
    let answer = call.config().timeout_global(Some(Duration::from_secs(2))).build().call().ok()?;
    Some(answer.status().as_u16())
}

/// Whether the port is in use on either loopback address. On a machine without IPv6 only the IPv4 address
/// counts.
pub(crate) fn is_taken(port: u16) -> bool {
    let taken =
        |bound: io::Result<TcpListener>| bound.is_err_and(|error| error.kind() == io::ErrorKind::AddrInUse);
    taken(TcpListener::bind((Ipv4Addr::LOCALHOST, port)))
        || taken(TcpListener::bind((Ipv6Addr::LOCALHOST, port)))
}

/// `wanted` if it is free, otherwise another free port.
pub(crate) fn free_port(wanted: u16) -> io::Result<u16> {
    if !is_taken(wanted) {
        return Ok(wanted);
    }
    Ok(TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?.local_addr()?.port())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn a_port_in_use_is_noticed() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        assert!(is_taken(port));
        assert_ne!(free_port(port).unwrap(), port);
    }
}
