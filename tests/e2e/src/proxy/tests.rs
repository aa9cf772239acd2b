#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that cannot go on fails")]

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

use super::*;

mod control;
mod hanging;
mod routes;

const SOON: Duration = Duration::from_secs(5);
const BODY: &str = r#"{"access_token":"a","refresh_token":"r"}"#;

/// A server that counts its requests and gives each the same answer.
struct Upstream {
    serving: Serving,
    served: Arc<AtomicUsize>,
}

impl Upstream {
    async fn start() -> Self {
        let served = Arc::new(AtomicUsize::new(0));
        let counter = Arc::clone(&served);
        let serving = Serving::start(0, true, move |request: Request<Incoming>| {
            let counter = Arc::clone(&counter);
            async move {
                counter.fetch_add(1, Ordering::SeqCst);
                let mut answer = Response::new(Script::whole(BODY));
                answer
                    .headers_mut()
                    .insert("x-seen-path", HeaderValue::from_str(&request.uri().to_string()).unwrap());
                Ok(answer)
            }
        });
        Self { serving: serving.await.unwrap(), served }
    }

    fn served(&self) -> usize {
        self.served.load(Ordering::SeqCst)
    }
}

struct Bench {
    upstream: Upstream,
    proxy: Proxy,
}

impl Bench {
    async fn with(rules: Vec<Rule>) -> Self {
        let upstream = Upstream::start().await;
        let proxy = Proxy::start(upstream.serving.address).await.unwrap();
        proxy.set_rules(rules);
        Self { upstream, proxy }
    }

    async fn send(&self, request_line: &str, headers: &str, body: &str) -> String {
        send(self.proxy.address(), request_line, headers, body).await
    }

    async fn refresh(&self) -> String {
        self.send("POST /refresh", "", "{}").await
    }

    fn refresh_in_background(&self) -> JoinHandle<String> {
        let address = self.proxy.address();
        tokio::spawn(async move { send(address, "POST /refresh", "", "{}").await })
    }
}

/// Sends one request and returns all bytes that arrive until the connection closes.
async fn send(address: SocketAddr, request_line: &str, headers: &str, body: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    let length = body.len();
    let request = format!(
        "{request_line} HTTP/1.1\r\nhost: {address}\r\ncontent-length: {length}\r\n{headers}\r\n{body}"
    );
    stream.write_all(request.as_bytes()).await.unwrap();
    let mut answer = Vec::new();
    tokio::time::timeout(SOON, stream.read_to_end(&mut answer)).await.unwrap().unwrap();
    String::from_utf8(answer).unwrap()
}

fn body_of(answer: &str) -> &str {
    answer.split_once("\r\n\r\n").unwrap().1
}

#[tokio::test]
async fn without_rules_the_server_answers_and_the_request_is_recorded() {
    let bench = Bench::with(vec![]).await;
    let headers = "origin: http://page\r\nauthorization: Bearer canary\r\nx-other: 1\r\n";
    let answer = bench.send("GET /protected-route?q=1", headers, "").await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert_eq!(body_of(&answer), BODY);

    let entries = bench.proxy.log().entries();
    let [entry] = entries.as_slice() else { panic!("{entries:?}") };
    assert_eq!((entry.method.as_str(), entry.path.as_str(), entry.query), ("GET", "/protected-route", true));
    assert_eq!(
        (entry.status, entry.upstream_status, entry.outcome),
        (Some(200), Some(200), Outcome::Answered)
    );
    assert_eq!(
        (entry.kind, entry.origin.as_deref(), entry.authorization),
        (Kind::Request, Some("http://page"), true)
    );
    assert_eq!(entry.header_names, ["authorization", "content-length", "host", "origin", "x-other"]);
    assert_eq!(entry.fault, None);
    assert!(!serde_json::to_string(entry).unwrap().contains("canary"));
}

