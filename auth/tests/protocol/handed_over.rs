//! The server refuses an access token. The next step depends on the token's origin: the token is the server's
//! own answer to this tab, or a sibling handed it over.

use auth::{Client, EndReason, Error, Method, Request};
use futures_util::future::{join, join_all, join3};

use crate::server::Server;
use crate::world::{Fault, World, me};

const NOTES: &str = "/notes";

/// Two tabs of one session. The sibling has refreshed the session. The first tab still holds the older token.
/// The server refuses that token, but the token's age does not show it.
fn behind() -> (World, Client, Client) {
    let (world, tab, client) = World::signed_in();
    let sibling = tab.duplicate().open();
    world.server(Server::expire_access);
    assert_eq!(world.run(sibling.send(&me())).unwrap().status, 200);
    world.take_log();
    (world, client, sibling)
}

#[test]
fn a_request_whose_own_token_and_then_a_siblings_is_refused_is_answered_after_one_refresh() {
    let (world, client, _sibling) = behind();
    // The server takes a new signing key.
    world.server(Server::expire_access);
    assert_eq!(world.run(client.send(&me())).unwrap().status, 200);
    assert_eq!(world.take_log(), ["GET /me 401", "GET /me 401", "POST /refresh 200", "GET /me 200"]);
}

#[test]
fn a_stale_token_that_is_replaced_by_a_siblings_refused_one_costs_one_refresh() {
    let (world, _tab, client) = World::signed_in();
    let sibling = world.tab().open();
    world.pass(900_000);
    assert_eq!(world.run(sibling.send(&me())).unwrap().status, 200);
    world.server(Server::expire_access);
    world.take_log();
    assert_eq!(world.run(client.send(&me())).unwrap().status, 200);
    assert_eq!(world.take_log(), ["GET /me 401", "POST /refresh 200", "GET /me 200"]);
}

#[test]
fn a_siblings_token_that_is_younger_than_the_call_is_not_the_servers_answer_to_this_tab() {
    let (world, tab, client) = World::signed_in();
    let sibling = tab.duplicate().open();
    world.pass(900_000);
    // The sibling's refresh is under way when this tab's call begins. The server takes a new signing key
    // before it has answered.
    world.next("/refresh", [Fault::Slow(0, 1_000)]);
    let (notes, request) = (Request::get(NOTES), me());
    let here = async {
        world.timer(5).await;
        client.send(&request).await
    };
    let new_key = async {
        world.timer(500).await;
        world.server(Server::expire_access);
    };
    let (there, here, ()) = world.run(join3(sibling.send(&notes), here, new_key));
    assert_eq!(there.unwrap().status, 401, "to the sibling it is the server's own answer");
    assert_eq!(here.unwrap().status, 200);
    // It goes out once more, because the token was new when it was refused.
    assert_eq!((world.count("GET /notes"), world.count("GET /me"), world.count("POST /refresh")), (2, 2, 2));
}

#[test]
fn a_late_refusal_that_finds_a_siblings_refused_token_is_answered_after_one_refresh() {
    let (world, client, _sibling) = behind();
    world.next("/me", [Fault::Slow(0, 2_000)]);
    let (notes, request) = (Request::get(NOTES), me());
    let meanwhile = async {
        world.timer(500).await;
        // This request takes the sibling's token, which the server still accepts.
        let answer = client.send(&notes).await;
        world.timer(500).await;
        world.server(Server::expire_access);
        answer
    };
    let (late, early) = world.run(join(client.send(&request), meanwhile));
    assert_eq!((late.unwrap().status, early.unwrap().status), (200, 200));
    assert_eq!((world.count("GET /me"), world.count("POST /refresh")), (3, 1));
}

#[test]
fn a_third_token_may_be_a_siblings_as_well() {
    for refused in [false, true] {
        let (world, client, sibling) = behind();
        world.server(Server::expire_access);
        world.next(NOTES, [Fault::None, Fault::Slow(0, 1_000)]);
        let notes = Request::get(NOTES);
        let meanwhile = async {
            world.timer(500).await;
            assert_eq!(sibling.send(&me()).await.unwrap().status, 200);
            if refused {
                world.server(Server::expire_access);
            }
        };
        let (answer, ()) = world.run(join(client.send(&notes), meanwhile));
        // A third refusal is the caller's answer, although a sibling handed the token over.
        assert_eq!(answer.unwrap().status, if refused { 401 } else { 200 });
        world.settle();
        let sends = if refused { 4 } else { 3 };
        assert_eq!((world.count("GET /notes"), world.count("POST /refresh")), (sends, 1));
    }
}

