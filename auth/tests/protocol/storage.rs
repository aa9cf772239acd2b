//! Storage that throws, is full or was emptied; and where each custody keeps its tokens.

use auth::{AccessCustody, Contract, Custody, EndReason, Error, RefreshCustody, State};

use crate::world::{Broken, World, me, signed_in};

const MEMORY_ONLY: Custody = Custody { access: AccessCustody::Memory, refresh: RefreshCustody::Memory };

#[test]
fn with_storage_that_always_throws_everything_works_in_memory_with_a_notice() {
    let world = World::new();
    world.break_storage(Broken::EVERYTHING);
    let tab = world.tab();
    let client = tab.open();
    assert_eq!(client.state(), State::SignedOut(None));
    world.run(client.login("ann", "secret")).unwrap();
    let in_memory = State::SignedIn { user: Some("ann".into()), degraded: None, kept: false };
    assert_eq!(client.state(), in_memory);
    for _ in 0..3 {
        world.pass(900_000);
        assert_eq!(world.run(client.send(&me())).unwrap().status, 200);
    }
    assert_eq!(client.state(), in_memory);
    client.logout();
    assert_eq!(client.state(), State::SignedOut(Some(EndReason::LoggedOut)));
    world.settle();
    assert_eq!(world.server(|server| (server.alive(), server.reuses)), (0, 0));
    assert!(tab.is_wiped());
}

#[test]
fn a_full_storage_at_rotation_leaves_no_spent_record() {
    let (world, tab, client) = World::signed_in();
    world.break_storage(Broken::FULL);
    world.pass(900_000);
    assert_eq!(world.run(client.send(&me())).unwrap().status, 200);
    assert!(tab.is_wiped(), "neither the spent refresh token nor the older access token");
    // This server takes each token once: the new one is safer in the ledger than nowhere.
    assert!(world.ledger().contains("refresh-2") && client.state() == signed_in("ann"));
    world.break_storage(Broken::NOTHING);
    world.pass(900_000);
    assert_eq!(world.run(client.send(&me())).unwrap().status, 200);
    assert_eq!(client.state(), signed_in("ann"));
    assert!(tab.stored().contains("refresh-3") && !world.ledger().contains("refresh-"));
    assert_eq!(world.server(|server| server.reuses), 0);
}

