//! Times as servers write them.

/// Writes `time` as RFC 3339 does, with its offset from UTC. A time without an offset counts as UTC, because many servers
/// store UTC and do not write the offset. `None` if `time` is written in any other way, because a browser may read such a
/// text in its own time zone.
pub(crate) fn with_offset(time: &str) -> Option<String> {
    let time = time.trim();
    let (date, rest) = time.split_once(['T', 't', ' '])?;
    let (clock, offset) = rest.split_at_checked(rest.find(['Z', 'z', '+', '-']).unwrap_or(rest.len()))?;
    let (clock, fraction) = clock.split_once('.').unwrap_or((clock, ""));
    let is_clock = fits(clock, "00:00:00") || fits(clock, "00:00");
    let is_fraction = fraction.bytes().all(|b| b.is_ascii_digit());
    let offset = if offset.is_empty() { "Z" } else { offset };
    let is_offset = offset.eq_ignore_ascii_case("z") || fits(offset, "+00:00") || fits(offset, "-00:00");
    let dot = if fraction.is_empty() { "" } else { "." };
    let is_time = fits(date, "0000-00-00") && is_clock && is_fraction && is_offset;
    is_time.then(|| [date, "T", clock, dot, fraction, offset].concat())
}

/// Whether `text` has the shape of `pattern`, in which `0` stands for any digit.
fn fits(text: &str, pattern: &str) -> bool {
    let same = |(b, p): (u8, u8)| if p == b'0' { b.is_ascii_digit() } else { b == p };
    text.len() == pattern.len() && text.bytes().zip(pattern.bytes()).all(same)
}

#[cfg(test)]
mod tests {
    use super::with_offset;

    #[test]
    fn a_time_without_an_offset_is_utc() {
        for (written, time) in [
            ("2026-09-08T20:02:58", "2026-09-08T20:02:58Z"),
            ("2026-09-08 20:02:58.123456", "2026-09-08T20:02:58.123456Z"),
            ("2026-09-08T20:02", "2026-09-08T20:02Z"),
            (" 2026-09-08t20:02:58z ", "2026-09-08T20:02:58z"),
            ("2026-09-08T20:02:58.5+02:00", "2026-09-08T20:02:58.5+02:00"),
            ("2026-09-08 20:02:58-11:30", "2026-09-08T20:02:58-11:30"),
        ] {
            assert_eq!(with_offset(written).as_deref(), Some(time), "{written}");
        }
    }

    #[test]
    fn what_may_be_another_zones_time_is_none() {
        for written in [
            "",
            "soon",
            "2026-09-08",
            "08.09.2026 20:02",
            "Tue Sep 08 2026 20:02:58",
            "1757361778",
            "2026-09-08T20:02:58 CET",
            "2026-09-08T20:02:58+2",
            "2026-9-8T20:02:58",
            "2026-09-08T20.02.58",
            "2026-09-08T20:02:58.x",
            "\u{0662}026-09-08T20:02",
        ] {
            assert_eq!(with_offset(written), None, "{written}");
        }
    }
}
