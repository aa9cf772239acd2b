//! However wrong a server is, refreshes stay under a fixed rate.

use auth::Error;
use futures_util::future::join;

use crate::server::Rotation;
use crate::world::{Fault, LedgerFault, World, me};

#[test]
fn a_server_whose_tokens_die_at_once_is_asked_at_the_gates_rate() {
    let (world, _tab, client) = World::with(|server| {
        server.lifetime = 0;
        server.expires_in = Some("1".to_owned());
    })
    .sign_in();
    let started = world.time();
    while world.time() - started < 600_000 {
        let _ = world.run(client.send(&me()));
        world.pass(100);
    }
    let refreshes = world.count("POST /refresh");
    assert!(refreshes <= 10 + 600 / 5 + 1, "{refreshes}");
}

#[test]
fn ten_minutes_of_503_cost_few_attempts_and_end_without_a_click() {
    let (world, _tab, client) = World::signed_in();
    world.pass(900_000);
    world.always("/refresh", Fault::says(503, ""));
    assert_eq!(world.run(client.send(&me())).err(), Some(Error::ServerError { status: 503 }));
    world.pass(600_000);
    let attempts = world.count("POST /refresh");
    assert!(attempts < 150, "{attempts}");
    world.heal();
    world.pass(60_000);
    assert_eq!(client.state(), crate::world::signed_in("ann"));
    world.settle();
    assert_eq!(world.timers(), 0);
}

#[test]
fn retry_after_keeps_every_tab_quiet_and_is_told_at_once() {
    let (world, tab, client) = World::signed_in();
    let other = tab.duplicate().open();
    world.pass(900_000);
    world.next("/refresh", [Fault::Says(429, vec![("retry-after", "120")], String::new())]);
    let started = world.time();
    let refused = Some(Error::TooManyRequests { retry_after: Some(120) });
    assert_eq!(world.run(client.send(&me())).err(), refused);
    assert_eq!(world.run(other.send(&me())).err(), refused);
    assert!(world.time() - started < 1_000, "nobody waits for what cannot come in time");
    world.pass(118_000);
    assert_eq!(world.count("POST /refresh"), 1);
    world.pass(5_000);
    assert_eq!(world.run(other.send(&me())).unwrap().status, 200);
}

#[test]
fn a_server_that_asks_for_patience_without_a_limit_is_not_told_as_too_many_attempts() {
    let (world, tab, client) = World::signed_in();
    let other = tab.duplicate().open();
    world.pass(900_000);
    world.next("/refresh", [Fault::Says(503, vec![("retry-after", "120")], String::new())]);
    assert_eq!(world.run(client.send(&me())).err(), Some(Error::ServerError { status: 503 }));
    assert_eq!(
        world.run(client.send(&me())).err(),
        Some(Error::ServerError { status: 503 }),
        "the next click"
    );
    assert_eq!(world.run(other.send(&me())).err(), Some(Error::Unavailable), "a tab that was not told");
    assert_eq!(world.count("POST /refresh"), 1);
}

#[test]
fn an_attempt_that_fails_later_does_not_shorten_what_the_server_asked_for() {
    let world = World::with(|server| server.rotation = Rotation::Idempotent);
    world.without_locks();
    let (world, tab, client) = world.sign_in();
    let other = tab.duplicate().open();
    world.pass(900_000);
    let limited = Fault::Says(429, vec![("retry-after", "120")], String::new());
    world.next("/refresh", [Fault::Silent, limited]);
    let refused = Some(Error::TooManyRequests { retry_after: Some(120) });
    let (first, second) = world.run(join(client.send(&me()), other.send(&me())));
    assert_eq!((first.err(), second.err()), (Some(Error::TimedOut), refused));
    world.pass(110_000);
    assert_eq!(world.take_log(), ["POST /refresh silent", "POST /refresh 429"]);
    world.pass(40_000);
    assert_eq!(world.run(client.send(&me())).unwrap().status, 200);
}

#[test]
fn a_wait_in_the_ledger_survives_no_change_of_the_clock() {
    for skew in [86_400_000, -86_400_000] {
        let (world, _tab, client) = World::signed_in();
        world.pass(900_000);
        world.next("/refresh", [Fault::Says(429, vec![("retry-after", "300")], String::new())]);
        let _ = world.run(client.send(&me()));
        world.set_clock_by(skew);
        assert_eq!(world.run(client.send(&me())).unwrap().status, 200);
    }
}

#[test]
fn an_ageing_token_is_used_and_refreshed_in_the_background() {
    let (world, _tab, client) = World::signed_in();
    world.pass(850_000);
    world.next("/refresh", [Fault::Slow(0, 5_000)]);
    let started = world.time();
    assert_eq!(world.run(client.send(&me())).unwrap().status, 200);
    assert_eq!(world.time() - started, 20, "no user waits for it");
    world.settle();
    assert_eq!(world.take_log(), ["GET /me 200", "POST /refresh 200"]);
    world.pass(60_000);
    world.run(client.send(&me())).unwrap();
    assert_eq!(world.take_log(), ["GET /me 200"]);
}

#[test]
fn a_background_refresh_that_fails_disturbs_nobody() {
    let (world, _tab, client) = World::signed_in();
    world.pass(850_000);
    world.always("/refresh", Fault::says(500, ""));
    for _ in 0..20 {
        assert_eq!(world.run(client.send(&me())).unwrap().status, 200);
    }
    world.settle();
    assert!(world.count("POST /refresh") < 150);
}

#[test]
fn a_wait_that_a_server_asked_for_holds_although_one_transaction_was_aborted() {
    let (world, _tab, client) = World::signed_in();
    world.pass(900_000);
    world.take_log();
    world.next("/refresh", [Fault::Says(429, vec![("retry-after", "60")], String::new())]);
    world.next_transactions_after(1, LedgerFault::Aborts);
    let _limited = world.run(client.send(&me()));
    world.pass(50_000);
    assert_eq!(world.count("POST /refresh"), 1, "{:?}", world.take_log());
}
