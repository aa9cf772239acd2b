//! Servers of the field, each by its preset or by a value: login, wrong password, refresh after "expired", the end at the
//! server, logout. What they answer was taken from the applications of tests/servers.

use auth::{Carrier, Contract, Custody, EndReason, Endpoint, Error, Matcher, Method, State};

use crate::server::{self, Dialect, FORM, JSON, Rotation};
use crate::world::{Fault, LedgerFault, World, me, signed_in};

/// Walks a whole session through a server that speaks `dialect` and a client that was told `contract`.
fn speaks(contract: Contract, dialect: Dialect) {
    rotates(contract, Rotation::Strict, dialect);
}

/// As [`speaks`], for a server that treats refresh tokens as `rotation` says.
fn rotates(contract: Contract, rotation: Rotation, dialect: Dialect) {
    let expired = dialect.expired.0;
    let ended = dialect.ended.unwrap_or(dialect.expired).0;
    let (wrong, terminal, logged_out) = (dialect.wrong.0, dialect.terminal.0, dialect.logged_out.0);
    let revoked = ["blacklisted", "revoked", "Revoked"].iter().any(|word| dialect.terminal.1.contains(word));
    let end = if revoked { EndReason::Revoked } else { EndReason::Expired };
    let (login, refresh, logout) = (dialect.login, dialect.refresh, dialect.logout);
    let world = World::with(|server| {
        server.dialect = dialect;
        server.rotation = rotation;
        server.expires_in = None;
    });
    let tab = world.tab();
    let client = tab.open_with(contract, Custody::default());
    assert_eq!(world.run(client.login("ann", "wrong")).err(), Some(Error::WrongCredentials));
    assert_eq!(world.take_log(), [format!("POST {login} {wrong}")]);
    world.run(client.login("ann", "secret")).unwrap();
    assert_eq!(client.state(), signed_in("ann"));
    assert_eq!(world.run(client.send(&me())).unwrap().status, 200);
    world.server(|server| server.expire_access());
    assert_eq!(world.run(client.send(&me())).unwrap().status, 200);
    assert_eq!(
        world.take_log(),
        [
            format!("POST {login} 200"),
            "GET /me 200".to_owned(),
            format!("GET /me {expired}"),
            format!("POST {refresh} 200"),
            "GET /me 200".to_owned()
        ]
    );
    world.server(|server| server.end_all());
    assert_eq!(world.run(client.send(&me())).err(), Some(Error::SessionEnded(end)));
    assert_eq!(world.take_log(), [format!("GET /me {ended}"), format!("POST {refresh} {terminal}")]);
    assert!(tab.is_wiped());
    world.run(client.login("ann", "secret")).unwrap();
    client.logout();
    world.settle();
    assert_eq!(client.state(), State::SignedOut(Some(EndReason::LoggedOut)));
    assert_eq!(
        world.take_log(),
        [format!("POST {login} 200"), format!("{} {} {logged_out}", logout.0.name(), logout.1)]
    );
    assert_eq!(world.server(|server| (server.alive(), server.reuses)), (0, 0));
    // A logout long after the access token's end reaches the server as well.
    world.run(client.login("ann", "secret")).unwrap();
    world.server(|server| server.expire_access());
    world.take_log();
    client.logout();
    world.settle();
    assert_eq!(client.state(), State::SignedOut(Some(EndReason::LoggedOut)));
    let told = format!("{} {} ", logout.0.name(), logout.1);
    let log = world.take_log();
    assert!(log.last().is_some_and(|last| *last == format!("{told}{logged_out}")), "{log:?}");
    assert!(log.len() == 1 || log[1] == format!("POST {refresh} 200"), "{log:?}");
    assert_eq!(world.server(|server| server.alive()), 0);
    // One whose renewal fails is not told as heard.
    world.run(client.login("ann", "secret")).unwrap();
    world.server(|server| server.expire_access());
    world.take_log();
    world.always(refresh, Fault::says(503, ""));
    client.logout();
    world.settle();
    let heard = log.len() == 1;
    let told = if heard { EndReason::LoggedOut } else { EndReason::LoggedOutHereOnly };
    assert_eq!(client.state(), State::SignedOut(Some(told)), "{:?}", world.take_log());
}

pub(crate) fn preset(text: &str) -> Contract {
    Contract::from_text(text).unwrap()
}

#[test]
fn the_guides_server() {
    speaks(Contract::default(), Dialect::default());
}

