//! A server whose rotation is idempotent: the same attempt, however often and late, has the same
//! outcome. And what such attempts look like when the ledger or the vault fails.

use std::collections::BTreeMap;

use auth::{Client, EndReason, Error, HttpRequest, State};
use futures_util::future::{join, join3};

use crate::server::{Rotation, header};
use crate::world::{Broken, Fault, LedgerFault, World, me, signed_in};

fn attempts(world: &World) -> Vec<(String, Option<String>)> {
    let of = |request: &HttpRequest| {
        let body = String::from_utf8(request.body.clone().unwrap_or_default()).unwrap();
        (body, header(request, "idempotency-key").map(str::to_owned))
    };
    let carries_a_token = |(body, _): &(String, Option<String>)| body.contains("refresh_token");
    let sent = world.sent();
    let refreshes = sent.iter().filter(|request| request.url.ends_with("/refresh")).map(of);
    refreshes.filter(carries_a_token).collect()
}

/// No token with two keys, no key with two tokens, and neither theft nor conflict at the server.
fn single_use(world: &World) {
    let attempts = attempts(world);
    for (token, key) in &attempts {
        assert!(key.as_ref().is_some_and(|key| key.len() >= 22));
        assert!(attempts.iter().all(|(t, k)| (t == token) == (k == key)), "{attempts:?}");
    }
    assert_eq!(world.server(|server| (server.reuses, server.conflicts, server.alive())), (0, 0, 1));
}

/// A page whose browser crashed, so that storage went back to before its last refresh, and whose access
/// token is old; and what storage lost.
fn rolled_back() -> (World, Client, BTreeMap<String, String>) {
    let (world, tab, client) = World::signed_in_idempotently();
    let older = world.profile();
    world.pass(900_000);
    world.run(client.send(&me())).unwrap();
    let lost = world.profile();
    world.edit_profile_to(older);
    let again = tab.open();
    world.pass(900_000);
    (world, again, lost)
}

#[test]
fn the_key_goes_only_to_a_server_that_announced_it() {
    let (world, _tab, client) = World::signed_in();
    world.pass(900_000);
    world.run(client.send(&me())).unwrap();
    assert!(attempts(&world).iter().all(|(_, key)| key.is_none()));
    let (world, _tab, client) = World::signed_in_idempotently();
    for _ in 0..4 {
        world.pass(900_000);
        world.run(client.send(&me())).unwrap();
    }
    assert_eq!(attempts(&world).len(), 4);
    single_use(&world);
}

#[test]
fn a_lost_answer_is_fetched_again_with_the_same_token_and_key() {
    for fault in [Fault::LostAnswer, Fault::Cut, Fault::SilentAfter, Fault::Body("<html>".into())] {
        let (world, _tab, client) = World::signed_in_idempotently();
        world.pass(900_000);
        world.next("/refresh", [fault]);
        assert_eq!(world.run(client.send(&me())).unwrap().status, 200);
        let sent = attempts(&world);
        assert_eq!((sent.len(), &sent[0]), (2, &sent[1]));
        single_use(&world);
    }
}

#[test]
fn a_lost_answer_is_fetched_again_an_hour_later_and_after_a_reload() {
    let (world, tab, client) = World::signed_in_idempotently();
    world.pass(900_000);
    world.always("/refresh", Fault::LostAnswer);
    assert!(world.run(client.send(&me())).is_err());
    drop(client);
    world.heal();
    world.sleep(3_600_000);
    let again = tab.open();
    world.settle();
    assert_eq!(again.state(), signed_in("ann"));
    single_use(&world);
}

#[test]
fn two_tabs_without_locks_have_one_successor() {
    let (world, tab, client) = World::signed_in_idempotently();
    world.without_locks();
    world.without_messages();
    let second = tab.duplicate().open();
    for _ in 0..5 {
        world.pass(900_000);
        let (one, two) = world.run(async { join(client.send(&me()), second.send(&me())).await });
        assert_eq!((one.unwrap().status, two.unwrap().status), (200, 200));
    }
    single_use(&world);
}

#[test]
fn a_thief_is_found_at_the_next_refresh() {
    let (world, tab, client) = World::signed_in_idempotently();
    world.server(crate::server::Server::steal);
    world.pass(900_000);
    assert_eq!(world.run(client.send(&me())).err(), Some(Error::SessionEnded(EndReason::Reuse)));
    assert!(tab.is_wiped() && world.server(|server| server.alive()) == 0);
}

#[test]
fn a_vault_that_cannot_be_written_leaves_the_row_and_repeats_the_attempt() {
    let (world, tab, client) = World::signed_in_idempotently();
    let other = tab.duplicate().open();
    world.break_storage(Broken::FULL);
    world.pass(900_000);
    assert_eq!(world.run(client.send(&me())).unwrap().status, 200);
    assert_eq!(client.state(), signed_in("ann"), "a reload repeats the attempt: no notice");
    assert!(tab.world.profile().values().all(|entry| entry.contains("refresh-1")));
    world.break_storage(Broken::NOTHING);
    assert_eq!(world.run(other.send(&me())).unwrap().status, 200, "the other tab is not signed out");
    world.pass(900_000);
    assert_eq!(world.run(client.send(&me())).unwrap().status, 200);
    assert_eq!(client.state(), signed_in("ann"));
    single_use(&world);
}

