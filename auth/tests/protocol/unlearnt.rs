//! A server stops announcing idempotent rotation, or its CORS rules no longer allow the header.

use auth::{Carrier, Client, Contract, Custody, Endpoint, HttpRequest};
use futures_util::future::join;

use crate::server::{self, Dialect, FORM, JSON, Rotation, header};
use crate::world::{Fault, World, me, signed_in};

/// The body and the key of each request to the refresh endpoint.
fn refreshes(world: &World) -> Vec<(String, Option<String>)> {
    let of = |request: &HttpRequest| {
        let body = String::from_utf8(request.body.clone().unwrap_or_default()).unwrap();
        (body, header(request, "idempotency-key").map(str::to_owned))
    };
    world.sent().iter().filter(|request| request.url.ends_with("/refresh")).map(of).collect()
}

/// The requests to the refresh endpoint without a token. They only ask whether the server allows the header.
pub(crate) fn probes(world: &World) -> Vec<HttpRequest> {
    let without_token = |request: &HttpRequest| {
        let body = String::from_utf8(request.body.clone().unwrap_or_default()).unwrap();
        let bearer = header(request, "authorization").is_some();
        request.url.ends_with("/refresh") && !bearer && !body.contains("refresh-")
    };
    world.sent().into_iter().filter(without_token).collect()
}

pub(crate) fn believes(world: &World) -> bool {
    world.row()["idempotent"] == true
}

/// Makes the client refresh. Returns whether the refresh carried a key.
pub(crate) fn refreshes_with_a_key(world: &World, client: &Client) -> bool {
    world.pass(900_000);
    assert_eq!(world.run(client.send(&me())).unwrap().status, 200);
    refreshes(world).last().unwrap().1.is_some()
}

/// The server is rolled back to one that rotates strictly and whose CORS rules lack the header.
fn roll_back(world: &World) {
    world.server(|server| (server.rotation, server.refuses_key) = (Rotation::Strict, true));
}

#[test]
fn an_answer_that_does_not_announce_idempotence_ends_the_belief_in_it() {
    for announcement in [None, Some("null"), Some("false")] {
        let (world, _tab, client) = World::signed_in_idempotently();
        assert!(believes(&world) && refreshes_with_a_key(&world, &client));
        world.server(|server| (server.rotation, server.announces) = (Rotation::Strict, announcement));
        // The belief ends with the answer to this attempt.
        assert!(refreshes_with_a_key(&world, &client), "{announcement:?}");
        assert!(!believes(&world), "{announcement:?}");
        for _ in 0..2 {
            assert!(!refreshes_with_a_key(&world, &client), "{announcement:?}");
        }
        assert_eq!(client.state(), signed_in("ann"));
        assert_eq!(world.server(|server| (server.reuses, server.alive())), (0, 1));
    }
}

#[test]
fn what_an_answer_says_that_is_no_truth_value_ends_the_belief_too() {
    for announcement in [r#""true""#, "1", "{}", "[true]"] {
        let (world, _tab, client) = World::signed_in_idempotently();
        world.server(|server| (server.rotation, server.announces) = (Rotation::Strict, Some(announcement)));
        assert!(refreshes_with_a_key(&world, &client));
        assert!(!refreshes_with_a_key(&world, &client), "{announcement}");
    }
}

#[test]
fn a_server_that_announces_it_again_gets_the_key_again() {
    let (world, _tab, client) = World::signed_in_idempotently();
    let rotates = |rotation| world.server(|server| server.rotation = rotation);
    rotates(Rotation::Strict);
    assert!(refreshes_with_a_key(&world, &client));
    assert!(!refreshes_with_a_key(&world, &client));
    rotates(Rotation::Idempotent);
    assert!(!refreshes_with_a_key(&world, &client));
    assert!(refreshes_with_a_key(&world, &client));
    assert_eq!(world.server(|server| (server.reuses, server.conflicts, server.alive())), (0, 0, 1));
}

#[test]
fn a_session_whose_belief_has_ended_sends_one_attempt_at_a_time() {
    let (world, tab, client) = World::signed_in_idempotently();
    world.without_locks();
    world.server(|server| server.rotation = Rotation::Strict);
    assert!(refreshes_with_a_key(&world, &client));
    let sibling = tab.duplicate().open();
    world.pass(900_000);
    // At an idempotent server the sibling would repeat the attempt after two seconds.
    world.next("/refresh", [Fault::Slow(0, 5_000)]);
    let (first, second) = world.run(async { join(client.send(&me()), sibling.send(&me())).await });
    assert_eq!((first.unwrap().status, second.unwrap().status), (200, 200));
    assert_eq!(world.server(|server| (server.reuses, server.alive())), (0, 1));
}

