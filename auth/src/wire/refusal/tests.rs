use super::Meaning::{Disabled, Expired, Locked, Misconfigured, NotAccepted, NotVerified, Revoked, Trouble};
use super::*;
use crate::wire::Contract;
use crate::wire::clock::Instant;

fn answer(status: u16, body: &str) -> Answer {
    let received = Instant { monotonic: 0, wall: 0 };
    // A label outranks nothing.
    let headers = vec![("content-type".to_owned(), "text/html".to_owned())];
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
fn a_wrong_password_is_one_in_any_words() {
    each(
        Contract::login_refusal,
        &[
            (401, &detail("Incorrect username or password"), Some(NotAccepted)),
            (401, "", Some(NotAccepted)),
            (400, &detail("LOGIN_BAD_CREDENTIALS"), Some(NotAccepted)),
            (400, r#"{"error":"invalid_grant"}"#, Some(NotAccepted)),
            (200, r#"{"error":"invalid_grant"}"#, Some(NotAccepted)),
            (404, &detail("Invalid Credentials"), Some(NotAccepted)),
            (403, &detail("User not found"), Some(NotAccepted)),
            (403, r#"{"message":"Bad credentials","documentation_url":"/"}"#, Some(NotAccepted)),
            (404, r#"{"detail":{"code":"USER_NOT_FOUND"}}"#, Some(NotAccepted)),
            (400, r#"{"error":"Bad Request","message":"Wrong password"}"#, Some(NotAccepted)),
            (
                400,
                r#"{"non_field_errors":["Unable to log in with provided credentials."]}"#,
                Some(NotAccepted),
            ),
            (400, r#"{"errors":[{"status":"400","detail":"Invalid password"}]}"#, Some(NotAccepted)),
            (400, "Invalid Credentials", Some(NotAccepted)),
            (400, r#""Incorrect password""#, Some(NotAccepted)),
            (404, r#"{"detail":"User does not exist"}"#, Some(NotAccepted)),
            (422, r#"{"message":"These credentials do not match our records."}"#, Some(NotAccepted)),
            (200, r#"{"error":"Invalid username or password"}"#, Some(NotAccepted)),
            (401, r#"{"error":"Unauthorized","message":"x","statusCode":401}"#, Some(NotAccepted)),
            (404, r#"{"message":"No account exists. Account not found."}"#, Some(NotAccepted)),
            (404, &detail("We couldn\u{2019}t find a user with that e-mail"), Some(NotAccepted)),
            (404, r#"{"error":"USER_DOES_NOT_EXIST"}"#, Some(NotAccepted)),
            (403, r#"{"msg":"This email isn't registered"}"#, Some(NotAccepted)),
            (404, r#"{"error":{"message":"Unknown account","code":404}}"#, Some(NotAccepted)),
            (200, r#"{"error":"There is no such user."}"#, Some(NotAccepted)),
            (
                404,
                r#"{"type":"https://tools.ietf.org/html/rfc9110","title":"Not Found","detail":"User not found"}"#,
                Some(NotAccepted),
            ),
            (404, &detail("User/email not found"), Some(NotAccepted)),
            // A warning is no lock.
            (
                401,
                r#"{"error":"You have one more attempt before your account is locked."}"#,
                Some(NotAccepted),
            ),
            (
                401,
                &detail("Incorrect password. 2 attempts left, then the user is blocked."),
                Some(NotAccepted),
            ),
        ],
    );
}

#[test]
fn what_is_no_word_on_the_password_is_told_by_its_status() {
    each(
        Contract::login_refusal,
        &[
            (404, &detail("Not Found"), None),
            (405, &detail("Method Not Allowed"), None),
            (404, r#"{"message":"Route POST:/users/login not found","error":"Not Found"}"#, None),
            (404, r#"{"message":"Cannot POST /account/token","error":"Not Found","statusCode":404}"#, None),
            (403, r#"{"message":"Invalid user agent"}"#, None),
            (404, r#"{"message":"Cannot POST /auth/password/login","error":"Not Found"}"#, None),
            (404, r#"{"message":"Route POST:/login/password not found","error":"Not Found"}"#, None),
            (400, r#"{"non_field_errors":["Must include \"email\" and \"password\"."]}"#, None),
            (400, r#"{"message":["property username should not exist"],"error":"Bad Request"}"#, None),
            (
                403,
                r#"{"error":{"message":"Requests to this API method SignInWithPassword are blocked."}}"#,
                None,
            ),
            (401, r#"{"title":"Unauthorized","detail":"RequiresTwoFactor"}"#, Some(Misconfigured)),
            (
                401,
                r#"{"errors":[{"message":"Invalid user OTP.","code":"INVALID_OTP"}]}"#,
                Some(Misconfigured),
            ),
            (403, r#"{"message":"User-Agent blocked"}"#, None),
            (403, r#"{"message":"Requests without a user agent are blocked"}"#, None),
            (404, r#"{"title":"Not Found","detail":"No static resource user-login."}"#, None),
            (400, r#"{"message":"Bad Request"}"#, None),
            (401, r#"{"message":"No API key found in request"}"#, Some(Misconfigured)),
            (401, r#"{"message":"Access denied due to missing subscription key."}"#, Some(Misconfigured)),
            (401, r#"{"detail":{"error":"service_unavailable"}}"#, None),
            // The password may be right.
            (401, r#"{"error":"mfa_required"}"#, Some(Misconfigured)),
            (400, r#"{"error":{"message":"PASSWORD_LOGIN_DISABLED"}}"#, Some(Misconfigured)),
            (200, r#"{"message":"Password accepted. Enter the code."}"#, None),
            (403, r#"{"message":"Forbidden"}"#, None),
            (403, "<!doctype html><title>Checking your browser</title>", None),
            (401, "\u{feff}\n <html>the hotel's network</html>", None),
            (400, "upstream connect error or disconnect/reset before headers", None),
            (400, r#"{"error":"invalid_request"}"#, None),
            (401, r#"{"error":"invalid_request"}"#, None),
            (400, r#"{"email":["This field is required."]}"#, None),
            (422, r#"{"detail":[{"loc":["body","password"],"msg":"Field required"}]}"#, None),
            (
                422,
                r#"{"detail":[{"loc":["body","password"],"msg":"Value error, password too short"}]}"#,
                None,
            ),
            (500, &detail("password hashing failed"), None),
            (200, "{}", None),
        ],
    );
}

#[test]
fn a_gateways_challenge_is_no_word_on_the_password_or_the_session() {
    let contract = Contract::default();
    for (challenge, meaning) in [
        (r#"Basic realm="staff only""#, Some(Misconfigured)),
        ("basic", Some(Misconfigured)),
        ("Negotiate, NTLM", Some(Misconfigured)),
        (r#"Digest realm="x", nonce="y""#, Some(Misconfigured)),
        ("Bearer", None),
        (r#"Bearer error="invalid_token", Basic realm="x""#, None),
        (r#"JWT realm="api""#, None),
    ] {
        let mut answer = answer(401, "Authorization Required");
        answer.headers.push(("www-authenticate".to_owned(), challenge.to_owned()));
        for (of, usual) in
            [(contract.login_refusal(&answer), NotAccepted), (contract.refresh_refusal(&answer), Expired)]
        {
            assert_eq!(of, Some(meaning.unwrap_or(usual)), "{challenge}");
        }
        // JSON that says no more is a gateway's too.
        answer.body = r#"{"message":"Unauthorized"}"#.into();
        assert_eq!(contract.refresh_refusal(&answer), Some(meaning.unwrap_or(Expired)), "{challenge}");
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
                (423, &detail("Account locked"), Some(Locked)),
                (423, "", Some(Locked)),
                (401, r#"{"message":"Your account is locked for 15 minutes"}"#, Some(Locked)),
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
                (401, r#"{"error":"invalid_client"}"#, Some(Misconfigured)),
                (400, r#"{"error":"unauthorized_client"}"#, Some(Misconfigured)),
                (200, r#"{"error":"unsupported_grant_type"}"#, Some(Misconfigured)),
                (400, r#"{"error":"INVALID_SCOPE"}"#, Some(Misconfigured)),
                (401, r#"{"error":"temporarily_unavailable"}"#, Some(Trouble)),
                (400, r#"{"error":"server_error"}"#, Some(Trouble)),
                (403, r#"{"error":"slow_down"}"#, Some(Trouble)),
                (401, r#"{"detail":{"error":"temporarily_unavailable"}}"#, Some(Trouble)),
                (400, r#"{"detail":{"error":"invalid_client"}}"#, Some(Misconfigured)),
                (401, r#"{"error":{"code":"temporarily_unavailable"}}"#, Some(Trouble)),
            ],
        );
    }
}

#[test]
fn a_session_is_over_in_any_words() {
    each(
        Contract::refresh_refusal,
        &[
            (401, &detail("x"), Some(Expired)),
            (401, "", Some(Expired)),
            (400, &detail("x"), Some(Expired)),
            (400, r#"{"detail":"x","error":null}"#, Some(Expired)),
            (403, r#"{"error":"invalid_grant"}"#, Some(Expired)),
            (200, r#"{"error":"bad_refresh_token"}"#, Some(Expired)),
            (422, &detail("Signature has expired"), Some(Expired)),
            (422, r#"{"message":"Token has expired","error_type":"TokenExpiredError"}"#, Some(Expired)),
            (404, &detail("Session not found"), Some(Expired)),
            (400, r#"{"error":"invalid_grant","error_description":"Token is not active"}"#, Some(Expired)),
            (400, r#"{"error":"invalid_grant","error_description":"Session not active"}"#, Some(Expired)),
            (403, r#"{"detail":{"error":"invalid_grant"}}"#, Some(Expired)),
            (422, r#"{"msg":"Signature verification failed, token is not valid"}"#, Some(Expired)),
            (404, &detail("User not found"), Some(Expired)),
            (401, r#"{"detail":"Token is blacklisted","code":"token_not_valid"}"#, Some(Revoked)),
            (403, r#"{"error":{"code":"REFRESH_TOKEN_REVOKED"}}"#, Some(Revoked)),
            (401, r#"{"statusCode":401,"message":"Unauthorized"}"#, Some(Expired)),
        ],
    );
}

#[test]
fn only_what_means_it_ends_a_session() {
    each(
        Contract::refresh_refusal,
        &[
            (400, r#"{"error":"invalid_request"}"#, None),
            (401, r#"{"error":"invalid_request"}"#, None),
            (400, r#"{"error":{"code":400}}"#, None),
            (400, r#"{"error":400}"#, None),
            (400, "not json", None),
            (400, "", None),
            (401, "<html>sign in to the hotel's network</html>", None),
            (403, "{}", None),
            (404, &detail("Not Found"), None),
            (405, "{}", None),
            (409, "{}", None),
            (422, r#"{"detail":[{"loc":["body","refresh_token"],"msg":"expired"}]}"#, None),
            (403, &detail("Your subscription has expired"), None),
            (403, r#"{"message":"API key revoked"}"#, Some(Misconfigured)),
            (401, r#"{"message":"No API key found in request"}"#, Some(Misconfigured)),
            (401, "Jwks remote fetch is failed", Some(Misconfigured)),
            (400, r#"{"message":"Bad Request"}"#, None),
            (400, r#"{"message":"CSRF token missing"}"#, None),
            (
                400,
                r#"{"title":"One or more validation errors occurred.","errors":{"RefreshToken":["x"]}}"#,
                None,
            ),
            (400, &detail("There was an error parsing the body"), None),
            (400, r#"{"message":"Invalid request body"}"#, None),
            (400, r#"{"message":"Rate exceeded"}"#, None),
            (401, r#"{"error":{"code":401,"message":"Firebase App Check token is invalid."}}"#, None),
            (401, "Invalid IAP credentials: JWT signature is invalid", None),
            (403, r#"{"message":"User-Agent blocked"}"#, None),
            (403, r#"{"message":"Invalid captcha token"}"#, None),
            (403, r#"{"message":"The security token included in the request is invalid."}"#, None),
            // The address is unknown, and not the token.
            (404, r#"{"message":"Route POST:/api/token/refresh/ not found","error":"Not Found"}"#, None),
            (404, r#"{"message":"Cannot POST /token","error":"Not Found"}"#, None),
            (404, r#"{"title":"Not Found","detail":"No static resource token."}"#, None),
            (403, &detail("CSRF token expired"), None),
            (422, &detail("database is locked"), None),
            (401, r#"{"error":"jwt not active"}"#, Some(Trouble)),
            (401, r#"{"error":"use_dpop_nonce"}"#, None),
            (400, r#"{"detail":{"error":"invalid_request"}}"#, None),
            (400, r#"{"refresh":["This field is required."]}"#, None),
            (429, &detail("expired"), None),
            (500, &detail("token expired"), None),
            (503, "{}", None),
            (200, "{}", None),
        ],
    );
}

#[test]
fn a_login_that_cannot_be_used_says_why() {
    each(
        Contract::login_refusal,
        &[
            (403, &detail("Your password has expired"), Some(Disabled)),
            (400, r#"{"message":"PasswordResetRequiredException: Password reset required"}"#, Some(Disabled)),
            (401, &detail("Authentication credentials were not provided."), Some(Misconfigured)),
            (403, &detail("Not authenticated"), Some(Misconfigured)),
            (401, r#"{"message":"No API key found in request"}"#, Some(Misconfigured)),
        ],
    );
}

#[test]
fn a_logout_is_heard_only_if_the_server_says_so() {
    each(
        Contract::logout_refusal,
        &[
            (401, &detail("Could not validate credentials"), None),
            (401, r#"{"error":"invalid_token"}"#, None),
            (401, &detail("Invalid token"), None),
            (403, r#"{"message":"CSRF token expired"}"#, None),
            (400, r#"{"message":"Token could not be revoked"}"#, None),
            (
                200,
                r#"{"detail":"Neither cookies or blacklist are enabled, so the token has not been deleted server side."}"#,
                Some(Misconfigured),
            ),
            (403, r#"{"message":"This session cannot be revoked"}"#, None),
            (401, r#"{"error":"invalid_client"}"#, Some(Misconfigured)),
            (400, r#"{"error":"invalid_grant"}"#, Some(Expired)),
            (401, &detail("Token is blacklisted"), Some(Revoked)),
            (422, &detail("Signature has expired"), Some(Expired)),
        ],
    );
}

#[test]
fn words_are_found_as_a_server_writes_them_and_as_people_do() {
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