#[test]
fn a_token_that_went_out_without_a_key_is_not_sent_again_with_one() {
    let (world, tab, client) = World::signed_in();
    world.server(|server| server.rotation = Rotation::Idempotent);
    let older = world.profile();
    world.pass(900_000);
    world.run(client.send(&me())).unwrap();
    world.edit_profile_to(older);
    let again = tab.open();
    world.pass(900_000);
    assert_eq!(world.run(again.send(&me())).err(), Some(Error::SessionEnded(EndReason::Lost)));
    assert_eq!(world.server(|server| (server.reuses, server.alive())), (0, 1));
}

#[test]
fn a_token_that_the_server_kept_goes_with_its_own_key_although_its_newest_entry_is_lost() {
    let (world, tab, client) = World::signed_in_idempotently();
    world.pass(900_000);
    world.run(client.send(&me())).unwrap();
    let older = world.profile();
    world.server(|server| (server.rotation, server.announces) = (Rotation::Same, Some("true")));
    world.pass(900_000);
    world.run(client.send(&me())).unwrap();
    world.server(|server| server.rotation = Rotation::Idempotent);
    world.edit_profile_to(older);
    let again = tab.open();
    world.pass(900_000);
    assert_eq!(world.run(again.send(&me())).unwrap().status, 200);
    single_use(&world);
}

#[test]
fn a_lost_token_that_is_spent_as_well_is_lost_and_not_stolen() {
    let (world, again, _lost) = rolled_back();
    world.next("/refresh", [Fault::says(409, "{}")]);
    assert_eq!(world.run(again.send(&me())).err(), Some(Error::SessionEnded(EndReason::Lost)));
    world.settle();
    assert_eq!(again.state(), State::SignedOut(Some(EndReason::Lost)));
    // Somebody else may hold it all the same.
    assert_eq!(world.count("POST /logout 204"), 1);
}

#[test]
fn a_lost_vault_entry_is_fetched_again_with_the_previous_key() {
    let (world, again, _lost) = rolled_back();
    assert_eq!(world.run(again.send(&me())).unwrap().status, 200);
    assert!(world.run(again.send(&me())).unwrap().status == 200);
    single_use(&world);
}

/// A throw is no news of what others wrote: it must not use up the waits that are for such news.
#[test]
fn storage_that_throws_during_the_wait_for_a_token_does_not_shorten_it() {
    let (world, again, lost) = rolled_back();
    let others = async {
        world.timer(150).await;
        world.break_storage(Broken { read: true, ..Broken::NOTHING });
        world.timer(100).await;
        world.break_storage(Broken::NOTHING);
        // Another tab puts the lost token back; its removal of the older entry is seen first.
        world.timer(700).await;
        world.edit_profile_to(BTreeMap::new());
        world.timer(450).await;
        world.edit_profile_to(lost);
    };
    assert_eq!(world.run(async { join(again.send(&me()), others).await }).0.unwrap().status, 200);
    single_use(&world);
}

#[test]
fn a_lost_vault_entry_that_is_back_before_the_attempt_goes_out_is_used() {
    let (world, again, lost) = rolled_back();
    // Waited for in vain; but the page hears of its decision late, and another tab was quicker.
    world.next_transactions_after(1, LedgerFault::HeardLate(1_500));
    let put_back = async {
        world.timer(2_000).await;
        world.edit_profile_to(lost);
    };
    let (answer, ()) = world.run(async { join(again.send(&me()), put_back).await });
    assert_eq!(answer.unwrap().status, 200);
    let sent = attempts(&world);
    assert_ne!(sent[0], sent[1], "what is not lost needs no predecessor");
    assert_eq!(sent.len(), 2);
    single_use(&world);
}

#[test]
fn a_token_that_the_ledger_showed_to_be_spent_before_its_attempt_does_not_go_out() {
    let (world, tab, client) = World::signed_in_idempotently();
    world.without_locks();
    let other = tab.duplicate().open();
    world.pass(900_000);
    world.next("/refresh", [Fault::Slow(0, 2_500)]);
    let request = me();
    let meanwhile = async {
        // The other tab's attempt is so slow that the page decides to repeat it, but hears of that late.
        world.timer(1_900).await;
        world.next_transactions([LedgerFault::HeardLate(1_500)]);
        world.timer(700).await;
        assert!(client.recheck().await, "which reads the row that the other tab has committed by now");
    };
    let (first, second, ()) = world.run(join3(other.send(&request), client.send(&request), meanwhile));
    assert_eq!((first.unwrap().status, second.unwrap().status), (200, 200));
    assert_eq!(attempts(&world).len(), 1);
    single_use(&world);
}

