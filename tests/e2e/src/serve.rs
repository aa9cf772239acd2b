//! An HTTP/1 server inside this process. The proxy and the file server use it.

use std::collections::VecDeque;
use std::fmt;
use std::future::Future;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use anyhow::{Context as _, Result};
use bytes::Bytes;
use hyper::body::{Body, Frame, Incoming, SizeHint};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{Instant, Sleep, sleep_until};

/// A listening server. It ends on drop, with its open connections.
#[derive(Debug)]
pub struct Serving {
    /// The address that it listens on.
    pub(crate) address: SocketAddr,
    accepting: JoinHandle<()>,
}

impl Serving {
    /// Serves on 127.0.0.1. Port 0 means any free port.
    ///
    /// Without `keep_alive` each connection carries one request. When a *reused* connection closes without
    /// an answer, a browser repeats the request by itself, and that would hide an injected fault.
    pub async fn start<F, A>(port: u16, keep_alive: bool, answer: F) -> Result<Self>
    where
        F: Fn(Request<Incoming>) -> A + Send + Sync + 'static,
        A: Future<Output = Result<Response<Script>, Cut>> + Send + 'static,
    {
        let listener = TcpListener::bind(("127.0.0.1", port))
            .await
            .with_context(|| format!("cannot listen on port {port}"))?;
        let address = listener.local_addr()?;
        let answer = Arc::new(answer);
        let accepting = tokio::spawn(async move {
            // This task owns the connections, so that aborting it aborts them too.
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                while connections.try_join_next().is_some() {}
                let _ = stream.set_nodelay(true);
                let answer = Arc::clone(&answer);
                let service = service_fn(move |request| answer(request));
                connections.spawn(async move {
                    // An error is an injected fault or a client that left.
                    let _ = http1::Builder::new()
                        .keep_alive(keep_alive)
                        .serve_connection(TokioIo::new(stream), service)
                        .await;
                });
            }
        });
        Ok(Self { address, accepting })
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

/// An error that closes the connection. A service returns it instead of an answer, a body within one.
#[derive(Debug)]
pub struct Cut;

impl fmt::Display for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the connection is closed on purpose")
    }
}

impl std::error::Error for Cut {}

/// A body that is sent in scripted steps.
#[derive(Debug, Default)]
pub struct Script {
    steps: VecDeque<Step>,
    /// The body's length. `None` if the body is cut.
    length: Option<u64>,
}

#[derive(Debug)]
enum Step {
    Data(Bytes),
    /// Lets the connection write its buffered data, because an error would discard that data.
    Flush,
    Wait(Pin<Box<Sleep>>),
    Cut,
}

impl Script {
    /// Sends the whole body at once.
    pub fn whole(body: impl Into<Bytes>) -> Self {
        let body = body.into();
        let length = Some(body.len() as u64);
        Self { steps: VecDeque::from([Step::Data(body)]), length }
    }

    /// Sends the head at once and the body after `pause`.
    pub(crate) fn late(body: Bytes, pause: Duration) -> Self {
        let length = Some(body.len() as u64);
        let wait = Step::Wait(Box::pin(sleep_until(Instant::now() + pause)));
        Self { steps: VecDeque::from([Step::Flush, wait, Step::Data(body)]), length }
    }

    /// Sends the first `bytes` bytes only, then closes the connection.
    pub(crate) fn cut_after(body: &Bytes, bytes: usize) -> Self {
        let first = body.slice(..bytes.min(body.len()));
        Self { steps: VecDeque::from([Step::Flush, Step::Data(first), Step::Flush, Step::Cut]), length: None }
    }
}

impl Body for Script {
    type Data = Bytes;
    type Error = Cut;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        loop {
            match self.steps.front_mut() {
                None => return Poll::Ready(None),
                Some(Step::Wait(sleep)) => ready!(sleep.as_mut().poll(context)),
                Some(Step::Flush) => {
                    self.steps.pop_front();
                    context.waker().wake_by_ref();
                    return Poll::Pending;
                }
                Some(Step::Cut) => return Poll::Ready(Some(Err(Cut))),
                Some(Step::Data(data)) => {
                    let frame = Frame::data(std::mem::take(data));
                    self.steps.pop_front();
                    return Poll::Ready(Some(Ok(frame)));
                }
            }
            self.steps.pop_front();
        }
    }

    fn is_end_stream(&self) -> bool {
        self.steps.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        self.length.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}
