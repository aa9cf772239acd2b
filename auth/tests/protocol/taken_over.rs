//! An earlier build named its records by the API's origin alone. An app whose names are longer today takes
//! that session over once.

use auth::{Client, Contract, Custody, EndReason, Endpoint, HttpRequest, Method, RefreshCustody, State};

use crate::server::{Dialect, JSON, Rotation};
use crate::world::{
    BASE, EARLIER_KEY, Earlier, Fault, LedgerFault, Tab, UNCONFIRMED, World, earlier_name, me, parsed,
    signed_in,
};

pub(crate) const CRM: &str = "http://localhost:8000/crm";
const HR: &str = "http://localhost:8000/hr";
pub(crate) const DATABASE: Custody =
    Custody { access: auth::AccessCustody::Session, refresh: RefreshCustody::Database };

pub(crate) fn open(tab: &Tab, base: &str) -> Client {
    tab.open_at(base, Contract::default(), Custody::default())
}

/// A world in which an earlier build left ann's session at the API below a path.
pub(crate) fn left() -> (World, Earlier) {
    let world = World::new();
    world.server_at(CRM, |_| {});
    world.server_at(HR, |_| {});
    let earlier = world.leave_earlier(CRM);
    (world, earlier)
}

/// Asserts that no token and no live session lie under the earlier build's names.
pub(crate) fn is_cleared(world: &World, earlier: &Earlier) {
    let names = earlier_name("");
    let below = |name: &String| name.starts_with(&names);
    assert!(!world.profile().keys().any(below), "{:?}", world.profile());
    assert!(!earlier.tab.records().keys().any(below), "{:?}", earlier.tab.records());
    for (name, row) in world.entries().into_iter().filter(|(name, _)| below(name)) {
        assert!(!row.contains("refresh-"), "{name}");
        if name.contains(":row:") {
            assert_eq!(parsed(&row)["ended"]["reason"], "replaced", "{row}");
        }
    }
}

