//! A reload that finds the ledger slow, or another tab ahead.

use auth::{Client, Contract, Custody, EndReason, Error, State};
use futures_util::future::join;

use crate::world::{Fault, LedgerFault, UNCONFIRMED, World, me, signed_in, watch};

/// Two tabs of a session whose access token is old and whose next refresh takes a second.
fn slow_refresh() -> (World, Client, Client) {
    let (world, tab, client) = World::signed_in();
    let other = tab.duplicate().open();
    world.settle();
    world.pass(900_000);
    world.take_log();
    world.next("/refresh", [Fault::Slow(0, 1_000)]);
    (world, client, other)
}

#[test]
fn a_ledger_that_refuses_at_the_start_is_asked_again() {
    let (world, tab, _) = World::signed_in();
    world.next_transactions([LedgerFault::Aborts; 5]);
    let client = tab.client(Contract::default(), Custody::default());
    let seen = watch(&client);
    client.start();
    world.settle();
    assert_eq!(seen.take(), [UNCONFIRMED]);
    assert!(tab.stored().contains("access-1") && tab.stored().contains("refresh-1"));
}

#[test]
fn a_ledger_that_keeps_refusing_leaves_the_page_what_its_tab_knows_after_fifteen_seconds() {
    let (world, tab, _) = World::signed_in();
    let stranger = world.tab();
    world.next_transactions([LedgerFault::Aborts; 500]);
    let (client, other) = (tab.open(), stranger.open());
    world.pass(14_000);
    assert_eq!((client.state(), other.state()), (State::Restoring, State::Restoring));
    world.pass(2_000);
    assert_eq!((client.state(), other.state()), (UNCONFIRMED, State::SignedOut(None)));
    assert_eq!(world.run(client.send(&me())).unwrap().status, 200);
}

#[test]
fn a_page_that_the_ledger_gave_no_answer_looks_until_it_has_one() {
    let (world, tab, client) = World::signed_in();
    let copy = tab.duplicate();
    client.logout();
    world.settle();
    world.next_transactions([LedgerFault::Aborts; 500]);
    let late = copy.open();
    world.pass(16_000);
    assert_eq!(late.state(), UNCONFIRMED, "all that it can know");
    world.unblock_ledger();
    world.pass(60_000);
    assert_eq!(late.state(), State::SignedOut(Some(EndReason::LoggedOutElsewhere)));
    assert_eq!(world.timers(), 0);
}

#[test]
fn a_page_of_nobody_that_the_ledger_gave_no_answer_finds_the_session_later() {
    let (world, _tab, _client) = World::signed_in();
    world.next_transactions([LedgerFault::Aborts; 500]);
    let stranger = world.tab().open();
    world.pass(16_000);
    assert_eq!(stranger.state(), State::SignedOut(None));
    world.unblock_ledger();
    world.pass(60_000);
    assert_eq!(stranger.state(), signed_in("ann"));
}

#[test]
fn a_logout_that_a_silent_ledger_was_never_told_of_is_not_undone_by_a_look() {
    let (world, _tab, _) = World::signed_in();
    world.next_transactions([LedgerFault::Aborts; 5_000]);
    let late = world.tab().open();
    late.logout();
    world.pass(150_000);
    world.unblock_ledger();
    world.pass(60_000);
    assert_eq!(late.state(), State::SignedOut(None));
}

#[test]
fn a_logout_before_the_page_knows_its_session_ends_it_however_late_the_ledger_answers() {
    let (world, tab, _) = World::signed_in();
    world.next_transactions([LedgerFault::Aborts; 100]);
    let client = tab.open();
    assert_eq!(client.state(), State::Restoring);
    client.logout();
    world.settle();
    assert!(matches!(client.state(), State::SignedOut(_)));
    assert_eq!(world.server(|server| server.alive()), 0);
    assert!(tab.is_wiped());
}

#[test]
fn a_session_without_a_refresh_token_survives_a_reload_until_its_time_is_up() {
    let (world, tab, _) = World::with(|server| server.issues_refresh = false).sign_in();
    let client = tab.open();
    assert_eq!(client.state(), UNCONFIRMED);
    // The token is ageing: there is nothing to renew it with, and nothing ends before its time.
    world.pass(850_000);
    assert_eq!(world.run(client.send(&me())).unwrap().status, 200);
    world.settle();
    assert_eq!((client.state(), world.take_log()), (signed_in("ann"), vec!["GET /me 200".to_owned()]));
}

