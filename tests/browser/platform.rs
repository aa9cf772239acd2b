//! Tests the guarantees of `Platform` in a real browser: requests, clocks, random numbers and waits.

use futures_util::future::{Either, select};
use serde_json::json;
use wasm_bindgen_test::wasm_bindgen_test;
use yew_jwt_auth::Browser;
use yew_jwt_auth::auth::{Answer, CacheMode, HttpError, HttpRequest, Method, Platform as _};

use crate::script::{self, Replaced};
use crate::stand::{api, arrived, fault, reset, respond, wire};

fn get(url: String) -> HttpRequest {
    HttpRequest {
        method: Method::Get,
        url,
        headers: Vec::new(),
        body: None,
        outlives_page: false,
        body_limit: 1000,
        cache: CacheMode::NoStore,
        cookies: false,
        echo: None,
    }
}

async fn health() -> Result<Answer, HttpError> {
    Browser.http(get(format!("{}/health", api()))).await
}

#[wasm_bindgen_test]
async fn an_answer_is_read_whole_with_the_headers_that_matter() {
    reset().await;
    let answer = health().await.unwrap();
    assert_eq!((answer.status, &*answer.json().unwrap()), (200, r#"{"status":"ok"}"#));
    assert_eq!(answer.header("content-type").as_deref(), Some("application/json"));
    assert!(answer.header("date").is_some(), "exposed by the server");
}

#[wasm_bindgen_test]
async fn a_redirect_is_not_followed() {
    reset().await;
    let elsewhere = json!({"type": "redirect", "status": 307, "location": format!("{}/users/me", api())});
    fault("GET", "/health", elsewhere).await;
    assert_eq!(health().await.err(), Some(HttpError::Redirected));
    assert_eq!(wire(1).await, ["GET /health 307"]);
}

#[wasm_bindgen_test]
async fn an_answer_without_cors_headers_is_no_answer() {
    reset().await;
    fault("GET", "/health", json!({"type": "respond", "status": 500, "body": "internal", "cors": false}))
        .await;
    assert_eq!(health().await.err(), Some(HttpError::Unreachable));
}

#[wasm_bindgen_test]
async fn a_refused_connection_is_no_answer() {
    assert_eq!(
        Browser.http(get("http://127.0.0.1:65533/".to_owned())).await.err(),
        Some(HttpError::Unreachable)
    );
    assert_eq!(Browser.http(get("http://[".to_owned())).await.err(), Some(HttpError::Unreachable));
}

#[wasm_bindgen_test]
async fn a_body_that_is_cut_is_no_answer() {
    reset().await;
    fault("GET", "/health", json!({"type": "cut_body", "bytes": 4})).await;
    assert_eq!(health().await.err(), Some(HttpError::Interrupted));
}

#[wasm_bindgen_test]
async fn a_body_is_read_up_to_its_limit() {
    reset().await;
    fault("GET", "/health", respond(200, "text/plain", &"x".repeat(1000))).await;
    assert_eq!(health().await.unwrap().body.len(), 1000);
    fault("GET", "/health", respond(200, "text/plain", &"x".repeat(1001))).await;
    assert_eq!(health().await.err(), Some(HttpError::TooLarge));
}

#[wasm_bindgen_test]
async fn a_request_that_nobody_waits_for_is_given_up() {
    reset().await;
    fault("GET", "/health", json!({"type": "hang"})).await;
    match select(Box::pin(health()), Box::pin(arrived())).await {
        Either::Left(_) => panic!("nothing answers"),
        Either::Right((_, health)) => drop(health),
    }
    assert_eq!(wire(1).await, ["GET /health abandoned"]);
}

#[wasm_bindgen_test]
async fn a_fetch_that_rejects_with_no_error_object_is_no_answer() {
    let throwing = Replaced::new("window", "fetch", "value: () => { throw new Error('of an extension') }");
    assert_eq!(health().await.err(), Some(HttpError::Unreachable));
    drop(throwing);
    let rejecting = Replaced::new("window", "fetch", "value: () => Promise.reject('a string')");
    assert_eq!(health().await.err(), Some(HttpError::Unreachable));
    drop(rejecting);
}

#[wasm_bindgen_test]
async fn a_body_that_is_no_stream_is_read_as_a_whole() {
    reset().await;
    for body in ["value: undefined", "value: null", "value: {}", "get() { throw new Error('no body') }"] {
        let odd = Replaced::new("Response.prototype", "body", body);
        assert_eq!(health().await.unwrap().json().unwrap(), r#"{"status":"ok"}"#, "{body}");
        fault("GET", "/health", respond(200, "text/plain", &"x".repeat(1001))).await;
        assert_eq!(health().await.err(), Some(HttpError::TooLarge), "{body}");
        reset().await;
        drop(odd);
    }
    let broken = [
        Replaced::new("Response.prototype", "body", "value: null"),
        Replaced::new("Response.prototype", "arrayBuffer", "value() { throw new TypeError('none') }"),
    ];
    assert_eq!(health().await.err(), Some(HttpError::Interrupted));
    drop(broken);
    let locked =
        Replaced::new("ReadableStream.prototype", "getReader", "value() { throw new TypeError('locked') }");
    assert_eq!(health().await.unwrap().status, 200);
    drop(locked);
}

#[wasm_bindgen_test]
async fn a_page_that_a_service_worker_controls_asks_with_an_address_of_its_own() {
    reset().await;
    script::run(
        "window.__fetch = window.fetch; window.__asked = [];
         window.fetch = (...request) => {
             window.__asked.push(new Request(...request).url);
             return window.__fetch(...request);
         }",
    );
    let controlled =
        Replaced::new("Navigator.prototype", "serviceWorker", "value: {controller: {state: 'activated'}}");
    for _ in 0..2 {
        assert_eq!(health().await.unwrap().status, 200);
    }
    drop(controlled);
    let denied = Replaced::new(
        "Navigator.prototype",
        "serviceWorker",
        "get() { throw new DOMException('sandboxed') }",
    );
    assert_eq!(health().await.unwrap().status, 200);
    drop(denied);
    let asked =
        script::run("window.fetch = window.__fetch; return window.__asked.join()").as_string().unwrap();
    let asked: Vec<_> = asked.split(',').map(|url| url.split_once("/health").unwrap().1).collect();
    let [first, second, plain] = &*asked else { panic!("{asked:?}") };
    assert!(first.starts_with("?_=") && second.starts_with("?_=") && first != second, "{asked:?}");
    assert_eq!(*plain, "");
    assert_eq!(wire(3).await.len(), 3);
}

#[wasm_bindgen_test]
async fn whoever_sets_the_server_up_is_told_once_what_it_must_allow() {
    script::run(
        "window.warned = []; window.warn = console.warn; console.warn = (line) => window.warned.push(line)",
    );
    for _ in 0..2 {
        assert_eq!(
            Browser.http(get("http://127.0.0.1:9/secret?x=1".to_owned())).await.err(),
            Some(HttpError::Unreachable)
        );
    }
    let warned =
        script::run("console.warn = window.warn; return window.warned.join('\\n')").as_string().unwrap();
    assert!(
        warned.contains("http://127.0.0.1:9 gave no answer") && warned.contains("authorization"),
        "{warned}"
    );
    assert!(!warned.contains("secret") && warned.lines().count() == 1, "{warned}");
}

#[wasm_bindgen_test]
fn the_monotonic_clock_can_be_compared_across_lives_of_the_page() {
    let (earlier, later) = (Browser.now(), Browser.now());
    assert!(later.monotonic >= earlier.monotonic);
    // Both clocks count from 1970, so that a time stored by an earlier page load is comparable.
    assert!(earlier.monotonic.abs_diff(earlier.wall) < 60_000, "{earlier:?}");
}

#[wasm_bindgen_test]
fn random_numbers_differ() {
    let (mut one, mut two) = ([0; 16], [0; 16]);
    Browser.random(&mut one);
    Browser.random(&mut two);
    assert_ne!(one, two);
}

#[wasm_bindgen_test]
async fn a_readable_cookie_is_repeated_in_a_header() {
    let _fetch = Replaced::new(
        "window",
        "fetch",
        "value: (...request) => {
             window.repeated = new Request(...request).headers.get('x-csrf');
             return Promise.resolve(new Response('{}'));
         }",
    );
    for (cookie, value) in [
        ("csrf=a%2Fb; Path=/", Some("a/b")),
        // No header can carry it.
        ("csrf=a%C4%80b; Path=/", None),
        ("csrf=; Path=/; Max-Age=0", None),
    ] {
        script::run(&format!("document.cookie = 'other=1; Path=/'; document.cookie = '{cookie}'"));
        let echo = Some(("csrf".into(), "x-csrf".into()));
        let request = HttpRequest { cookies: true, echo, ..get(format!("{}/health", api())) };
        Browser.http(request).await.unwrap();
        assert_eq!(script::run("return window.repeated").as_string().as_deref(), value);
    }
}

#[wasm_bindgen_test]
async fn waits_end_each_at_its_time_and_share_the_browsers_timer() {
    Browser.sleep(0).await;
    let counting = Replaced::new(
        "window",
        "setTimeout",
        "value: (...timer) => { window.timers += 1; return window['kept window.setTimeout'].value.call(window, ...timer); }",
    );
    script::run("window.timers = 0");
    let timers = || script::run("return window.timers").as_f64().unwrap();
    let long = Browser.sleep(30_000);
    let waits: Vec<_> = (0..1_000).map(|_| Browser.sleep(30_000)).collect();
    // Earlier tests may have left a timer that fires soon.
    assert!(timers() <= 1.0, "{}", timers());
    drop(waits);
    let now = || Browser.now().monotonic;
    let began = now();
    let ended = |after: u32| {
        let sleep = Browser.sleep(after);
        async move { (sleep.await, now() - began).1 }
    };
    let all = futures_util::future::join_all([90, 30, 60, 30].map(ended));
    // The long wait is polled first, so that its waker is there.
    let Either::Right((ended, long)) = select(long, all).await else { panic!("the long wait ended") };
    for (ended, after) in ended.into_iter().zip([90, 30, 60, 30]) {
        assert!((after..after + 500).contains(&ended), "{ended} instead of {after}");
    }
    assert!(timers() <= 6.0, "{}", timers());
    drop((long, counting));
}