#[test]
fn a_request_that_goes_out_three_times_is_the_same_byte_for_byte_but_for_its_token() {
    let (world, client, _sibling) = behind();
    world.server(Server::expire_access);
    let body: Vec<u8> = (0..=255).collect();
    let request = Request::new(Method::Put, NOTES).header("x-note", "n").body("application/x", body);
    assert_eq!(world.run(client.send(&request)).unwrap().status, 200);
    let mut sent: Vec<_> = world.sent().into_iter().filter(|sent| sent.url.ends_with(NOTES)).collect();
    let mut tokens = Vec::new();
    for request in &mut sent {
        let at = request.headers.iter().position(|(name, _)| *name == "authorization").unwrap();
        tokens.push(request.headers.remove(at).1);
    }
    assert_eq!(tokens, ["Bearer access-1", "Bearer access-2", "Bearer access-3"]);
    assert!(sent.iter().all(|request| *request == sent[0]));
}

#[test]
fn a_siblings_refused_token_whose_session_is_over_ends_the_session() {
    let (world, client, _sibling) = behind();
    world.server(Server::end_all);
    let ended = Error::SessionEnded(EndReason::Expired);
    assert_eq!(world.run(client.send(&me())).err(), Some(ended));
    assert_eq!(world.take_log(), ["GET /me 401", "GET /me 401", "POST /refresh 401"]);
}

#[test]
fn an_always_401_server_costs_four_sends_and_one_refresh_where_a_siblings_token_came_between() {
    let (world, client, _sibling) = behind();
    world.server(|server| server.refuses_all = true);
    assert_eq!(world.run(client.send(&me())).unwrap().status, 401);
    assert_eq!(
        world.take_log(),
        ["GET /me 401", "GET /me 401", "POST /refresh 200", "GET /me 401", "GET /me 401"]
    );
    world.settle();
    assert_eq!(world.take_log(), [""; 0]);
}

#[test]
fn a_hundred_requests_with_a_siblings_refused_token_share_one_refresh() {
    let (world, client, _sibling) = behind();
    world.server(|server| server.refuses_all = true);
    let answers = world.run(join_all((0..100).map(|_| async { client.send(&me()).await.unwrap().status })));
    assert_eq!(answers, vec![401; 100]);
    assert_eq!(
        (world.count("POST /refresh"), world.count("GET /me")),
        (1, 328),
        "those that wait for their turn need two tokens fewer"
    );
}

// The tests below assert behaviour that must not change.

#[test]
fn a_siblings_good_token_costs_no_refresh() {
    let (world, client, _sibling) = behind();
    assert_eq!(world.run(client.send(&me())).unwrap().status, 200);
    assert_eq!(world.take_log(), ["GET /me 401", "GET /me 200"]);
}

#[test]
fn an_always_401_server_costs_three_sends_and_one_refresh_where_nobody_hands_over_a_token() {
    let (world, client, sibling) = behind();
    sibling.pause();
    world.server(|server| server.refuses_all = true);
    assert_eq!(world.run(client.send(&me())).unwrap().status, 401);
    assert_eq!(world.take_log(), ["GET /me 401", "POST /refresh 200", "GET /me 401", "GET /me 401"]);
}

#[test]
fn an_always_401_server_costs_three_sends_and_one_refresh_where_the_first_token_was_a_siblings() {
    let (world, _tab, client) = World::signed_in();
    let sibling = world.tab().open();
    world.pass(900_000);
    assert_eq!(world.run(sibling.send(&me())).unwrap().status, 200);
    world.server(|server| server.refuses_all = true);
    world.take_log();
    assert_eq!(world.run(client.send(&me())).unwrap().status, 401);
    assert_eq!(world.take_log(), ["GET /me 401", "POST /refresh 200", "GET /me 401", "GET /me 401"]);
}

#[test]
fn a_token_that_came_with_the_same_users_login_elsewhere_is_refreshed_when_it_is_refused() {
    let (world, _tab, client) = World::signed_in();
    let sibling = world.tab().open();
    world.settle();
    world.run(sibling.login("ann", "secret")).unwrap();
    world.settle();
    world.server(Server::expire_access);
    world.take_log();
    assert_eq!(world.run(client.send(&me())).unwrap().status, 200);
    assert_eq!(world.take_log(), ["GET /me 401", "POST /refresh 200", "GET /me 200"]);
}

#[test]
fn a_network_that_fails_after_a_siblings_token_was_taken_is_no_reason_to_send_again() {
    let (world, client, _sibling) = behind();
    world.next("/me", [Fault::None, Fault::Lost]);
    assert_eq!(world.run(client.send(&me())).err(), Some(Error::Unreachable));
    world.settle();
    assert_eq!(world.take_log(), ["GET /me 401", "GET /me lost"]);
}
