//! IP addresses, as far as a URL may have one for its host: whether a text is one.

/// Whether `text` is an IPv4 address: four numbers up to 255, in decimal and without leading zeros.
pub(super) fn is_v4(text: &[u8]) -> bool {
    let numbers = || text.split(|b| *b == b'.');
    numbers().count() == 4 && numbers().all(is_byte)
}

fn is_byte(number: &[u8]) -> bool {
    let up_to_255 = matches!(
        number,
        [_] | [b'1'..=b'9', _] | [b'1', _, _] | [b'2', b'0'..=b'4', _] | [b'2', b'5', b'0'..=b'5']
    );
    up_to_255 && number.iter().all(u8::is_ascii_digit)
}

/// Whether `text` is an IPv6 address (RFC 4291 §2.2) without a zone.
pub(super) fn is_v6(text: &[u8]) -> bool {
    let Some(gap) = text.windows(2).position(|two| two == b"::") else { return groups(text) == Some(8) };
    let (head, tail) = text.split_at(gap);
    let tail = tail.get(2..).unwrap_or_default();
    // An IPv4 address stands at the end only, so none stands before the gap.
    let (Some(head), Some(tail), false) = (groups(head), groups(tail), head.contains(&b'.')) else {
        return false;
    };
    head + tail < 8
}

/// How many groups of 16 bits `text` has, which is a part of an address without a gap (`::`); `None` if it is no
/// such part. An IPv4 address at the end counts as two.
fn groups(text: &[u8]) -> Option<usize> {
    if text.is_empty() {
        return Some(0);
    }
    let mut parts: Vec<&[u8]> = text.split(|b| *b == b':').collect();
    let v4 = parts.pop_if(|last| is_v4(last)).map_or(0, |_| 2);
    let fits = |part: &&[u8]| (1..=4).contains(&part.len()) && part.iter().all(u8::is_ascii_hexdigit);
    parts.iter().all(fits).then_some(parts.len() + v4)
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};

    use super::*;

    #[test]
    fn an_address_is_one_where_the_standard_library_says_so() {
        let mut shapes = vec![String::new()];
        for length in 0..9 {
            let longest = shapes.iter().filter(|shape| shape.len() == length);
            let longer: Vec<_> =
                longest.flat_map(|s| ["1", ":", "."].map(|next| format!("{s}{next}"))).collect();
            shapes.extend(longer);
        }
        let groups = "1:2:3:4:5:6:7:8:9";
        for end in 0..=groups.len() {
            let (head, tail) = groups.split_at(end);
            shapes.extend([head, tail].map(str::to_owned));
            shapes.extend([format!("{head}:{tail}"), format!("{head}::"), format!("::{tail}")]);
            shapes.extend([format!("{head}1.2.3.4"), format!("{head}1.2.3.4{tail}")]);
        }
        let odd = "::ffff:192.168.1.255 fe80::1%1 12345:: abcd:ef:: ABCD::FEDC g:: ::1: :1:: 1::2::3 ::256.0.0.1 \
                   1:2:3:4:5:6:7:: ::1.2.3 0.0.0.0 255.255.255.255 256.1.1.1 199.200.249.250 260.1.1.1 01.1.1.1 \
                   1.1.1.1.1 1..1.1 1.1.1. a.1.1.1 1.1.1.1a 300.1.1.1 1000.1.1.1 00.1.1.1 +1.1.1.1 1a.1.1.1";
        shapes.extend(odd.split_whitespace().map(str::to_owned));
        for shape in shapes {
            assert_eq!(is_v6(shape.as_bytes()), shape.parse::<Ipv6Addr>().is_ok(), "{shape}");
            assert_eq!(is_v4(shape.as_bytes()), shape.parse::<Ipv4Addr>().is_ok(), "{shape}");
        }
    }
}
