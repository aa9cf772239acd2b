//! Of many requests at once some are on their way, and the others wait for their turn.

use std::pin::pin;

use auth::{Client, Error};
use futures_util::future::{join, join_all, select};

use crate::world::{Fault, World, me, signed_in};

/// Sends a thousand requests on a token that is refused. Their answers, and how many milliseconds the last one took.
fn storm(world: &World, client: &Client) -> (Vec<Result<u16, Error>>, u64) {
    world.server(|server| server.expire_access());
    let began = world.time();
    let send = || async { client.send(&me()).await.map(|answer| answer.status) };
    let answers = world.run(join_all((0..1_000).map(|_| send())));
    (answers, world.time() - began)
}

#[test]
fn of_a_thousand_requests_on_a_refused_token_64_go_out_twice() {
    let (world, _tab, client) = World::signed_in();
    assert_eq!(storm(&world, &client).0, vec![Ok(200); 1_000]);
    assert_eq!(world.count("POST /refresh"), 1);
    assert_eq!((world.count("GET /me 401"), world.count("GET /me 200")), (64, 1_000));
}

#[test]
fn a_thousand_requests_whose_token_cannot_be_replaced_fail_together() {
    let (world, _tab, client) = World::signed_in();
    let down = || Fault::says(503, "");
    world.next("/refresh", std::iter::repeat_with(down).take(100).collect::<Vec<_>>());
    let (answers, took) = storm(&world, &client);
    assert!(answers.iter().all(|answer| *answer == Err(Error::ServerError { status: 503 })));
    assert_eq!(world.count("GET /me"), 64);
    assert!(took < 16_000, "{took}");
}

#[test]
fn a_thousand_requests_that_nobody_answers_end_a_minute_later() {
    let (world, _tab, client) = World::signed_in();
    world.next("/me", std::iter::repeat_with(|| Fault::SilentAfter).take(1_000).collect::<Vec<_>>());
    let began = world.time();
    let answers = world.run(join_all((0..1_000).map(|_| async { client.send(&me()).await.err() })));
    assert!(answers.iter().all(|error| *error == Some(Error::TimedOut)));
    assert_eq!((world.time() - began, world.count("GET /me")), (60_000, 128));
}

#[test]
fn a_request_whose_caller_goes_away_in_the_queue_leaves_its_turn_to_the_next() {
    let (world, _tab, client) = World::signed_in();
    world.next("/me", std::iter::repeat_with(|| Fault::Slow(0, 500)).take(64).collect::<Vec<_>>());
    let first = join_all((0..64).map(|_| async { client.send(&me()).await.unwrap().status }));
    let answers = world.run(async {
        let request = me();
        let gone = join_all((0..64).map(|_| client.send(&request)));
        let second = async { client.send(&me()).await.unwrap().status };
        let goes = async {
            // Some go while they wait, some with a turn that they do not know of yet.
            let waits = world.timer(500);
            select(pin!(gone), pin!(waits)).await;
        };
        join(join(first, goes), second).await
    });
    assert_eq!(answers.0.0, vec![200; 64]);
    assert_eq!(answers.1, 200);
}

#[test]
fn a_token_whose_refresh_failed_is_sent_again_from_the_queue_too() {
    let (world, _tab, client) = World::signed_in();
    // One endpoint refuses a good token, and the server refuses to refresh for a while.
    world.next("/me", [Fault::says(401, "{}")]);
    world.next("/refresh", [Fault::Says(429, vec![("retry-after", "60")], String::new())]);
    assert!(world.run(client.send(&me())).is_err());
    let answers = world.run(join_all((0..100).map(|_| async { client.send(&me()).await.map(|a| a.status) })));
    assert!(answers.iter().all(|answer| *answer == Ok(200)), "{answers:?}");
}

#[test]
fn the_requests_of_a_session_that_is_over_keep_no_turn_of_the_next_one() {
    let (world, _tab, client) = World::signed_in();
    world.next("/me", std::iter::repeat_with(|| Fault::SilentAfter).take(64).collect::<Vec<_>>());
    let hanging = join_all((0..64).map(|_| async { client.send(&me()).await.err() }));
    let (_hung, took) = world.run(join(hanging, async {
        world.timer(100).await;
        client.logout();
        client.login("bob", "secret").await.unwrap();
        let began = world.time();
        assert_eq!(client.send(&me()).await.unwrap().status, 200);
        world.time() - began
    }));
    assert!(took < 1_000, "{took}");
}

#[test]
fn a_request_that_waited_for_its_turn_until_its_token_was_stale_is_refreshed_first() {
    let world = World::with(|server| {
        server.lifetime = 20;
        server.expires_in = Some("20".to_owned());
    });
    let client = world.tab().open();
    world.run(client.login("ann", "secret")).unwrap();
    world.take_log();
    world.next("/me", std::iter::repeat_with(|| Fault::Slow(0, 25_000)).take(64).collect::<Vec<_>>());
    let first = join_all((0..64).map(|_| async { client.send(&me()).await.unwrap().status }));
    let (_, last) = world.run(join(first, async { client.send(&me()).await.unwrap().status }));
    assert_eq!(last, 200);
    assert_eq!(world.count("GET /me 401"), 0, "a stale token was sent: {:?}", &world.take_log()[64..]);
}

#[test]
fn a_request_that_waits_for_its_turn_goes_on_as_the_same_users_next_session() {
    let (world, _tab, client) = World::signed_in();
    let other = world.tab().open();
    world.settle();
    world.next("/me", std::iter::repeat_with(|| Fault::Slow(0, 10_000)).take(64).collect::<Vec<_>>());
    let out = join_all((0..64).map(|_| async { client.send(&me()).await.err() }));
    let (_, (waited, login)) = world.run(join(out, async {
        let request = me();
        join(client.send(&request), async {
            world.timer(1_000).await;
            other.login("ann", "secret").await
        })
        .await
    }));
    assert_eq!(login, Ok(()));
    assert_eq!(client.state(), signed_in("ann"));
    assert_eq!(waited.map(|answer| answer.status), Ok(200));
}

#[test]
fn a_request_that_was_out_already_stays_with_its_session_when_it_waits_for_its_turn() {
    let (world, _tab, client) = World::signed_in();
    let other = world.tab().open();
    world.settle();
    // The token is no longer new, so its refusal leads to a refresh at once.
    world.pass(20_000);
    let last = std::iter::repeat_with(|| Fault::Slow(0, 10_000)).take(64);
    world.next("/me", [Fault::Slow(3_000, 0), Fault::Slow(1_000, 0)].into_iter().chain(last));
    let sent = join_all((0..65).map(|_| async { client.send(&me()).await.map(|answer| answer.status) }));
    let (answers, login) = world.run(join(sent, async {
        world.timer(500).await;
        world.server(|server| server.expire_access());
        // By then the second request has led to a refresh, and is out again. The last request has the turn that the first one
        // gave back when it was refused. So the first one waits.
        world.timer(3_000).await;
        other.login("ann", "secret").await
    }));
    assert_eq!(login, Ok(()));
    assert_eq!(answers.first(), Some(&Err(Error::SessionChanged)), "{answers:?}");
    assert_eq!(world.count("POST /refresh"), 1, "{:?}", world.take_log());
}
