//! Logins that the ledger refuses, or enters without saying so in time.

use auth::{Client, Contract, Custody, EndReason, Error, State};
use futures_util::future::join;

use crate::logout::LOGGED_OUT;
use crate::server::header;
use crate::world::{Broken, Fault, LedgerFault, World, me, signed_in, watch};

#[test]
fn a_login_whose_session_the_page_has_refreshed_before_the_ledger_gave_word_keeps_the_newer_token() {
    let world = World::new();
    let tab = world.tab();
    // The page's first look fails; its second comes after the login's commit and before its word.
    world.next_transactions([LedgerFault::Aborts, LedgerFault::None, LedgerFault::HeardLate(2_000)]);
    let client = tab.open();
    world.run(client.login("ann", "secret")).unwrap();
    assert_eq!(world.take_log(), ["POST /token 200", "POST /refresh 200"]);
    assert!(tab.stored().contains("access-2"));
    assert_eq!(world.run(client.send(&me())).unwrap().status, 200);
    assert_eq!(header(world.sent().last().unwrap(), "authorization"), Some("Bearer access-2"));
    assert_eq!(client.state(), signed_in("ann"));
}

/// A page that hears late that the ledger took its login, at which another tab has refreshed the session by then, and
/// this one, which found it, is about to: with this `fault`.
fn login_heard_late(world: &World, fault: Fault) -> (Client, Client) {
    world.next_transactions([LedgerFault::Aborts, LedgerFault::None, LedgerFault::HeardLate(1_900)]);
    let client = world.tab().open();
    let other = world.tab().client(Contract::default(), Custody::default());
    let (login, ()) = world.run(join(client.login("ann", "secret"), async {
        world.timer(100).await;
        other.start();
        world.timer(100).await;
        world.next("/refresh", [fault]);
    }));
    login.unwrap();
    (client, other)
}

#[test]
fn a_login_is_usable_at_once_although_the_page_refreshes_its_session_already() {
    let world = World::new();
    let (client, _other) = login_heard_late(&world, Fault::Slow(0, 5_000));
    assert_eq!(world.count("POST /refresh"), 2);
    let logged_in = world.time();
    assert_eq!(world.run(client.send(&me())).unwrap().status, 200);
    assert_eq!(world.time() - logged_in, 20);
}

#[test]
fn a_login_whose_session_is_being_refreshed_already_joins_that_flight() {
    let world = World::new();
    world.without_locks();
    let (client, other) = login_heard_late(&world, Fault::Slow(5_000, 0));
    other.pause();
    world.server(|server| server.expire_access());
    assert_eq!(world.run(client.send(&me())).unwrap().status, 200);
    world.settle();
    assert_eq!(world.server(|server| (server.reuses, server.alive())), (0, 1));
}

#[test]
fn a_refresh_that_meets_the_pages_own_login_tells_nobody_of_one_in_another_tab() {
    use LedgerFault::{HeardLate, None as Good};
    let (world, _tab, client) = World::signed_in();
    world.next("/refresh", [Fault::Slow(0, 1_000)]);
    world.server(|server| server.expire_access());
    let seen = watch(&client);
    let (_ann, login) = world.run(join(client.send(&me()), async {
        world.timer(500).await;
        world.next_transactions([Good, HeardLate(1_500)]);
        client.login("bob", "secret").await
    }));
    login.unwrap();
    world.settle();
    assert_eq!(seen.take(), [signed_in("bob")]);
}

#[test]
fn a_login_of_which_the_ledger_gives_no_word_is_taken_back() {
    use LedgerFault::{Aborts, CommitsUnheard, None as Good};
    for faults in [vec![Aborts; 12], vec![Good, CommitsUnheard, Aborts, Aborts, Aborts, Aborts]] {
        let world = World::new();
        let tab = world.tab();
        let client = tab.open();
        world.settle();
        world.next_transactions(faults);
        assert_eq!(world.run(client.login("ann", "secret")), Err(Error::StorageSilent));
        world.settle();
        assert_eq!(client.state(), State::SignedOut(None));
        assert_eq!(world.server(|server| server.alive()), 0);
        assert!(tab.is_wiped());
        let other = world.tab().open();
        world.settle();
        assert_eq!(other.state(), State::SignedOut(None));
    }
}

