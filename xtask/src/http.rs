//! The little HTTP and TCP that xtask needs to wait for a server.

use std::{
    io::{self, Read as _, Write as _},
    net::{Ipv4Addr, Ipv6Addr, TcpListener, TcpStream, ToSocketAddrs as _},
    time::Duration,
};

/// The status of `GET path` on this machine, or `None` without an answer.
pub(crate) fn status(port: u16, path: &str) -> Option<u16> {
    ("localhost", port).to_socket_addrs().ok()?.find_map(|address| {
        let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(1)).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(2))).ok()?;
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nHost: localhost:{port}\r\nAccept: */*\r\nConnection: close\r\n\r\n"
        )
        .ok()?;
        let mut start = [0; 12];
        stream.read_exact(&mut start).ok()?;
        status_of(std::str::from_utf8(&start).ok()?)
    })
}

fn status_of(line: &str) -> Option<u16> {
    line.strip_prefix("HTTP/1.")?.get(2..5)?.parse().ok()
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
    fn the_status_is_read_from_the_first_line() {
        assert_eq!(status_of("HTTP/1.1 200"), Some(200));
        assert_eq!(status_of("HTTP/1.0 404"), Some(404));
        assert_eq!(status_of("SSH-2.0-Open"), None);
    }

    #[test]
    fn a_port_in_use_is_noticed() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        assert!(is_taken(port));
        assert_ne!(free_port(port).unwrap(), port);
    }
}
