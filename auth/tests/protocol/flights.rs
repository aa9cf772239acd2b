//! One flight at a time in a tab, for as long as somebody waits for it.

use futures_util::future::join;

use crate::world::{Fault, World, me};

#[test]
fn what_was_about_to_refresh_an_older_generation_does_not_send_the_token_that_is_out() {
    let (world, client) = World::degraded();
    world.without_locks();
    // Each asks the server in a moment, since the page could not reach it.
    for _ in 0..8 {
        assert!(world.run(client.recheck()));
    }
    world.server(|server| server.expire_access());
    assert_eq!(world.run(client.send(&me())).unwrap().status, 200);
    world.server(|server| server.expire_access());
    world.next("/refresh", [Fault::Slow(0, 5_000)]);
    world.next("/me", [Fault::None, Fault::Lost]);
    let request = me();
    let (slow, lost) = world.run(join(client.send(&request), async {
        world.timer(50).await;
        client.send(&request).await
    }));
    assert!(slow.is_ok() && lost.is_err());
    world.settle();
    assert_eq!(world.server(|server| (server.reuses, server.alive())), (0, 1));
}

#[test]
fn who_joins_a_flight_late_is_waited_for_as_long_as_anyone() {
    let (world, _tab, client) = World::signed_in_idempotently();
    world.pass(900_000);
    world.next("/refresh", [Fault::Lost, Fault::Silent, Fault::SaysLate(6_000, 503, "")]);
    let request = me();
    let (first, second) = world.run(join(client.send(&request), async {
        // The first one's bound is nearly over. It is over when the third attempt fails.
        world.timer(14_000).await;
        client.send(&request).await
    }));
    assert!(first.is_err());
    assert_eq!(second.unwrap().status, 200);
}

#[test]
fn who_asks_after_a_sleep_is_not_told_of_the_time_before() {
    let (world, _tab, client) = World::signed_in_idempotently();
    world.pass(900_000);
    world.next("/refresh", [Fault::SilentAfter]);
    let request = me();
    let (first, second) = world.run(join(client.send(&request), async {
        world.timer(100).await;
        world.sleep(8 * 3_600_000);
        client.send(&request).await
    }));
    assert_eq!((first.unwrap().status, second.unwrap().status), (200, 200));
}
