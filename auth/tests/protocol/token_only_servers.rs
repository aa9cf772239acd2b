//! Servers of the field whose access token is the whole session, each by its preset: login, wrong password, the end at
//! the server, logout. What they answer was taken from the applications of tests/servers.

use auth::{Custody, EndReason, Error, Method, State};

use crate::contracts::preset;
use crate::server::Dialect;
use crate::world::{World, me};

/// A server whose access token is the whole session: it ends when the token is refused, and a logout with a refused
/// token has nothing to end.
fn ends_with_its_token(text: &str, dialect: Dialect) {
    let (wrong, expired, logged_out) =
        (dialect.wrong.0, dialect.ended.unwrap_or(dialect.expired).0, dialect.logged_out.0);
    let (login, logout) = (dialect.login, dialect.logout);
    let contract = preset(text);
    let is_told = contract.logout.is_some();
    let world = World::with(|server| {
        server.dialect = dialect;
        server.expires_in = None;
        server.issues_refresh = false;
    });
    let tab = world.tab();
    let client = tab.open_with(contract, Custody::default());
    assert_eq!(world.run(client.login("ann", "wrong")).err(), Some(Error::WrongCredentials));
    world.run(client.login("ann", "secret")).unwrap();
    assert_eq!(world.run(client.send(&me())).unwrap().status, 200);
    // A new token would get a moment, because two clocks may disagree.
    world.pass(15_000);
    world.server(|server| server.end_all());
    assert_eq!(world.run(client.send(&me())).err(), Some(Error::SessionEnded(EndReason::Expired)));
    assert!(tab.is_wiped());
    let (wrong, expired) = (format!("POST {login} {wrong}"), format!("GET /me {expired}"));
    let granted = format!("POST {login} 200");
    assert_eq!(world.take_log(), [wrong, granted.clone(), "GET /me 200".to_owned(), expired]);
    for (refused, status) in [(false, logged_out), (true, 401)] {
        world.run(client.login("ann", "secret")).unwrap();
        if refused {
            world.server(|server| server.expire_access());
        }
        client.logout();
        world.settle();
        assert_eq!(client.state(), State::SignedOut(Some(EndReason::LoggedOut)), "{refused}");
        let told = is_told.then(|| format!("{} {} {status}", logout.0.name(), logout.1));
        assert_eq!(world.take_log(), [vec![granted.clone()], told.into_iter().collect()].concat());
    }
}

#[test]
fn fastapi_users() {
    ends_with_its_token(
        "fastapi-users",
        Dialect {
            login: "/auth/jwt/login",
            logout: (Method::Post, "/auth/jwt/logout"),
            ends_by_access: true,
            wrong: (400, r#"{"detail":"LOGIN_BAD_CREDENTIALS"}"#),
            expired: (401, r#"{"detail":"Unauthorized"}"#),
            ..Dialect::default()
        },
    );
}

#[test]
fn full_stack_fastapi_template() {
    let expired = (403, r#"{"detail":"Could not validate credentials"}"#);
    for ended in [expired, (400, r#"{"detail":"Inactive user"}"#)] {
        ends_with_its_token(
            "full-stack-fastapi-template",
            Dialect {
                login: "/api/v1/login/access-token",
                wrong: (400, r#"{"detail":"Incorrect email or password"}"#),
                expired,
                ended: Some(ended),
                ..Dialect::default()
            },
        );
    }
}
