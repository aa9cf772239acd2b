//! Tests the guarantees of `Platform` in a real browser.

use futures_util::future::{Either, select};
use serde_json::json;
use wasm_bindgen_test::wasm_bindgen_test;
use yew_jwt_auth::Browser;
use yew_jwt_auth::auth::{
    Answer, Area, CacheMode, HttpError, HttpRequest, Method, Platform as _, StorageError,
};

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
    }
}

async fn health() -> Result<Answer, HttpError> {
    Browser.http(get(format!("{}/health", api()))).await
}

#[wasm_bindgen_test]
async fn an_answer_is_read_whole_with_the_headers_that_matter() {
    reset().await;
    let answer = health().await.unwrap();
    assert_eq!((answer.status, answer.json().unwrap()), (200, r#"{"status":"ok"}"#));
    assert_eq!(answer.header("content-type"), Some("application/json"));
    assert!(answer.header("date").is_some(), "exposed by the server");
}

#[wasm_bindgen_test]
async fn a_redirect_is_not_followed() {
    reset().await;
    let elsewhere = json!({"type": "redirect", "status": 307, "location": format!("{}/users/me", api())});
    fault("GET", "/health", elsewhere).await;
    assert_eq!(health().await, Err(HttpError::Redirected));
    assert_eq!(wire(1).await, ["GET /health 307"]);
}

#[wasm_bindgen_test]
async fn an_answer_without_cors_headers_is_no_answer() {
    reset().await;
    fault("GET", "/health", json!({"type": "respond", "status": 500, "body": "internal", "cors": false}))
        .await;
    assert_eq!(health().await, Err(HttpError::Unreachable));
}

#[wasm_bindgen_test]
async fn a_refused_connection_is_no_answer() {
    assert_eq!(Browser.http(get("http://127.0.0.1:65533/".to_owned())).await, Err(HttpError::Unreachable));
    assert_eq!(Browser.http(get("http://[".to_owned())).await, Err(HttpError::Unreachable));
}

#[wasm_bindgen_test]
async fn a_body_that_is_cut_is_no_answer() {
    reset().await;
    fault("GET", "/health", json!({"type": "cut_body", "bytes": 4})).await;
    assert_eq!(health().await, Err(HttpError::Interrupted));
}

#[wasm_bindgen_test]
async fn a_body_is_read_up_to_its_limit() {
    reset().await;
    fault("GET", "/health", respond(200, "text/plain", &"x".repeat(1000))).await;
    assert_eq!(health().await.unwrap().body.len(), 1000);
    fault("GET", "/health", respond(200, "text/plain", &"x".repeat(1001))).await;
    assert_eq!(health().await, Err(HttpError::TooLarge));
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
    let rejecting = Replaced::new("window", "fetch", "value: () => Promise.reject('a string')");
    assert_eq!(health().await, Err(HttpError::Unreachable));
    drop(rejecting);
}

#[wasm_bindgen_test]
fn both_storages_keep_text() {
    script::clear_storage();
    for area in [Area::Tab, Area::Profile] {
        assert_eq!(Browser.read(area, "k"), Ok(None));
        Browser.write(area, "k", "\u{96fb} \"{").unwrap();
        assert_eq!(Browser.read(area, "k"), Ok(Some("\u{96fb} \"{".to_owned())));
        Browser.remove(area, "k").unwrap();
        Browser.remove(area, "k").unwrap();
        assert_eq!(Browser.read(area, "k"), Ok(None));
    }
}

#[wasm_bindgen_test]
fn keys_are_found_by_their_beginning() {
    script::clear_storage();
    for area in [Area::Tab, Area::Profile] {
        assert_eq!(Browser.keys(area, ""), Ok(Vec::new()));
        for key in ["a:1", "b:1", "a:2", "a"] {
            Browser.write(area, key, "").unwrap();
        }
        let mut found = Browser.keys(area, "a:").unwrap();
        found.sort();
        assert_eq!(found, ["a:1", "a:2"]);
    }
    script::clear_storage();
}

#[wasm_bindgen_test]
fn storage_that_is_denied_or_null_is_an_error_and_no_panic() {
    let all = || {
        for area in [Area::Tab, Area::Profile] {
            assert_eq!(Browser.read(area, "k"), Err(StorageError));
            assert_eq!(Browser.write(area, "k", "v"), Err(StorageError));
            assert_eq!(Browser.remove(area, "k"), Err(StorageError));
            assert_eq!(Browser.keys(area, "k"), Err(StorageError));
        }
    };
    let denied = Replaced::storage_denied();
    all();
    drop(denied);
    let null = [Replaced::new("Storage.prototype", "getItem", "value() { throw new Error('corrupted') }")];
    assert_eq!(Browser.read(Area::Profile, "k"), Err(StorageError));
    drop(null);
    assert_eq!(Browser.read(Area::Profile, "k"), Ok(None));
}

#[wasm_bindgen_test]
fn full_storage_is_an_error_and_no_panic() {
    script::clear_storage();
    let far_too_long = "x".repeat(6 * 1024 * 1024);
    assert_eq!(Browser.write(Area::Profile, "k", &far_too_long), Err(StorageError));
    assert_eq!(Browser.read(Area::Profile, "k"), Ok(None));
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
