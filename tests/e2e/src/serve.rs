//! An HTTP/1 server for one process: what the proxy and the static pages stand on.

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

/// Listening and serving; both end on drop, open connections included.
#[derive(Debug)]
pub(crate) struct Serving {
    pub(crate) address: SocketAddr,
    accepting: JoinHandle<()>,
}

impl Serving {
    /// Serves on 127.0.0.1. Port 0 means any free one.
    ///
    /// With `keep_alive` off each connection carries one request. Browsers send a request again by
    /// themselves when a *reused* connection closes without an answer, and such a repeat would hide
    /// the fault that a test injects.
    pub(crate) async fn start<F, A>(port: u16, keep_alive: bool, answer: F) -> Result<Self>
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
            // Owned by this task: aborting it aborts every connection.
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                while connections.try_join_next().is_some() {}
                let _ = stream.set_nodelay(true);
                let answer = Arc::clone(&answer);
                let service = service_fn(move |request| answer(request));
                connections.spawn(async move {
                    // The error is the injected fault itself, or a client that left.
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

/// Closes the connection: from a service before any answer, from a body in the middle of one.
#[derive(Debug)]
pub(crate) struct Cut;

impl fmt::Display for Cut {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the connection is closed on purpose")
    }
}

impl std::error::Error for Cut {}

/// A body that is sent as scripted.
#[derive(Debug, Default)]
pub(crate) struct Script {
    steps: VecDeque<Step>,
    /// The length that is known when nothing goes wrong.
    length: Option<u64>,
}

#[derive(Debug)]
enum Step {
    Data(Bytes),
    /// Lets the connection write out what it has: an error would discard it.
    Flush,
    Wait(Pin<Box<Sleep>>),
    Cut,
}

impl Script {
    /// All of it at once.
    pub(crate) fn whole(body: impl Into<Bytes>) -> Self {
        let body = body.into();
        let length = Some(body.len() as u64);
        Self { steps: VecDeque::from([Step::Data(body)]), length }
    }

    /// The head at once, the body after `pause`.
    pub(crate) fn late(body: Bytes, pause: Duration) -> Self {
        let length = Some(body.len() as u64);
        let wait = Step::Wait(Box::pin(sleep_until(Instant::now() + pause)));
        Self { steps: VecDeque::from([Step::Flush, wait, Step::Data(body)]), length }
    }

    /// The first bytes only, then the connection closes.
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
