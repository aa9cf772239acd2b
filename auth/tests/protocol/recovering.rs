//! How a page gets well again after trouble with the server, and what trouble never does.

use auth::{Contract, Custody, Degraded, State};

use crate::world::{Fault, World, me, signed_in};

#[test]
fn a_session_without_a_refresh_token_outlives_a_lost_network() {
    let no_endpoint = || Contract { refresh: None, ..Contract::default() };
    for (issues_refresh, contract) in [(false, Contract::default()), (true, no_endpoint())] {
        let world = World::with(|server| server.issues_refresh = issues_refresh);
        let client = world.tab().open_with(contract, Custody::default());
        world.run(client.login("ann", "secret")).unwrap();
        world.next("/me", [Fault::Lost]);
        assert!(world.run(client.send(&me())).is_err());
        assert!(world.run(client.recheck()));
        world.settle();
        let degraded = Some(Degraded::Unreachable);
        assert_eq!(client.state(), State::SignedIn { user: Some("ann".into()), degraded, kept: true });
        assert_eq!(world.run(client.send(&me())).unwrap().status, 200);
        assert_eq!(client.state(), signed_in("ann"));
    }
}

#[test]
fn a_page_whose_sibling_has_reached_the_server_again_is_well_too() {
    let (world, _tab, first) = World::signed_in();
    let second = world.tab().open();
    world.settle();
    world.pass(900_000);
    world.go_offline();
    for client in [&first, &second] {
        assert!(world.run(client.send(&me())).is_err());
    }
    world.heal();
    world.settle();
    assert_eq!((first.state(), second.state()), (signed_in("ann"), signed_in("ann")));
}

#[test]
fn a_siblings_token_from_before_the_trouble_says_nothing_of_the_server() {
    let (world, _tab, client) = World::signed_in();
    let sibling = world.tab().open();
    world.settle();
    world.pass(1_000);
    world.go_offline();
    assert!(world.run(client.send(&me())).is_err());
    let degraded =
        State::SignedIn { user: Some("ann".into()), degraded: Some(Degraded::Unreachable), kept: true };
    assert_eq!(client.state(), degraded);
    world.take_log();
    assert!(world.run(client.recheck()));
    world.pass(10_000);
    // What the sibling gave was as good as the own one, and shows nothing.
    assert_eq!((client.state(), world.take_log()), (degraded, vec![]));
    assert!(matches!(sibling.state(), State::SignedIn { .. }));
}

#[test]
fn the_next_users_page_recovers_although_the_last_ones_was_about_to() {
    let (world, _tab, client) = World::signed_in();
    world.pass(900_000);
    let refused = || Fault::Says(503, vec![("retry-after", "300")], String::new());
    world.next("/refresh", [refused()]);
    assert!(world.run(client.send(&me())).is_err());
    // By now the pauses between its tries are long.
    world.pass(60_000);
    world.server(|server| (server.lifetime, server.expires_in) = (1, Some("1".to_owned())));
    world.run(client.login("bob", "secret")).unwrap();
    world.pass(1_100);
    world.next("/refresh", [refused()]);
    assert!(world.run(client.send(&me())).is_err());
    world.settle();
    assert_eq!(client.state(), signed_in("bob"));
}

#[test]
fn a_page_that_is_well_again_stops_asking() {
    let (world, _tab, client) = World::signed_in();
    world.pass(900_000);
    world.next("/refresh", [Fault::Says(503, vec![("retry-after", "20")], String::new())]);
    assert!(world.run(client.send(&me())).is_err());
    world.pass(20_000);
    world.take_log();
    world.run(client.send(&me())).unwrap();
    assert_eq!(client.state(), signed_in("ann"));
    world.settle();
    assert_eq!(world.take_log(), ["POST /refresh 200", "GET /me 200"]);
}

#[test]
fn a_page_recovers_each_time() {
    let (world, _tab, client) = World::signed_in();
    for _ in 0..3 {
        world.pass(900_000);
        world.next("/refresh", [Fault::Says(503, vec![("retry-after", "20")], String::new())]);
        assert!(world.run(client.send(&me())).is_err());
        world.settle();
        assert_eq!(client.state(), signed_in("ann"));
    }
}
