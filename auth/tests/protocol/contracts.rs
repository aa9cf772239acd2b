//! Servers of the field, each by a value: login, refresh after "expired", terminal answer, logout.

use auth::{Carrier, Contract, Custody, EndReason, Endpoint, Error, Fields, Matcher, Method, State};

use crate::server::{self, Dialect, JSON};
use crate::world::{World, me, signed_in};

/// Walks a whole session through a server that speaks `dialect` and a client that was told `contract`.
fn speaks(contract: Contract, dialect: Dialect) {
    let expired = dialect.expired.0;
    let terminal = dialect.terminal.0;
    let revoked = dialect.terminal.1.contains("blacklisted");
    let end = if revoked { EndReason::Revoked } else { EndReason::Expired };
    let (login, refresh, logout) = (dialect.login, dialect.refresh, dialect.logout);
    let world = World::with(|server| {
        server.dialect = dialect;
        server.expires_in = None;
    });
    let tab = world.tab();
    let client = tab.open_with(contract, Custody::default());
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
    assert_eq!(world.take_log(), [format!("GET /me {expired}"), format!("POST {refresh} {terminal}")]);
    assert!(tab.is_wiped());
    world.run(client.login("ann", "secret")).unwrap();
    client.logout();
    world.settle();
    assert_eq!(client.state(), State::SignedOut(Some(EndReason::LoggedOut)));
    assert_eq!(
        world.take_log(),
        [format!("POST {login} 200"), format!("{} {} 204", logout.0.name(), logout.1)]
    );
    assert_eq!(world.server(|server| (server.alive(), server.reuses)), (0, 0));
}

#[test]
fn the_guides_server() {
    speaks(Contract::default(), Dialect::default());
}

#[test]
fn simple_jwt() {
    speaks(
        Contract {
            login: Endpoint::post("/api/token/").json(),
            refresh: Some(with_field(Endpoint::post("/api/token/refresh/").json(), "refresh")),
            logout: Some(with_field(Endpoint::post("/api/token/blacklist/").json(), "refresh")),
            fields: Fields {
                access_token: "access".into(),
                refresh_token: "refresh".into(),
                ..Fields::default()
            },
            expired: vec![Matcher::status(401).is("code", &["token_not_valid"])],
            ..Contract::default()
        },
        Dialect {
            login: "/api/token/",
            login_media_type: JSON,
            refresh: "/api/token/refresh/",
            carrier: server::Carrier::Json("refresh"),
            logout: (Method::Post, "/api/token/blacklist/"),
            access_name: "access",
            refresh_name: "refresh",
            expired: (401, r#"{"detail":"x","code":"token_not_valid","messages":[]}"#),
            terminal: (401, r#"{"detail":"Token is blacklisted","code":"token_not_valid"}"#),
        },
    );
}

fn with_field(endpoint: Endpoint, name: &'static str) -> Endpoint {
    endpoint.refresh_token(Carrier::Field(name.into()))
}

fn bearer(expired: Matcher) -> Contract {
    let bearer = |path: &'static str| Endpoint::post(path).refresh_token(Carrier::Authorization);
    Contract {
        login: Endpoint::post("/login").json(),
        refresh: Some(bearer("/refresh")),
        logout: Some(bearer("/logout")),
        expired: vec![expired],
        ..Contract::default()
    }
}

#[test]
fn authx_with_headers() {
    let expired = (422, r#"{"message":"Token has expired","error_type":"TokenExpiredError"}"#);
    speaks(
        bearer(Matcher::status(422).is("error_type", &["TokenExpiredError"])),
        Dialect {
            login: "/login",
            login_media_type: JSON,
            carrier: server::Carrier::Bearer,
            expired,
            terminal: expired,
            ..Dialect::default()
        },
    );
}

#[test]
fn fastapi_jwt_auth() {
    let expired = (422, r#"{"detail":"Signature has expired"}"#);
    speaks(
        Contract {
            logout: Some(Endpoint::new(Method::Delete, "/logout").refresh_token(Carrier::Authorization)),
            ..bearer(Matcher::status(422).is("detail", &["Signature has expired"]))
        },
        Dialect {
            login: "/login",
            login_media_type: JSON,
            carrier: server::Carrier::Bearer,
            logout: (Method::Delete, "/logout"),
            expired,
            terminal: expired,
            ..Dialect::default()
        },
    );
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
fn a_server_without_refresh_ends_the_session_with_its_access_token() {
    let world = World::new();
    let tab = world.tab();
    let client = tab.open_with(Contract { refresh: None, ..Contract::default() }, Custody::default());
    world.run(client.login("ann", "secret")).unwrap();
    world.pass(900_000);
    assert_eq!(world.run(client.send(&me())).err(), Some(Error::SessionEnded(EndReason::Expired)));
    assert_eq!(world.count("POST /refresh"), 0);
    assert!(tab.is_wiped());
}
