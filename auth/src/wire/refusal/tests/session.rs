//! What a refresh's or a logout's refusal means for the session.

use super::super::Meaning::{self, Expired, NotAccepted, PageNotAccepted, Revoked, Trouble};
use super::{detail, each};
use crate::wire::{Answer, Contract};

/// What a refresh's answer means. "Not accepted" ends a session as "expired" does.
fn refresh(contract: &Contract, answer: &Answer) -> Option<Meaning> {
    contract.refresh_refusal(answer).map(|meaning| if meaning == NotAccepted { Expired } else { meaning })
}

#[test]
fn a_session_is_over_in_any_words() {
    each(
        refresh,
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
            (403, r#"{"code":"refresh_token_already_used"}"#, Some(Expired)),
            (403, r#"{"message":"JsonWebTokenError: jwt expired"}"#, Some(Expired)),
            (422, r#"{"message":"Invalid JSON Web Token"}"#, Some(Expired)),
            (401, r#"{"error":"invalid_request","message":"The refresh token is invalid."}"#, Some(Expired)),
            (403, r#"{"message":"Failed for [3c3f]: Refresh token is not in database!"}"#, Some(Expired)),
            (404, r#"{"message":"Refresh token does not exist"}"#, Some(Expired)),
            (403, r#"{"message":"Refresh token reuse detected"}"#, Some(Expired)),
            (403, r#"{"message":"Invalid / expired refresh token"}"#, Some(Expired)),
            (403, r#"{"code":403,"error_code":"session_not_found","msg":"x"}"#, Some(Expired)),
            (422, r#"{"message":"This refresh token has been used before"}"#, Some(Expired)),
            (401, r#"{"detail":"Token is blacklisted","code":"token_not_valid"}"#, Some(Revoked)),
            (403, r#"{"error":{"code":"REFRESH_TOKEN_REVOKED"}}"#, Some(Revoked)),
            (401, r#"{"statusCode":401,"message":"Unauthorized"}"#, Some(Expired)),
        ],
    );
}

#[test]
fn only_what_means_it_ends_a_session() {
    each(
        refresh,
        &[
            (400, r#"{"error":"invalid_request"}"#, None),
            (
                400,
                r#"{"error":"invalid_request","error_description":"Missing refresh token parameter."}"#,
                None,
            ),
            (
                400,
                r#"{"error":"invalid_request","error_description":"The request includes an invalid parameter value. Failed to refresh token because of multiple concurrent requests."}"#,
                None,
            ),
            // Spring Security hides the server's own faults behind it.
            (
                401,
                r#"{"status":401,"error":"Unauthorized","message":"Full authentication is required to access this resource"}"#,
                Some(PageNotAccepted),
            ),
            (400, r#"{"message":"Unexpected token 'g', \"grant_type=\"... is not valid JSON"}"#, None),
            (400, r#"{"message":"Unexpected end of JSON input"}"#, None),
            (400, r#"{"message":"request size did not match content length"}"#, None),
            (400, r#"{"code":400,"message":"Something went wrong while processing your request."}"#, None),
            (400, &detail("(sqlite3.OperationalError) database is locked"), None),
            (404, r#"{"message":"Route PUT:/auth/token/refresh not found","error":"Not Found"}"#, None),
            (404, r#"{"message":"Route GET:/auth/token not found","error":"Not Found"}"#, None),
            (
                401,
                r#"{"code":"FST_JWT_NO_AUTHORIZATION_IN_HEADER","message":"No Authorization was found in request.headers"}"#,
                Some(PageNotAccepted),
            ),
            (401, r#"{"code":401,"message":"auth header is empty"}"#, Some(PageNotAccepted)),
            (400, r#"{"message":"missing or malformed jwt"}"#, Some(PageNotAccepted)),
            (422, r#"{"error":"Invalid authenticity token"}"#, None),
            (400, "The antiforgery token could not be decrypted.", None),
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
            (403, r#"{"message":"API key revoked"}"#, Some(PageNotAccepted)),
            (401, r#"{"message":"No API key found in request"}"#, Some(PageNotAccepted)),
            (401, "Jwks remote fetch is failed", Some(Trouble)),
            // The server did not see the token that was sent.
            (401, &detail("Not authenticated"), Some(PageNotAccepted)),
            (401, &detail("Authentication credentials were not provided."), Some(PageNotAccepted)),
            (401, r#"{"msg":"Missing Authorization Header"}"#, Some(PageNotAccepted)),
            (401, "Jwt is missing", Some(PageNotAccepted)),
            (400, r#"{"errors":[{"message":"Invalid payload. \"refresh_token\" is required."}]}"#, None),
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
                Some(PageNotAccepted),
            ),
            (403, r#"{"message":"This session cannot be revoked"}"#, None),
            (
                403,
                r#"{"code":403,"error_code":"session_not_found","msg":"Session from session_id claim in JWT does not exist"}"#,
                Some(Expired),
            ),
            (404, r#"{"message":"Session not found"}"#, Some(Expired)),
            (401, r#"{"error":"invalid_client"}"#, Some(PageNotAccepted)),
            (400, r#"{"error":"invalid_grant"}"#, Some(Expired)),
            (401, &detail("Token is blacklisted"), Some(Revoked)),
            (422, &detail("Signature has expired"), Some(Expired)),
        ],
    );
}