#[test]
fn simple_jwt() {
    let expired = r#"{"detail":"Given token not valid for any token type","code":"token_not_valid","messages":[{"token_class":"AccessToken","token_type":"access","message":"Token is expired"}]}"#;
    speaks(
        preset("simple-jwt"),
        Dialect {
            login: "/api/token/",
            login_media_type: JSON,
            refresh: "/api/token/refresh/",
            carrier: server::Carrier::Json("refresh"),
            logout: (Method::Post, "/api/token/blacklist/"),
            access_name: "access",
            refresh_name: "refresh",
            wrong: (401, r#"{"detail":"No active account found with the given credentials"}"#),
            expired: (401, expired),
            terminal: (401, r#"{"detail":"Token is blacklisted","code":"token_not_valid"}"#),
            logged_out: (200, "{}"),
            ..Dialect::default()
        },
    );
}

fn with_field(endpoint: Endpoint, name: &'static str) -> Endpoint {
    endpoint.refresh_token(Carrier::Field(name.into()))
}

/// What AuthX, Flask-JWT-Extended and fastapi-jwt-auth have in common: the refresh token stays and goes into
/// `Authorization`, and a logout wants the access token.
fn bearer(logout: Method) -> Dialect {
    Dialect {
        login: "/login",
        login_media_type: JSON,
        carrier: server::Carrier::Bearer,
        logout: (logout, "/logout"),
        ends_by_access: true,
        ..Dialect::default()
    }
}

#[test]
fn authx_with_headers() {
    let revoked = (401, r#"{"message":"Invalid token","error_type":"RevokedTokenError"}"#);
    let dialect = Dialect {
        wrong: (401, r#"{"detail":"Invalid credentials"}"#),
        expired: (422, r#"{"message":"Token has expired","error_type":"TokenExpiredError"}"#),
        ended: Some(revoked),
        terminal: revoked,
        logged_out: (200, r#"{"message":"Logged out"}"#),
        ..bearer(Method::Post)
    };
    rotates(preset("authx"), Rotation::Absent, dialect.clone());
    let early = (422, r#"{"message":"Invalid Token","error_type":"JWTDecodeError"}"#);
    rotates(preset("authx"), Rotation::Absent, Dialect { expired: early, ..dialect.clone() });
    let resigned =
        (422, r#"{"message":"Signature verification failed","error_type":"TokenInvalidSignatureError"}"#);
    let dialect = Dialect { expired: resigned, ended: Some(resigned), terminal: resigned, ..dialect };
    rotates(preset("authx"), Rotation::Absent, dialect);
}

#[test]
fn flask_jwt_extended() {
    let revoked = (401, r#"{"msg":"Token has been revoked"}"#);
    let dialect = Dialect {
        wrong: (401, r#"{"msg":"Bad username or password"}"#),
        expired: (401, r#"{"msg":"Token has expired"}"#),
        ended: Some(revoked),
        terminal: revoked,
        logged_out: (200, r#"{"msg":"Access token revoked"}"#),
        ..bearer(Method::Delete)
    };
    rotates(preset("flask-jwt-extended"), Rotation::Absent, dialect.clone());
    let early = (422, r#"{"msg":"The token is not yet valid (iat)"}"#);
    rotates(preset("flask-jwt-extended"), Rotation::Absent, Dialect { expired: early, ..dialect.clone() });
    let resigned = (422, r#"{"msg":"Signature verification failed"}"#);
    let resigning =
        Dialect { expired: resigned, ended: Some(resigned), terminal: resigned, ..dialect.clone() };
    rotates(preset("flask-jwt-extended"), Rotation::Absent, resigning);
    // A logout with `verify_type=False` ends the token that it gets.
    let text = r#"{"preset": "flask-jwt-extended", "logout": {"access_token": null, "refresh_token": "authorization"}}"#;
    rotates(preset(text), Rotation::Absent, Dialect { ends_by_access: false, ..dialect });
}

#[test]
fn fastapi_jwt_auth() {
    let revoked = (401, r#"{"detail":"Token has been revoked"}"#);
    let dialect = Dialect {
        wrong: (401, r#"{"detail":"Bad username or password"}"#),
        expired: (422, r#"{"detail":"Signature has expired"}"#),
        ended: Some(revoked),
        terminal: revoked,
        logged_out: (200, r#"{"detail":"Logged out"}"#),
        ..bearer(Method::Delete)
    };
    rotates(preset("fastapi-jwt-auth"), Rotation::Absent, dialect.clone());
    let early = (422, r#"{"detail":"The token is not yet valid (iat)"}"#);
    rotates(preset("fastapi-jwt-auth"), Rotation::Absent, Dialect { expired: early, ..dialect.clone() });
    let resigned = (422, r#"{"detail":"Signature verification failed"}"#);
    let dialect = Dialect { expired: resigned, ended: Some(resigned), terminal: resigned, ..dialect };
    rotates(preset("fastapi-jwt-auth"), Rotation::Absent, dialect);
}

/// Its decorators refuse with an empty 403, its class for Django REST framework with 401.
#[test]
fn django_oauth_toolkit() {
    let dialect = Dialect {
        login: "/o/token/",
        login_media_type: FORM,
        refresh: "/o/refresh/",
        carrier: server::Carrier::Form("refresh_token"),
        logout: (Method::Post, "/o/revoke_token/"),
        wrong: (400, r#"{"error": "invalid_grant", "error_description": "Invalid credentials given."}"#),
        terminal: (400, r#"{"error": "invalid_grant"}"#),
        logged_out: (200, ""),
        ..Dialect::default()
    };
    // The imitation needs a path of its own for the refresh, and the field of the other calls for the revocation.
    let contract = r#"{"preset": "django-oauth-toolkit", "client_id": "page", "refresh": {"path": "/o/refresh/"},
                       "logout": {"refresh_token": "field:refresh_token"}}"#;
    for expired in [(403, ""), (401, r#"{"detail":"Authentication credentials were not provided."}"#)] {
        speaks(preset(contract), Dialect { expired, ..dialect.clone() });
    }
}

#[test]
fn an_oauth_server_with_a_form_refresh() {
    speaks(
        Contract {
            login: Endpoint::post("/oauth/token"),
            refresh: Some(with_field(
                Endpoint::post("/oauth/refresh").field("grant_type", "refresh_token"),
                "refresh_token",
            )),
            logout: Some(with_field(Endpoint::post("/oauth/revoke"), "refresh_token")),
            ..Contract::default()
        },
        Dialect {
            login: "/oauth/token",
            refresh: "/oauth/refresh",
            carrier: server::Carrier::Form("refresh_token"),
            logout: (Method::Post, "/oauth/revoke"),
            terminal: (400, r#"{"error":"invalid_grant","error_description":"x"}"#),
            ..Dialect::default()
        },
    );
}

#[test]
fn a_403_that_means_expired_and_one_that_does_not() {
    let contract = Contract {
        expired: vec![
            Matcher::status(401),
            Matcher::status(403).is("detail", &["Could not validate credentials"]),
        ],
        ..Contract::default()
    };
    let expired = (403, r#"{"detail":"Could not validate credentials"}"#);
    speaks(contract.clone(), Dialect { expired, ..Dialect::default() });
    let world = World::new();
    let client = world.tab().open_with(contract, Custody::default());
    world.run(client.login("ann", "secret")).unwrap();
    world.next("/me", [crate::world::Fault::says(403, r#"{"detail":"Not enough permissions"}"#)]);
    assert_eq!(world.run(client.send(&me())).unwrap().success().err(), Some(Error::Forbidden));
    assert_eq!(world.count("POST /refresh"), 0);
    assert_eq!(client.state(), signed_in("ann"));
}

#[test]
fn a_page_whose_new_contract_has_no_refresh_keeps_a_session_whose_token_is_good() {
    let (world, tab, _client) = World::signed_in();
    tab.close();
    let client = tab.open_with(Contract { refresh: None, ..Contract::default() }, Custody::default());
    world.settle();
    assert_eq!(world.run(client.send(&me())).unwrap().status, 200);
    world.next("/me", [Fault::Lost]);
    assert!(world.run(client.send(&me())).is_err());
    world.run(client.recheck());
    world.settle();
    assert_eq!(world.run(client.send(&me())).map(|answer| answer.status), Ok(200), "{:?}", client.state());
}

#[test]
fn such_a_page_keeps_it_too_if_the_ledger_gives_no_answer_at_its_start() {
    let (world, tab, _client) = World::signed_in();
    tab.close();
    world.next_transactions([LedgerFault::Hangs; 12]);
    let client = tab.open_with(Contract { refresh: None, ..Contract::default() }, Custody::default());
    world.pass(20_000);
    world.unblock_ledger();
    world.next("/me", [Fault::Lost]);
    assert!(world.run(client.send(&me())).is_err());
    world.run(client.recheck());
    world.settle();
    assert_eq!(world.run(client.send(&me())).map(|answer| answer.status), Ok(200), "{:?}", client.state());
}
