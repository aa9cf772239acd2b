//! What a login's refusal means.

use super::super::Meaning::{Disabled, NotAccepted, PageNotAccepted};
use super::{detail, each};
use crate::wire::Contract;

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
            (400, r#"{"error":"Invalid username / password"}"#, Some(NotAccepted)),
            (404, r#"{"message":"No user found"}"#, Some(NotAccepted)),
            (404, &detail("No User matches the given query."), Some(NotAccepted)),
            (403, "Could not verify", Some(NotAccepted)),
            (
                400,
                r#"{"non_field_errors":["Please enter a correct username and password. Note that both fields may be case-sensitive."]}"#,
                Some(NotAccepted),
            ),
            // It says what else may be the reason.
            (
                401,
                r#"{"message":"The account sign-in was incorrect or your account is disabled temporarily."}"#,
                Some(NotAccepted),
            ),
            (401, r#"{"message":"User disabled or missing"}"#, Some(NotAccepted)),
            (401, &detail("Invalid email/password or inactive account."), Some(NotAccepted)),
            (401, &detail("Email not verified or wrong password"), Some(NotAccepted)),
            (401, &detail("We could not verify your email or password"), Some(NotAccepted)),
            (401, &detail("Account will be locked after 3 unsuccessful attempts"), Some(NotAccepted)),
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
            (401, r#"{"title":"Unauthorized","detail":"RequiresTwoFactor"}"#, Some(PageNotAccepted)),
            (
                401,
                r#"{"errors":[{"message":"Invalid user OTP.","code":"INVALID_OTP"}]}"#,
                Some(PageNotAccepted),
            ),
            (403, r#"{"message":"User-Agent blocked"}"#, None),
            (403, r#"{"message":"Requests without a user agent are blocked"}"#, None),
            (404, r#"{"title":"Not Found","detail":"No static resource user-login."}"#, None),
            (400, r#"{"message":"Bad Request"}"#, None),
            (401, r#"{"message":"No API key found in request"}"#, Some(PageNotAccepted)),
            (401, r#"{"message":"Access denied due to missing subscription key."}"#, Some(PageNotAccepted)),
            (401, r#"{"detail":{"error":"service_unavailable"}}"#, None),
            // The password may be right.
            (401, r#"{"error":"mfa_required"}"#, Some(PageNotAccepted)),
            (400, r#"{"error":{"message":"PASSWORD_LOGIN_DISABLED"}}"#, Some(PageNotAccepted)),
            (
                403,
                r#"{"error":"requires_verification","error_description":"Suspicious request requires verification"}"#,
                Some(PageNotAccepted),
            ),
            (401, r#"{"message":"Missing authorization header"}"#, Some(PageNotAccepted)),
            (401, r#"{"error":"invalid_request","error_description":"Missing parameter: username"}"#, None),
            (
                400,
                r#"{"error":"invalid_request","error_description":"Request is missing password parameter."}"#,
                None,
            ),
            (
                403,
                r#"{"error":"access_denied","error_description":"Realm not enabled"}"#,
                Some(PageNotAccepted),
            ),
            (
                400,
                r#"{"error":"access_denied","error_description":"Policy evaluation failed for this request"}"#,
                Some(PageNotAccepted),
            ),
            (
                403,
                r#"{"error":"access_denied","error_description":"Service not found: https://api.example.org"}"#,
                Some(PageNotAccepted),
            ),
            // A second step is missing.
            (401, r#"{"mfaId":"x"}"#, Some(PageNotAccepted)),
            (
                401,
                r#"{"status":401,"data":{"flows":[{"id":"mfa_authenticate"}]},"meta":{"is_authenticated":false}}"#,
                Some(PageNotAccepted),
            ),
            (401, "Jwt is missing", Some(PageNotAccepted)),
            (429, r#"{"error":"access_denied"}"#, None),
            (
                400,
                r#"{"errors":[{"message":"Invalid payload. \"password\" is required.","extensions":{"code":"INVALID_PAYLOAD"}}]}"#,
                None,
            ),
            (400, &detail("Username is required"), None),
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
fn a_login_that_cannot_be_used_says_why() {
    each(
        Contract::login_refusal,
        &[
            (403, &detail("Your password has expired"), Some(Disabled)),
            (400, r#"{"message":"PasswordResetRequiredException: Password reset required"}"#, Some(Disabled)),
            (401, &detail("Authentication credentials were not provided."), Some(PageNotAccepted)),
            (403, &detail("Not authenticated"), Some(PageNotAccepted)),
            (401, r#"{"message":"No API key found in request"}"#, Some(PageNotAccepted)),
        ],
    );
}
