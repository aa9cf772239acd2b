//! Tests which requests the server receives, and in which order.

use futures_util::future::join_all;
use serde_json::{Value, json};
use wasm_bindgen_test::wasm_bindgen_test;
use yew_jwt_auth::auth::{Error, Request, State};

use crate::script::{self, Replaced, until};
use crate::stand::{PASSWORD, USERNAME, api, client, fault, reload_with, reset, respond, signed_in, wire};

const REFRESHED: [&str; 3] = ["GET /protected-route 401", "POST /refresh 200", "GET /protected-route 200"];

fn protected() -> Request {
    Request::get("/protected-route")
}

/// Changes one character of the access token's signature. The client cannot see the change, but the
/// server refuses the token.
fn refused(record: &mut Value) {
    let token = record["access_token"].as_str().unwrap();
    let at = token.len() - 10;
    let other = if token[at..].starts_with('A') { "B" } else { "A" };
    record["access_token"] = json!(format!("{}{other}{}", &token[..at], &token[at + 1..]));
}

#[wasm_bindgen_test]
async fn the_guides_flow_is_four_requests() {
    reset().await;
    let client = client().await;
    client.login(USERNAME, PASSWORD).await.unwrap();
    let answer = client.send(&protected()).await.unwrap().success().unwrap();
    assert!(answer.json().unwrap().contains("\"user\":\"demo\""));
    client.logout();
    assert_eq!(wire(3).await, ["POST /token 200", "GET /protected-route 200", "POST /logout 204"]);
}

#[wasm_bindgen_test]
async fn a_token_that_looks_fresh_but_is_refused_is_refreshed_after_its_401() {
    signed_in().await;
    let client = reload_with(refused).await;
    assert_eq!(client.send(&protected()).await.unwrap().status, 200);
    assert_eq!(wire(3).await, REFRESHED);
}

#[wasm_bindgen_test]
async fn a_token_of_unknown_lifetime_is_refreshed_after_its_401() {
    signed_in().await;
    let client = reload_with(|record| {
        refused(record);
        record["lifetime"] = Value::Null;
        record["received"] = json!(0);
    })
    .await;
    assert_eq!(client.send(&protected()).await.unwrap().status, 200);
    assert_eq!(wire(3).await, REFRESHED);
}

#[wasm_bindgen_test]
async fn a_token_known_to_be_stale_is_refreshed_first() {
    signed_in().await;
    let client = reload_with(|record| record["received"] = json!(0)).await;
    assert_eq!(client.send(&protected()).await.unwrap().status, 200);
    assert_eq!(wire(2).await, ["POST /refresh 200", "GET /protected-route 200"]);
}

#[wasm_bindgen_test]
async fn a_server_that_always_says_401_gets_three_sends_and_one_refresh() {
    let client = signed_in().await;
    fault("GET", "/protected-route", respond(401, "application/json", r#"{"detail":"no"}"#)).await;
    let answer = client.send(&protected()).await.unwrap();
    assert_eq!(answer.success().err(), Some(Error::StillUnauthorized));
    let (request, refresh) = ("GET /protected-route 401", "POST /refresh 200");
    assert_eq!(wire(4).await, [request, refresh, request, request]);
    assert!(matches!(client.state(), State::SignedIn { .. }), "the session lives");
}

#[wasm_bindgen_test]
async fn a_thousand_requests_on_an_expired_token_share_one_refresh() {
    signed_in().await;
    let client = reload_with(|record| record["received"] = json!(0)).await;
    let request = protected();
    // A slow machine may need long for a thousand answers. Make timeouts ten times as long, so that no
    // deadline ends a request.
    script::run("window.realTimeout = setTimeout");
    let patient = Replaced::new("window", "setTimeout", "value: (f, ms) => realTimeout(f, ms * 10)");
    let answers = join_all((0..1_000).map(|_| client.send(&request))).await;
    drop(patient);
    assert_eq!(answers.iter().filter(|answer| answer.as_ref().is_ok_and(|a| a.status == 200)).count(), 1_000);
    let seen = wire(1_001).await;
    assert_eq!(seen[0], "POST /refresh 200");
    assert_eq!(seen.len(), 1_001);
    assert!(seen[1..].iter().all(|line| line == "GET /protected-route 200"), "{seen:?}");
}

#[wasm_bindgen_test]
async fn a_hundred_refused_requests_share_one_refresh_too() {
    signed_in().await;
    let client = reload_with(refused).await;
    let request = protected();
    let answers = join_all((0..100).map(|_| client.send(&request))).await;
    assert_eq!(answers.iter().filter(|answer| answer.as_ref().is_ok_and(|a| a.status == 200)).count(), 100);
    // 64 were on their way when the first was refused.
    let seen = wire(165).await;
    let count = |line: &str| seen.iter().filter(|seen| *seen == line).count();
    assert_eq!(count("POST /refresh 200"), 1);
    assert_eq!(count("GET /protected-route 401"), 64);
    assert_eq!(count("GET /protected-route 200"), 100);
    assert_eq!(seen.len(), 165);
}

#[wasm_bindgen_test]
async fn after_a_logout_no_token_is_left_in_any_storage() {
    let client = signed_in().await;
    assert!(script::stored().contains("refresh_token") && script::stored().contains("access_token"));
    client.logout();
    until("gone", || script::stored() == "[{},{}]").await;
    assert_eq!(wire(1).await, ["POST /logout 204"]);
}

#[wasm_bindgen_test]
async fn a_wrong_password_stores_nothing_and_refreshes_nothing() {
    reset().await;
    let client = client().await;
    assert_eq!(client.login(USERNAME, "wrong").await, Err(Error::WrongCredentials));
    assert_eq!(wire(1).await, ["POST /token 401"]);
    assert_eq!(script::stored(), "[{},{}]");
}

#[wasm_bindgen_test]
async fn a_session_that_the_server_ended_ends_here_with_its_reason() {
    let client = signed_in().await;
    // Another holder of the refresh token logs out. The page does not know of it.
    script::run_async(&format!(
        "const entry = Object.values(localStorage).map(JSON.parse).find((entry) => entry.refresh_token);
         await fetch('{}/logout', {{
             method: 'POST',
             headers: {{'content-type': 'application/json'}},
             body: JSON.stringify({{refresh_token: entry.refresh_token}}),
         }})",
        api()
    ))
    .await;
    wire(1).await;
    let ended = client.send(&protected()).await;
    assert!(matches!(ended, Err(Error::SessionEnded(_))), "{ended:?}");
    assert_eq!(wire(3).await[1..], ["GET /protected-route 401", "POST /refresh 401"]);
    until("gone", || script::stored() == "[{},{}]").await;
}
