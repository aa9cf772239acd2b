//! Forwards a request to the server behind the proxy.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result};
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::client::conn::http1;
use hyper::header::{
    CONNECTION, CONTENT_LENGTH, HeaderMap, HeaderName, TE, TRAILER, TRANSFER_ENCODING, UPGRADE,
};
use hyper::http::request::Parts;
use hyper::http::uri::PathAndQuery;
use hyper::{Request, Response, Uri};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Sends the request on a new connection and returns the whole answer.
pub(super) async fn forward(upstream: SocketAddr, head: Parts, body: Bytes) -> Result<Response<Bytes>> {
    timeout(DEADLINE, exchange(upstream, head, body)).await.context("the server took too long")?
}

async fn exchange(upstream: SocketAddr, mut head: Parts, body: Bytes) -> Result<Response<Bytes>> {
    let stream = TcpStream::connect(upstream).await?;
    stream.set_nodelay(true)?;
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let driving = tokio::spawn(connection);

    // A request to a proxy may have an absolute-form address. The server gets the path only.
    let path = head.uri.path_and_query().cloned().unwrap_or(PathAndQuery::from_static("/"));
    head.uri = Uri::from(path);
    remove_hop_by_hop(&mut head.headers);
    let answer = sender.send_request(Request::from_parts(head, Full::new(body))).await?;

    let (mut head, body) = answer.into_parts();
    let body = body.collect().await?.to_bytes();
    driving.abort();
    remove_hop_by_hop(&mut head.headers);
    // hyper writes the length of the body that is really sent.
    head.headers.remove(CONTENT_LENGTH);
    Ok(Response::from_parts(head, body))
}

fn remove_hop_by_hop(headers: &mut HeaderMap) {
    for name in [CONNECTION, TE, TRAILER, TRANSFER_ENCODING, UPGRADE] {
        headers.remove(name);
    }
    headers.remove(HeaderName::from_static("keep-alive"));
    headers.remove(HeaderName::from_static("proxy-connection"));
}

const DEADLINE: Duration = Duration::from_secs(60);