#[test]
fn a_transaction_that_aborts_or_is_not_heard_of_changes_nothing() {
    for fault in [LedgerFault::Aborts, LedgerFault::CommitsUnheard, LedgerFault::Hangs] {
        for which in 0..4 {
            let (world, _tab, client) = World::signed_in_idempotently();
            world.pass(900_000);
            world.next_transactions_after(which, fault);
            for _ in 0..2 {
                assert_eq!(world.run(client.send(&me())).unwrap().status, 200, "{which}");
                world.pass(900_000);
            }
            assert_eq!(client.state(), signed_in("ann"));
            single_use(&world);
        }
    }
}

#[test]
fn a_ledger_that_is_blocked_for_long_is_transient() {
    let (world, _tab, client) = World::signed_in_idempotently();
    world.pass(900_000);
    world.next_transactions([LedgerFault::Hangs; 40]);
    let started = world.time();
    assert_eq!(world.run(client.send(&me())).err(), Some(Error::Unavailable));
    assert!(world.time() - started <= 15_000);
    assert!(matches!(client.state(), State::SignedIn { .. }));
    world.pass(120_000);
    assert_eq!(world.run(client.send(&me())).unwrap().status, 200);
}

#[test]
fn without_a_ledger_the_session_lives_in_memory_with_a_notice() {
    let world = World::new();
    world.deny_ledger();
    let tab = world.tab();
    let client = tab.open();
    assert_eq!(client.state(), State::SignedOut(None));
    world.run(client.login("ann", "secret")).unwrap();
    for _ in 0..3 {
        assert!(matches!(client.state(), State::SignedIn { kept: false, .. }));
        assert!(world.profile().is_empty());
        world.pass(900_000);
        assert_eq!(world.run(client.send(&me())).unwrap().status, 200);
    }
    client.logout();
    world.settle();
    assert_eq!(world.server(|server| (server.alive(), server.reuses)), (0, 0));
}

#[test]
fn a_corrupt_row_means_signed_out() {
    let corruptions: [fn(&str) -> String; 5] = [
        |_| String::new(),
        |row| row.replace("\"v\":1", "\"v\":0"),
        |row| row.replace("\"generation\":0", "\"generation\":-1"),
        |row| row[..row.len() / 2].to_owned(),
        |_| "[]".to_owned(),
    ];
    for corrupt in corruptions {
        let (world, tab, _) = World::signed_in();
        world.edit_ledger(corrupt);
        let client = tab.open();
        world.settle();
        assert_eq!(client.state(), State::SignedOut(None));
        assert!(tab.is_wiped());
        world.run(client.login("ann", "secret")).unwrap();
        assert_eq!(client.state(), signed_in("ann"));
    }
}

#[test]
fn a_late_answer_brings_the_token_of_its_own_generation() {
    let (world, tab, client) = World::signed_in_idempotently();
    world.without_locks();
    let sibling = tab.duplicate().open();
    world.pass(900_000);
    world.next("/refresh", [Fault::Slow(0, 6_000)]);
    let request = me();
    let (late, ()) = world.run(join(client.send(&request), async {
        world.timer(50).await;
        // The sibling repeats the attempt, and goes on.
        sibling.send(&request).await.unwrap();
        world.server(|server| server.expire_access());
        sibling.send(&request).await.unwrap();
    }));
    assert_eq!(late.unwrap().status, 200);
    assert_eq!(world.count("POST /refresh"), 3, "the sibling has the newest, and gives it");
}

#[test]
fn what_cannot_be_read_is_not_lost_for_a_refused_predecessor_either() {
    let (world, again, lost) = rolled_back();
    world.next("/refresh", [Fault::SaysLate(1_000, 409, "{}")]);
    let request = me();
    let (answer, ()) = world.run(join(again.send(&request), async {
        world.timer(1_700).await;
        world.edit_profile_to(lost);
        world.break_storage(Broken { read: true, ..Broken::NOTHING });
        world.timer(1_500).await;
        world.break_storage(Broken::NOTHING);
    }));
    assert_eq!(answer.unwrap().status, 200);
    assert_eq!(world.server(|server| server.alive()), 1);
}

#[test]
fn a_full_vault_does_not_cost_the_access_token_that_the_older_token_brought() {
    let (world, again, _lost) = rolled_back();
    world.break_storage(Broken::FULL);
    assert_eq!(world.run(again.send(&me())).unwrap().status, 200);
    world.break_storage(Broken::default());
    world.pass(900_000);
    assert_eq!(world.run(again.send(&me())).unwrap().status, 200);
    single_use(&world);
}

#[test]
fn a_409_to_a_session_that_another_tab_lost_meanwhile_is_told_the_server() {
    let (world, _tab, client) = World::signed_in_idempotently();
    let sibling = world.tab().open();
    world.settle();
    world.without_locks();
    world.pass(2_000_000);
    world.next("/refresh", [Fault::SaysLate(8_000, 409, "{}")]);
    let (_over, ()) = world.run(join(client.send(&me()), async {
        world.timer(500).await;
        world.edit_profile_to(BTreeMap::new());
        let lost = sibling.send(&me()).await;
        assert_eq!(lost.err(), Some(Error::SessionEnded(EndReason::Lost)));
    }));
    world.settle();
    assert_eq!((world.count("POST /logout 204"), world.server(|server| server.alive())), (1, 0));
}
