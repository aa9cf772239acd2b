//! A redeploy after which pages keep refresh tokens in memory only. A page that starts then ends the session that
//! was kept, and says so.

use auth::{AccessCustody, Contract, Custody, EndReason, State};

use crate::custody_change::{DATABASE, LOCAL, MEMORY, load, page};
use crate::server::Rotation;
use crate::world::{LedgerFault, UNCONFIRMED, World, signed_in};

const NO_LONGER_KEPT: State = State::SignedOut(Some(EndReason::NoLongerKept));

#[test]
fn a_page_that_keeps_nothing_any_more_ends_what_was_kept_and_says_so() {
    for old in [LOCAL, DATABASE] {
        for access in [AccessCustody::Session, AccessCustody::Memory] {
            let (world, tab) = page(Rotation::Strict, old);
            let client = load(&tab, Custody { access, ..MEMORY });
            world.settle();
            assert_eq!(
                (client.state(), world.take_log()),
                (NO_LONGER_KEPT, vec!["POST /logout 204".to_owned()])
            );
            let told = String::from_utf8(world.sent().pop().unwrap().body.unwrap()).unwrap();
            assert!(told.contains("refresh-1"), "{told}");
            assert_eq!(world.server(|server| server.alive()), 0);
            assert!(tab.is_wiped() && !world.ledger().contains("refresh-"));
            // The page says it once, and a new login works.
            let again = load(&tab, Custody { access, ..MEMORY });
            world.settle();
            assert_eq!((again.state(), world.take_log()), (State::SignedOut(None), vec![]));
            world.run(again.login("ann", "secret")).unwrap();
            assert_eq!(again.state(), signed_in("ann"));
            assert!(world.profile().is_empty() && !world.ledger().contains("refresh-"));
        }
    }
}

#[test]
fn the_sentence_for_it_says_what_happened_and_what_to_do() {
    assert_eq!(
        EndReason::NoLongerKept.message(),
        "This page does not keep sessions where yours was any more, so it was ended. Log in again."
    );
}

#[test]
fn the_server_hears_of_a_session_that_is_no_longer_kept_when_it_can_be_reached() {
    for old in [LOCAL, DATABASE] {
        let (world, tab) = page(Rotation::Strict, old);
        world.go_offline();
        let client = load(&tab, MEMORY);
        world.pass(2_000);
        assert_eq!(client.state(), NO_LONGER_KEPT);
        assert!(tab.is_wiped() && !world.ledger().contains("refresh-"));
        world.heal();
        world.settle();
        assert_eq!((client.state(), world.server(|server| server.alive())), (NO_LONGER_KEPT, 0));
    }
}

#[test]
fn a_page_that_keeps_nothing_any_more_waits_for_a_token_that_another_tab_has_just_stored() {
    let world = World::new();
    let late = world.tab();
    late.stop_seeing();
    let (world, tab, _client) = world.sign_in_with(LOCAL);
    tab.close();
    let client = load(&late, MEMORY);
    world.pass(500);
    late.see_everything();
    world.settle();
    assert_eq!((client.state(), world.server(|server| server.alive())), (NO_LONGER_KEPT, 0));
    assert!(world.profile().is_empty());
}

#[test]
fn a_clock_that_is_set_meanwhile_does_not_end_the_wait_for_a_ledger_that_gives_no_answer() {
    let (world, tab) = page(Rotation::Strict, LOCAL);
    world.next_transactions([LedgerFault::Aborts; 5]);
    let client = load(&tab, MEMORY);
    world.set_clock_by(86_400_000);
    world.settle();
    assert_eq!((client.state(), world.server(|server| server.alive())), (NO_LONGER_KEPT, 0));
}

#[test]
fn a_token_in_the_row_is_not_waited_for() {
    let (world, tab) = page(Rotation::Strict, DATABASE);
    let client = tab.client(Contract::default(), MEMORY);
    client.start();
    world.pass(300);
    assert_eq!(client.state(), NO_LONGER_KEPT);
}

#[test]
fn a_token_whose_session_is_gone_goes_too() {
    let (world, tab) = page(Rotation::Strict, LOCAL);
    let tokens = world.profile();
    let client = load(&tab, LOCAL);
    client.logout();
    world.settle();
    world.edit_profile_to(tokens);
    let client = load(&tab, MEMORY);
    world.settle();
    assert_eq!((client.state(), world.profile().len()), (State::SignedOut(None), 0));
}

#[test]
fn a_login_in_a_tab_of_the_earlier_deployment_keeps_its_token_or_is_ended() {
    for which in 0..4 {
        let world = World::new();
        let other = load(&world.tab(), LOCAL);
        world.settle();
        world.next_transactions_after(which, LedgerFault::HeardLate(500));
        let client = world.tab().client(Contract::default(), MEMORY);
        client.start();
        world.pass(10);
        world.unblock_ledger();
        world.run(other.login("ann", "secret")).unwrap();
        world.settle();
        let lives = world.row()["ended"].is_null();
        assert_eq!((which, lives), (which, !world.profile().is_empty()));
        assert_eq!(lives, world.server(|server| server.alive()) == 1);
    }
}

#[test]
fn a_tab_of_the_earlier_deployment_learns_that_its_session_is_over() {
    for old in [LOCAL, DATABASE] {
        let (world, tab, client) = World::new().sign_in_with(old);
        let _new = load(&world.tab(), MEMORY);
        world.settle();
        assert!(world.run(client.recheck()));
        assert!(matches!(client.state(), State::SignedOut(Some(_))));
        assert!(tab.is_wiped());
        // The old deployment comes back, but the session stays ended.
        let again = load(&world.tab(), old);
        world.settle();
        assert_eq!(again.state(), State::SignedOut(None));
    }
}

// The test below asserts behaviour that must not change.

#[test]
fn a_page_that_kept_nothing_and_keeps_nothing_has_nothing_to_say() {
    let world = World::new();
    let client = load(&world.tab(), MEMORY);
    world.settle();
    assert_eq!((client.state(), world.transactions()), (State::SignedOut(None), 1));
    let (world, tab) = page(Rotation::Strict, MEMORY);
    let client = load(&tab, MEMORY);
    world.settle();
    assert_eq!((client.state(), world.take_log()), (UNCONFIRMED, vec![]));
}