#[tokio::test]
async fn repeats_are_recognised_by_their_fingerprints() {
    let bench = Bench::with(vec![]).await;
    for (key, body) in [("one", "same"), ("one", "same"), ("two", "other")] {
        bench.send("POST /refresh", &format!("idempotency-key: {key}\r\n"), body).await;
    }
    let log = bench.proxy.log().entries();
    assert_eq!(log[0].body_sha256, log[1].body_sha256);
    assert_ne!(log[1].body_sha256, log[2].body_sha256);
    // printf same | sha256sum
    assert_eq!(log[0].body_sha256, "0967115f2813a3541eaef77de9d9d5773f1c0c04314b0bbfe4ff3b3b1c55b5d5");
    assert_eq!(log[0].idempotency_key_fingerprint, log[1].idempotency_key_fingerprint);
    assert_ne!(log[1].idempotency_key_fingerprint, log[2].idempotency_key_fingerprint);
    assert!(log[0].idempotency_key_fingerprint.is_some());
    assert_eq!(log.iter().map(|entry| entry.order).collect::<Vec<_>>(), [1, 2, 3]);
}

#[tokio::test]
async fn respond_answers_without_the_server() {
    let action = Action::Respond {
        status: 429,
        headers: vec![("retry-after".into(), "7".into())],
        body: "slow down".into(),
        cors: true,
    };
    let bench = Bench::with(vec![Rule::new("POST", "/refresh", action)]).await;
    let answer = bench.send("POST /refresh", "origin: http://page\r\n", "").await;
    assert!(answer.starts_with("HTTP/1.1 429"), "{answer}");
    assert!(answer.contains("retry-after: 7\r\n"), "{answer}");
    assert!(answer.contains("access-control-allow-origin: http://page\r\n"), "{answer}");
    assert_eq!(body_of(&answer), "slow down");
    assert_eq!(bench.upstream.served(), 0);
    assert_eq!(bench.proxy.log().wire(), ["POST /refresh 429"]);
    assert_eq!(bench.proxy.log().entries()[0].fault.as_deref(), Some("respond"));
}

#[tokio::test]
async fn respond_without_cors_lets_no_script_read_it() {
    let action = Action::Respond { status: 500, headers: vec![], body: String::new(), cors: false };
    let bench = Bench::with(vec![Rule::any(action)]).await;
    let answer = bench.send("POST /refresh", "origin: http://page\r\n", "").await;
    assert!(answer.starts_with("HTTP/1.1 500"), "{answer}");
    assert!(!answer.contains("access-control"), "{answer}");
}

#[tokio::test]
async fn drop_before_closes_and_the_server_never_hears_of_it() {
    let bench = Bench::with(vec![Rule::new("POST", "/refresh", Action::DropBefore).once()]).await;
    assert_eq!(bench.refresh().await, "");
    assert_eq!(bench.upstream.served(), 0);
    assert!(bench.refresh().await.starts_with("HTTP/1.1 200"));
    assert_eq!(bench.proxy.log().wire(), ["POST /refresh dropped", "POST /refresh 200"]);
}

#[tokio::test]
async fn drop_after_closes_once_the_server_has_answered() {
    let bench = Bench::with(vec![Rule::new("POST", "/refresh", Action::DropAfter).once()]).await;
    assert_eq!(bench.refresh().await, "");
    assert_eq!(bench.upstream.served(), 1);
    let entries = bench.proxy.log().entries();
    assert_eq!(
        (entries[0].upstream_status, entries[0].status, entries[0].outcome),
        (Some(200), None, Outcome::Dropped)
    );
}

#[tokio::test]
async fn a_cut_body_arrives_in_part_under_its_full_length() {
    let bench = Bench::with(vec![Rule::any(Action::CutBody { bytes: 7 })]).await;
    let answer = bench.refresh().await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    assert!(answer.contains(&format!("content-length: {}\r\n", BODY.len())), "{answer}");
    assert_eq!(body_of(&answer), &BODY[..7]);
    assert_eq!(bench.proxy.log().entries()[0].outcome, Outcome::Cut);
}

#[tokio::test]
async fn delayed_headers_come_late_and_whole() {
    let bench = Bench::with(vec![Rule::any(Action::DelayHeaders { ms: 60 })]).await;
    let start = Instant::now();
    let answer = bench.refresh().await;
    assert!(start.elapsed() >= Duration::from_millis(60));
    assert_eq!(body_of(&answer), BODY);
}

