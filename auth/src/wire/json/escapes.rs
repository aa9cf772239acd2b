//! Escapes in JSON strings (RFC 8259 §7).

use std::str::Chars;

/// The character that the escape behind a backslash means.
pub(super) fn character(rest: &mut Chars<'_>) -> Option<char> {
    Some(match rest.next()? {
        'b' => '\u{8}',
        'f' => '\u{c}',
        'n' => '\n',
        'r' => '\r',
        't' => '\t',
        'u' => match hex4(rest)? {
            // A character beyond 16 bits is written as two escapes (RFC 8259 §7).
            high @ 0xd800..0xdc00 => {
                let paired = rest.next() == Some('\\') && rest.next() == Some('u');
                let low = hex4(rest)?.checked_sub(0xdc00).filter(|low| paired && *low < 0x400)?;
                char::from_u32(0x1_0000 + (high - 0xd800) * 0x400 + low)?
            }
            unit => char::from_u32(unit)?,
        },
        itself => itself,
    })
}

/// The number that four hexadecimal digits mean.
fn hex4(rest: &mut Chars<'_>) -> Option<u32> {
    let mut unit = 0;
    for _ in 0..4 {
        unit = unit * 16 + rest.next()?.to_digit(16)?;
    }
    Some(unit)
}
