use super::*;

const NOW: Instant = Instant { monotonic: 5, wall: 1_000_000 };

fn record() -> String {
    Writer::new()
        .number("v", VERSION)
        .text("sid", "s-1_A")
        .text("user", "ann")
        .number("generation", 3_u32)
        .text("access_token", "token")
        .number("received", 400_000_u64)
        .number("lifetime", 900_u64)
        .flag("alone", false)
        .flag("kept", true)
        .finish()
}

#[test]
fn a_token_is_as_old_after_a_reload_as_the_wall_clock_says() {
    let kept = read_kept(&record(), NOW).unwrap();
    assert_eq!(kept.access.received, Instant { monotonic: 0, wall: 400_000 });
    // The page's monotonic clock went on.
    let later = Instant { monotonic: 700_000, ..NOW };
    assert_eq!(read_kept(&record(), later).unwrap().access.received.monotonic, 100_000);
    // The clock was set back. The token is still older than the page.
    let earlier = Instant { wall: 300_000, ..NOW };
    let received = read_kept(&record(), earlier).unwrap().access.received;
    assert_eq!(received, Instant { monotonic: NOW.monotonic - 1, ..earlier });
}

#[test]
fn another_versions_record_or_one_that_names_no_session_is_discarded() {
    for (from, to) in [("\"v\":2", "\"v\":1"), ("s-1_A", "s:1"), ("\"token\"", "\"to ken\"")] {
        let text = record().replace(from, to);
        assert_ne!(text, record());
        assert!(read_kept(&text, NOW).is_none(), "{text}");
    }
}

#[test]
fn a_record_of_an_earlier_build_is_renewable_unless_it_is_this_tabs_alone() {
    assert!(read_kept(&record(), NOW).unwrap().renewable);
    let alone = record().replace("\"alone\":false", "\"alone\":true");
    assert!(!read_kept(&alone, NOW).unwrap().renewable);
}
