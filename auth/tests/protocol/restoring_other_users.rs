//! A reload that finds another user's session: the page asks before it takes that session up.

use auth::{AccessCustody, Contract, Custody, State};

use crate::world::{Broken, LedgerFault, World, me, signed_in};

#[test]
fn a_reload_takes_up_no_other_users_session_unasked() {
    let (world, tab, _) = World::signed_in();
    let second = world.tab().open();
    world.run(second.login("bob", "secret")).unwrap();
    world.take_log();
    let client = tab.open();
    world.settle();
    assert_eq!(client.state(), State::SignedInElsewhere { user: "bob".into() });
    client.start();
    world.settle();
    assert_eq!(client.state(), signed_in("bob"));
    assert!(!tab.stored().contains("access-1"));
    assert_eq!(world.run(client.send(&me())).unwrap().json(), Ok(r#"{"user":"bob"}"#.into()));
}

#[test]
fn a_reload_asks_until_the_user_has_said_yes() {
    for access in [AccessCustody::Session, AccessCustody::Memory] {
        let custody = Custody { access, ..Custody::default() };
        let (world, tab, _client) = World::new().sign_in_with(custody);
        let copy = tab.duplicate();
        let second = world.tab().open_with(Contract::default(), custody);
        world.run(second.login("bob", "secret")).unwrap();
        world.settle();
        world.take_log();
        let elsewhere = State::SignedInElsewhere { user: "bob".into() };
        for tab in [&tab, &tab, &copy, &copy] {
            let client = tab.open_with(Contract::default(), custody);
            world.settle();
            assert_eq!(client.state(), elsewhere, "{access:?}");
        }
        assert!(!tab.stored().contains("access-1") && world.take_log().is_empty());
        // A new tab belongs to nobody.
        let client = world.tab().open_with(Contract::default(), custody);
        world.settle();
        assert_eq!(client.state(), signed_in("bob"));
        let client = tab.open_with(Contract::default(), custody);
        client.start();
        world.settle();
        client.start();
        world.settle();
        assert_eq!(client.state(), signed_in("bob"));
        let client = tab.open_with(Contract::default(), custody);
        world.settle();
        assert!(matches!(client.state(), State::SignedIn { .. }), "whose it is now");
    }
}

#[test]
fn a_yes_holds_although_the_tab_cannot_note_it() {
    let (world, tab, _client) = World::signed_in();
    let second = world.tab().open();
    world.run(second.login("bob", "secret")).unwrap();
    world.settle();
    world.break_storage(Broken::EVERYTHING_BUT_READING);
    let client = tab.open();
    world.settle();
    assert_eq!(client.state(), State::SignedInElsewhere { user: "bob".into() });
    client.start();
    world.settle();
    assert!(matches!(client.state(), State::SignedIn { .. }));
}

#[test]
fn a_tab_that_the_ledger_gave_no_answer_asks_before_it_takes_up_what_it_finds_later() {
    let custody = Custody { access: AccessCustody::Memory, ..Custody::default() };
    let (world, tab, _client) = World::new().sign_in_with(custody);
    let copy = tab.duplicate();
    let second = world.tab().open_with(Contract::default(), custody);
    world.run(second.login("bob", "secret")).unwrap();
    world.settle();
    world.next_transactions([LedgerFault::Aborts; 500]);
    let client = copy.open_with(Contract::default(), custody);
    world.pass(16_000);
    assert_eq!(client.state(), State::SignedOut(None));
    world.unblock_ledger();
    world.settle();
    assert_eq!(client.state(), State::SignedInElsewhere { user: "bob".into() });
}

#[test]
fn a_tab_in_which_a_session_ended_is_nobodys_when_it_is_loaded_again() {
    for access in [AccessCustody::Session, AccessCustody::Memory] {
        let custody = Custody { access, ..Custody::default() };
        let (world, tab, client) = World::new().sign_in_with(custody);
        client.logout();
        world.settle();
        assert!(tab.is_wiped());
        let second = world.tab().open_with(Contract::default(), custody);
        world.run(second.login("bob", "secret")).unwrap();
        world.settle();
        // The page that is still there remembers whose it was.
        assert_eq!(client.state(), State::SignedInElsewhere { user: "bob".into() });
        assert_eq!(tab.records().len(), 1, "and so does the next");
        let third = world.tab();
        let client = third.open_with(Contract::default(), custody);
        world.settle();
        client.logout();
        world.settle();
        drop(client);
        assert!(third.is_wiped());
        world.run(second.login("ann", "secret")).unwrap();
        let client = third.open_with(Contract::default(), custody);
        world.settle();
        assert_eq!(client.state(), signed_in("ann"));
    }
}

#[test]
fn a_tab_without_room_for_its_token_asks_before_it_becomes_another_users() {
    let (world, tab, client) = World::signed_in();
    world.pass(900_000);
    world.break_storage(Broken { tokens_of_tabs: true, ..Broken::NOTHING });
    assert_eq!(world.run(client.send(&me())).unwrap().status, 200);
    tab.close();
    let other = world.tab();
    let bob = other.open();
    world.settle();
    bob.logout();
    world.settle();
    world.run(bob.login("bob", "secret")).unwrap();
    world.settle();
    let again = tab.open();
    world.settle();
    assert_eq!(again.state(), State::SignedInElsewhere { user: "bob".into() });
}

#[test]
fn a_tab_notes_the_same_users_next_session() {
    let custody = Custody { access: AccessCustody::Memory, ..Custody::default() };
    let (world, tab, client) = World::new().sign_in_with(custody);
    let other = world.tab().open_with(Contract::default(), custody);
    world.settle();
    let ledger = world.entries();
    world.run(other.login("ann", "secret")).unwrap();
    world.settle();
    assert_eq!(client.state(), signed_in("ann"));
    let new = world
        .entries()
        .into_keys()
        .find(|name| name.contains(":row:") && !ledger.contains_key(name))
        .unwrap();
    let (_, sid) = new.split_once(":row:").unwrap();
    assert!(format!("{:?}", tab.records()).contains(sid), "{:?}", tab.records());
}