#[test]
fn a_full_storage_at_login_leaves_nothing_of_the_older_session() {
    let (world, tab, client) = World::signed_in();
    world.break_storage(Broken::FULL);
    world.run(client.login("bob", "secret")).unwrap();
    assert!(tab.is_wiped());
    assert_eq!(world.run(client.send(&me())).unwrap().json(), Ok(r#"{"user":"bob"}"#.into()));
}

#[test]
fn storage_that_cannot_be_read_any_more_ends_no_session() {
    let (world, _tab, client) = World::signed_in();
    world.break_storage(Broken { read: true, ..Broken::NOTHING });
    for _ in 0..3 {
        world.pass(900_000);
        assert_eq!(world.run(client.send(&me())).unwrap().status, 200);
        assert!(matches!(client.state(), State::SignedIn { kept: false, .. }));
    }
    client.logout();
    world.settle();
    assert_eq!(world.server(|server| (server.alive(), server.reuses)), (0, 0));
}

#[test]
fn a_session_that_began_in_memory_stays_there() {
    let world = World::new();
    world.break_storage(Broken::EVERYTHING);
    let tab = world.tab();
    let client = tab.open();
    world.run(client.login("ann", "secret")).unwrap();
    world.break_storage(Broken::NOTHING);
    world.pass(900_000);
    world.run(client.send(&me())).unwrap();
    assert!(matches!(client.state(), State::SignedIn { kept: false, .. }), "the mode is fixed at login");
    assert!(world.profile().is_empty() && !world.ledger().contains("refresh-"));
}

#[test]
fn a_record_that_vanished_ends_the_session_at_the_next_refresh() {
    let (world, tab, client) = World::signed_in();
    world.edit_profile("");
    world.pass(900_000);
    let ended = Error::SessionEnded(EndReason::Lost);
    assert_eq!(world.run(client.send(&me())).err(), Some(ended));
    assert!(tab.is_wiped());
}

#[test]
fn a_ledger_that_was_wiped_is_not_called_a_logout() {
    for live in [true, false] {
        let (world, tab, client) = World::signed_in();
        world.edit_ledger(|_| String::new());
        if live {
            assert!(world.run(client.recheck()));
        } else {
            world.pass(900_000);
            world.run(client.send(&me())).unwrap_err();
        }
        assert_eq!(client.state(), State::SignedOut(Some(EndReason::Lost)), "{live}");
        assert!(tab.is_wiped());
    }
}

#[test]
fn the_notice_outlives_a_reload_that_the_session_outlives() {
    let world = World::new();
    world.deny_ledger();
    let tab = world.tab();
    let client = tab.open();
    world.run(client.login("ann", "secret")).unwrap();
    for _ in 0..2 {
        let client = tab.open();
        assert_eq!(client.state(), State::SignedIn { user: None, degraded: None, kept: false });
        assert_eq!(world.run(client.send(&me())).unwrap().status, 200);
    }
}

#[test]
fn a_session_that_lost_its_page_waits_for_no_storage() {
    let world = World::new();
    world.deny_ledger();
    let tab = world.tab();
    world.run(tab.open().login("ann", "secret")).unwrap();
    // The refresh token went with the first page, wherever else one might look for it.
    let client = tab.open();
    world.break_storage(Broken::EVERYTHING);
    world.pass(900_000);
    let error = world.run(client.send(&me())).unwrap_err();
    assert_eq!(error, Error::SessionEnded(EndReason::Expired));
    assert_eq!(client.state(), State::SignedOut(Some(EndReason::Expired)));
}

#[test]
fn custody_in_memory_stores_nothing_anywhere() {
    let world = World::new();
    let tab = world.tab();
    let client = tab.open_with(Contract::default(), MEMORY_ONLY);
    world.run(client.login("ann", "secret")).unwrap();
    assert!(world.run(client.recheck()));
    assert_eq!(world.listeners(), 0);
    for _ in 0..3 {
        assert!(tab.is_wiped());
        assert_eq!(client.state(), signed_in("ann"), "kept as configured: no notice");
        world.pass(900_000);
        world.run(client.send(&me())).unwrap();
    }
    assert_eq!(tab.open_with(Contract::default(), MEMORY_ONLY).state(), State::SignedOut(None));
    client.logout();
    world.settle();
    assert_eq!(world.server(|server| (server.alive(), server.reuses)), (0, 0));
}

#[test]
fn each_token_lies_in_its_own_custody_only() {
    for (custody, access, refresh) in [
        (Custody { access: AccessCustody::Session, refresh: RefreshCustody::Local }, true, true),
        (Custody { access: AccessCustody::Memory, refresh: RefreshCustody::Local }, false, true),
        (Custody { access: AccessCustody::Session, refresh: RefreshCustody::Memory }, true, false),
        (MEMORY_ONLY, false, false),
    ] {
        let world = World::new();
        let tab = world.tab();
        let client = tab.open_with(Contract::default(), custody);
        world.run(client.login("ann", "secret")).unwrap();
        for n in 1..4 {
            let (tab_text, profile_text) = (format!("{:?}", tab.records()), format!("{:?}", world.profile()));
            assert_eq!(tab_text.contains(&format!("access-{n}")), access, "{custody:?}");
            assert_eq!(profile_text.contains(&format!("refresh-{n}")), refresh, "{custody:?}");
            assert!(!tab_text.contains("refresh-") && !profile_text.contains("access-"), "{custody:?}");
            world.pass(900_000);
            world.run(client.send(&me())).unwrap();
        }
    }
}

#[test]
fn a_token_that_cannot_be_read_any_more_is_not_taken_for_the_one_that_was() {
    let (world, tab, client) = World::signed_in();
    let other = tab.duplicate().open();
    world.without_messages();
    world.pass(900_000);
    assert_eq!(world.run(other.send(&me())).unwrap().status, 200);
    world.break_storage(Broken { read: true, ..Broken::NOTHING });
    world.pass(900_000);
    world.take_log();
    assert_eq!(world.run(client.send(&me())).err(), Some(Error::Unavailable));
    assert_eq!(world.take_log(), [""; 0]);
    world.break_storage(Broken::NOTHING);
    assert_eq!(world.run(client.send(&me())).unwrap().status, 200);
    assert_eq!(world.server(|server| server.reuses), 0);
}

#[test]
fn a_session_that_nothing_can_renew_survives_a_network_that_was_away() {
    let world = World::new();
    world.deny_ledger();
    let tab = world.tab();
    world.run(tab.open().login("ann", "secret")).unwrap();
    let client = tab.open();
    world.go_offline();
    assert!(world.run(client.send(&me())).is_err());
    world.heal();
    world.run(client.recheck());
    world.settle();
    assert!(matches!(client.state(), State::SignedIn { .. }));
    assert_eq!(world.run(client.send(&me())).unwrap().status, 200);
    assert_eq!(world.count("POST /refresh"), 0);
}
