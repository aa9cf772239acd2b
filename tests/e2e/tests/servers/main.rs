//! Real third-party servers, each chosen by one `<meta name="auth-contract">`. Each test walks a whole session through one
//! server and prints one row of the table in docs/servers.md. The row must stand there.

mod stages;
mod walk;

use anyhow::Result;
use e2e::sentences::{EXPIRED, REVOKED};

use crate::walk::{Case, walk};

#[tokio::test(flavor = "multi_thread")]
async fn authx() -> Result<()> {
    walk(&Case {
        app: "authx_app",
        contract: "authx",
        package: "authx",
        refresh: Some("POST /refresh"),
        logout: Some("POST /logout"),
        wrong: 401,
        expired: 422,
        ended: REVOKED,
        signs: true,
        ..Case::default()
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn fastapi_users() -> Result<()> {
    walk(&Case {
        app: "fastapi_users_app",
        contract: "fastapi-users",
        package: "fastapi-users",
        username: "demo@example.org",
        login: "POST /auth/jwt/login",
        logout: Some("POST /auth/jwt/logout"),
        wrong: 400,
        ..Case::default()
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn simple_jwt() -> Result<()> {
    walk(&Case {
        app: "simple_jwt_app",
        contract: "simple-jwt",
        package: "djangorestframework-simplejwt",
        login: "POST /api/token/",
        refresh: Some("POST /api/token/refresh/"),
        logout: Some("POST /api/token/blacklist/"),
        ended: REVOKED,
        ..Case::default()
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn flask_jwt_extended() -> Result<()> {
    walk(&Case {
        app: "flask_jwt_app",
        contract: "flask-jwt-extended",
        package: "flask-jwt-extended",
        refresh: Some("POST /refresh"),
        logout: Some("DELETE /logout"),
        ended: REVOKED,
        signs: true,
        ..Case::default()
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn fastapi_jwt_auth() -> Result<()> {
    walk(&Case {
        app: "fastapi_jwt_auth_app",
        contract: "fastapi-jwt-auth",
        package: "another-fastapi-jwt-auth",
        refresh: Some("POST /refresh"),
        logout: Some("DELETE /logout"),
        expired: 422,
        ended: REVOKED,
        signs: true,
        ..Case::default()
    })
    .await
}

/// The template is no package, so its login stands on the packages that it uses.
#[tokio::test(flavor = "multi_thread")]
async fn full_stack_fastapi_template() -> Result<()> {
    walk(&Case {
        app: "full_stack_app",
        contract: "full-stack-fastapi-template",
        package: "fastapi",
        username: "demo@example.org",
        login: "POST /api/v1/login/access-token",
        data: ("/api/v1/users/me", "email"),
        wrong: 400,
        expired: 403,
        signs: true,
        ..Case::default()
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn django_oauth_toolkit() -> Result<()> {
    walk(&Case {
        app: "oauth_toolkit_app",
        contract: r#"{"preset": "django-oauth-toolkit", "client_id": "page"}"#,
        package: "django-oauth-toolkit",
        login: "POST /o/token/",
        refresh: Some("POST /o/token/"),
        logout: Some("POST /o/revoke_token/"),
        wrong: 400,
        expired: 403,
        ended: EXPIRED,
        ..Case::default()
    })
    .await
}

/// The same server at the paths of the plain preset, with a resource that refuses as RFC 6750 has it.
#[tokio::test(flavor = "multi_thread")]
async fn oauth2() -> Result<()> {
    walk(&Case {
        app: "oauth_toolkit_app",
        contract: r#"{"preset": "oauth2", "client_id": "page"}"#,
        package: "django-oauth-toolkit",
        login: "POST /token",
        refresh: Some("POST /token"),
        logout: Some("POST /revoke"),
        data: ("/api/me", "user"),
        wrong: 400,
        ended: EXPIRED,
        ..Case::default()
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn authx_with_a_refresh_cookie() -> Result<()> {
    walk(&Case {
        app: "authx_app",
        contract: r#"{"preset": "authx", "refresh_cookie": {"echo": {"cookie": "csrf_refresh_token", "header": "X-CSRF-TOKEN"}}}"#,
        package: "authx",
        refresh: Some("POST /refresh"),
        logout: Some("POST /logout"),
        expired: 422,
        ended: REVOKED,
        signs: true,
        cookies: true,
        ..Case::default()
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn fastapi_jwt_auth_with_a_refresh_cookie() -> Result<()> {
    walk(&Case {
        app: "fastapi_jwt_auth_app",
        contract: r#"{"preset": "fastapi-jwt-auth", "refresh_cookie": {"echo": {"cookie": "csrf_refresh_token", "header": "X-CSRF-Token"}}}"#,
        package: "another-fastapi-jwt-auth",
        refresh: Some("POST /refresh"),
        logout: Some("DELETE /logout"),
        expired: 422,
        ended: REVOKED,
        signs: true,
        cookies: true,
        ..Case::default()
    })
    .await
}

/// The login gives a cookie and no token; a route of the application's own gives access tokens for it.
#[tokio::test(flavor = "multi_thread")]
async fn fastapi_users_with_a_login_cookie() -> Result<()> {
    walk(&Case {
        app: "fastapi_users_app",
        contract: r#"{"preset": "fastapi-users", "login": {"path": "/auth/cookie/login"}, "refresh": {"path": "/auth/refresh", "refresh_token": "field:token"}, "logout": {"path": "/auth/cookie/logout", "refresh_token": "field:token", "access_token": null}, "rotation": "never", "refresh_cookie": {"alone": true}}"#,
        package: "fastapi-users",
        username: "demo@example.org",
        login: "POST /auth/cookie/login",
        refresh: Some("POST /auth/refresh"),
        logout: Some("POST /auth/cookie/logout"),
        wrong: 400,
        cookies: true,
        ..Case::default()
    })
    .await
}
