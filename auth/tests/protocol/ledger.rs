//! The ledger refuses, or its word is late.

use auth::{AccessCustody, Custody, EndReason, Error, RefreshCustody, State};

use crate::world::{LedgerFault, World, signed_in, watch};

#[test]
fn a_login_of_which_the_ledger_gives_no_word_is_taken_back() {
    use LedgerFault::{Aborts, CommitsUnheard, None as Good};
    for faults in [vec![Aborts; 12], vec![Good, CommitsUnheard, Aborts, Aborts, Aborts, Aborts]] {
        let world = World::new();
        let tab = world.tab();
        let client = tab.open();
        world.settle();
        world.next_transactions(faults);
        assert_eq!(world.run(client.login("ann", "secret")), Err(Error::Unavailable));
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
fn a_login_over_a_session_in_memory_revokes_it() {
    let custody = Custody { access: AccessCustody::Session, refresh: RefreshCustody::Memory };
    let (world, _tab, client) = World::new().sign_in_with(custody);
    world.run(client.login("bob", "secret")).unwrap();
    world.settle();
    assert_eq!(world.take_log(), ["POST /token 200", "POST /logout 204"]);
    assert_eq!((client.state(), world.server(|server| server.alive())), (signed_in("bob"), 1));
}

#[test]
fn a_logout_does_not_fear_for_a_token_that_lies_in_the_ledger() {
    let custody = Custody { access: AccessCustody::Session, refresh: RefreshCustody::Database };
    let (world, _tab, client) = World::new().sign_in_with(custody);
    let seen = watch(&client);
    client.logout();
    world.settle();
    assert_eq!(seen.take(), [State::SignedOut(Some(EndReason::LoggedOut))]);
    assert_eq!(world.server(|server| server.alive()), 0);
}

#[test]
fn a_page_that_keeps_everything_in_memory_takes_up_no_session_of_others() {
    let world = World::new();
    let custody = Custody { access: AccessCustody::Memory, refresh: RefreshCustody::Memory };
    let client = world.tab().open_with(Default::default(), custody);
    let other = world.tab().open();
    world.run(other.login("ann", "secret")).unwrap();
    assert!(world.run(client.recheck()));
    world.settle();
    assert_eq!(client.state(), State::SignedOut(None));
}

#[test]
fn a_page_that_heard_nothing_finds_out_how_its_session_ended() {
    // Another session came after it and was logged out, or the ledger was wiped.
    for (wiped, reason) in [(false, EndReason::LoggedOutElsewhere), (true, EndReason::Lost)] {
        let (world, _tab, client) = World::signed_in();
        let other = world.tab().open();
        world.settle();
        client.pause();
        if wiped {
            world.edit_ledger(|_| String::new());
        } else {
            world.run(other.login("ann", "secret")).unwrap();
            other.logout();
        }
        world.settle();
        assert_eq!(client.state(), signed_in("ann"));
        assert!(world.run(client.recheck()));
        assert_eq!(client.state(), State::SignedOut(Some(reason)));
    }
}
