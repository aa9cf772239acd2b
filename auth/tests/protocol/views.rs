//! Storage of different tabs is not coherent: what another tab wrote is seen later, or never.

use auth::{Client, EndReason, Error, State};
use futures_util::future::join;

use crate::world::{EPOCH, Tab, World, me};

/// A tab that no message reaches and whose sight of storage ended before another one rotated the token.
fn behind() -> (World, Tab, Client) {
    let (world, tab, client) = World::signed_in();
    let other = tab.duplicate().open();
    world.without_messages();
    // A session may have more than one entry.
    for (name, text) in world.profile() {
        world.put_record(&format!("{name}0"), &text);
    }
    tab.stop_seeing();
    world.pass(900_000);
    assert_eq!(world.run(other.send(&me())).unwrap().status, 200);
    world.pass(900_000);
    world.take_log();
    (world, tab, client)
}

/// Siblings are asked first, in vain.
const HAND_OVER_OR_REFRESH: u64 = 900;

#[test]
fn a_token_that_is_not_to_be_seen_yet_is_waited_for() {
    for (after, soon) in [(50, 100), (650, 700), (950, 1_000)] {
        let (world, tab, client) = behind();
        let started = world.time();
        let (answer, ()) = world.run(async {
            join(client.send(&me()), async {
                world.timer(HAND_OVER_OR_REFRESH + after).await;
                tab.see_everything();
            })
            .await
        });
        assert_eq!(answer.unwrap().status, 200);
        assert_eq!(world.time() - started, HAND_OVER_OR_REFRESH + soon + 40, "two calls, once it is there");
        assert_eq!(world.server(|server| (server.reuses, server.alive())), (0, 1));
    }
}

#[test]
fn a_token_that_is_not_seen_within_a_second_is_lost() {
    let (world, _tab, client) = behind();
    let started = world.time();
    assert_eq!(world.run(client.send(&me())).err(), Some(Error::SessionEnded(EndReason::Lost)));
    assert_eq!(world.time() - started, HAND_OVER_OR_REFRESH + 1_000);
    assert_eq!(client.state(), State::SignedOut(Some(EndReason::Lost)));
    assert_eq!(world.take_log(), [""; 0]);
}

#[test]
fn the_wait_begins_anew_when_storage_moves_but_not_without_end() {
    // The last movement counts if there were no more than two.
    for (moves, last, seen) in [(1, 850, true), (2, 1_650, true), (3, 2_450, false)] {
        let (world, tab, client) = behind();
        let started = world.time();
        let request = me();
        let sending = async { (client.send(&request).await, world.time()) };
        let ((answer, ended), ()) = world.run(async {
            join(sending, async {
                world.timer(HAND_OVER_OR_REFRESH + 50).await;
                for n in 0..moves {
                    world.timer(800).await;
                    tab.see(&format!("x{n}"));
                }
                world.timer(900).await;
                if seen {
                    tab.see_everything();
                }
            })
            .await
        });
        assert_eq!(answer.is_ok(), seen, "{moves}");
        let ended = ended - started - HAND_OVER_OR_REFRESH;
        // A third movement is too late for the wait that the second began.
        let longest = if seen { 1_300 } else { 400 };
        assert!((last..last + longest).contains(&ended), "{moves}: {ended}");
        assert_eq!(world.server(|server| (server.reuses, server.alive())), (0, 1));
    }
}

/// The client's request succeeds while `meanwhile` goes on, with no token used twice.
fn succeeds_while(world: &World, client: &Client, meanwhile: impl Future<Output = ()>) {
    let request = me();
    let (answer, ()) = world.run(join(client.send(&request), meanwhile));
    assert_eq!(answer.unwrap().status, 200);
    assert_eq!(world.server(|server| (server.reuses, server.alive())), (0, 1));
}

#[test]
fn an_entry_that_is_overwritten_because_it_could_not_be_removed_is_a_movement_too() {
    let (world, tab, client) = behind();
    succeeds_while(&world, &client, async {
        world.timer(HAND_OVER_OR_REFRESH + 850).await;
        tab.see("0");
        world.timer(500).await;
        tab.see_everything();
    });
}

#[test]
fn the_token_of_each_generation_is_waited_for() {
    let (world, tab, client) = behind();
    world.without_locks();
    succeeds_while(&world, &client, async {
        // While the first one's token is waited for, a second one replaces it.
        world.timer(HAND_OVER_OR_REFRESH + 500).await;
        world.tab().open().send(&me()).await.unwrap();
        world.timer(1_200).await;
        tab.see_everything();
    });
}

#[test]
fn the_flight_of_a_tab_that_is_gone_keeps_others_out_for_thirteen_seconds() {
    let (world, _tab, client) = World::signed_in();
    world.without_locks();
    world.pass(900_000);
    let (since, until) = (EPOCH + world.time(), EPOCH + world.time() + 13_000);
    let flight =
        format!(r#""flight":{{"owner":"gone","span":{{"since":{since},"until":{until}}},"locked":false}}"#);
    world.edit_ledger(|row| row.replace(r#""flight":null"#, &flight));
    let started = world.time();
    assert_eq!(world.run(client.send(&me())).unwrap().status, 200);
    assert!((13_000..13_300).contains(&(world.time() - started)), "{}", world.time() - started);
}

#[test]
fn an_entry_that_was_emptied_is_not_removed_by_who_cannot_see_yet_that_it_was_written_anew() {
    let (world, _tab, client) = World::signed_in();
    world.without_messages();
    let written = world.profile();
    // Storage did not let an entry be removed, so it was emptied; then the same one was written.
    world.edit_profile("");
    let late = world.tab();
    late.stop_seeing();
    world.edit_profile_to(written.clone());
    let sibling = late.open();
    world.pass(900);
    assert_eq!(world.profile(), written);
    late.see_everything();
    world.settle();
    for client in [client, sibling] {
        assert_eq!(world.run(client.send(&me())).unwrap().status, 200);
    }
}
