//! How long the client waits for an answer: to a login, to an attempt whose repetition does no harm, and to
//! an attempt whose repetition may end the session.

use auth::{Client, Contract, Custody, Error, Rotation as Known, State};
use serde_json::json;

use crate::server::Rotation;
use crate::world::{EPOCH, Fault, Tab, World, me, signed_in};

#[test]
fn a_login_that_is_answered_after_29_seconds_is_a_login() {
    let world = World::new();
    let tab = world.tab();
    let client = tab.open();
    world.next("/token", [Fault::Slow(0, 29_000)]);
    assert_eq!(world.run(client.login("ann", "secret")), Ok(()));
    assert_eq!(client.state(), signed_in("ann"));
    assert_eq!(world.run(client.send(&me())).unwrap().status, 200);
    world.settle();
    assert_eq!(world.take_log(), ["POST /token 200", "GET /me 200"]);
}

#[test]
fn a_login_is_given_up_after_30_seconds() {
    for fault in [Fault::Silent, Fault::SilentAfter, Fault::Slow(60_000, 0), Fault::Slow(0, 60_000)] {
        let world = World::new();
        let client = world.tab().open();
        world.next("/token", [fault]);
        let started = world.time();
        assert_eq!(world.run(client.login("ann", "secret")), Err(Error::TimedOut));
        assert_eq!(world.time() - started, 30_000);
        assert_eq!(world.run(client.login("ann", "secret")), Ok(()));
    }
}

/// A session of ann's at a server with this rotation. The contract names the rotation only if the server
/// never rotates.
fn session(rotation: Rotation) -> (World, Tab, Client) {
    let known = if rotation == Rotation::Same { Known::Never } else { Known::Unknown };
    let world = World::with(|server| server.rotation = rotation);
    let tab = world.tab();
    let client = tab.open_with(Contract { rotation: known, ..Contract::default() }, Custody::default());
    world.run(client.login("ann", "secret")).unwrap();
    world.take_log();
    (world, tab, client)
}

/// How many attempts the client makes until one is answered in time. `faults` happen to the first ones.
fn attempts(rotation: Rotation, faults: impl IntoIterator<Item = Fault>) -> usize {
    let (world, _tab, client) = session(rotation);
    world.pass(900_000);
    world.next("/refresh", faults);
    let _given_up = world.run(client.send(&me()));
    world.pass(240_000);
    assert_eq!(client.state(), signed_in("ann"));
    assert_eq!(world.server(|server| (server.reuses, server.conflicts, server.alive())), (0, 0, 1));
    world.count("POST /refresh")
}

/// The server acts at once, and its answer takes so many milliseconds.
const fn slow(milliseconds: u64) -> Fault {
    Fault::Slow(0, milliseconds)
}

#[test]
fn an_attempt_where_a_repetition_does_no_harm_waits_twice_as_long_after_each_time_out_in_a_row() {
    for rotation in [Rotation::Idempotent, Rotation::Same] {
        for (time_outs, in_time, too_late) in [(0, 9_500, 10_500), (1, 19_500, 20_500), (2, 29_500, 30_500)] {
            let after = |last| {
                attempts(rotation, vec![Fault::SilentAfter; time_outs].into_iter().chain([slow(last)]))
            };
            assert_eq!(after(in_time), time_outs + 1, "{in_time}");
            assert_eq!(after(too_late), time_outs + 2, "{too_late}");
        }
    }
}

#[test]
fn no_attempt_waits_longer_than_30_seconds() {
    for time_outs in [3, 4] {
        let after = |last| {
            let time_outs = vec![Fault::Silent; time_outs];
            attempts(Rotation::Idempotent, time_outs.into_iter().chain([slow(last)]))
        };
        assert_eq!((after(29_500), after(30_500)), (time_outs + 1, time_outs + 2));
    }
}

#[test]
fn any_answer_makes_the_next_attempt_as_impatient_as_the_first() {
    let refused = || Fault::says(503, "");
    // After the time-out the deadline is 20 seconds. After the 503 it is 10 seconds again.
    assert_eq!(attempts(Rotation::Idempotent, [Fault::Silent, refused(), slow(12_000)]), 4);
    assert_eq!(attempts(Rotation::Idempotent, [refused(), Fault::Silent, slow(19_500)]), 3);
}

#[test]
fn a_commit_makes_the_next_attempt_as_impatient_as_the_first() {
    let (world, _tab, client) = session(Rotation::Idempotent);
    for _ in 0..2 {
        world.pass(900_000);
        world.take_log();
        world.next("/refresh", [Fault::Silent, slow(19_500)]);
        let _given_up = world.run(client.send(&me()));
        world.pass(120_000);
        assert_eq!((world.count("POST /refresh"), client.state()), (2, signed_in("ann")));
    }
    world.pass(900_000);
    world.take_log();
    world.next("/refresh", [slow(12_000)]);
    let _given_up = world.run(client.send(&me()));
    world.pass(120_000);
    assert_eq!(world.count("POST /refresh"), 2);
}

