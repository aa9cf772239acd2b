//! One flight at a time in a tab, for as long as somebody waits for it, and what a late one may still do.

use std::cell::RefCell;
use std::rc::Rc;

use auth::{AccessCustody, Contract, Custody, EndReason, Platform as _, RefreshCustody, State};
use futures_util::future::join;

use crate::server::Rotation;
use crate::world::{BASE, Broken, Fault, LedgerFault, World, me, signed_in};

#[test]
fn what_was_about_to_refresh_an_older_generation_does_not_send_the_token_that_is_out() {
    let (world, client) = World::degraded();
    world.without_locks();
    // Each asks the server in a moment, since the page could not reach it.
    for _ in 0..8 {
        assert!(world.run(client.recheck()));
    }
    world.server(|server| server.expire_access());
    assert_eq!(world.run(client.send(&me())).unwrap().status, 200);
    world.server(|server| server.expire_access());
    world.next("/refresh", [Fault::Slow(0, 5_000)]);
    world.next("/me", [Fault::None, Fault::Lost]);
    let request = me();
    let (slow, lost) = world.run(join(client.send(&request), async {
        world.timer(50).await;
        client.send(&request).await
    }));
    assert!(slow.is_ok() && lost.is_err());
    world.settle();
    assert_eq!(world.server(|server| (server.reuses, server.alive())), (0, 1));
}

#[test]
fn who_joins_a_flight_late_is_waited_for_as_long_as_anyone() {
    let (world, _tab, client) = World::signed_in_idempotently();
    world.pass(900_000);
    world.next("/refresh", [Fault::Lost, Fault::Silent, Fault::Silent]);
    let request = me();
    let (first, second) = world.run(join(client.send(&request), async {
        // The first one's bound is nearly over, and with it the second attempt's deadline.
        world.timer(14_000).await;
        client.send(&request).await
    }));
    assert!(first.is_err());
    assert_eq!(second.unwrap().status, 200);
}

#[test]
fn who_asks_after_a_sleep_is_not_told_of_the_time_before() {
    let (world, _tab, client) = World::signed_in_idempotently();
    world.pass(900_000);
    world.next("/refresh", [Fault::SilentAfter]);
    let request = me();
    let (first, second) = world.run(join(client.send(&request), async {
        world.timer(100).await;
        world.sleep(8 * 3_600_000);
        client.send(&request).await
    }));
    assert_eq!((first.unwrap().status, second.unwrap().status), (200, 200));
}