#[test]
fn a_header_that_the_server_refuses_by_now_is_found_out_soon_and_left_out() {
    let (world, _tab, client) = World::signed_in_idempotently();
    roll_back(&world);
    world.pass(900_000);
    let started = world.time();
    assert_eq!(world.run(client.send(&me())).unwrap().status, 200);
    assert!(world.time() - started < 1_500, "nobody waits for it: {}", world.time() - started);
    assert_eq!(
        world.take_log(),
        [
            "POST /refresh refused by the preflight",
            "POST /refresh refused by the preflight",
            "POST /refresh 400",
            "POST /refresh refused by the preflight",
            "POST /refresh 200",
            "GET /me 200"
        ]
    );
    assert!(!believes(&world));
    let sent = refreshes(&world);
    let [(with, Some(key)), (again, Some(_)), (_, None), (_, Some(fresh)), (without, None)] = &*sent else {
        panic!("{sent:?}")
    };
    assert_eq!((with, with), (again, without), "the token");
    assert!(fresh != key && fresh.len() >= 22, "a key of its own");
    assert!(!refreshes_with_a_key(&world, &client));
    assert_eq!(client.state(), signed_in("ann"));
    assert_eq!(world.server(|server| (server.reuses, server.alive())), (0, 1));
}

#[test]
fn what_asks_about_the_header_carries_neither_a_token_nor_a_session() {
    for (ours, theirs, body, media_type) in [
        (
            Endpoint::post("/refresh").json().refresh_token(Carrier::Field("refresh_token".into())),
            server::Carrier::Json("refresh_token"),
            Some("{}"),
            Some(JSON),
        ),
        (
            Endpoint::post("/refresh")
                .field("grant_type", "refresh_token")
                .refresh_token(Carrier::Field("refresh_token".into())),
            server::Carrier::Form("refresh_token"),
            None,
            Some(FORM),
        ),
        (
            Endpoint::post("/refresh").refresh_token(Carrier::Authorization),
            server::Carrier::Bearer,
            None,
            None,
        ),
    ] {
        let world = World::with(|server| {
            server.rotation = Rotation::Idempotent;
            server.dialect = Dialect { carrier: theirs, ..Dialect::default() };
        });
        let client = world
            .tab()
            .open_with(Contract { refresh: Some(ours), ..Contract::default() }, Custody::default());
        world.run(client.login("ann", "secret")).unwrap();
        let sid = world.profile().into_keys().next().unwrap().split(':').nth_back(1).unwrap().to_owned();
        roll_back(&world);
        world.pass(900_000);
        assert_eq!(world.run(client.send(&me())).unwrap().status, 200, "{body:?}");
        let probes = probes(&world);
        assert_eq!(probes.len(), 2);
        for probe in probes {
            let text = String::from_utf8(probe.body.clone().unwrap_or_default()).unwrap();
            let all = format!("{text} {:?} {}", probe.headers, probe.url);
            for secret in ["refresh-", "access-", "ann", &sid] {
                assert!(!all.contains(secret), "{all}");
            }
            if let Some(body) = body {
                assert_eq!(text, body);
            }
            if media_type.is_some() {
                assert_eq!(header(&probe, "content-type"), media_type);
            }
        }
    }
}

#[test]
fn the_header_is_asked_about_once_for_each_attempt_that_it_may_have_killed() {
    let (world, _tab, client) = World::signed_in_idempotently();
    roll_back(&world);
    world.always("/refresh", Fault::Lost);
    world.pass(900_000);
    assert!(world.run(client.send(&me())).is_err());
    world.pass(60_000);
    let asked = probes(&world).len();
    let attempts = refreshes(&world).len() - asked;
    // Nothing is asked after the first attempt, and the last one may still be under way.
    assert!(asked > 0 && (attempts - 2..=attempts).contains(&asked), "{asked} for {attempts}");
    assert!(
        believes(&world),
        "nothing is proved while the server cannot be reached without the header either"
    );
    world.heal();
    world.pass(120_000);
    assert_eq!(client.state(), signed_in("ann"));
    assert!(!believes(&world));
}

#[test]
fn every_tab_learns_what_one_has_found_out() {
    let (world, tab, client) = World::signed_in_idempotently();
    let sibling = tab.duplicate().open();
    roll_back(&world);
    world.pass(900_000);
    assert_eq!(world.run(client.send(&me())).unwrap().status, 200);
    assert_eq!(probes(&world).len(), 2);
    world.pass(900_000);
    assert_eq!(world.run(sibling.send(&me())).unwrap().status, 200);
    assert_eq!(probes(&world).len(), 2);
    assert_eq!(world.server(|server| (server.reuses, server.alive())), (0, 1));
}

#[test]
fn what_was_found_out_too_late_does_not_change_a_row_that_has_moved_on() {
    let (world, tab, client) = World::signed_in_idempotently();
    world.without_locks();
    let sibling = tab.duplicate().open();
    world.pass(900_000);
    // The network loses the attempt and the first probe. The answer to the second probe comes late.
    world.next("/refresh", [Fault::Lost, Fault::Lost, Fault::SaysLate(5_000, 400, "{}"), Fault::None]);
    let (request, other) = (me(), me());
    let meanwhile = async {
        world.timer(100).await;
        sibling.send(&other).await
    };
    let (first, second) = world.run(join(client.send(&request), meanwhile));
    assert_eq!((first.unwrap().status, second.unwrap().status), (200, 200));
    assert!(believes(&world));
    assert_eq!(probes(&world).len(), 2);
    assert_eq!(world.server(|server| (server.reuses, server.conflicts, server.alive())), (0, 0, 1));
}
