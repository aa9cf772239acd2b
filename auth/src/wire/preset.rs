//! Contracts of servers that people run, as the texts that `Contract::from_text` reads. docs/servers.md says of each what
//! was tested.

/// Each preset's name and text.
pub(super) const PRESETS: [(&str, &str); 9] = [
    ("guide", "{}"),
    // The refresh token goes into `Authorization`, and a logout wants the access token. Under a new signing key no
    // token is good any more. A token from the future, by another clock, is a `JWTDecodeError` or "not yet valid".
    (
        "authx",
        r#"{"login": {"path": "/login", "encoding": "json", "fields": {}},
            "refresh": {"encoding": "form", "refresh_token": "authorization"},
            "logout": {"encoding": "form", "refresh_token": null, "access_token": "authorization"},
            "sessions": null, "refresh_cookie": null, "rotation": "never",
            "refresh_refusals": [{"status": 422, "says": "signature verification failed", "means": "expired"}],
            "expired": [{"status": 401}, {"status": 422, "is": {"error_type": "JWTDecodeError"}},
                        {"status": 422, "says": ["token has expired", "signature has expired", "not yet valid",
                                                 "signature verification failed"]}]}"#,
    ),
    // Its decorators refuse with an empty 403, whatever is wrong with a token.
    (
        "django-oauth-toolkit",
        r#"{"preset": "oauth2", "login": {"path": "/o/token/"}, "refresh": {"path": "/o/token/"},
            "logout": {"path": "/o/revoke_token/"}, "expired": [{"status": 401}, {"status": 403, "says_not": []}]}"#,
    ),
    ("fastapi-jwt-auth", r#"{"preset": "authx", "logout": {"method": "DELETE"}}"#),
    ("flask-jwt-extended", r#"{"preset": "fastapi-jwt-auth"}"#),
    // A logout whose access token is refused has nothing to end, because the token is the whole session.
    (
        "fastapi-users",
        r#"{"login": {"path": "/auth/jwt/login"}, "refresh": null,
            "logout": {"path": "/auth/jwt/logout", "encoding": "form", "refresh_token": null,
                       "access_token": "authorization"},
            "logout_refusals": [{"status": 401, "means": "expired"}], "sessions": null, "refresh_cookie": null}"#,
    ),
    // It has no logout: its own page forgets the token. A 404 that says "User not found" ends nothing, because it may be
    // about another user than the token's.
    (
        "full-stack-fastapi-template",
        r#"{"login": {"path": "/api/v1/login/access-token"}, "refresh": null, "logout": null, "sessions": null, "refresh_cookie": null,
            "expired": [{"status": 401}, {"status": 403, "is": {"detail": "Could not validate credentials"}},
                        {"status": 400, "is": {"detail": "Inactive user"}}]}"#,
    ),
    // RFC 6749 §4.3, §6 and RFC 7009.
    (
        "oauth2",
        r#"{"refresh": {"path": "/token", "encoding": "form", "fields": {"grant_type": "refresh_token"}},
            "logout": {"path": "/revoke", "encoding": "form", "fields": {"token_type_hint": "refresh_token"},
                       "refresh_token": "field:token"},
            "sessions": null, "refresh_cookie": null}"#,
    ),
    (
        "simple-jwt",
        r#"{"login": {"path": "/api/token/", "encoding": "json", "fields": {}},
            "refresh": {"path": "/api/token/refresh/", "refresh_token": "field:refresh"},
            "logout": {"path": "/api/token/blacklist/", "refresh_token": "field:refresh"},
            "sessions": null, "refresh_cookie": null, "fields": {"access_token": "access", "refresh_token": "refresh"}}"#,
    ),
];