#[test]
fn an_update_signs_nobody_out_whose_api_lies_below_a_path() {
    for custody in [Custody::default(), DATABASE] {
        let world = World::new();
        world.server_at(CRM, |_| {});
        let earlier = match custody.refresh {
            RefreshCustody::Local => world.leave_earlier(CRM),
            _ => world.leave_earlier_in_row(CRM),
        };
        let client = earlier.tab.open_at(CRM, Contract::default(), custody);
        world.settle();
        assert_eq!(client.state(), signed_in("ann"));
        // A refresh follows, because the access token does not move.
        assert_eq!(world.take_log(), ["POST /crm/refresh 200"]);
        is_cleared(&world, &earlier);
        assert!(!earlier.tab.stored().contains(&earlier.access));
        for _ in 0..2 {
            world.pass(900_000);
            assert_eq!(world.run(client.send(&me())).unwrap().json(), Ok(r#"{"user":"ann"}"#.into()));
        }
        client.logout();
        world.settle();
        assert_eq!(world.server_at(CRM, |server| (server.reuses, server.alive())), (0, 0));
    }
}

#[test]
fn an_update_may_change_the_names_and_the_tokens_place_at_once() {
    for custody in [Custody::default(), DATABASE] {
        let world = World::new();
        world.server_at(CRM, |_| {});
        let earlier = match custody.refresh {
            RefreshCustody::Local => world.leave_earlier_in_row(CRM),
            _ => world.leave_earlier(CRM),
        };
        let client = earlier.tab.open_at(CRM, Contract::default(), custody);
        world.settle();
        assert_eq!(client.state(), signed_in("ann"));
        is_cleared(&world, &earlier);
        let in_vault = format!("{:?}", world.profile()).contains("refresh-2");
        let in_row = world.ledger().contains("refresh-2");
        assert_eq!((in_vault, in_row), (custody == Custody::default(), custody == DATABASE));
        world.pass(900_000);
        assert_eq!(world.run(client.send(&me())).unwrap().status, 200);
        assert_eq!(world.server_at(CRM, |server| (server.reuses, server.alive())), (0, 1));
    }
}

#[test]
fn a_token_that_is_taken_over_lies_in_one_place() {
    for custody in [Custody::default(), DATABASE] {
        let (world, earlier) = left();
        world.next("/crm/refresh", [Fault::Slow(5_000, 0)]);
        let client = earlier.tab.client_at(CRM, Contract::default(), custody);
        client.start();
        world.pass(1_000);
        let in_vault = format!("{:?}", world.profile()).contains(&earlier.refresh);
        let in_row = world.ledger().contains(&earlier.refresh);
        assert_eq!((in_vault, in_row), (custody == Custody::default(), custody == DATABASE));
    }
}

#[test]
fn an_update_signs_nobody_out_whose_login_has_another_path() {
    let world = World::with(|server| server.dialect = Dialect { login: "/login", ..Dialect::default() });
    let earlier = world.leave_earlier(BASE);
    let contract = Contract { login: Endpoint::post("/login"), ..Contract::default() };
    let client = earlier.tab.open_with(contract, Custody::default());
    world.settle();
    assert_eq!((client.state(), world.take_log()), (signed_in("ann"), vec!["POST /refresh 200".to_owned()]));
    is_cleared(&world, &earlier);
}

#[test]
fn a_session_is_taken_over_once_and_by_one_app() {
    let (world, earlier) = left();
    let crm = open(&earlier.tab, CRM);
    world.settle();
    let hr = open(&world.tab(), HR);
    world.settle();
    assert_eq!((crm.state(), hr.state()), (signed_in("ann"), State::SignedOut(None)));
    world.take_log();
    crm.logout();
    world.settle();
    let crm = open(&earlier.tab, CRM);
    world.settle();
    assert_eq!(
        (crm.state(), world.take_log()),
        (State::SignedOut(None), vec!["POST /crm/logout 204".to_owned()])
    );
}

#[test]
fn tabs_that_start_together_after_an_update_are_all_signed_in() {
    let (world, earlier) = left();
    let tabs = [earlier.tab.clone(), earlier.tab.duplicate(), world.tab()];
    let clients: Vec<_> =
        tabs.iter().map(|tab| tab.client_at(CRM, Contract::default(), Custody::default())).collect();
    clients.iter().for_each(Client::start);
    world.settle();
    for client in &clients {
        assert_eq!(client.state(), signed_in("ann"));
        assert_eq!(world.run(client.send(&me())).unwrap().status, 200);
    }
    assert_eq!(world.count("POST /crm/refresh"), 1);
    assert_eq!(world.server_at(CRM, |server| (server.reuses, server.alive())), (0, 1));
    is_cleared(&world, &earlier);
}

#[test]
fn a_key_moves_with_its_token() {
    let world = World::new();
    world.server_at(CRM, |server| server.rotation = Rotation::Idempotent);
    let earlier = world.leave_earlier(CRM);
    // The server has answered the earlier build's last attempt, but the answer was lost.
    let attempt = HttpRequest {
        method: Method::Post,
        url: format!("{CRM}/refresh"),
        headers: vec![
            ("content-type".into(), JSON.to_owned()),
            ("idempotency-key".into(), EARLIER_KEY.to_owned()),
        ],
        body: Some(format!(r#"{{"refresh_token":"{}"}}"#, earlier.refresh).into_bytes()),
        outlives_page: false,
        body_limit: 1024 * 1024,
        cache: auth::CacheMode::NoStore,
        cookies: false,
        echo: None,
    };
    assert_eq!(world.server_at(CRM, |server| server.handle(&attempt, "/refresh", world.time())).0, 200);
    let client = open(&earlier.tab, CRM);
    world.settle();
    assert_eq!(client.state(), signed_in("ann"));
    world.pass(900_000);
    assert_eq!(world.run(client.send(&me())).unwrap().status, 200);
    assert_eq!(world.server_at(CRM, |server| (server.reuses, server.conflicts, server.alive())), (0, 0, 1));
}

#[test]
fn a_ledger_that_fails_loses_no_session_that_is_taken_over() {
    for fault in [LedgerFault::Aborts, LedgerFault::CommitsUnheard, LedgerFault::Hangs] {
        for which in 0..5 {
            let (world, earlier) = left();
            world.next_transactions_after(which, fault);
            let client = open(&earlier.tab, CRM);
            world.settle();
            assert_eq!(client.state(), signed_in("ann"), "{which}");
            world.pass(900_000);
            assert_eq!(world.run(client.send(&me())).unwrap().status, 200, "{which}");
            assert_eq!(world.server_at(CRM, |server| (server.reuses, server.alive())), (0, 1));
        }
    }
}

#[test]
fn a_silent_ledger_keeps_no_page_waiting_longer_because_of_an_earlier_build() {
    let waits = |base: &str| {
        let world = World::new();
        world.server_at(base, |_| {});
        world.next_transactions([LedgerFault::Hangs; 100]);
        let client = world.tab().client_at(base, Contract::default(), Custody::default());
        client.start();
        let mut waited = 0;
        while client.state() == State::Restoring {
            world.pass(250);
            waited += 250;
        }
        waited
    };
    let (root, path) = (waits(BASE), waits(CRM));
    assert!(path <= root + 2_500, "{path} ms instead of {root}");
}

// The tests below assert behaviour that must not change.

#[test]
fn an_app_whose_api_is_an_origin_goes_on_with_what_an_earlier_build_left() {
    for in_row in [false, true] {
        let world = World::new();
        let earlier = if in_row { world.leave_earlier_in_row(BASE) } else { world.leave_earlier(BASE) };
        let custody = if in_row { DATABASE } else { Custody::default() };
        let client = earlier.tab.open_with(Contract::default(), custody);
        assert_eq!((client.state(), world.take_log()), (UNCONFIRMED, vec![]));
        assert_eq!(world.run(client.send(&me())).unwrap().status, 200);
        let second = world.tab().open_with(Contract::default(), custody);
        world.pass(900_000);
        for client in [&client, &second] {
            assert_eq!(world.run(client.send(&me())).unwrap().status, 200);
            assert_eq!(client.state(), signed_in("ann"));
        }
        client.logout();
        world.pass(100);
        assert_eq!(second.state(), State::SignedOut(Some(EndReason::LoggedOutElsewhere)));
        world.settle();
        assert_eq!(world.server(|server| (server.reuses, server.alive())), (0, 0));
    }
}

#[test]
fn an_app_that_finds_nothing_of_an_earlier_build_shows_the_form_at_once() {
    let world = World::new();
    world.server_at(CRM, |_| {});
    let client = open(&world.tab(), CRM);
    assert_eq!(client.state(), State::SignedOut(None));
    world.settle();
    assert!(world.sent().is_empty());
}
