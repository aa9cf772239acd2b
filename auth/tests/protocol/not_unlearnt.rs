//! A lost attempt or a refusal does not end the belief in a server's idempotent rotation. A question about the header
//! is asked only if the header may be the reason for a lost attempt.

use crate::unlearnt::{believes, probes, refreshes_with_a_key};
use crate::world::{Fault, World, me};

#[test]
fn a_server_that_is_merely_unreachable_never_loses_its_idempotence() {
    for lost in [
        vec![Fault::Lost; 3],
        vec![Fault::Lost; 12],
        vec![Fault::LostAnswer],
        // Both probes arrive.
        vec![Fault::Lost, Fault::None],
        vec![Fault::LostAnswer, Fault::None, Fault::Lost],
    ] {
        let (world, _tab, client) = World::signed_in_idempotently();
        world.pass(900_000);
        world.next("/refresh", lost);
        let _offline = world.run(client.send(&me()));
        world.pass(120_000);
        assert_eq!(world.run(client.send(&me())).unwrap().status, 200);
        assert!(believes(&world) && refreshes_with_a_key(&world, &client));
        assert_eq!(world.server(|server| (server.reuses, server.conflicts, server.alive())), (0, 0, 1));
    }
}

#[test]
fn an_hour_offline_changes_nothing() {
    let (world, _tab, client) = World::signed_in_idempotently();
    world.pass(900_000);
    world.go_offline();
    for _ in 0..6 {
        assert!(world.run(client.send(&me())).is_err());
        world.pass(600_000);
    }
    assert!(believes(&world));
    world.heal();
    world.pass(60_000);
    assert_eq!(world.run(client.send(&me())).unwrap().status, 200);
    assert!(refreshes_with_a_key(&world, &client));
}

#[test]
fn an_attempt_that_was_answered_or_timed_out_asks_nothing_about_the_header() {
    for fault in [
        Fault::says(503, ""),
        Fault::says(429, ""),
        Fault::says(403, ""),
        Fault::says(200, "<html>"),
        Fault::Cut,
        Fault::Redirects,
        Fault::SilentAfter,
    ] {
        let (world, _tab, client) = World::signed_in_idempotently();
        world.pass(900_000);
        world.next("/refresh", [fault]);
        let _maybe = world.run(client.send(&me()));
        world.pass(60_000);
        assert_eq!(probes(&world).len(), 0);
        assert!(believes(&world));
    }
}

#[test]
fn a_server_that_never_announced_it_is_asked_nothing_about_the_header() {
    let (world, _tab, client) = World::signed_in();
    world.pass(900_000);
    world.next("/refresh", vec![Fault::Lost; 3]);
    assert_eq!(world.run(client.send(&me())).unwrap().status, 200);
    assert_eq!(probes(&world).len(), 0);
}
