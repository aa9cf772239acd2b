//! Several tabs: who adopts, who is told.

use std::cell::RefCell;
use std::rc::Rc;

use auth::{Contract, Custody, EndReason, Error, Platform as _, RefreshCustody, State};
use futures_util::future::{join, join_all};

use crate::world::{CHANNEL, Fault, LedgerFault, World, me, signed_in, watch};

pub(crate) const DATABASE: Custody =
    Custody { access: auth::AccessCustody::Session, refresh: RefreshCustody::Database };

#[test]
fn a_logout_reaches_the_other_tabs_at_once() {
    let (world, _tab, client) = World::signed_in();
    let second = world.tab();
    let other = second.open();
    world.settle();
    let seen = watch(&other);
    client.logout();
    world.pass(100);
    assert_eq!(seen.take(), [State::SignedOut(Some(EndReason::LoggedOutElsewhere))]);
    assert!(second.is_wiped());
    assert_eq!(world.run(other.send(&me())).err(), Some(Error::NotSignedIn));
}

#[test]
fn a_tab_that_heard_nothing_finds_the_logout_when_it_rechecks() {
    let (world, _tab, client) = World::signed_in();
    let other = world.tab().open();
    world.settle();
    other.pause();
    client.logout();
    world.pass(100);
    assert_eq!(other.state(), signed_in("ann"));
    assert!(world.run(other.recheck()));
    assert_eq!(other.state(), State::SignedOut(Some(EndReason::LoggedOutElsewhere)));
}

#[test]
fn a_session_that_a_page_comes_to_show_during_its_recheck_is_checked_too() {
    let world = World::new();
    world.without_messages();
    let client = world.tab().open();
    world.next_transactions([LedgerFault::HeardLate(1_000)]);
    let (checked, ()) = world.run(join(client.recheck(), async {
        client.login("ann", "secret").await.unwrap();
        let other = world.tab().client(Contract::default(), Custody::default());
        other.start();
        world.timer(500).await;
        other.logout();
    }));
    assert!(checked);
    assert_eq!(client.state(), State::SignedOut(Some(EndReason::LoggedOutElsewhere)));
}

#[test]
fn a_recheck_without_a_change_is_no_event_and_no_traffic() {
    let (world, _tab, client) = World::signed_in();
    let seen = watch(&client);
    let checked = world.run(join_all((0..20).map(|_| client.recheck())));
    assert_eq!(checked, [true; 20]);
    world.settle();
    assert!(seen.take().is_empty() && world.take_log().is_empty());
}

#[test]
fn a_recheck_of_a_degraded_page_asks_the_server_once() {
    let (world, client) = World::degraded();
    let _ = world.run(join_all((0..20).map(|_| client.recheck())));
    world.settle();
    assert_eq!(world.take_log(), ["POST /refresh 200"]);
    assert_eq!(client.state(), signed_in("ann"));
}

