//! The user's own sessions: listed, ended one by one, and all at once.

use auth::{Client, Contract, Custody, EndReason, Error, State};

use crate::world::{Fault, World, signed_in};

const LIST: &str = r#"{"sessions":[
    {"sid":"here_1","device":"Laptop","created_at":"2026-01-01T00:00:00Z","last_used_at":"2026-01-02T00:00:00Z","current":true},
    {"sid":"there-2","device":null}]}"#;

/// What the list is when the server answers so.
fn listed(status: u16, body: &str) -> Result<Vec<auth::OwnSession>, Error> {
    let (world, _tab, client) = World::signed_in();
    world.next("/sessions", [Fault::says(status, body)]);
    let list = world.run(client.own_sessions());
    assert_eq!(world.take_log(), [format!("GET /sessions {status}")]);
    assert_eq!(client.state(), signed_in("ann"));
    list
}

#[test]
fn sessions_are_listed_as_the_server_tells_of_them() {
    let list = listed(200, LIST).unwrap();
    let [here, there] = &*list else { panic!("{list:?}") };
    assert_eq!((&*here.sid, here.device.as_deref(), here.current), ("here_1", Some("Laptop"), true));
    assert_eq!(here.created_at.as_deref(), Some("2026-01-01T00:00:00Z"));
    assert_eq!(here.last_used_at.as_deref(), Some("2026-01-02T00:00:00Z"));
    assert_eq!((&*there.sid, there.device.as_deref(), there.current), ("there-2", None, false));
    assert_eq!((&there.created_at, &there.last_used_at), (&None, &None));
    assert_eq!(listed(200, r#"{"sessions":[]}"#), Ok(Vec::new()));
}

#[test]
fn what_cannot_be_read_of_a_session_is_not_known() {
    let list = listed(
        200,
        r#"{"sessions":[{"sid":"a","device":7,"created_at":{},"last_used_at":null,"current":"true","more":[]}]}"#,
    );
    let [session] = &*list.unwrap() else { panic!("one session") };
    assert_eq!((&session.device, &session.created_at, &session.last_used_at), (&None, &None, &None));
    assert!(!session.current);
}

#[test]
fn a_servers_text_is_capped_between_characters() {
    let long = "\u{e9}".repeat(300);
    let body = format!(
        r#"{{"sessions":[{{"sid":"a","device":"{long}","created_at":"{long}","last_used_at":"{long}"}}]}}"#
    );
    let list = listed(200, &body).unwrap();
    let capped = Some("\u{e9}".repeat(255));
    assert_eq!((&list[0].device, &list[0].created_at, &list[0].last_used_at), (&capped, &capped, &capped));
    let whole = "\u{e9}".repeat(255);
    let list = listed(200, &format!(r#"{{"sessions":[{{"sid":"a","device":"{whole}"}}]}}"#)).unwrap();
    assert_eq!(list[0].device.as_ref(), Some(&whole));
}

#[test]
fn a_list_that_is_none_is_not_understood() {
    for body in [
        "",
        "<html></html>",
        "[]",
        "{}",
        r#"{"sessions":{}}"#,
        r#"{"sessions":[{}]}"#,
        r#"{"sessions":[{"sid":7}]}"#,
    ] {
        assert_eq!(listed(200, body), Err(Error::Unintelligible), "{body}");
    }
}

#[test]
fn a_session_whose_name_could_mean_another_path_is_neither_listed_nor_ended() {
    let long = "a".repeat(256);
    let (world, _tab, client) = World::signed_in();
    for sid in ["", "..", "a/b", "a?b", "a#b", "a%2fb", "a b", "\u{e9}", &long] {
        let body = format!(r#"{{"sessions":[{{"sid":"{sid}"}}]}}"#);
        assert_eq!(listed(200, &body), Err(Error::Unintelligible), "{sid}");
        assert_eq!(world.run(client.end_session(sid)), Err(Error::NotFound), "{sid}");
    }
    assert!(world.take_log().is_empty());
    let longest = "a".repeat(255);
    assert!(listed(200, &format!(r#"{{"sessions":[{{"sid":"{longest}"}}]}}"#)).is_ok());
}

#[test]
fn a_server_without_sessions_does_not_offer_them() {
    for status in [404, 405] {
        assert_eq!(listed(status, "{}"), Err(Error::NotOffered), "{status}");
    }
    assert_eq!(listed(403, "{}"), Err(Error::Forbidden));
    let world = World::new();
    let contract = Contract { sessions: None, ..Contract::default() };
    let client = world.tab().open_with(contract, Custody::default());
    world.run(client.login("ann", "secret")).unwrap();
    world.take_log();
    assert!(!client.lists_sessions() && World::signed_in().2.lists_sessions());
    assert_eq!(world.run(client.own_sessions()), Err(Error::NotOffered));
    assert_eq!(world.run(client.end_session("a")), Err(Error::NotOffered));
    assert_eq!(world.run(client.logout_everywhere()), Err(Error::NotOffered));
    assert!(world.take_log().is_empty());
    assert_eq!(client.state(), signed_in("ann"));
}

/// What ending a session comes to when the server answers so.
fn ended(status: u16) -> Result<(), Error> {
    let (world, _tab, client) = World::signed_in();
    world.next("/sessions/there-2", [Fault::says(status, "")]);
    let outcome = world.run(client.end_session("there-2"));
    assert_eq!(world.take_log(), [format!("DELETE /sessions/there-2 {status}")]);
    assert_eq!(client.state(), signed_in("ann"), "this one goes on");
    outcome
}

#[test]
fn another_session_is_ended_by_its_name() {
    assert_eq!(ended(204), Ok(()));
    assert_eq!(ended(404), Ok(()), "it is over already");
    assert_eq!(ended(405), Err(Error::NotOffered));
    assert_eq!(ended(500), Err(Error::ServerError { status: 500 }));
}

fn everywhere(world: &World, client: &Client, fault: Fault) -> Result<(), Error> {
    world.next("/sessions", [fault]);
    let outcome = world.run(client.logout_everywhere());
    world.settle();
    outcome
}

#[test]
fn a_logout_everywhere_ends_the_others_first_and_then_this_session_in_every_tab() {
    let (world, tab, client) = World::signed_in();
    let sibling = world.tab().open();
    world.settle();
    world.take_log();
    assert_eq!(everywhere(&world, &client, Fault::says(200, r#"{"ended":2}"#)), Ok(()));
    assert_eq!(world.take_log(), ["DELETE /sessions 200", "POST /logout 204"]);
    assert_eq!(client.state(), State::SignedOut(Some(EndReason::LoggedOut)));
    assert_eq!(sibling.state(), State::SignedOut(Some(EndReason::LoggedOutElsewhere)));
    assert!(tab.is_wiped());
    assert_eq!(world.server(|server| server.alive()), 0);
}

#[test]
fn where_the_others_could_not_be_ended_this_session_goes_on_to_try_again() {
    for (fault, error) in [
        (Fault::says(503, ""), Error::ServerError { status: 503 }),
        (Fault::says(404, ""), Error::NotOffered),
        (Fault::Lost, Error::Unreachable),
        (Fault::LostAnswer, Error::Unreachable),
    ] {
        let (world, tab, client) = World::signed_in();
        assert_eq!(everywhere(&world, &client, fault), Err(error));
        assert_eq!(world.count("POST /logout"), 0);
        assert!(matches!(client.state(), State::SignedIn { .. }) && !tab.is_wiped());
    }
}

#[test]
fn a_logout_everywhere_with_an_expired_token_refreshes_first() {
    let (world, _tab, client) = World::signed_in();
    world.pass(900_000);
    assert_eq!(everywhere(&world, &client, Fault::says(200, "{}")), Ok(()));
    assert_eq!(world.take_log(), ["POST /refresh 200", "DELETE /sessions 200", "POST /logout 204"]);
    assert_eq!(client.state(), State::SignedOut(Some(EndReason::LoggedOut)));
}
