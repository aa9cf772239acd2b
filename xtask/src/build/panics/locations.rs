//! Takes the places of panics out of the wasm's data: a file's name, a line and a column for each piece of code that can panic.

use anyhow::{Result, bail};

use crate::wasm::{Reader, number, sized};

/// The content of the data section with zeros in place of each `core::panic::Location` and of the file's name that it names.
/// The data keep their addresses, and zeros weigh next to nothing when they are compressed.
pub(super) fn blanked(section: Reader<'_>) -> Result<Vec<u8>> {
    let mut segments = section.list(Segment::read)?;
    let locations: Vec<_> = segments.iter().flat_map(|segment| segment.locations(&segments)).collect();
    if locations.is_empty() {
        bail!(
            "The wasm's data have no location of a panic, so the layout in xtask/src/build/panics/locations.rs does not fit the toolchain."
        );
    }
    for (address, length) in locations {
        for segment in &mut segments {
            if let Some(bytes) = segment.range(address, length).and_then(|range| segment.bytes.get_mut(range))
            {
                bytes.fill(0);
            }
        }
    }
    let mut blanked = number(segments.len());
    for segment in segments {
        blanked.extend([ACTIVE, CONSTANT]);
        blanked.extend(segment.address_as_written);
        blanked.push(END);
        blanked.extend(sized(&segment.bytes));
    }
    Ok(blanked)
}

/// A piece of the data, which the browser copies to an address.
struct Segment<'a> {
    address: usize,
    address_as_written: &'a [u8],
    bytes: Vec<u8>,
}

impl<'a> Segment<'a> {
    fn read(section: &mut Reader<'a>) -> Result<Self> {
        if (section.byte()?, section.byte()?) != (ACTIVE, CONSTANT) {
            bail!("The wasm has data without a constant address.");
        }
        let before = section.0;
        // The number is signed, but an address below 2 GiB is written as an unsigned one is.
        let address = section.number()?;
        let address_as_written = before.get(..before.len() - section.0.len()).unwrap_or_default();
        if section.byte()? != END {
            bail!("The wasm has data without a constant address.");
        }
        Ok(Self { address, address_as_written, bytes: section.sized()?.0.to_vec() })
    }

    /// Where the bytes from this address on are in this segment.
    fn range(&self, address: usize, length: usize) -> Option<std::ops::Range<usize>> {
        let start = address.checked_sub(self.address)?;
        let range = start..start.checked_add(length)?;
        self.bytes.get(range.clone()).map(|_| range)
    }

    /// The address and the length of each location in this segment, and of the names of their files.
    fn locations(&self, all: &[Self]) -> Vec<(usize, usize)> {
        let first = self.address.next_multiple_of(WORD) - self.address;
        let mut found = Vec::new();
        for start in (first..self.bytes.len()).step_by(WORD) {
            let Some(record) = self.bytes.get(start..start + LOCATION) else { break };
            let words: Vec<_> = record.chunks_exact(WORD).map(word).collect();
            let &[name, length, line, column] = words.as_slice() else { continue };
            let name_of_a_file = || {
                let text = all.iter().find_map(|segment| segment.bytes.get(segment.range(name, length)?))?;
                text.ends_with(b".rs").then_some((name, length))
            };
            if (1..MANY_LINES).contains(&line)
                && (1..MANY_COLUMNS).contains(&column)
                && let Some(file) = name_of_a_file()
            {
                found.extend([(self.address + start, LOCATION), file]);
            }
        }
        found
    }
}

fn word(bytes: &[u8]) -> usize {
    bytes.iter().rev().fold(0, |word, byte| word << 8 | usize::from(*byte))
}

/// The bytes of a number in the data, which are in order from the lowest, and their alignment.
const WORD: usize = 4;
/// A location's bytes: the address and the length of the file's name, the line and the column.
const LOCATION: usize = 4 * WORD;
/// No file has so many lines, and no line so many columns, so larger numbers are something else.
const MANY_LINES: usize = 100_000;
const MANY_COLUMNS: usize = 1_000;
/// How a segment begins that is copied to a constant address (WebAssembly Core 2.0, §5.5.14): its kind, `i32.const`. And its end.
const ACTIVE: u8 = 0;
const CONSTANT: u8 = 0x41;
const END: u8 = 0x0b;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    fn section(segments: &[(usize, &[u8])]) -> Vec<u8> {
        let segment = |(address, bytes): &(usize, &[u8])| {
            [&[ACTIVE, CONSTANT][..], &number(*address), &[END], &sized(bytes)].concat()
        };
        [number(segments.len()), segments.iter().flat_map(segment).collect()].concat()
    }

    fn words(words: [u32; 4]) -> Vec<u8> {
        words.iter().flat_map(|word| word.to_le_bytes()).collect()
    }

    #[test]
    fn a_location_and_its_files_name_become_zeros_and_nothing_else_does() {
        let texts = b"Log in/app.rs\0Log out";
        let location = words([1006, 7, 12, 34]);
        let others =
            [[1006, 7, 0, 34], [1006, 7, 12, 0], [1006, 6, 12, 34], [1014, 7, 12, 34], [5, 7, 12, 34]];
        let others: Vec<_> = others.into_iter().flat_map(words).collect();
        // The records begin at a multiple of four, behind three other bytes.
        let before = section(&[(1000, texts), (2001, &[b"abc", &location[..], &others].concat())]);
        let after = section(&[
            (1000, b"Log in\0\0\0\0\0\0\0\0Log out"),
            (2001, &[b"abc", &[0; 16][..], &others].concat()),
        ]);
        assert_eq!(blanked(Reader(&before)).unwrap(), after);
    }

    #[test]
    fn data_without_locations_or_without_an_address_are_refused() {
        assert!(blanked(Reader(&section(&[(1000, b"Log in")]))).is_err());
        assert!(blanked(Reader(&[1, 1, 0])).is_err());
    }
}
