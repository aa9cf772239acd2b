//! Logouts that take the access token, which may be missing or expired by then.

use auth::{AccessCustody, Carrier, Client, Contract, Custody, Endpoint, RefreshCustody, State};

use crate::logout::LOGGED_OUT;
use crate::server::header;
use crate::world::{Fault, LedgerFault, World};

const EXPIRED: &str = r#"{"detail":"Token has expired"}"#;

/// Ann signed in at a server whose logout takes the access token alone. Then she loads the page again, at a server that
/// answers that page's refreshes with `fault`.
fn loaded_again(custody: Custody, fault: Fault) -> (World, Client) {
    let world = World::with(|server| server.dialect.ends_by_access = true);
    let logout = || Some(Endpoint::post("/logout").access_token(Carrier::Authorization));
    let contract = || Contract { logout: logout(), ..Contract::default() };
    let tab = world.tab();
    world.run(tab.open_with(contract(), custody).login("ann", "secret")).unwrap();
    tab.close();
    world.always("/refresh", fault);
    let client = tab.open_with(contract(), custody);
    world.pass(60_000);
    assert!(matches!(client.state(), State::SignedIn { .. }), "{:?}", client.state());
    world.heal();
    world.take_log();
    (world, client)
}

/// The page has the refresh token alone.
fn without_access_token() -> (World, Client) {
    let custody = Custody { access: AccessCustody::Memory, ..Custody::default() };
    loaded_again(custody, Fault::says(503, ""))
}

#[test]
fn a_logout_that_has_no_access_token_gets_one_first() {
    let (world, client) = without_access_token();
    client.logout();
    world.settle();
    assert_eq!(world.take_log(), ["POST /refresh 200", "POST /logout 204"]);
    assert_eq!((client.state(), world.server(|server| server.alive())), (LOGGED_OUT, 0));
}

#[test]
fn a_logout_whose_renewal_fails_is_repeated() {
    let (world, client) = without_access_token();
    world.next("/refresh", [Fault::says(503, "")]);
    client.logout();
    world.settle();
    assert_eq!(world.take_log(), ["POST /refresh 503", "POST /refresh 200", "POST /logout 204"]);
    assert_eq!((client.state(), world.server(|server| server.alive())), (LOGGED_OUT, 0));
}

#[test]
fn a_logout_whose_renewal_says_that_the_session_is_over_sends_no_more() {
    let (world, client) = without_access_token();
    world.server(|server| server.end_all());
    client.logout();
    world.settle();
    assert_eq!((client.state(), world.take_log()), (LOGGED_OUT, vec!["POST /refresh 401".to_owned()]));

    let (world, client) = loaded_again(Custody::default(), Fault::None);
    world.server(|server| server.end_all());
    world.next("/logout", [Fault::says(401, EXPIRED)]);
    client.logout();
    world.settle();
    assert_eq!(
        (client.state(), world.take_log()),
        (LOGGED_OUT, vec!["POST /logout 401".to_owned(), "POST /refresh 401".to_owned()])
    );
}

#[test]
fn a_logout_with_an_expired_access_token_and_no_refresh_token_has_nothing_to_end() {
    let custody = Custody { refresh: RefreshCustody::Memory, ..Custody::default() };
    let (world, client) = loaded_again(custody, Fault::None);
    world.next("/logout", [Fault::says(401, EXPIRED)]);
    client.logout();
    world.settle();
    assert_eq!((client.state(), world.take_log()), (LOGGED_OUT, vec!["POST /logout 401".to_owned()]));
}

#[test]
fn a_silent_ledger_does_not_make_it_twice() {
    let world = World::with(|server| server.dialect.ends_by_access = true);
    let logout = Some(Endpoint::post("/logout").access_token(Carrier::Authorization));
    let client = world.tab().open_with(Contract { logout, ..Contract::default() }, Custody::default());
    world.run(client.login("ann", "secret")).unwrap();
    world.next_transactions([LedgerFault::Hangs; 3]);
    client.logout();
    world.settle();
    assert_eq!((client.state(), world.count("POST /logout")), (LOGGED_OUT, 1));
}

#[test]
fn a_session_that_is_renewed_with_its_access_token_is_logged_out_with_the_newest() {
    let world = World::new();
    let contract = || Contract {
        refresh: Some(Endpoint::post("/renew").access_token(Carrier::Authorization)),
        logout: Some(Endpoint::post("/logout").access_token(Carrier::Authorization)),
        ..Contract::default()
    };
    world.next("/token", [Fault::says(200, r#"{"access_token":"first","expires_in":900}"#)]);
    let client = world.tab().open_with(contract(), Custody::default());
    world.run(client.login("ann", "secret")).unwrap();
    // Another tab opens and renews the session. The server takes "first" no more.
    world.next("/renew", [Fault::says(200, r#"{"access_token":"second","expires_in":900}"#)]);
    let other = world.tab().open_with(contract(), Custody::default());
    world.settle();
    assert!(matches!(other.state(), State::SignedIn { .. }), "{:?}", world.take_log());
    let gone = || Fault::says(401, r#"{"error":"invalid_token","message":"The token has been revoked"}"#);
    world.next("/logout", [gone()]);
    world.next("/renew", [gone()]);
    world.always("/logout", Fault::says(204, ""));
    client.logout();
    world.settle();
    let logouts = world.sent().into_iter().filter(|request| request.url.ends_with("/logout"));
    let told: Vec<_> =
        logouts.filter_map(|request| Some(header(&request, "authorization")?.to_owned())).collect();
    assert!(told.contains(&"Bearer second".to_owned()), "{told:?}");
}
