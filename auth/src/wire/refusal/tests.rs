use super::Meaning::{Disabled, Locked, NotAccepted, NotVerified, PageNotAccepted, Trouble};
use super::*;
use crate::wire::Contract;
use crate::wire::clock::Instant;

fn answer(status: u16, body: &str) -> Answer {
    let received = Instant { monotonic: 0, wall: 0 };
    // A label outranks nothing.
    let headers = vec![("content-type".to_owned(), "text/html".to_owned())].into();
    Answer { status, headers, body: body.into(), received }
}

fn detail(text: &str) -> String {
    format!(r#"{{"detail":"{text}"}}"#)
}

/// Asserts what the default contract takes each answer for.
fn each(of: impl Fn(&Contract, &Answer) -> Option<Meaning>, cases: &[(u16, &str, Option<Meaning>)]) {
    let contract = Contract::default();
    for (status, body, meaning) in cases {
        assert_eq!(of(&contract, &answer(*status, body)), *meaning, "{status} {body}");
    }
}

#[test]
fn a_gateways_challenge_is_no_word_on_the_password_or_the_session() {
    let contract = Contract::default();
    for (challenge, meaning) in [
        (r#"Basic realm="staff only""#, PageNotAccepted),
        ("basic", PageNotAccepted),
        ("Negotiate, NTLM", PageNotAccepted),
        (r#"Key realm="kong""#, PageNotAccepted),
        (r#"Digest realm="x", nonce="y""#, PageNotAccepted),
        ("Bearer", NotAccepted),
        (r#"Bearer error="invalid_token", Basic realm="x""#, NotAccepted),
        (r#"JWT realm="api""#, NotAccepted),
    ] {
        let mut answer = answer(401, "Authorization Required");
        answer.headers = vec![("www-authenticate".to_owned(), challenge.to_owned())].into();
        for of in [contract.login_refusal(&answer), contract.refresh_refusal(&answer)] {
            assert_eq!(of, Some(meaning), "{challenge}");
        }
        // JSON that says no more is a gateway's too.
        answer.body = r#"{"message":"Unauthorized"}"#.into();
        assert_eq!(contract.refresh_refusal(&answer), Some(meaning), "{challenge}");
        // A JSON object is the server's own, whatever it copied into its headers.
        answer.body = detail("x").into();
        assert_eq!(contract.login_refusal(&answer), Some(NotAccepted), "{challenge}");
    }
}

#[test]
fn an_account_that_nobody_may_use_has_its_own_word() {
    for of in [Contract::login_refusal, Contract::refresh_refusal] {
        each(
            of,
            &[
                (400, &detail("Inactive user"), Some(Disabled)),
                (403, &detail("Account is disabled"), Some(Disabled)),
                (401, r#"{"detail":"User is inactive","code":"user_inactive"}"#, Some(Disabled)),
                (400, r#"{"error":"invalid_grant","error_description":"user_deactivated"}"#, Some(Disabled)),
                (403, r#"{"message":"This account has been suspended."}"#, Some(Disabled)),
                (400, &detail("LOGIN_USER_NOT_VERIFIED"), Some(NotVerified)),
                (
                    401,
                    r#"{"error":"You have to confirm your email address before continuing."}"#,
                    Some(NotVerified),
                ),
                (401, r#"{"error":"Your account is not activated yet."}"#, Some(NotVerified)),
                (401, r#"{"title":"Unauthorized","status":401,"detail":"NotAllowed"}"#, Some(NotVerified)),
                (401, r#"{"error":"A confirmation email was sent to your account."}"#, Some(NotVerified)),
                (
                    400,
                    r#"{"error":"invalid_grant","error_description":"Account is not fully set up"}"#,
                    Some(NotVerified),
                ),
                (
                    403,
                    r#"{"error":"access_denied","error_description":"Please verify your email"}"#,
                    Some(NotVerified),
                ),
                (
                    401,
                    r#"{"error":"invalid_grant","error_description":"Email not confirmed"}"#,
                    Some(NotVerified),
                ),
                (403, r#"{"code":"email_not_verified"}"#, Some(NotVerified)),
                (
                    400,
                    r#"{"error_code":"phone_not_confirmed","msg":"Phone not confirmed"}"#,
                    Some(NotVerified),
                ),
                (
                    403,
                    r#"{"error":"The account you tried to login with is currently awaiting verification"}"#,
                    Some(NotVerified),
                ),
                (423, &detail("Account locked"), Some(Locked)),
                (423, "", Some(Locked)),
                (401, r#"{"message":"Your account is locked for 15 minutes"}"#, Some(Locked)),
                (401, &detail("Your account is locked. It will be unlocked in 15 minutes."), Some(Locked)),
                (401, r#"{"detail":"Too many failed attempts"}"#, Some(Locked)),
                (
                    400,
                    r#"{"error":{"message":"TOO_MANY_ATTEMPTS_TRY_LATER : this account is temporarily disabled"}}"#,
                    Some(Locked),
                ),
                (401, r#"{"errors":[{"detail":"User is blocked"}]}"#, Some(Disabled)),
                (400, r#"{"non_field_errors":["E-mail is not verified."]}"#, Some(NotVerified)),
                (403, r#"{"detail":{"code":"ACCOUNT_LOCKED"}}"#, Some(Locked)),
            ],
        );
    }
}

#[test]
fn errors_of_the_server_or_of_the_page_are_no_words_on_the_user() {
    for of in [Contract::login_refusal, Contract::refresh_refusal] {
        each(
            of,
            &[
                (401, r#"{"error":"invalid_client"}"#, Some(PageNotAccepted)),
                (400, r#"{"error":"unauthorized_client"}"#, Some(PageNotAccepted)),
                (200, r#"{"error":"unsupported_grant_type"}"#, Some(PageNotAccepted)),
                (400, r#"{"error":"INVALID_SCOPE"}"#, Some(PageNotAccepted)),
                (401, r#"{"error":"temporarily_unavailable"}"#, Some(Trouble)),
                (400, r#"{"error":"server_error"}"#, Some(Trouble)),
                (403, r#"{"error":"slow_down"}"#, Some(Trouble)),
                (401, r#"{"detail":{"error":"temporarily_unavailable"}}"#, Some(Trouble)),
                (400, r#"{"detail":{"error":"invalid_client"}}"#, Some(PageNotAccepted)),
                (401, r#"{"error":{"code":"temporarily_unavailable"}}"#, Some(Trouble)),
            ],
        );
    }
}

#[test]
fn words_are_found_as_a_server_writes_them_and_as_people_do() {
    assert!(
        Matcher::any().says(&["invalid_request"]).matches(&answer(400, r#"{"error":"invalid_request"}"#))
    );
    assert!(Matcher::any().says(&["name / password"]).matches(&answer(400, "Wrong name/password")));
    for text in ["LOGIN_USER_NOT_VERIFIED", "login user not verified", "User-Not-Verified"] {
        let matcher = Matcher::any().says(&[text]);
        assert!(matcher.matches(&answer(400, &detail("LOGIN_USER_NOT_VERIFIED"))), "{text}");
        assert!(matcher.matches(&answer(400, r#"{"error":{"code":"login-user-not-verified"}}"#)), "{text}");
        assert!(!matcher.matches(&answer(400, &detail("LOGIN_BAD_CREDENTIALS"))), "{text}");
    }
}

#[test]
fn a_matcher_asks_all_that_it_is_told_to() {
    let matcher = Matcher::statuses(&[403, 422]).is("detail.code", &["expired", "gone"]).lacks("retry");
    for (status, body, fits) in [
        (403, r#"{"detail":{"code":"EXPIRED"}}"#, true),
        (422, r#"{"detail":{"code":"gone"},"retry":null}"#, true),
        (403, r#"{"detail":{"code":"gone"},"retry":1}"#, false),
        (403, r#"{"detail":{"code":"other"}}"#, false),
        (403, r#"{"detail":"gone"}"#, false),
        (401, r#"{"detail":{"code":"gone"}}"#, false),
        (403, "", false),
    ] {
        assert_eq!(matcher.matches(&answer(status, body)), fits, "{status} {body}");
    }
    let other = Matcher::any().is_not("code", &["a"]);
    assert!(other.matches(&answer(200, "")) && other.matches(&answer(200, r#"{"code":"b"}"#)));
    assert!(!other.matches(&answer(200, r#"{"code":"A"}"#)));
}

mod login;
mod session;
