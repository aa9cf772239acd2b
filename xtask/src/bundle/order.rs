//! Makes similar functions of the wasm neighbours, because a compressor writes what repeats nearby in fewer bytes.
//!
//! wasm-opt sorts functions by their names (`--reorder-functions-by-name`). The built file has no names any more, so it gets
//! names that sort as wanted: by type, then by what is inside. wasm-opt does not write them.

use anyhow::{Context as _, Result, bail};

/// The module with a name for each function of its own (WebAssembly Core 2.0, §5.5 and appendix 7.4).
pub(super) fn named(module: &[u8]) -> Result<Vec<u8>> {
    let (mut imported, mut types, mut bodies) = (0, Vec::new(), Vec::new());
    let mut rest = Reader(module);
    rest.take(HEADER)?;
    while !rest.0.is_empty() {
        let (section, mut content) = (rest.byte()?, rest.sized()?);
        match section {
            IMPORTS => {
                imported = content.number()?;
                for _ in 0..imported {
                    let (_module, _name) = (content.sized()?, content.sized()?);
                    if content.byte()? != FUNCTION {
                        bail!(
                            "The wasm imports something else than functions, so its functions cannot be counted."
                        );
                    }
                    content.number()?;
                }
            }
            FUNCTIONS => types = content.list(Reader::number)?,
            CODE => bodies = content.list(Reader::sized)?,
            _ => {}
        }
    }
    let mut order: Vec<_> = types.into_iter().zip(bodies).enumerate().collect();
    order.sort_by_key(|(_, (of_type, body))| (*of_type, body.0));
    let mut names: Vec<_> =
        order.into_iter().enumerate().map(|(place, (function, _))| (function, place)).collect();
    names.sort_unstable();

    let mut list = number(names.len());
    for (function, place) in names {
        list.extend(number(imported + function));
        list.extend(sized(format!("{place:06}").as_bytes()));
    }
    let mut content = sized(b"name");
    content.push(FUNCTION_NAMES);
    content.extend(sized(&list));
    Ok([module, &[CUSTOM], &sized(&content)].concat())
}

/// Reads the binary format from the beginning of its bytes.
#[derive(Clone, Copy)]
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Result<Self> {
        let (taken, rest) = self.0.split_at_checked(length).context("The wasm ends too early.")?;
        self.0 = rest;
        Ok(Self(taken))
    }

    fn byte(&mut self) -> Result<u8> {
        self.take(1)?.0.first().copied().context("The wasm ends too early.")
    }

    /// An unsigned number (LEB128).
    fn number(&mut self) -> Result<usize> {
        let mut number = 0;
        for shift in (0..usize::BITS).step_by(7) {
            let byte = self.byte()?;
            number |= usize::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        bail!("The wasm has a number that is too large.")
    }

    /// What has its length in front.
    fn sized(&mut self) -> Result<Self> {
        let length = self.number()?;
        self.take(length)
    }

    fn list<T>(mut self, mut item: impl FnMut(&mut Self) -> Result<T>) -> Result<Vec<T>> {
        let length = self.number()?;
        (0..length).map(|_| item(&mut self)).collect()
    }
}

fn number(mut number: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    loop {
        let low = (number & 0x7f) as u8;
        number >>= 7;
        if number == 0 {
            bytes.push(low);
            return bytes;
        }
        bytes.push(low | 0x80);
    }
}

fn sized(content: &[u8]) -> Vec<u8> {
    [&number(content.len()), content].concat()
}

/// The length of `\0asm` and the version.
const HEADER: usize = 8;
const CUSTOM: u8 = 0;
const IMPORTS: u8 = 2;
const FUNCTIONS: u8 = 3;
const CODE: u8 = 10;
/// The kind of an import.
const FUNCTION: u8 = 0;
/// The part of the custom section `name`.
const FUNCTION_NAMES: u8 = 1;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    fn module(bodies: &[(u8, &[u8])]) -> Vec<u8> {
        let imports = sized(&[&[1][..], &sized(b"a"), &sized(b"b"), &[FUNCTION, 0]].concat());
        let types: Vec<u8> = bodies.iter().map(|(of_type, _)| *of_type).collect();
        let code: Vec<u8> = bodies.iter().flat_map(|(_, body)| sized(body)).collect();
        let counted = |content: &[u8]| sized(&[&number(bodies.len()), content].concat());
        [
            b"\0asm\x01\0\0\0",
            &[IMPORTS][..],
            &imports,
            &[FUNCTIONS],
            &counted(&types),
            &[CODE],
            &counted(&code),
        ]
        .concat()
    }

    #[test]
    fn functions_are_named_by_their_type_and_then_by_what_is_inside() {
        let module = module(&[(1, b"b"), (0, b"z"), (1, b"a"), (0, &[7; 200])]);
        let named = named(&module).unwrap();
        let mut section = Reader(named.strip_prefix(&*module).unwrap());
        assert_eq!(section.byte().unwrap(), CUSTOM);
        let mut content = section.sized().unwrap();
        assert!(section.0.is_empty());
        assert_eq!((content.sized().unwrap().0, content.byte().unwrap()), (&b"name"[..], FUNCTION_NAMES));
        let names = content.sized().unwrap();
        let names = names.list(|names| Ok((names.number()?, names.sized()?.0))).unwrap();
        // The import is function 0.
        let expected: [(usize, &[u8]); 4] = [(1, b"000003"), (2, b"000001"), (3, b"000002"), (4, b"000000")];
        assert_eq!(names, expected);
    }

    #[test]
    fn a_file_that_is_cut_is_refused() {
        let module = module(&[(0, b"a"), (0, b"b")]);
        assert!(named(&module[..module.len() - 1]).is_err());
        assert!(named(b"\0asm").is_err());
    }

    #[test]
    fn numbers_of_any_size_are_read_as_they_were_written() {
        for expected in [0, 1, 127, 128, 16_383, 16_384, usize::MAX] {
            assert_eq!(Reader(&number(expected)).number().unwrap(), expected);
        }
    }
}
