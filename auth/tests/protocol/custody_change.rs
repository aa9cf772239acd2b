//! A redeploy changes where refresh tokens lie. A page finds that out when it starts.

use auth::{AccessCustody, Client, Contract, Custody, EndReason, HttpRequest, RefreshCustody, State};

use crate::server::{Rotation, header};
use crate::world::{Broken, Fault, LedgerFault, Tab, UNCONFIRMED, World, me, signed_in};

const fn custody(refresh: RefreshCustody) -> Custody {
    Custody { access: AccessCustody::Session, refresh }
}

pub(crate) const LOCAL: Custody = custody(RefreshCustody::Local);
pub(crate) const DATABASE: Custody = custody(RefreshCustody::Database);
pub(crate) const MEMORY: Custody = custody(RefreshCustody::Memory);

/// Both moves between the two places that tabs share.
const MOVES: [(Custody, Custody); 2] = [(LOCAL, DATABASE), (DATABASE, LOCAL)];

pub(crate) fn load(tab: &Tab, custody: Custody) -> Client {
    tab.open_with(Contract::default(), custody)
}

/// A tab in which ann signed in at a server with this rotation. Its page is closed.
pub(crate) fn page(rotation: Rotation, custody: Custody) -> (World, Tab) {
    let (world, tab, _client) = World::with(|server| server.rotation = rotation).sign_in_with(custody);
    tab.close();
    (world, tab)
}

/// Asserts that `token` lies where this custody wants it, and nowhere else.
fn lies(world: &World, custody: Custody, token: &str) {
    let (vault, ledger) = (format!("{:?}", world.profile()), world.ledger());
    let in_vault = custody.refresh == RefreshCustody::Local;
    assert_eq!((vault.contains(token), ledger.contains(token)), (in_vault, !in_vault), "{vault} {ledger}");
}

/// Asserts that the session goes on in `client` and that no token is used twice.
fn goes_on(world: &World, client: &Client) {
    for _ in 0..2 {
        world.pass(900_000);
        assert_eq!(world.run(client.send(&me())).unwrap().status, 200);
        assert_eq!(client.state(), signed_in("ann"));
    }
    assert_eq!(world.server(|server| (server.reuses, server.conflicts, server.alive())), (0, 0, 1));
}

#[test]
fn a_token_moves_to_its_new_place_and_nobody_is_signed_out() {
    for (old, new) in MOVES {
        for rotation in [Rotation::Strict, Rotation::Idempotent, Rotation::Same] {
            let (world, tab) = page(rotation, old);
            lies(&world, old, "refresh-1");
            let client = load(&tab, new);
            world.settle();
            assert_eq!((client.state(), world.take_log()), (UNCONFIRMED, vec![]));
            lies(&world, new, "refresh-1");
            goes_on(&world, &client);
            client.logout();
            world.settle();
            assert_eq!(world.server(|server| server.alive()), 0);
            assert!(tab.is_wiped() && !world.ledger().contains("refresh-"));
        }
    }
}

#[test]
fn a_token_moves_when_a_new_tab_is_the_first_to_start() {
    for (old, new) in MOVES {
        let (world, _tab) = page(Rotation::Strict, old);
        let client = load(&world.tab(), new);
        world.settle();
        assert_eq!(
            (client.state(), world.take_log()),
            (signed_in("ann"), vec!["POST /refresh 200".to_owned()])
        );
        lies(&world, new, "refresh-2");
        goes_on(&world, &client);
    }
}

#[test]
fn a_token_moves_there_and_back() {
    for (old, new) in MOVES {
        let (world, tab) = page(Rotation::Idempotent, old);
        for custody in [new, old, new, old] {
            let client = load(&tab, custody);
            world.settle();
            assert_eq!(client.state(), UNCONFIRMED);
            lies(&world, custody, "refresh-1");
            tab.close();
        }
        assert!(world.take_log().is_empty());
        goes_on(&world, &load(&tab, old));
    }
}

