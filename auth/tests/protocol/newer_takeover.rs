//! A newer build has rewritten the records of a session of this build. This build leaves them to it.

use std::collections::BTreeMap;

use auth::State;

use crate::newer_records::{Left, name};
use crate::world::{Tab, UNCONFIRMED, World, me, parsed, signed_in};

/// Rewrites ann's session as a newer build would: its row alone, or `now`, the row and the refresh token.
fn overtaken(world: &World, tab: &Tab, everything: bool) -> Left {
    let newer = |records: BTreeMap<String, String>| -> BTreeMap<String, String> {
        let newer = |text: &str| {
            let mut record = parsed(text);
            record["v"] = 9.into();
            record.to_string()
        };
        records.into_iter().map(|(name, text)| (name, newer(&text))).collect()
    };
    let mut entries = newer(world.entries());
    entries.retain(|name, _| everything || name.contains(":row:"));
    let mut profile = newer(world.profile());
    profile.retain(|_, _| everything);
    entries.iter().for_each(|(name, text)| world.put_entry(name, text));
    profile.iter().for_each(|(name, text)| world.put_record(name, text));
    Left { tab: tab.clone(), entries, profile, records: BTreeMap::new() }
}

#[test]
fn a_session_that_a_newer_build_took_over_ends_here_and_is_left_to_it() {
    for everything in [false, true] {
        for live in [false, true] {
            let (world, tab, client) = World::signed_in();
            let left = overtaken(&world, &tab, everything);
            let client = if live {
                assert!(world.run(client.recheck()));
                client
            } else {
                drop(client);
                tab.close();
                tab.open()
            };
            world.settle();
            assert!(matches!(client.state(), State::SignedOut(_)), "{:?}", client.state());
            left.is_untouched("a look");
            world.run(client.login("bob", "secret")).unwrap();
            left.is_untouched("a login");
            world.pass(900_000);
            assert_eq!(world.run(client.send(&me())).unwrap().json(), Ok(r#"{"user":"bob"}"#.into()));
            client.logout();
            world.settle();
            left.is_untouched("a logout");
            let _again = tab.open();
            world.settle();
            left.is_untouched("a start");
        }
    }
}

#[test]
fn a_refresh_that_finds_its_row_newer_sends_nothing_more_and_leaves_it() {
    let (world, tab, client) = World::signed_in();
    let left = overtaken(&world, &tab, true);
    world.pass(900_000);
    assert!(world.run(client.send(&me())).is_err());
    world.settle();
    assert_eq!(world.count("POST /refresh") + world.count("GET /me"), 0);
    left.is_untouched("a refresh");
}

#[test]
fn the_row_before_is_not_deleted_if_it_is_newer() {
    let (world, tab, client) = World::signed_in();
    // `now` names the session before. The next login deletes that session's row.
    world.run(client.login("ann", "secret")).unwrap();
    let before = world.row()["sid"].as_str().unwrap().to_owned();
    world.run(client.login("ann", "secret")).unwrap();
    let row = name(&format!("row:{before}"));
    let text = format!(r#"{{"v":2,"sid":"{before}","more":true}}"#);
    world.put_entry(&row, &text);
    world.run(client.login("ann", "secret")).unwrap();
    assert_eq!(world.entries().get(&row), Some(&text));
    world.run(client.login("ann", "secret")).unwrap();
    assert_eq!(world.entries().get(&row), Some(&text));
    assert_eq!((tab.open().state(), client.state()), (UNCONFIRMED, signed_in("ann")));
}
