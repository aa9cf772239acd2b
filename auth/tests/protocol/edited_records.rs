//! Records that somebody edited, in storage or in the ledger: never a panic, at worst a sign-in.

use auth::{EndReason, Error, State};

use crate::world::{World, me, signed_in};

/// Starts on edited records, uses and ends the session, and asks for nothing but survival.
fn survives(world: &World, tab: &crate::world::Tab) {
    let client = tab.open();
    world.settle();
    assert_ne!(client.state(), State::Restoring);
    let first = world.run(client.send(&me()));
    world.pass(1_000_000);
    let _ = world.run(client.send(&me()));
    if let Ok(answer) = first {
        assert!(matches!(answer.status, 200 | 401));
    }
    client.logout();
    world.settle();
    assert!(matches!(client.state(), State::SignedOut(_)));
    world.run(client.login("ann", "secret")).unwrap();
    assert_eq!(client.state(), signed_in("ann"));
    assert!(world.sent().len() < 12, "no loop");
    assert!(world.sent().iter().all(|request| request.url.starts_with(crate::world::BASE)));
}

#[test]
fn every_mutation_of_a_record_leads_at_worst_to_a_sign_in() {
    let (_, tab, _) = World::signed_in();
    let refresh = tab.world.profile().into_values().next().unwrap();
    let access = tab.records().into_values().next().unwrap();
    let mutations = |record: &str| -> Vec<String> {
        let mut all = Vec::new();
        for at in 0..record.len() {
            let bytes = record.as_bytes();
            all.push(record[..at].to_owned() + &record[at + 1..]);
            all.push(record[..at].to_owned());
            for bit in [0, 1, 4, 5, 6] {
                let mut flipped = bytes.to_vec();
                flipped[at] ^= 1 << bit;
                all.extend(String::from_utf8(flipped));
            }
            all.push(format!("{}9{}", &record[..at], &record[at..]));
        }
        all
    };
    for record in mutations(&refresh) {
        let (world, tab, _) = World::signed_in();
        world.edit_profile(&record);
        survives(&world, &tab);
    }
    for record in mutations(&access) {
        let (world, tab, _) = World::signed_in();
        tab.edit(&record);
        survives(&world, &tab);
    }
}

#[test]
fn garbage_in_either_record_means_signed_out_or_a_refresh() {
    let long =
        format!(r#"{{"v":1,"sid":"{}","user":"ann","generation":0,"refresh_token":"r"}}"#, "s".repeat(65));
    let deep = "[".repeat(100_000);
    for garbage in [
        "",
        "null",
        "undefined",
        "[object Object]",
        "{}",
        "[]",
        "1e400",
        "\u{0}",
        "\u{feff}{}",
        "<html>",
        r#"{"v":1}"#,
        r#"{"v":0,"sid":"s","user":"ann","generation":0,"refresh_token":"refresh-1"}"#,
        r#"{"v":2,"sid":"s","user":"ann","generation":0,"refresh_token":"refresh-1"}"#,
        r#"{"v":1,"sid":"","user":"ann","generation":0,"refresh_token":"refresh-1"}"#,
        r#"{"v":1,"sid":"s","user":"ann","generation":-1,"refresh_token":"refresh-1"}"#,
        r#"{"v":1,"sid":"s","user":"ann","generation":4294967296,"refresh_token":"refresh-1"}"#,
        r#"{"v":1,"sid":"s","user":"ann","generation":0,"refresh_token":""}"#,
        r#"{"v":1,"sid":"s","user":"ann","generation":0,"refresh_token":"a\nb"}"#,
        r#"{"v":1,"sid":"s","sid":"t","user":"ann","generation":0,"refresh_token":"r"}"#,
        &long,
        &deep,
    ] {
        let (world, tab, _) = World::signed_in();
        world.edit_profile(garbage);
        let client = tab.open();
        world.pass(900_000);
        let ended = Error::SessionEnded(EndReason::Lost);
        assert_eq!(world.run(client.send(&me())).err(), Some(ended), "{garbage:.40}");
        assert!(tab.is_wiped(), "{garbage:.40}");
        survives(&world, &tab);
        let (world, tab, _) = World::signed_in();
        tab.edit(garbage);
        let client = tab.open();
        world.settle();
        assert_eq!(client.state(), signed_in("ann"), "{garbage:.40}: the refresh token is there");
        assert_eq!(world.take_log(), ["POST /refresh 200"]);
    }
}

#[test]
fn absurd_numbers_in_a_sound_record_do_no_harm() {
    for generation in [u32::MAX - 1, u32::MAX] {
        let (world, tab, _) = World::signed_in();
        let record = world.profile().into_values().next().unwrap();
        world.edit_profile(&record.replace(r#""generation":0"#, &format!(r#""generation":{generation}"#)));
        survives(&world, &tab);
    }
    for (from, to) in [
        (r#""lifetime":900"#, format!(r#""lifetime":{}"#, u64::MAX)),
        (r#""lifetime":900"#, r#""lifetime":0"#.to_owned()),
        (r#""lifetime":900"#, r#""lifetime":null"#.to_owned()),
        (r#""received":1"#, r#""received":9"#.to_owned()),
        (r#""received":1"#, r#""received":0,"x":1"#.to_owned()),
        (r#""generation":0"#, format!(r#""generation":{}"#, u32::MAX)),
    ] {
        let (world, tab, _) = World::signed_in();
        let record = tab.records().into_values().next().unwrap();
        assert!(record.contains(from));
        tab.edit(&record.replace(from, &to));
        survives(&world, &tab);
    }
}

#[test]
fn a_corrupt_row_means_signed_out() {
    let corruptions: [fn(&str) -> String; 5] = [
        |_| String::new(),
        |row| row.replace("\"v\":1", "\"v\":0"),
        |row| row.replace("\"generation\":0", "\"generation\":-1"),
        |row| row[..row.len() / 2].to_owned(),
        |_| "[]".to_owned(),
    ];
    for corrupt in corruptions {
        let (world, tab, _) = World::signed_in();
        world.edit_ledger(corrupt);
        let client = tab.open();
        world.settle();
        assert_eq!(client.state(), State::SignedOut(None));
        assert!(tab.is_wiped());
        world.run(client.login("ann", "secret")).unwrap();
        assert_eq!(client.state(), signed_in("ann"));
    }
}