#[test]
fn what_timed_out_in_one_page_is_known_to_the_next() {
    let (world, tab, client) = session(Rotation::Idempotent);
    world.pass(900_000);
    world.next("/refresh", [Fault::Silent, slow(19_500)]);
    {
        use std::future::Future as _;
        let request = me();
        let mut sending = std::pin::pin!(client.send(&request));
        let context = &mut std::task::Context::from_waker(std::task::Waker::noop());
        assert!(sending.as_mut().poll(context).is_pending());
        // The attempt has timed out. The next one has not reached the server yet.
        world.pass(10_005);
    }
    assert_eq!(world.row()["timeouts"], 1);
    tab.close();
    let again = tab.open();
    world.pass(120_000);
    assert_eq!((world.count("POST /refresh"), again.state()), (2, signed_in("ann")));
    assert!(matches!(world.row()["timeouts"].as_u64(), None | Some(0)));
}

#[test]
fn a_strict_servers_answer_is_waited_for_since_sending_again_may_end_the_session() {
    for seconds in [11, 16, 29] {
        let (world, _tab, client) = session(Rotation::Strict);
        world.pass(900_000);
        world.next("/refresh", [slow(seconds * 1_000)]);
        let started = world.time();
        let answer = world.run(client.send(&me()));
        // The caller itself waits no longer than before.
        assert!(world.time() - started <= 15_100);
        assert_eq!(answer.is_ok(), seconds < 15, "{seconds}");
        world.pass(30_000);
        assert_eq!(world.run(client.send(&me())).unwrap().status, 200, "{seconds}");
        assert_eq!((world.count("POST /refresh"), client.state()), (1, signed_in("ann")));
        assert_eq!(world.server(|server| (server.reuses, server.alive())), (0, 1));
    }
}

#[test]
fn a_strict_server_is_given_up_after_30_seconds() {
    let (world, _tab, client) = session(Rotation::Strict);
    world.pass(900_000);
    // The repetition succeeds, because the server has not seen the first attempt.
    world.next("/refresh", [Fault::Silent]);
    assert!(world.run(client.send(&me())).is_err());
    world.pass(14_900);
    assert_eq!(world.count("POST /refresh"), 1);
    world.pass(15_000);
    assert_eq!((world.count("POST /refresh"), client.state()), (2, signed_in("ann")));
}

/// The length of the flight in the ledger's row, in milliseconds.
fn flight(world: &World) -> Option<u64> {
    let span = &world.row()["flight"]["span"];
    Some(span["until"].as_u64()? - span["since"].as_u64()?)
}

#[test]
fn a_flight_is_three_seconds_longer_than_its_attempt_may_take() {
    use std::future::Future as _;
    for (rotation, lengths) in [
        (Rotation::Strict, vec![(1_000, 33_000)]),
        (Rotation::Idempotent, vec![(1_000, 13_000), (12_000, 23_000), (40_000, 33_000)]),
    ] {
        let (world, _tab, client) = session(rotation);
        // Without Web Locks the client enters a flight at an idempotent server as well.
        world.without_locks();
        world.pass(900_000);
        world.always("/refresh", Fault::Silent);
        let request = me();
        let mut sending = std::pin::pin!(client.send(&request));
        let context = &mut std::task::Context::from_waker(std::task::Waker::noop());
        assert!(sending.as_mut().poll(context).is_pending());
        let started = world.time();
        for (at, length) in lengths {
            world.pass(started + at - world.time());
            assert_eq!(flight(&world), Some(length), "after {at} ms");
        }
    }
}

#[test]
fn the_flight_of_a_tab_that_is_gone_keeps_others_from_a_strict_server_for_33_seconds() {
    let (world, _tab, client) = session(Rotation::Strict);
    world.without_locks();
    world.pass(900_000);
    let since = EPOCH + world.time();
    world.edit_row(|row| {
        let span = json!({ "since": since, "until": since + 33_000 });
        row["flight"] = json!({ "owner": "gone", "span": span, "locked": false });
    });
    assert_eq!(world.run(client.send(&me())).err(), Some(Error::Unavailable));
    world.pass(17_900);
    assert_eq!(world.count("POST /refresh"), 0);
    world.pass(40_000);
    assert_eq!((world.count("POST /refresh"), client.state()), (1, signed_in("ann")));
}

// The tests below assert behaviour that must not change.

#[test]
fn a_row_without_the_count_begins_with_ten_seconds() {
    let world = World::with(|server| server.rotation = Rotation::Idempotent);
    let earlier = world.leave_earlier(crate::world::BASE);
    let client = earlier.tab.open();
    world.pass(900_000);
    world.next("/refresh", [slow(12_000)]);
    let _given_up = world.run(client.send(&me()));
    world.pass(60_000);
    assert_eq!((world.count("POST /refresh"), client.state()), (2, signed_in("ann")));
}

#[test]
fn an_attempt_that_found_no_network_makes_none_more_patient() {
    assert_eq!(attempts(Rotation::Same, [Fault::Lost, Fault::Lost, slow(12_000)]), 4);
}

#[test]
fn a_caller_waits_15_seconds_for_a_refresh_however_patient_its_attempt_is() {
    for rotation in [Rotation::Strict, Rotation::Idempotent, Rotation::Same] {
        let (world, _tab, client) = session(rotation);
        world.pass(900_000);
        world.always("/refresh", Fault::Silent);
        for _ in 0..4 {
            let started = world.time();
            assert!(world.run(client.send(&me())).unwrap_err().session_lives());
            assert!(world.time() - started <= 15_000);
        }
        assert!(matches!(client.state(), State::SignedIn { .. }));
    }
}