#[test]
fn a_page_that_missed_a_refresh_takes_its_token_from_the_tab_that_made_it() {
    let (world, tab, _) = World::signed_in();
    let copy = tab.duplicate();
    let other = tab.open();
    world.server(|server| server.expire_access());
    assert_eq!(world.run(other.send(&me())).unwrap().status, 200);
    world.take_log();
    let client = copy.open();
    world.settle();
    assert_eq!(world.run(client.send(&me())).unwrap().status, 200);
    assert_eq!(world.take_log(), ["GET /me 200"]);
}

#[test]
fn a_page_that_restores_shows_nothing_before_it_is_done() {
    let (world, tab, _) = World::signed_in();
    world.pass(900_000);
    world.next("/refresh", [Fault::Lost, Fault::None]);
    let client = tab.client(Contract::default(), Custody::default());
    let seen = watch(&client);
    client.start();
    world.settle();
    assert_eq!(seen.take(), [signed_in("ann")]);
}

#[test]
fn a_request_that_waits_for_a_refresh_goes_on_with_the_same_users_next_session() {
    for messages in [true, false] {
        let (world, client, other) = slow_refresh();
        if !messages {
            world.without_messages();
        }
        let request = me();
        let (answer, login) = world.run(join(client.send(&request), other.login("ann", "secret")));
        assert_eq!((answer.unwrap().status, login), (200, Ok(())));
        // Without a word from the other tab its access token is not to be had.
        assert_eq!(world.count("POST /refresh"), if messages { 1 } else { 2 });
        assert_eq!(world.count("GET /me"), 1);
    }
}

#[test]
fn a_request_that_went_on_with_the_next_session_is_repeated_after_a_401_like_any() {
    let (world, client, other) = slow_refresh();
    world.next("/me", [Fault::says(401, r#"{"detail":"Could not validate credentials"}"#)]);
    let request = me();
    let (answer, _) = world.run(join(client.send(&request), other.login("ann", "secret")));
    assert_eq!(answer.unwrap().status, 200);
}

#[test]
fn a_request_that_waits_for_a_refresh_is_dropped_when_another_user_signs_in() {
    let (world, client, other) = slow_refresh();
    let request = me();
    let (answer, _) = world.run(join(client.send(&request), other.login("bob", "secret")));
    assert_eq!(answer.err(), Some(Error::SessionChanged));
    assert_eq!(world.count("GET /me"), 0);
}

#[test]
fn a_login_elsewhere_that_a_page_hears_of_while_it_restores_is_not_missed() {
    // The page has read its session; what it does next takes two seconds. The look that the message causes ends
    // before the page shows anything, or after it.
    for (before, look) in [(0, LedgerFault::None), (1_800, LedgerFault::HeardLate(500))] {
        let (world, tab, _) = World::signed_in();
        let other = tab.duplicate().open();
        world.settle();
        world.next_transactions_after(2, LedgerFault::Hangs);
        let client = tab.open();
        world.pass(before);
        world.run(other.login("bob", "secret")).unwrap();
        world.next_transactions([look]);
        world.settle();
        assert_eq!(client.state(), State::SignedInElsewhere { user: "bob".into() });
    }
}

#[test]
fn a_page_that_is_loaded_twice_while_the_ledger_is_silent_still_asks_whose_session_it_takes_up() {
    let (world, tab, client) = World::signed_in();
    world.run(world.tab().open().login("bob", "secret")).unwrap();
    world.settle();
    let elsewhere = State::SignedInElsewhere { user: "bob".into() };
    assert_eq!(client.state(), elsewhere);
    world.next_transactions([LedgerFault::Aborts; 1_000]);
    let silent = tab.open();
    world.settle();
    assert_eq!(silent.state(), State::SignedOut(None));
    drop(silent);
    world.unblock_ledger();
    let again = tab.open();
    world.settle();
    assert_eq!(again.state(), elsewhere);
}

#[test]
fn a_page_that_takes_up_its_users_later_session_forgets_the_token_of_the_one_before() {
    let (world, tab, _) = World::signed_in();
    let other = world.tab().open();
    world.settle();
    tab.close();
    world.run(other.login("ann", "secret")).unwrap();
    world.settle();
    // Nobody gives the page a new token, because its record would replace the old one's anyway.
    other.pause();
    world.go_offline();
    assert!(tab.records().values().any(|record| record.contains("access-1")), "{:?}", tab.records());
    let _client = tab.open();
    world.settle();
    assert!(!tab.records().values().any(|record| record.contains("access-1")), "{:?}", tab.records());
}
