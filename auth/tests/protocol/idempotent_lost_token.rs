//! The vault has lost the newest refresh token. At a server whose rotation is idempotent, the token before it
//! fetches it again.

use std::collections::BTreeMap;

use auth::{Client, EndReason, Error, State};
use futures_util::future::join;

use crate::idempotent::{attempts, single_use};
use crate::server::Rotation;
use crate::world::{Broken, Fault, LedgerFault, World, me};

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
fn a_lost_vault_entry_is_fetched_again_with_the_previous_key() {
    let (world, again, _lost) = rolled_back();
    assert_eq!(world.run(again.send(&me())).unwrap().status, 200);
    assert!(world.run(again.send(&me())).unwrap().status == 200);
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