#[test]
fn a_login_that_is_taken_back_ends_at_the_server_what_it_had_replaced() {
    use LedgerFault::{Aborts, CommitsUnheard, None as Good};
    for faults in [
        vec![Good, CommitsUnheard, Aborts, Aborts, Aborts, Aborts],
        // A later try has found that the first was committed, and was aborted itself.
        vec![Good, CommitsUnheard, Good, Aborts, Aborts, Aborts, Aborts],
    ] {
        let (world, tab, client) = World::signed_in();
        world.next_transactions(faults);
        world.run(client.login("bob", "secret")).unwrap_err();
        world.settle();
        assert_eq!(client.state(), State::SignedOut(Some(EndReason::Revoked)), "nobody logged out elsewhere");
        assert_eq!(world.server(|server| server.alive()), 0);
        assert!(tab.is_wiped());
    }
}

#[test]
fn a_login_is_taken_back_if_one_try_of_a_broken_ledger_gave_no_word() {
    let world = World::new();
    let client = world.tab().open();
    world.settle();
    use LedgerFault::{Fills, HeardLate, None as Good};
    world.next_transactions([Good, HeardLate(2_500), Fills, Fills, Fills, Fills]);
    assert_eq!(world.run(client.login("ann", "secret")), Err(Error::StorageSilent));
    world.settle();
    assert_eq!((client.state(), world.server(|server| server.alive())), (State::SignedOut(None), 0));
}

#[test]
fn a_login_is_taken_back_if_the_ledger_is_denied_after_a_try_that_gave_no_word() {
    let world = World::new();
    let client = world.tab().open();
    world.settle();
    world.next_transactions([LedgerFault::None, LedgerFault::CommitsUnheard]);
    let (login, ()) = world.run(join(client.login("ann", "secret"), async {
        world.timer(100).await;
        world.deny_ledger();
    }));
    world.settle();
    assert_eq!(login, Err(Error::StorageSilent));
    assert_eq!((client.state(), world.server(|server| server.alive())), (State::SignedOut(None), 0));
    assert!(world.profile().is_empty());
}

#[test]
fn a_login_that_no_try_entered_leaves_the_session_that_was_there() {
    let (world, _tab, client) = World::signed_in();
    world.next_transactions([LedgerFault::None, LedgerFault::Aborts].repeat(5));
    world.run(client.login("bob", "secret")).unwrap_err();
    world.settle();
    assert_eq!((client.state(), world.server(|server| server.alive())), (signed_in("ann"), 1));
    assert_eq!(world.run(client.send(&me())).unwrap().status, 200);
}

#[test]
fn a_login_whose_commit_is_found_by_the_third_try_revokes_the_older_session() {
    use LedgerFault::{Aborts, CommitsUnheard, None as Good};
    let (world, _tab, client) = World::signed_in();
    world.next_transactions([Good, CommitsUnheard, Good, Aborts]);
    world.run(client.login("bob", "secret")).unwrap();
    world.settle();
    assert_eq!((client.state(), world.server(|server| server.alive())), (signed_in("bob"), 1));
}

