//! Takes the locations of panics out of the wasm's data, because only the panic hook reads them, and no panic reaches it. A
//! location is a file's name, a line and a column.

use std::ops::Range;

use anyhow::{Result, bail};

use crate::wasm::Reader;

/// The content of the data section with zeros in place of each `core::panic::Location` and of its file's name. The data keep
/// their addresses, and zeros weigh next to nothing when they are compressed.
pub(super) fn blanked(section: Reader<'_>) -> Result<Vec<u8>> {
    let mut blanked = section.0.to_vec();
    let segments = section.list(|rest| Segment::read(rest, blanked.len()))?;
    let found = locations(section.0, &segments);
    if found.is_empty() {
        bail!(
            "The wasm's data have no location of a panic, so the layout in xtask/src/build/panics/locations.rs does not fit the toolchain."
        );
    }
    for range in found {
        if let Some(bytes) = blanked.get_mut(range) {
            bytes.fill(0);
        }
    }
    Ok(blanked)
}

/// A data segment: the browser copies its bytes to an address.
struct Segment {
    address: usize,
    /// Where its bytes are in the section.
    bytes: Range<usize>,
}

impl Segment {
    /// Reads the next segment of a section of `length` bytes.
    fn read(rest: &mut Reader<'_>, length: usize) -> Result<Self> {
        let before = (rest.byte()?, rest.byte()?);
        // The number is signed, but one that is not negative reads as an unsigned one does.
        let address = rest.number()?;
        if before != (ACTIVE, CONSTANT) || rest.byte()? != END {
            bail!("The wasm has data without a constant address.");
        }
        let bytes = rest.sized()?.0.len();
        let end = length - rest.0.len();
        Ok(Self { address, bytes: end - bytes..end })
    }

    /// Where these bytes are in the section, if they are in this segment.
    fn range(&self, address: usize, length: usize) -> Option<Range<usize>> {
        let start = self.bytes.start + address.checked_sub(self.address)?;
        let end = start.checked_add(length)?;
        (end <= self.bytes.end).then_some(start..end)
    }
}

/// Where the locations and the names of their files are in the section.
fn locations(section: &[u8], segments: &[Segment]) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    for segment in segments {
        let first = segment.bytes.start + segment.address.next_multiple_of(WORD) - segment.address;
        let (words, _) = section.get(first..segment.bytes.end).unwrap_or_default().as_chunks::<WORD>();
        let words: Vec<_> = words.iter().map(|word| u32::from_le_bytes(*word) as usize).collect();
        for (number, record) in words.windows(LOCATION).enumerate() {
            let &[address, length, line, column] = record else { continue };
            let name = segments.iter().find_map(|segment| segment.range(address, length.saturating_add(1)));
            let is_file =
                |name: &Range<usize>| section.get(name.clone()).is_some_and(|name| name.ends_with(b".rs\0"));
            if line > 0
                && column > 0
                && let Some(name) = name.filter(is_file)
            {
                let start = first + number * WORD;
                found.extend([start..start + LOCATION * WORD, name]);
            }
        }
    }
    found
}

/// The bytes of a word, which is little-endian. A word stands at a multiple of this.
const WORD: usize = 4;
/// A location's words: the address and the length of the file's name, the line and the column. A zero stands behind the name.
const LOCATION: usize = 4;
/// What stands around an active segment's constant address (WebAssembly Core 2.0, §5.5.14): the kind and `i32.const` before it,
/// `end` after it.
const ACTIVE: u8 = 0;
const CONSTANT: u8 = 0x41;
const END: u8 = 0x0b;

/// A data section with segments at these addresses.
#[cfg(test)]
pub(super) fn section(segments: &[(usize, &[u8])]) -> Vec<u8> {
    use crate::wasm::{number, sized};

    let segment = |(address, bytes): &(usize, &[u8])| {
        [&[ACTIVE, CONSTANT][..], &number(*address), &[END], &sized(bytes)].concat()
    };
    [number(segments.len()), segments.iter().flat_map(segment).collect()].concat()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    fn words(words: [u32; LOCATION]) -> Vec<u8> {
        words.iter().flat_map(|word| word.to_le_bytes()).collect()
    }

    #[test]
    fn a_location_and_its_files_name_become_zeros_and_nothing_else_does() {
        let texts = b"Log in/app.rs\0Log out.rs/apprs\0";
        let location = words([1006, 7, 1, 1]);
        let others = [
            [1006, 7, 0, 34],
            [1006, 7, 12, 0],
            [1006, 6, 12, 34],
            [1014, 10, 12, 34],
            [1024, 6, 12, 34],
            [5, 7, 12, 34],
        ];
        let others: Vec<_> = others.into_iter().flat_map(words).collect();
        // The words begin at a multiple of four, behind three other bytes.
        let data = |name: &[u8], location: &[u8]| {
            let texts = [&texts[..6], name, &texts[13..]].concat();
            section(&[
                (1000, &texts),
                (2001, &[b"abc", &others[..], location, &others[..4], location].concat()),
            ])
        };
        let blanked = blanked(Reader(&data(b"/app.rs", &location))).unwrap();
        assert_eq!(blanked, data(&[0; 7], &[0; 16]));
    }

    #[test]
    fn a_name_is_within_one_segment() {
        let data = |length, name: &[u8]| {
            section(&[(1000, &words([2000, length, 1, 1])), (2000, name), (2005, b"b.rs\0")])
        };
        let zeros = section(&[(1000, &[0; 16]), (2000, &[0; 5]), (2005, b"b.rs\0")]);
        assert_eq!(blanked(Reader(&data(4, b"a.rs\0"))).unwrap(), zeros);
        assert!(blanked(Reader(&data(9, b"a.rs\0"))).is_err());
    }

    #[test]
    fn data_without_locations_or_without_a_constant_address_are_refused() {
        assert!(blanked(Reader(&section(&[(1000, b"Log in")]))).is_err());
        let location = section(&[(1000, &[&words([1016, 4, 1, 1])[..], b"a.rs\0"].concat())]);
        assert!(blanked(Reader(&location)).is_ok());
        for (byte, other) in [(1, 1), (2, 0x23), (5, 0x0a)] {
            let mut odd = location.clone();
            odd[byte] = other;
            assert!(blanked(Reader(&odd)).is_err(), "{byte}");
        }
    }
}
