use super::*;
use crate::wire::clock::Instant;

#[test]
fn a_session_is_renewed_with_its_access_token_only_if_no_refresh_token_goes_along() {
    let renews =
        |refresh: Endpoint| Contract { refresh: Some(refresh), ..Contract::default() }.renews_with_access();
    let field = |name: &str| Carrier::Field(name.to_owned().into());
    assert!(renews(Endpoint::post("/renew").access_token(Carrier::Authorization)));
    assert!(!renews(Endpoint::post("/renew")));
    assert!(!renews(Endpoint::post("/renew").refresh_token(field("token"))));
    let both = Endpoint::post("/renew").refresh_token(field("token")).access_token(Carrier::Authorization);
    assert!(!renews(both));
}

#[test]
fn an_endpoint_is_written_step_by_step() {
    let endpoint = Endpoint::post("/login").query().field("scope", "all");
    assert_eq!((endpoint.encoding, endpoint.fields.len()), (Encoding::Query, 1));
    assert_eq!(endpoint.json().encoding, Encoding::Json);
}

#[test]
fn what_a_proxy_says_of_an_access_token_counts_only_if_a_refresh_may_follow() {
    let answer = |body: &str| Answer {
        status: 401,
        headers: Vec::new().into(),
        body: body.into(),
        received: Instant { monotonic: 0, wall: 0 },
    };
    let is_expired = |body, is_renewable| Contract::default().is_expired(&answer(body), is_renewable);
    assert!(is_expired("{}", true) && is_expired("{}", false));
    assert!(is_expired("<html>", true) && !is_expired("<html>", false));
}

#[test]
fn a_refresh_with_both_tokens_is_a_mistake() {
    let text = r#"{"refresh": {"refresh_token": "field:token", "access_token": "authorization"}}"#;
    let mistakes = Contract::from_text(text).unwrap_err();
    assert!(mistakes.to_string().contains("refresh.access_token"), "{mistakes}");
}
