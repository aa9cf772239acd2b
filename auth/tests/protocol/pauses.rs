//! How long is waited between two tries: random, longer each time, and bounded.

use auth::Error;

use crate::world::{Fault, LedgerFault, World, me, signed_in};

/// The pauses between the next `events`, which `count` counts, to within 10 ms.
fn pauses(world: &World, events: usize, count: impl Fn() -> usize) -> Vec<u64> {
    let (mut times, before): (Vec<u64>, _) = (Vec::new(), count());
    while times.len() < events {
        world.pass(10);
        assert!(world.time() < 2_000_000, "nothing happens any more");
        times.resize(count() - before, world.time());
    }
    times.windows(2).map(|pair| pair[1] - pair[0]).collect()
}

#[test]
fn a_logout_that_fails_is_repeated_after_half_a_second_to_half_a_minute() {
    let mut all = Vec::new();
    for before in 0..8 {
        let (world, _tab, client) = World::signed_in();
        // Each world's chance is the same: other numbers come after other logins.
        for _ in 0..before {
            world.run(client.login("ann", "secret")).unwrap();
        }
        world.settle();
        world.take_log();
        world.always("/logout", Fault::says(503, ""));
        client.logout();
        let pauses = pauses(&world, 8, || world.count("POST /logout"));
        for (n, pause) in pauses.iter().enumerate() {
            let longest = 500 + (1_000 << n).min(30_000) + 40;
            assert!((500..longest).contains(pause), "{n}: {pauses:?}");
        }
        all.push(pauses);
    }
    let longest = |n: usize| all.iter().map(|pauses| pauses[n]).max().unwrap();
    assert!(longest(0) > 1_000 && longest(3) > 4_500 && longest(6) > 16_500, "{all:?}");
}

#[test]
fn a_page_that_comes_back_degraded_asks_the_server_within_half_a_second() {
    let (world, client) = World::degraded();
    assert!(world.run(client.recheck()));
    world.pass(520);
    assert_eq!(world.take_log(), ["POST /refresh 200"]);
}

#[test]
fn a_page_that_is_well_again_before_its_turn_asks_nobody() {
    let (world, client) = World::degraded();
    assert!(world.run(client.recheck()));
    assert_eq!(world.run(client.send(&me())).unwrap().status, 200);
    assert_eq!(client.state(), signed_in("ann"));
    world.settle();
    assert_eq!(world.take_log(), ["GET /me 200"]);
}

#[test]
fn a_page_without_callers_looks_for_better_times_after_a_second_to_half_a_minute() {
    let (world, _tab, client) = World::signed_in();
    world.pass(900_000);
    // So long nobody asks the server; the ledger says so at each try.
    world.next("/refresh", [Fault::Says(503, vec![("retry-after", "300")], String::new())]);
    assert!(world.run(client.send(&me())).is_err());
    let pauses = pauses(&world, 10, || world.transactions());
    for (n, pause) in pauses.iter().enumerate() {
        let longest = (4_000 << n.min(9)).min(30_000);
        assert!((longest / 2 - 10..longest + 10).contains(pause), "{n}: {pauses:?}");
    }
    world.settle();
    assert_eq!((client.state(), world.timers()), (signed_in("ann"), 0));
}

#[test]
fn a_page_without_callers_gives_up_where_retrying_does_not_help() {
    let (world, _tab, client) = World::signed_in();
    world.pass(900_000);
    world.always("/refresh", Fault::says(503, ""));
    assert_eq!(world.run(client.send(&me())).err(), Some(Error::ServerError { status: 503 }));
    world.always("/refresh", Fault::says(404, ""));
    world.settle();
    assert_eq!(world.count("POST /refresh 404"), 1);
}

#[test]
fn a_failed_attempt_that_the_ledger_takes_down_late_or_never_is_repeated_soon() {
    // An aborted transaction is repeated three times. So four aborts are final.
    for (aborted, soon) in [(1, 400), (4, 1_000)] {
        let (world, _tab, client) = World::signed_in();
        world.pass(900_000);
        world.next("/refresh", [Fault::Lost, Fault::None]);
        world.next_transactions_after(1, LedgerFault::Aborts);
        world.next_transactions(vec![LedgerFault::Aborts; aborted - 1]);
        let started = world.time();
        assert_eq!(world.run(client.send(&me())).unwrap().status, 200);
        let took = world.time() - started;
        assert!(took < soon, "{aborted} aborted: {took} ms");
    }
}