#[tokio::test]
async fn a_delayed_body_follows_its_head() {
    let bench = Bench::with(vec![Rule::any(Action::DelayBody { ms: 60 })]).await;
    let start = Instant::now();
    let mut stream = TcpStream::connect(bench.proxy.address()).await.unwrap();
    stream.write_all(b"GET /x HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let mut first = vec![0; 4096];
    let read = stream.read(&mut first).await.unwrap();
    let head = String::from_utf8_lossy(&first[..read]).into_owned();
    assert!(head.starts_with("HTTP/1.1 200") && head.ends_with("\r\n\r\n"), "the head alone: {head}");
    let mut rest = String::new();
    stream.read_to_string(&mut rest).await.unwrap();
    assert_eq!(rest, BODY);
    assert!(start.elapsed() >= Duration::from_millis(60));
}

#[tokio::test]
async fn json_is_rewritten_at_its_top_level() {
    let set = json!({"refresh_token": null, "expires_in": -1}).as_object().unwrap().clone();
    let action = Action::RewriteJson { remove: vec!["access_token".into()], set };
    let bench = Bench::with(vec![Rule::any(action)]).await;
    let answer: Value = serde_json::from_str(body_of(&bench.refresh().await)).unwrap();
    assert_eq!(answer, json!({"refresh_token": null, "expires_in": -1}));
}

#[tokio::test]
async fn a_redirect_names_its_place_and_may_be_followed_across_origins() {
    let action = Action::Redirect { status: 307, location: "http://evil.test/refresh".into() };
    let bench = Bench::with(vec![Rule::any(action)]).await;
    let answer = bench.send("POST /refresh", "origin: http://page\r\n", "").await;
    assert!(answer.starts_with("HTTP/1.1 307"), "{answer}");
    assert!(answer.contains("location: http://evil.test/refresh\r\n"), "{answer}");
    assert!(answer.contains("access-control-allow-origin: http://page\r\n"), "{answer}");
    assert_eq!(bench.upstream.served(), 0);
}

#[tokio::test]
async fn a_rule_skips_then_hits_then_is_spent() {
    let teapot = Action::json(418, &json!({}));
    let bench = Bench::with(vec![Rule::new("POST", "/refresh", teapot).skip(1).times(2)]).await;
    for _ in 0..4 {
        bench.refresh().await;
    }
    bench.send("GET /refresh", "", "").await;
    bench.send("POST /token", "", "").await;
    let expected = [200, 418, 418, 200].map(|status| format!("POST /refresh {status}"));
    let wire = bench.proxy.log().wire();
    assert_eq!(wire[..4], expected);
    assert_eq!(wire[4..], ["GET /refresh 200", "POST /token 200"]);
}

#[tokio::test]
async fn preflights_are_apart_and_only_hit_by_name() {
    let bench = Bench::with(vec![Rule::any(Action::DropBefore)]).await;
    let preflight = "origin: http://page\r\naccess-control-request-method: POST\r\n";
    assert!(bench.send("OPTIONS /refresh", preflight, "").await.starts_with("HTTP/1.1 200"));
    bench.proxy.set_rules(vec![Rule::new("OPTIONS", "/refresh", Action::DropBefore)]);
    assert_eq!(bench.send("OPTIONS /refresh", preflight, "").await, "");
    assert!(bench.proxy.log().wire().is_empty());
    assert!(bench.proxy.log().entries().iter().all(|entry| entry.kind == Kind::Preflight));
    assert_eq!(bench.proxy.log().entries().len(), 2);
}

#[tokio::test]
async fn a_dead_server_looks_like_a_closed_connection() {
    let bench = Bench::with(vec![]).await;
    let Bench { upstream, proxy } = bench;
    drop(upstream);
    assert_eq!(send(proxy.address(), "POST /refresh", "", "").await, "");
    assert_eq!(proxy.log().wire(), ["POST /refresh unreachable"]);
}

#[tokio::test]
async fn a_wait_that_is_in_vain_shows_the_wire() {
    let bench = Bench::with(vec![]).await;
    bench.refresh().await;
    let error = bench.proxy.log().wait_for("POST", "/token", 1, Duration::from_millis(10)).await.unwrap_err();
    assert!(error.to_string().contains("POST /refresh 200"), "{error}");
}
