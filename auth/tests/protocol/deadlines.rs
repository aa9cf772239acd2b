//! Every call ends within its bound when the server never answers.

use auth::{Error, State};

use crate::world::{Fault, World, me};

fn timed<T>(world: &World, call: impl Future<Output = T>) -> (T, u64) {
    let before = world.time();
    let outcome = world.run(call);
    (outcome, world.time() - before)
}

#[test]
fn a_login_ends_after_30_seconds() {
    for fault in [Fault::Silent, Fault::SilentAfter, Fault::Slow(60_000, 0), Fault::Slow(0, 60_000)] {
        let world = World::new();
        let client = world.tab().open();
        world.next("/token", [fault]);
        assert_eq!(timed(&world, client.login("ann", "secret")), (Err(Error::TimedOut), 30_000));
        assert_eq!(world.run(client.login("ann", "secret")), Ok(()));
    }
}

#[test]
fn a_request_ends_after_30_seconds() {
    for fault in [Fault::Silent, Fault::SilentAfter] {
        let (world, _tab, client) = World::signed_in();
        world.next("/me", [fault]);
        let (answer, took) = timed(&world, client.send(&me()));
        assert_eq!((answer.err(), took), (Some(Error::TimedOut), 30_000));
    }
}

#[test]
fn an_attempt_ends_after_10_seconds_and_is_repeated() {
    let (world, _tab, client) = World::signed_in_idempotently();
    world.pass(900_000);
    world.next("/refresh", [Fault::Silent]);
    let (answer, took) = timed(&world, client.send(&me()));
    assert_eq!(answer.unwrap().status, 200);
    assert!((10_000..11_000).contains(&took), "{took}");
    assert!(matches!(client.state(), State::SignedIn { .. }));
}

#[test]
fn a_caller_waits_15_seconds_for_refreshes() {
    let (world, _tab, client) = World::signed_in_idempotently();
    world.pass(900_000);
    world.always("/refresh", Fault::Silent);
    let (answer, took) = timed(&world, client.send(&me()));
    assert_eq!((answer.err(), took), (Some(Error::TimedOut), 15_000));
    assert!(matches!(client.state(), State::SignedIn { .. }));
}

#[test]
fn the_worst_request_ends_within_the_sum_of_its_bounds() {
    let (world, _tab, client) = World::signed_in();
    world.next("/me", [Fault::SaysLate(29_000, 401, ""), Fault::Silent]);
    world.next("/refresh", [Fault::Slow(0, 9_000)]);
    let (answer, took) = timed(&world, client.send(&me()));
    assert_eq!(answer.err(), Some(Error::TimedOut));
    assert!(took <= 30_000 + 15_000 + 30_000, "{took}");
}

#[test]
fn a_restoring_page_is_done_after_15_seconds_at_the_latest() {
    let (world, tab, _) = World::signed_in();
    world.pass(900_000);
    world.always("/refresh", Fault::Silent);
    let client = tab.open();
    world.pass(15_000);
    assert!(matches!(client.state(), State::SignedIn { user: None, .. }));
}

#[test]
fn nothing_is_left_running_after_a_silence() {
    let (world, _tab, client) = World::signed_in();
    world.pass(900_000);
    world.always("*", Fault::Silent);
    let _ = world.run(client.send(&me()));
    client.logout();
    world.settle();
    assert_eq!(world.timers(), 0);
}