#[test]
fn a_tab_that_learns_of_an_end_from_the_ledger_tells_the_others() {
    for custody in [Custody::default(), Custody { refresh: RefreshCustody::Database, ..Custody::default() }] {
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
fn a_slow_ledger_does_not_keep_a_tab_from_sending_what_it_decided() {
    let (world, tab, client) = World::signed_in();
    let sibling = tab.duplicate().open();
    world.pass(900_000);
    world.run(sibling.send(&me())).unwrap();
    sibling.pause();
    world.server(|server| server.expire_access());
    world.next_transactions([LedgerFault::HeardLate(900); 60]);
    assert_eq!(world.run(client.send(&me())).unwrap().status, 200);
}

#[test]
fn what_cannot_be_read_is_not_lost_for_a_refused_predecessor_either() {
    let (world, tab, client) = World::signed_in_idempotently();
    let older = world.profile();
    world.pass(900_000);
    world.run(client.send(&me())).unwrap();
    let lost = world.profile();
    world.edit_profile_to(older);
    let again = tab.open();
    world.pass(900_000);
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
fn a_token_that_comes_after_a_logout_is_revoked_although_the_ledger_is_silent() {
    let (world, _tab, client) = World::signed_in();
    world.pass(900_000);
    world.next("/refresh", [Fault::Slow(0, 2_000)]);
    let request = me();
    let (answer, ()) = world.run(join(client.send(&request), async {
        world.timer(500).await;
        world.next_transactions([LedgerFault::Aborts; 200]);
        client.logout();
    }));
    assert!(answer.is_err());
    world.settle();
    let sent = world.sent();
    let of = |path: &'static str| sent.iter().filter(move |request| request.url.ends_with(path));
    let spent = &of("/refresh").next().unwrap().body;
    assert_eq!(of("/logout").filter(|request| request.body != *spent).count(), 1, "with the successor");
}

#[test]
fn a_clock_set_forward_ends_no_session_that_has_no_refresh_token() {
    let memory = Custody { access: AccessCustody::Session, refresh: RefreshCustody::Memory };
    let no_endpoint = || Contract { refresh: None, ..Contract::default() };
    let cases = [
        (false, Contract::default(), Custody::default(), false),
        (true, no_endpoint(), Custody::default(), false),
        (false, Contract::default(), Custody::default(), true),
        (true, Contract::default(), memory, true),
    ];
    for (issues_refresh, contract, custody, reload) in cases {
        let world = World::with(|server| server.issues_refresh = issues_refresh);
        let tab = world.tab();
        let mut client = tab.open_with(contract.clone(), custody);
        world.run(client.login("ann", "secret")).unwrap();
        world.set_clock_by(86_400_000);
        if reload {
            client = tab.open_with(contract, custody);
            world.settle();
        }
        assert_eq!(world.run(client.send(&me())).unwrap().status, 200, "{reload}");
        assert_eq!(client.state(), signed_in("ann"));
    }
}

#[test]
fn a_token_that_the_server_keeps_is_not_lost_with_its_newest_entry() {
    for rotation in [Rotation::Absent, Rotation::Same, Rotation::Null] {
        let (world, tab, client) = World::with(|server| server.rotation = rotation).sign_in();
        let older = world.profile();
        for _ in 0..2 {
            world.pass(900_000);
            world.run(client.send(&me())).unwrap();
        }
        world.edit_profile_to(older);
        let again = tab.open();
        world.pass(900_000);
        assert_eq!(world.run(again.send(&me())).unwrap().status, 200);
    }
}

#[test]
fn a_login_whose_session_is_being_refreshed_already_joins_that_flight() {
    let world = World::new();
    world.without_locks();
    // The word of the login's transaction is late; meanwhile the page finds the session, and refreshes it.
    world.next_transactions([LedgerFault::Aborts, LedgerFault::None, LedgerFault::HeardLate(1_900)]);
    let client = world.tab().open();
    let other = world.tab().client(Contract::default(), Custody::default());
    let (login, ()) = world.run(join(client.login("ann", "secret"), async {
        world.timer(100).await;
        other.start();
        world.timer(100).await;
        other.pause();
        world.next("/refresh", [Fault::Slow(5_000, 0)]);
    }));
    login.unwrap();
    world.server(|server| server.expire_access());
    assert_eq!(world.run(client.send(&me())).unwrap().status, 200);
    world.settle();
    assert_eq!(world.server(|server| (server.reuses, server.alive())), (0, 1));
}

#[test]
fn a_late_offer_sets_no_tab_back() {
    let (world, _tab, client) = World::signed_in();
    let (sibling, probe) = (world.tab().open(), world.tab());
    world.settle();
    let question: Rc<RefCell<String>> = Rc::default();
    let sink = question.clone();
    let _listening = probe.listen(&tabs(), move |text| {
        if let Some((_, asked)) = text.split_once(r#""question":""#) {
            *sink.borrow_mut() = asked.split('"').next().unwrap().to_owned();
        }
    });
    // The same user's next login is taken up, and nobody gives its access token.
    world.run(sibling.login("ann", "secret")).unwrap();
    sibling.pause();
    world.pass(50);
    assert_eq!(world.run(client.send(&me())).unwrap().status, 200);
    world.take_log();
    let offer = r#""offer":{"access_token":"old","age":9,"lifetime":900,"confirmed":true}"#;
    let offer = format!(r#"{{"v":1,"say":{{"Offer":{{"question":"{}",{offer}}}}}}}"#, question.borrow());
    probe.post(&tabs(), &offer, true);
    world.pass(1_000);
    assert_eq!(world.run(client.send(&me())).unwrap().status, 200);
    assert_eq!(world.take_log(), ["GET /me 200"]);
}

#[test]
fn a_look_ends_however_often_another_one_is_asked_for() {
    let (world, tab, client) = World::signed_in();
    let sibling = tab.duplicate();
    world.next_transactions([LedgerFault::HeardLate(500); 200]);
    let asking = async {
        for _ in 0..100 {
            world.timer(300).await;
            sibling.post(&tabs(), r#"{"v":1,"say":"Changed"}"#, false);
        }
    };
    let looking = async {
        client.recheck().await;
        world.time()
    };
    let began = world.time();
    let (ended, ()) = world.run(join(looking, asking));
    assert!(ended - began < 15_000, "{}", ended - began);
}

/// The name under which tabs talk.
fn tabs() -> String {
    format!("yew-jwt-auth:{BASE}:tabs")
}
