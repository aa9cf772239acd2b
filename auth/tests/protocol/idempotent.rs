//! A server whose rotation is idempotent: the same attempt, however often and late, has the same
//! outcome. And what such attempts look like when the ledger or the vault fails.

use auth::{EndReason, Error, HttpRequest, State};
use futures_util::future::{join, join3};

use crate::server::header;
use crate::world::{Broken, Fault, LedgerFault, World, me, signed_in};

pub(crate) fn attempts(world: &World) -> Vec<(String, Option<String>)> {
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
pub(crate) fn single_use(world: &World) {
    let attempts = attempts(world);
    for (token, key) in &attempts {
        assert!(key.as_ref().is_some_and(|key| key.len() >= 22));
        assert!(attempts.iter().all(|(t, k)| (t == token) == (k == key)), "{attempts:?}");
    }
    assert_eq!(world.server(|server| (server.reuses, server.conflicts, server.alive())), (0, 0, 1));
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
