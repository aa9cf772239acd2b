//! Records of a newer build, which was rolled back to this one and may come again.

use std::collections::BTreeMap;

use auth::{AccessCustody, Client, Contract, Custody, EndReason, RefreshCustody, State};

use crate::world::{BASE, Tab, UNCONFIRMED, World, me, signed_in};

const DATABASE: Custody = Custody { access: AccessCustody::Session, refresh: RefreshCustody::Database };
const MEMORY: Custody = Custody { access: AccessCustody::Session, refresh: RefreshCustody::Memory };

/// The id of the newer build's session.
const NEWER: &str = "NewerSessionNewerSess0";

pub(crate) fn name(record: &str) -> String {
    format!("yew-jwt-auth:{BASE}:{record}")
}

/// Records that a newer build left. This build cannot read their contents.
pub(crate) struct Left {
    pub(crate) tab: Tab,
    pub(crate) entries: BTreeMap<String, String>,
    pub(crate) profile: BTreeMap<String, String>,
    pub(crate) records: BTreeMap<String, String>,
}

/// Versions that are newer, some of them too large for the type of this build's version.
const VERSIONS: [&str; 3] = ["3", "256", "18446744073709551615"];

impl Left {
    fn in_a(world: &World, version: &str) -> Self {
        let sound = |more: &str| format!(r#"{{"v":{version},"sid":"{NEWER}",{more}}}"#);
        let entries = BTreeMap::from([
            (name("now"), sound(r#""who":["ann"],"base":7"#)),
            (name(&format!("row:{NEWER}")), sound(r#""generation":"five","ended":{}"#)),
        ]);
        let profile = BTreeMap::from([
            (name(&format!("refresh:{NEWER}:0")), sound(r#""generation":0,"refresh_token":"refresh-n""#)),
            (name(&format!("refresh:{NEWER}:x")), sound(r#""sealed":[1,2]"#)),
        ]);
        let records =
            BTreeMap::from([(name("access"), sound(r#""user":"ann","access_token":{"t":"access-n"}"#))]);
        let tab = world.tab();
        entries.iter().for_each(|(name, text)| world.put_entry(name, text));
        profile.iter().for_each(|(name, text)| world.put_record(name, text));
        records.iter().for_each(|(name, text)| tab.put(name, text));
        Self { tab, entries, profile, records }
    }

    /// Asserts that all of it still lies where it lay, and that no request used it.
    pub(crate) fn is_untouched(&self, after: &str) {
        let world = &self.tab.world;
        for (left, found) in [
            (&self.entries, world.entries()),
            (&self.profile, world.profile()),
            (&self.records, self.tab.records()),
        ] {
            for (name, text) in left {
                assert_eq!(found.get(name), Some(text), "{name} after {after}");
            }
        }
        for request in world.sent() {
            let text =
                format!("{:?} {:?}", request.headers, String::from_utf8(request.body.unwrap_or_default()));
            assert!(!text.contains("refresh-n") && !text.contains("access-n"), "{text}");
        }
    }
}

#[test]
fn a_newer_builds_tokens_stay_although_they_look_like_this_builds() {
    let world = World::new();
    let (now, token) = (name("now"), name(&format!("refresh:{NEWER}:4")));
    world.put_entry(&now, &format!(r#"{{"v":2,"sid":"{NEWER}"}}"#));
    let text = format!(r#"{{"v":2,"sid":"{NEWER}","generation":4,"refresh_token":"refresh-n"}}"#);
    world.put_record(&token, &text);
    let tab = world.tab();
    for custody in [Custody::default(), MEMORY, Custody::default()] {
        let client = tab.open_with(Contract::default(), custody);
        world.settle();
        assert_eq!(client.state(), State::SignedOut(None));
        world.run(client.login("ann", "secret")).unwrap();
        assert_eq!(world.profile().get(&token), Some(&text));
        client.logout();
        world.settle();
    }
    assert_eq!(world.profile().into_iter().collect::<Vec<_>>(), [(token, text)]);
}

/// A world with a newer build's records, and a page that has started there.
fn newer(custody: Custody) -> (World, Left, Client) {
    let world = World::new();
    let left = Left::in_a(&world, "3");
    let client = left.tab.open_with(Contract::default(), custody);
    world.settle();
    (world, left, client)
}

fn lives_beside(world: &World, left: &Left, custody: Custody) {
    let open = |tab: &Tab| {
        let client = tab.open_with(Contract::default(), custody);
        world.settle();
        client
    };
    let client = open(&left.tab);
    left.is_untouched("the start");
    assert_eq!((client.state(), world.sent().len()), (State::SignedOut(None), 0));
    world.run(client.login("ann", "secret")).unwrap();
    left.is_untouched("the login");
    assert_eq!(client.state(), signed_in("ann"));
    world.pass(900_000);
    assert_eq!(world.run(client.send(&me())).unwrap().status, 200);
    left.is_untouched("a refresh");
    world.take_log();
    let client = open(&left.tab);
    assert_eq!((client.state(), world.take_log()), (UNCONFIRMED, vec![]));
    left.is_untouched("a reload");
    let second = open(&world.tab());
    assert!(matches!(second.state(), State::SignedIn { .. }));
    left.is_untouched("a second tab's start");
    world.run(second.login("ann", "secret")).unwrap();
    world.settle();
    left.is_untouched("the next login");
    world.run(client.send(&me())).unwrap();
    assert_eq!(client.state(), signed_in("ann"));
    client.logout();
    world.settle();
    left.is_untouched("the logout");
    assert_eq!(second.state(), State::SignedOut(Some(EndReason::LoggedOutElsewhere)));
    assert_eq!(world.server(|server| (server.reuses, server.alive())), (0, 0));
    let client = open(&left.tab);
    assert_eq!(client.state(), State::SignedOut(None));
    left.is_untouched("the last start");
}

#[test]
fn what_a_newer_build_left_survives_a_whole_life_of_this_one() {
    for custody in [Custody::default(), DATABASE] {
        let world = World::new();
        let left = Left::in_a(&world, "3");
        lives_beside(&world, &left, custody);
    }
}

#[test]
fn a_version_is_newer_however_large_it_is() {
    for version in VERSIONS {
        let world = World::new();
        let left = Left::in_a(&world, version);
        lives_beside(&world, &left, Custody::default());
    }
}

#[test]
fn ours_lies_beside_what_is_newer_under_a_name_with_our_version() {
    let (world, left, client) = newer(Custody::default());
    world.run(client.login("ann", "secret")).unwrap();
    let beside: Vec<_> = world
        .entries()
        .into_keys()
        .chain(left.tab.records().into_keys())
        .filter(|name| name.contains(":now") || name.contains(":access"))
        .collect();
    assert_eq!(beside, [name("now"), name("now:v1"), name("access"), name("access:v2")]);
    left.is_untouched("the login");
}

#[test]
fn only_what_is_in_the_way_has_ours_beside_it() {
    // Either `now` alone is newer, or the tab's record alone.
    for (now, access) in [(true, false), (false, true)] {
        let world = World::new();
        let left = Left::in_a(&world, "3");
        let tab = if access { left.tab.clone() } else { world.tab() };
        if !now {
            world.edit_ledger(|_| String::new());
        }
        let client = tab.open();
        world.settle();
        assert_eq!(client.state(), State::SignedOut(None));
        world.run(client.login("ann", "secret")).unwrap();
        assert_eq!(world.entries().contains_key(&name("now:v1")), now);
        assert_eq!(tab.records().contains_key(&name("access:v2")), access);
        assert_eq!(tab.open().state(), UNCONFIRMED);
        world.settle();
        assert_eq!(world.entries()[&name("now")] == left.entries[&name("now")], now);
        assert_eq!(tab.records().get(&name("access")) == left.records.get(&name("access")), access);
    }
}

#[test]
fn another_users_login_beside_what_is_newer_is_shown_and_not_adopted() {
    let (world, left, client) = newer(Custody::default());
    world.run(client.login("ann", "secret")).unwrap();
    let second = world.tab().open();
    world.settle();
    world.run(second.login("bob", "secret")).unwrap();
    world.settle();
    let elsewhere = State::SignedInElsewhere { user: "bob".into() };
    assert_eq!(client.state(), elsewhere);
    let again = left.tab.open();
    world.settle();
    assert_eq!(again.state(), elsewhere, "whose tab it was lies beside as well");
    left.is_untouched("another user's login");
}

#[test]
fn a_page_that_keeps_its_session_in_memory_leaves_what_is_newer() {
    let (world, left, client) = newer(MEMORY);
    assert_eq!((client.state(), world.take_log()), (State::SignedOut(None), vec![]));
    world.run(client.login("ann", "secret")).unwrap();
    left.is_untouched("a login");
    let again = left.tab.open_with(Contract::default(), MEMORY);
    world.settle();
    assert_eq!(again.state(), UNCONFIRMED);
    again.logout();
    world.settle();
    left.is_untouched("a logout");
}

#[test]
fn an_app_with_longer_names_does_not_take_over_what_is_newer() {
    let world = World::new();
    world.server_at("http://localhost:8000/crm", |_| {});
    let left = Left::in_a(&world, "3");
    let crm = left.tab.open_at("http://localhost:8000/crm", Contract::default(), Custody::default());
    world.settle();
    assert_eq!((crm.state(), world.take_log()), (State::SignedOut(None), vec![]));
    world.run(crm.login("ann", "secret")).unwrap();
    crm.logout();
    world.settle();
    left.is_untouched("another app's life");
}

// The tests below assert behaviour that must not change.

#[test]
fn what_is_older_or_no_record_is_discarded() {
    for version in ["0", "-1", r#""9""#, "null", "[9]"] {
        let world = World::new();
        let left = Left::in_a(&world, version);
        let client = left.tab.open();
        world.settle();
        assert_eq!(client.state(), State::SignedOut(None));
        world.run(client.login("ann", "secret")).unwrap();
        let again = left.tab.open();
        world.settle();
        assert_eq!(again.state(), UNCONFIRMED, "{version}");
        assert!(!world.entries().contains_key(&name("now:v1")), "{version}");
        assert!(!left.tab.records().contains_key(&name("access:v2")), "{version}");
        assert!(!format!("{:?}", world.profile()).contains(NEWER), "{version}");
    }
}

#[test]
fn a_page_whose_session_a_newer_build_uses_leaves_its_tokens() {
    let (world, _tab, client) = World::signed_in();
    let before = world.profile();
    world.edit_ledger(|entry| entry.replace(r#""v":1"#, r#""v":3"#));
    world.run(client.recheck());
    world.settle();
    assert!(matches!(client.state(), State::SignedOut(Some(_))), "{:?}", client.state());
    assert_eq!((world.profile(), world.take_log()), (before, vec![]));
}
