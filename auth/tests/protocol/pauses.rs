//! How long is waited between two tries: random, longer each time, and bounded.

use crate::world::{Fault, World, me, signed_in};

/// The pauses between the first requests that begin with `entry`, to within 10 ms.
fn pauses(world: &World, entry: &str, requests: usize) -> Vec<u64> {
    let mut times: Vec<u64> = Vec::new();
    while times.len() < requests {
        world.pass(10);
        let more = world.count(entry) - times.len();
        times.extend(std::iter::repeat_n(world.time(), more));
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
        let pauses = pauses(&world, "POST /logout", 8);
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
    let (world, _tab, client) = World::signed_in();
    world.next("/me", [Fault::Lost]);
    let _ = world.run(client.send(&me()));
    world.take_log();
    assert!(world.run(client.recheck()));
    world.pass(520);
    assert_eq!(world.take_log(), ["POST /refresh 200"]);
}

#[test]
fn a_page_that_is_well_again_before_its_turn_asks_nobody() {
    let (world, _tab, client) = World::signed_in();
    world.next("/me", [Fault::Lost]);
    let _ = world.run(client.send(&me()));
    world.take_log();
    assert!(world.run(client.recheck()));
    assert_eq!(world.run(client.send(&me())).unwrap().status, 200);
    assert_eq!(client.state(), signed_in("ann"));
    world.settle();
    assert_eq!(world.take_log(), ["GET /me 200"]);
}
