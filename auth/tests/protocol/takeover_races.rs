//! What other tabs do while a session of an earlier build is taken over, and what storage shows late.

use auth::{Client, Contract, Custody, State};

use crate::taken_over::{CRM, is_cleared, left, open};
use crate::world::{
    BASE, EARLIER, EPOCH, Earlier, LedgerFault, Tab, UNCONFIRMED, World, earlier_name, me, parsed, signed_in,
};

#[test]
fn a_tab_that_lags_behind_another_ends_nothing() {
    for fault in [LedgerFault::HeardLate(400), LedgerFault::Aborts, LedgerFault::CommitsUnheard] {
        for which in 0..12 {
            let (world, earlier) = left();
            world.next_transactions_after(which, fault);
            let open = |tab: &Tab| tab.client_at(CRM, Contract::default(), Custody::default());
            let clients = [open(&earlier.tab), open(&world.tab())];
            clients.iter().for_each(Client::start);
            world.settle();
            for client in &clients {
                assert_eq!(client.state(), signed_in("ann"), "{which}");
                assert_eq!(world.run(client.send(&me())).unwrap().status, 200, "{which}");
            }
            assert_eq!(world.count("POST /crm/logout"), 0, "{which}");
            assert_eq!(world.server_at(CRM, |server| (server.reuses, server.alive())), (0, 1), "{which}");
        }
    }
}

#[test]
fn a_session_stays_while_an_earlier_build_holds_the_lock_of_its_refresh() {
    let (world, earlier) = left();
    let held = world.hold_lock(EARLIER);
    let client = earlier.tab.client_at(CRM, Contract::default(), Custody::default());
    client.start();
    world.pass(3_000);
    assert_eq!((client.state(), world.take_log()), (State::Restoring, vec![]));
    drop(held);
    world.settle();
    assert_eq!(client.state(), signed_in("ann"));
    is_cleared(&world, &earlier);
}

#[test]
fn a_clock_that_is_set_meanwhile_does_not_end_the_wait_for_what_an_earlier_build_left() {
    for aborted in 1..12 {
        let (world, earlier) = left();
        world.next_transactions(vec![LedgerFault::Aborts; aborted]);
        let client = earlier.tab.client_at(CRM, Contract::default(), Custody::default());
        client.start();
        world.pass(100);
        world.set_clock_by(86_400_000);
        world.settle();
        assert_eq!((aborted, client.state()), (aborted, signed_in("ann")));
        is_cleared(&world, &earlier);
    }
}

#[test]
fn a_token_that_storage_shows_late_is_waited_for() {
    let (world, earlier) = left();
    let name = earlier_name(&format!("refresh:{EARLIER}:0"));
    let token = world.profile().remove(&name).unwrap();
    world.put_record(&name, "");
    let client = earlier.tab.client_at(CRM, Contract::default(), Custody::default());
    client.start();
    world.pass(600);
    world.put_record(&name, &token);
    world.settle();
    assert_eq!(client.state(), signed_in("ann"));
    is_cleared(&world, &earlier);
}

#[test]
fn a_session_whose_token_is_not_seen_is_left_alone() {
    let (world, earlier) = left();
    world.put_record(&earlier_name(&format!("refresh:{EARLIER}:0")), "");
    let before = (world.entries(), earlier.tab.records());
    let client = earlier.tab.client_at(CRM, Contract::default(), Custody::default());
    client.start();
    // Five looks, with a pause of a quarter of a second after each but the last.
    world.pass(950);
    assert_eq!(client.state(), State::Restoring);
    world.pass(150);
    assert_eq!(client.state(), State::SignedOut(None));
    world.settle();
    assert_eq!((client.state(), world.take_log()), (State::SignedOut(None), vec![]));
    assert_eq!((world.entries(), earlier.tab.records()), before);
}

#[test]
fn an_app_at_the_origin_claims_what_its_earlier_build_left() {
    let world = World::new();
    world.server_at(CRM, |_| {});
    let earlier = world.leave_earlier(BASE);
    let root = earlier.tab.open();
    assert_eq!(root.state(), UNCONFIRMED);
    let crm = open(&world.tab(), CRM);
    world.settle();
    assert_eq!((crm.state(), world.take_log()), (State::SignedOut(None), vec![]));
    world.pass(900_000);
    assert_eq!(world.run(root.send(&me())).unwrap().status, 200);
}

/// A page that starts while an earlier build has an attempt out, for 600 ms.
fn refreshing() -> (World, Earlier, Client) {
    let (world, earlier) = left();
    let since = EPOCH + world.time();
    let span = serde_json::json!({"since": since, "until": since + 600});
    world
        .edit_row(|row| row["flight"] = serde_json::json!({"owner": "a tab", "span": span, "locked": false}));
    let client = earlier.tab.client_at(CRM, Contract::default(), Custody::default());
    client.start();
    (world, earlier, client)
}

#[test]
fn a_token_that_an_earlier_build_has_sent_is_not_sent_again_before_its_answer() {
    let (world, earlier, client) = refreshing();
    world.pass(500);
    assert_eq!((client.state(), world.take_log()), (State::Restoring, vec![]));
    world.settle();
    assert_eq!(
        (client.state(), world.take_log()),
        (signed_in("ann"), vec!["POST /crm/refresh 200".to_owned()])
    );
    is_cleared(&world, &earlier);
}

#[test]
fn a_session_that_an_earlier_build_is_refreshing_is_taken_over_with_its_new_refresh_token() {
    let (world, earlier, _client) = refreshing();
    world.pass(300);
    let spent = world.profile()[&earlier_name(&format!("refresh:{EARLIER}:0"))].clone();
    world.put_record(
        &earlier_name(&format!("refresh:{EARLIER}:1")),
        &spent.replace(&earlier.refresh, "the-newest").replace(":0,", ":1,"),
    );
    let row = earlier_name(&format!("row:{EARLIER}"));
    let mut newer = parsed(&world.entries()[&row]);
    newer["generation"] = 1.into();
    newer["flight"] = serde_json::Value::Null;
    world.put_entry(&row, &newer.to_string());
    world.settle();
    let sent = world.sent();
    let refreshed = sent.iter().find(|request| request.url.ends_with("/refresh")).unwrap();
    let body = String::from_utf8(refreshed.body.clone().unwrap()).unwrap();
    assert!(body.contains("the-newest"), "{body}");
}

#[test]
fn a_tab_that_an_earlier_build_noted_for_another_user_asks_first() {
    let (world, earlier) = left();
    let row = earlier_name(&format!("row:{EARLIER}"));
    let bobs = world.entries()[&row].replace(r#""sub":"ann""#, r#""sub":"bob""#);
    world.put_entry(&row, &bobs);
    let client = open(&earlier.tab, CRM);
    world.settle();
    assert_eq!(client.state(), State::SignedInElsewhere { user: "bob".into() });
}