#[test]
fn another_users_login_elsewhere_is_shown_and_not_adopted() {
    let (world, tab, client) = World::signed_in();
    let other = world.tab().open();
    world.settle();
    world.run(other.login("bob", "secret")).unwrap();
    world.settle();
    assert_eq!(client.state(), State::SignedInElsewhere { user: "bob".into() });
    assert!(!tab.stored().contains("access-1"));
    assert_eq!(world.run(client.send(&me())).err(), Some(Error::NotSignedIn));
    assert_eq!(world.run(other.send(&me())).unwrap().json(), Ok(r#"{"user":"bob"}"#.into()));
    // On request the tab takes up what there is.
    client.start();
    world.settle();
    assert_eq!(world.run(client.send(&me())).unwrap().json(), Ok(r#"{"user":"bob"}"#.into()));
    assert_eq!(world.server(|server| (server.reuses, server.alive())), (0, 1));
}

#[test]
fn the_same_users_login_elsewhere_is_adopted_without_traffic() {
    let (world, _tab, client) = World::signed_in();
    let other = world.tab().open();
    world.settle();
    world.run(other.login("ann", "secret")).unwrap();
    world.settle();
    world.take_log();
    assert_eq!(client.state(), signed_in("ann"));
    assert_eq!(world.run(client.send(&me())).unwrap().status, 200);
    assert_eq!(world.take_log(), ["GET /me 200"]);
}

#[test]
fn what_was_wrong_with_a_session_is_not_wrong_with_the_next() {
    for offered in [true, false] {
        let (world, _tab, client) = World::signed_in();
        let other = world.tab().open();
        world.settle();
        world.next("/me", [Fault::Lost]);
        assert_eq!(world.run(client.send(&me())).err(), Some(Error::Unreachable));
        assert_ne!(client.state(), signed_in("ann"));
        world.run(other.login("ann", "secret")).unwrap();
        if !offered {
            other.pause();
        }
        world.settle();
        let user = offered.then(|| "ann".into());
        assert_eq!(client.state(), State::SignedIn { user, degraded: None, kept: true });
    }
}

#[test]
fn a_login_reaches_a_tab_that_was_signed_out() {
    let world = World::new();
    let (first, second) = (world.tab().open(), world.tab().open());
    world.run(first.login("ann", "secret")).unwrap();
    world.pass(1_000);
    assert_eq!(second.state(), signed_in("ann"));
    assert_eq!(world.run(second.send(&me())).unwrap().status, 200);
    assert_eq!(world.count("POST /refresh"), 0);
}

#[test]
fn a_logged_out_session_is_not_adopted_back() {
    let (world, _tab, client) = World::signed_in();
    let other = world.tab().open();
    world.settle();
    client.logout();
    let _ = world.run(join(client.recheck(), other.recheck()));
    world.settle();
    assert!(matches!(client.state(), State::SignedOut(Some(EndReason::LoggedOut))));
    assert!(matches!(other.state(), State::SignedOut(Some(EndReason::LoggedOutElsewhere))));
}

#[test]
fn messages_that_make_no_sense_are_ignored() {
    let (world, _tab, client) = World::signed_in();
    let stranger = world.tab();
    let seen = watch(&client);
    let deep = "[".repeat(100_000);
    for text in ["", "null", "{}", r#"{"v":2,"say":"Changed"}"#, r#"{"v":1,"say":{"Offer":{}}}"#, &deep] {
        stranger.post(CHANNEL, text, false);
    }
    for _ in 0..50 {
        stranger.post(CHANNEL, r#"{"v":1,"say":"Changed"}"#, false);
    }
    world.settle();
    assert!(seen.take().is_empty() && world.take_log().is_empty());
}

#[test]
fn an_access_token_is_offered_to_who_asks_for_its_session_and_generation() {
    let (world, _tab, client) = World::signed_in();
    assert!(world.run(client.recheck()), "which does not make it hear twice");
    assert_eq!(world.listeners(), 1);
    let stranger = world.tab();
    let heard: Rc<RefCell<Vec<String>>> = Rc::default();
    let sink = heard.clone();
    let _listening = stranger.listen(CHANNEL, Box::new(move |text| sink.borrow_mut().push(text)));
    let sid = world.profile().into_keys().next().unwrap().split(':').nth_back(1).unwrap().to_owned();
    for (sid, generation, offers) in [("other", 0, 0), (&sid, 1, 0), (&sid, 0, 1)] {
        let question = format!(
            r#"{{"v":1,"say":{{"Ask":{{"question":"q","sid":"{sid}","generation":{generation}}}}}}}"#
        );
        stranger.post(CHANNEL, &question, false);
        world.settle();
        let heard = heard.take();
        assert_eq!(heard.len(), offers, "{heard:?}");
        assert!(heard.iter().all(|offer| offer.contains("access-1")));
    }
    world.pass(900_000);
    stranger.post(
        CHANNEL,
        &format!(r#"{{"v":1,"say":{{"Ask":{{"question":"q","sid":"{sid}","generation":0}}}}}}"#),
        false,
    );
    world.settle();
    let stale = r#"{"v":1,"say":{"Stale":{"question":"q"}}}"#;
    assert_eq!(heard.take(), [stale], "nobody need wait for another answer");
}

#[test]
fn a_tab_that_learns_of_an_end_from_the_ledger_tells_the_others() {
    for custody in [Custody::default(), DATABASE] {
        let (world, tab, client) = World::new().sign_in_with(custody);
        let sibling = tab.duplicate().open_with(Contract::default(), custody);
        world.settle();
        // Whoever ended it stopped before it could say so.
        world.edit_ledger(|row| {
            row.replace(r#""ended":null"#, r#""ended":{"reason":"logged_out","owed":true}"#)
        });
        world.server(|server| server.expire_access());
        assert!(world.run(client.send(&me())).is_err());
        world.pass(1_000);
        let over = State::SignedOut(Some(EndReason::LoggedOutElsewhere));
        assert_eq!((client.state(), sibling.state()), (over.clone(), over));
    }
}

#[test]
fn a_late_offer_sets_no_tab_back() {
    let (world, _tab, client) = World::signed_in();
    let (sibling, probe) = (world.tab().open(), world.tab());
    world.settle();
    let question: Rc<RefCell<String>> = Rc::default();
    let sink = question.clone();
    let _listening = probe.listen(
        CHANNEL,
        Box::new(move |text| {
            if let Some((_, asked)) = text.split_once(r#""question":""#) {
                *sink.borrow_mut() = asked.split('"').next().unwrap().to_owned();
            }
        }),
    );
    // The same user's next login is taken up, and nobody gives its access token.
    world.run(sibling.login("ann", "secret")).unwrap();
    sibling.pause();
    world.pass(50);
    assert_eq!(world.run(client.send(&me())).unwrap().status, 200);
    world.take_log();
    let offer = r#""offer":{"access_token":"old","age":9,"lifetime":900,"confirmed":true}"#;
    let offer = format!(r#"{{"v":1,"say":{{"Offer":{{"question":"{}",{offer}}}}}}}"#, question.borrow());
    probe.post(CHANNEL, &offer, true);
    world.pass(1_000);
    assert_eq!(world.run(client.send(&me())).unwrap().status, 200);
    assert_eq!(world.take_log(), ["GET /me 200"]);
}
