use super::*;

const NOW: Instant = Instant { monotonic: 5, wall: 1_000_000 };

fn record() -> String {
    json(&AccessRecord {
        v: VERSION,
        sid: "s-1_A".to_owned(),
        user: "ann".to_owned(),
        generation: 3,
        access_token: "token".to_owned(),
        received: 400_000,
        lifetime: Some(900),
        alone: false,
        kept: true,
    })
}

#[test]
fn a_token_is_as_old_after_a_reload_as_the_wall_clock_says() {
    let kept = AccessRecord::read(&record(), NOW).unwrap();
    assert_eq!(kept.access.received, Instant { monotonic: 0, wall: 400_000 });
    // The page's monotonic clock went on.
    let later = Instant { monotonic: 700_000, ..NOW };
    assert_eq!(AccessRecord::read(&record(), later).unwrap().access.received.monotonic, 100_000);
    // The clock was set back.
    let earlier = Instant { wall: 300_000, ..NOW };
    assert_eq!(AccessRecord::read(&record(), earlier).unwrap().access.received, earlier);
}

#[test]
fn another_versions_record_or_one_that_names_no_session_is_discarded() {
    for (from, to) in [("\"v\":2", "\"v\":1"), ("s-1_A", "s:1"), ("\"token\"", "\"to ken\"")] {
        let text = record().replace(from, to);
        assert_ne!(text, record());
        assert!(AccessRecord::read(&text, NOW).is_none(), "{text}");
    }
}

#[test]
fn a_sessions_id_fits_into_a_name() {
    let longest = "x".repeat(64);
    assert!(["a", "Z-_9", &longest].into_iter().all(is_session_id));
    let longer = "x".repeat(65);
    assert!(["", "a:b", "a b", "\u{e9}", &longer].into_iter().all(|id| !is_session_id(id)));
}
