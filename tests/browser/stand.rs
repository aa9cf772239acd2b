//! Controls the stand (the real server behind the fault proxy) from a page.

use std::time::Duration;

use gloo_net::http::{Method, RequestBuilder};
use gloo_timers::future::sleep;
use serde_json::{Value, json};
use yew_jwt_auth::Browser;
use yew_jwt_auth::auth::{BaseUrl, Client, Contract, Custody, State};

use crate::script::{self, until};

pub(crate) const USERNAME: &str = "demo";
pub(crate) const PASSWORD: &str = "correct horse +&% \u{96fb}\u{6c60}";

/// The stand's address. `cargo xtask test` sets `STAND_API` when it compiles these tests.
pub(crate) fn api() -> &'static str {
    option_env!("STAND_API").unwrap_or("http://127.0.0.1:8471")
}

/// Empties the proxy's log, removes its faults, and clears storage and ledger. Each test begins with it.
pub(crate) async fn reset() {
    control(Method::DELETE, "", &Value::Null).await;
    script::clear_storage();
    script::wipe_ledger().await;
}

pub(crate) async fn forget_log_and_rules() {
    control(Method::DELETE, "", &Value::Null).await;
}

/// Replaces the proxy's faults by one that affects every `method` request to `path`.
pub(crate) async fn fault(method: &str, path: &str, action: Value) {
    let rules = json!([{"method": method, "path": path, "action": action}]);
    control(Method::PUT, "/rules", &rules).await;
}

/// A fault: the proxy sends this answer instead of the server's.
pub(crate) fn respond(status: u16, media_type: &str, body: &str) -> Value {
    json!({"type": "respond", "status": status, "headers": [["content-type", media_type]], "body": body, "cors": true})
}

/// Waits until `requests` requests have ended, for 5 s at most. Returns all requests so far, in the order
/// of their arrival, as `POST /token 200`. If no status was sent, the outcome replaces it.
pub(crate) async fn wire(requests: usize) -> Vec<String> {
    let entries = control(Method::GET, &format!("/log?requests={requests}&ms=5000"), &Value::Null).await;
    let real = |entry: &&Value| entry["kind"] == "request";
    let line = |entry: &Value| {
        let end = match entry["status"].as_u64() {
            Some(status) => status.to_string(),
            None => entry["outcome"].as_str().unwrap().to_owned(),
        };
        format!("{} {} {end}", entry["method"].as_str().unwrap(), entry["path"].as_str().unwrap())
    };
    entries.as_array().unwrap().iter().filter(real).map(line).collect()
}

/// Waits until the log holds a request without an answer.
pub(crate) async fn arrived() {
    for _ in 0..1000 {
        let entries = control(Method::GET, "/log", &Value::Null).await;
        let pending = |entry: &Value| entry["kind"] == "request" && entry["outcome"] == "pending";
        if entries.as_array().unwrap().iter().any(pending) {
            return;
        }
        sleep(Duration::from_millis(10)).await;
    }
    panic!("no request arrived");
}

/// Lets the requests continue that a fault holds back.
pub(crate) async fn release() {
    control(Method::POST, "/release", &Value::Null).await;
}

async fn control(method: Method, path: &str, body: &Value) -> Value {
    let request = RequestBuilder::new(&format!("{}/__stand{path}", api())).method(method);
    let request = match body {
        Value::Null => request.build().unwrap(),
        body => request.header("content-type", "application/json").body(body.to_string()).unwrap(),
    };
    let answer = request.send().await.expect("the stand; run these tests by `cargo xtask test`");
    assert!(answer.ok(), "the stand answers {}", answer.status());
    serde_json::from_str(&answer.text().await.unwrap()).unwrap_or_default()
}

pub(crate) fn base() -> BaseUrl {
    api().parse().unwrap()
}

/// A new client with the default custody, after it has restored its session. A second call stands in for
/// a reload of the page.
pub(crate) async fn client() -> Client {
    let client = Client::new(Browser, base(), Contract::default(), Custody::default());
    client.start();
    until("restored", || client.state() != State::Restoring).await;
    client
}

/// A client with a session. The log is empty.
pub(crate) async fn signed_in() -> Client {
    reset().await;
    let client = client().await;
    client.login(USERNAME, PASSWORD).await.unwrap();
    forget_log_and_rules().await;
    client
}

/// Changes the stored access record, then makes a new client as a reload does.
pub(crate) async fn reload_with(change: impl FnOnce(&mut Value)) -> Client {
    let storage = web_sys::window().unwrap().session_storage().unwrap().unwrap();
    let key = format!("yew-jwt-auth:{}:access", base().as_str());
    let mut record = serde_json::from_str(&storage.get_item(&key).unwrap().unwrap()).unwrap();
    change(&mut record);
    storage.set_item(&key, &record.to_string()).unwrap();
    client().await
}
