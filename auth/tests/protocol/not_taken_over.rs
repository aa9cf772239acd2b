//! Sessions of an earlier build that an app does not take over: it ends them, or leaves them alone because they
//! belong to another app.

use auth::{Contract, Custody, EndReason, RefreshCustody, State};

use crate::taken_over::{CRM, DATABASE, is_cleared, left, open};
use crate::world::{BASE, EARLIER, LedgerFault, UNCONFIRMED, World, earlier_name, me, parsed};

#[test]
fn an_app_with_a_session_of_its_own_ends_the_one_that_was_left() {
    for in_row in [false, true] {
        let world = World::new();
        world.server_at(CRM, |_| {});
        let custody = if in_row { DATABASE } else { Custody::default() };
        let tab = world.tab();
        let client = tab.open_at(CRM, Contract::default(), custody);
        world.run(client.login("bob", "secret")).unwrap();
        // A page of the earlier build is still open and signs ann in.
        let earlier = if in_row { world.leave_earlier_in_row(CRM) } else { world.leave_earlier(CRM) };
        world.take_log();
        let again = tab.open_at(CRM, Contract::default(), custody);
        world.settle();
        assert_eq!(again.state(), UNCONFIRMED);
        assert_eq!(world.take_log(), ["POST /crm/logout 204"]);
        let told = world.sent().pop().unwrap().body.unwrap();
        assert!(String::from_utf8(told).unwrap().contains(&earlier.refresh));
        assert!(!format!("{} {:?}", world.ledger(), world.profile()).contains(&earlier.refresh));
        assert_eq!(world.run(again.send(&me())).unwrap().json(), Ok(r#"{"user":"bob"}"#.into()));
        assert_eq!(world.server_at(CRM, |server| (server.reuses, server.alive())), (0, 1));
        let row = world.entries().remove(&earlier_name(&format!("row:{EARLIER}")));
        assert!(row.is_none_or(|row| !parsed(&row)["ended"].is_null()));
    }
}

#[test]
fn an_end_whose_commit_was_not_heard_of_still_reaches_the_server() {
    for which in 0..8 {
        let world = World::new();
        world.server_at(CRM, |_| {});
        let tab = world.tab();
        let client = tab.open_at(CRM, Contract::default(), Custody::default());
        world.run(client.login("bob", "secret")).unwrap();
        let earlier = world.leave_earlier(CRM);
        world.next_transactions_after(which, LedgerFault::CommitsUnheard);
        let again = tab.open_at(CRM, Contract::default(), Custody::default());
        world.settle();
        assert_eq!(world.run(again.send(&me())).unwrap().json(), Ok(r#"{"user":"bob"}"#.into()));
        assert_eq!(world.server_at(CRM, |server| (server.reuses, server.alive())), (0, 1), "{which}");
        assert!(!format!("{} {:?}", world.ledger(), world.profile()).contains(&earlier.refresh), "{which}");
    }
}

#[test]
fn a_session_that_names_its_base_belongs_to_the_app_of_that_base() {
    let world = World::new();
    world.server_at(CRM, |_| {});
    let (tab, stranger) = (world.tab(), world.tab());
    let client = tab.open();
    world.run(client.login("ann", "secret")).unwrap();
    let before = (world.entries(), world.profile());
    world.take_log();
    for tab in [&tab, &stranger] {
        let crm = open(tab, CRM);
        world.settle();
        assert_eq!((crm.state(), world.take_log()), (State::SignedOut(None), vec![]));
        assert_eq!((world.entries(), world.profile()), before);
    }
    let client = tab.open();
    assert_eq!(client.state(), UNCONFIRMED);
    assert_eq!(world.run(client.send(&me())).unwrap().status, 200);
}

#[test]
fn a_row_of_an_earlier_build_that_names_another_base_is_left_alone() {
    let (world, earlier) = left();
    let now = format!(r#"{{"v":1,"sid":"{EARLIER}","before":null,"base":"{BASE}"}}"#);
    world.put_entry(&earlier_name("now"), &now);
    let (entries, profile, records) = (world.entries(), world.profile(), earlier.tab.records());
    let crm = open(&earlier.tab, CRM);
    world.settle();
    assert_eq!((crm.state(), world.take_log()), (State::SignedOut(None), vec![]));
    world.run(crm.login("bob", "secret")).unwrap();
    world.pass(900_000);
    world.run(crm.send(&me())).unwrap();
    crm.logout();
    world.settle();
    for (before, after) in
        [(entries, world.entries()), (profile, world.profile()), (records, earlier.tab.records())]
    {
        assert!(before.iter().all(|(name, text)| after.get(name) == Some(text)), "{before:?} {after:?}");
    }
}

#[test]
fn what_was_logged_out_of_is_not_taken_over() {
    // The earlier build's logout is either in the ledger, or noted because the ledger did not answer.
    for noted in [false, true] {
        let world = World::new();
        world.server_at(CRM, |_| {});
        let earlier = world.leave_earlier_in_row(CRM);
        if noted {
            world.put_record(&earlier_name(&format!("left:{EARLIER}")), "2");
        } else {
            world.edit_row(|row| {
                row["ended"] = serde_json::json!({ "reason": "logged_out", "owed": false });
                row["token"] = serde_json::Value::Null;
            });
        }
        let client = world.tab().open_at(CRM, Contract::default(), DATABASE);
        world.settle();
        assert_eq!(
            (client.state(), world.count("POST /crm/refresh")),
            (State::SignedOut(None), 0),
            "{noted}"
        );
        let again = earlier.tab.open_at(CRM, Contract::default(), DATABASE);
        world.settle();
        assert_eq!(again.state(), State::SignedOut(None));
    }
}

#[test]
fn what_lies_under_the_short_names_without_a_session_goes() {
    let world = World::new();
    let token = r#"{"v":2,"sid":"gone","generation":0,"refresh_token":"refresh-0"}"#;
    for name in ["refresh:gone:0", "refresh", "left:gone"] {
        world.put_record(&earlier_name(name), token);
    }
    let newer = earlier_name("refresh:newer:0");
    world.put_record(&newer, r#"{"v":3}"#);
    let client = open(&world.tab(), CRM);
    world.settle();
    assert_eq!(client.state(), State::SignedOut(None));
    assert_eq!(world.profile().into_keys().collect::<Vec<_>>(), [newer]);
}

#[test]
fn in_memory_the_page_says_why_the_session_is_over() {
    let (world, earlier) = left();
    let custody = Custody { refresh: RefreshCustody::Memory, ..Custody::default() };
    let client = earlier.tab.open_at(CRM, Contract::default(), custody);
    world.settle();
    assert_eq!(client.state(), State::SignedOut(Some(EndReason::NoLongerKept)));
    assert_eq!(world.server_at(CRM, |server| server.alive()), 0);
    is_cleared(&world, &earlier);
}