#[test]
fn a_key_stays_with_a_token_that_moves() {
    for (old, new) in MOVES {
        let (world, tab, client) =
            World::with(|server| server.rotation = Rotation::Idempotent).sign_in_with(old);
        world.pass(900_000);
        world.always("/refresh", Fault::LostAnswer);
        assert!(world.run(client.send(&me())).is_err());
        tab.close();
        world.heal();
        let client = load(&tab, new);
        world.settle();
        assert_eq!(client.state(), signed_in("ann"));
        lies(&world, new, "refresh-2");
        goes_on(&world, &client);
        let keys = |request: &HttpRequest| {
            let body = String::from_utf8(request.body.clone().unwrap_or_default()).unwrap();
            let attempt = request.url.ends_with("/refresh") && body.contains(r#""refresh-1""#);
            attempt.then(|| header(request, "idempotency-key").map(str::to_owned))
        };
        let mut keys: Vec<_> = world.sent().iter().filter_map(keys).collect();
        keys.dedup();
        assert_eq!(keys.len(), 1, "{keys:?}");
    }
}

#[test]
fn a_ledger_that_fails_while_a_token_moves_loses_no_session() {
    for (old, new) in MOVES {
        for fault in
            [LedgerFault::Aborts, LedgerFault::CommitsUnheard, LedgerFault::Hangs, LedgerFault::Fills]
        {
            for which in 0..4 {
                let (world, tab) = page(Rotation::Strict, old);
                world.next_transactions_after(which, fault);
                load(&tab, new);
                world.settle();
                tab.close();
                world.unblock_ledger();
                let client = load(&tab, new);
                world.settle();
                assert_eq!(client.state(), UNCONFIRMED, "{which}");
                lies(&world, new, "refresh-1");
                goes_on(&world, &client);
            }
        }
    }
}

#[test]
fn tabs_that_start_together_after_the_change_are_all_signed_in() {
    for (old, new) in MOVES {
        let (world, tab) = page(Rotation::Strict, old);
        world.pass(900_000);
        let tabs = [tab.duplicate(), tab, world.tab()];
        let clients: Vec<_> = tabs.iter().map(|tab| tab.client(Contract::default(), new)).collect();
        clients.iter().for_each(Client::start);
        world.settle();
        assert!(clients.iter().all(|client| client.state() == signed_in("ann")));
        assert_eq!(world.take_log(), ["POST /refresh 200"]);
        lies(&world, new, "refresh-2");
    }
}

#[test]
fn a_logout_in_a_tab_of_the_earlier_deployment_reaches_the_server_although_the_token_has_moved() {
    for (old, new) in MOVES {
        let (world, tab, client) = World::new().sign_in_with(old);
        let moved = load(&world.tab(), new);
        world.settle();
        client.logout();
        world.settle();
        assert_eq!(client.state(), State::SignedOut(Some(EndReason::LoggedOut)));
        assert_eq!(moved.state(), State::SignedOut(Some(EndReason::LoggedOutElsewhere)));
        assert!(tab.is_wiped() && !world.ledger().contains("refresh-"));
        assert_eq!(world.server(|server| server.alive()), 0);
    }
}

// The tests below assert behaviour that must not change.

#[test]
fn a_session_that_was_in_memory_stays_its_tabs_after_the_change() {
    for new in [LOCAL, DATABASE] {
        let (world, tab) = page(Rotation::Strict, MEMORY);
        let client = load(&tab, new);
        world.settle();
        assert_eq!((client.state(), world.take_log()), (UNCONFIRMED, vec![]));
        assert_eq!(world.run(client.send(&me())).unwrap().status, 200);
        let stranger = load(&world.tab(), new);
        world.settle();
        assert_eq!(stranger.state(), State::SignedOut(None));
    }
}

#[test]
fn a_vault_without_room_leaves_the_token_in_the_row() {
    let (world, tab) = page(Rotation::Strict, DATABASE);
    world.break_storage(Broken::FULL);
    let client = load(&tab, LOCAL);
    world.settle();
    assert!(matches!(client.state(), State::SignedIn { .. }));
    assert!(world.ledger().contains("refresh-1"));
    world.pass(900_000);
    assert_eq!(world.run(client.send(&me())).unwrap().status, 200);
    world.break_storage(Broken::NOTHING);
    world.pass(900_000);
    assert_eq!(world.run(client.send(&me())).unwrap().status, 200);
    assert_eq!(world.server(|server| (server.reuses, server.alive())), (0, 1));
}

#[test]
fn a_change_of_the_access_tokens_place_costs_one_refresh_at_most() {
    for (old, new, refreshes) in [
        (AccessCustody::Session, AccessCustody::Memory, 1),
        (AccessCustody::Memory, AccessCustody::Session, 1),
    ] {
        let (world, tab) = page(Rotation::Strict, Custody { access: old, ..LOCAL });
        let client = load(&tab, Custody { access: new, ..LOCAL });
        world.settle();
        assert_eq!((client.state(), world.count("POST /refresh")), (signed_in("ann"), refreshes));
        goes_on(&world, &client);
    }
}