#[test]
fn a_login_without_a_ledger_revokes_the_session_that_the_ledger_had() {
    let (world, tab, client) = World::signed_in();
    world.deny_ledger();
    world.run(client.login("bob", "secret")).unwrap();
    world.settle();
    assert_eq!(world.take_log(), ["POST /token 200", "POST /logout 204"]);
    assert_eq!(world.server(|server| server.alive()), 1);
    assert!(!tab.stored().contains("refresh-1"));
    assert_eq!(world.run(client.send(&me())).unwrap().json(), Ok(r#"{"user":"bob"}"#.into()));
}

#[test]
fn a_login_where_the_ledger_is_broken_lives_in_memory_with_a_notice() {
    let (world, tab, client) = World::signed_in();
    world.break_ledger();
    world.run(client.login("bob", "secret")).unwrap();
    world.settle();
    assert_eq!(client.state(), State::SignedIn { user: Some("bob".into()), degraded: None, kept: false });
    assert_eq!(world.server(|server| server.alive()), 1);
    world.pass(900_000);
    assert_eq!(world.run(client.send(&me())).unwrap().json(), Ok(r#"{"user":"bob"}"#.into()));
    client.logout();
    world.settle();
    assert_eq!(world.server(|server| server.alive()), 0);
    assert!(tab.is_wiped());
}

#[test]
fn a_login_whose_row_the_disk_has_no_room_for_lives_in_memory_and_nowhere_else() {
    let (world, _tab, client) = World::signed_in();
    world.next_transactions([LedgerFault::None, LedgerFault::Fills].repeat(5));
    world.run(client.login("bob", "secret")).unwrap();
    world.settle();
    assert!(matches!(client.state(), State::SignedIn { kept: false, .. }));
    assert!(world.profile().is_empty(), "neither ann's token nor bob's");
    assert_eq!(world.server(|server| server.alive()), 1);
}

#[test]
fn a_login_that_the_disk_has_no_room_for_ends_the_session_before_in_every_tab_and_for_good() {
    let (world, tab, client) = World::signed_in();
    let other = tab.duplicate().open();
    world.settle();
    world.next_transactions([LedgerFault::None, LedgerFault::Fills].repeat(5));
    world.run(client.login("bob", "secret")).unwrap();
    world.settle();
    assert_eq!(other.state(), State::SignedOut(Some(EndReason::LoggedOutElsewhere)));
    assert_eq!(world.count("POST /logout"), 1);
    client.logout();
    world.settle();
    assert_eq!(client.state(), LOGGED_OUT);
    assert_eq!(world.tab().open().state(), State::SignedOut(None), "ann's row is not taken up again");
}

#[test]
fn a_login_whose_token_storage_has_no_room_for_ends_the_session_before_once() {
    let (world, _tab, client) = World::signed_in();
    world.break_storage(Broken::FULL);
    world.run(client.login("bob", "secret")).unwrap();
    world.settle();
    assert_eq!((world.count("POST /logout"), world.server(|server| server.alive())), (1, 1));
}

#[test]
fn what_the_ledger_does_not_hear_of_the_session_before_is_not_told_of_a_logout() {
    for ann_is_shared in [true, false] {
        let world = World::new();
        let client = world.tab().open();
        world.settle();
        if !ann_is_shared {
            world.break_ledger();
        }
        world.run(client.login("ann", "secret")).unwrap();
        world.break_ledger();
        world.run(client.login("bob", "secret")).unwrap();
        client.logout();
        world.settle();
        assert_eq!(
            (client.state(), world.server(|server| server.alive())),
            (LOGGED_OUT, 0),
            "{ann_is_shared}"
        );
    }
}

#[test]
fn a_login_that_the_disk_has_no_room_for_outlives_a_reload_although_an_older_row_is_there() {
    for user in ["bob", "ann"] {
        let (world, tab, client) = World::signed_in();
        world.next_transactions([LedgerFault::None, LedgerFault::Fills].repeat(5));
        world.run(client.login(user, "secret")).unwrap();
        let again = tab.open();
        world.settle();
        assert_eq!(again.state(), State::SignedIn { user: None, degraded: None, kept: false });
        let me = world.run(again.send(&me())).unwrap();
        assert_eq!(me.json(), Ok(format!(r#"{{"user":"{user}"}}"#).into()));
    }
}

#[test]
fn a_ledger_that_is_full_for_a_moment_is_asked_again() {
    let world = World::new();
    let client = world.tab().open();
    world.settle();
    world.next_transactions([LedgerFault::Fills; 4]);
    world.run(client.login("ann", "secret")).unwrap();
    assert_eq!(client.state(), signed_in("ann"));
}

#[test]
fn a_login_that_the_ledger_refuses_is_entered_once_more_after_a_pause() {
    let times = [vec![], vec![LedgerFault::Aborts]].map(|faults| {
        let world = World::new();
        let client = world.tab().open();
        world.settle();
        let began = world.time();
        world.next_transactions(faults);
        world.run(client.login("ann", "secret")).unwrap();
        world.time() - began
    });
    assert_eq!(times[1] - times[0], 200);
}
