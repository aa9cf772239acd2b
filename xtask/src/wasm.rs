//! Reads and writes WebAssembly's binary format (WebAssembly Core 2.0, §5 and appendix 7.4), as far as the build needs it.

use anyhow::{Context as _, Result, bail};

/// The sections of a module, in their order: each with its kind and its content.
pub(crate) struct Module<'a>(pub(crate) Vec<(u8, Reader<'a>)>);

impl<'a> Module<'a> {
    pub(crate) fn read(module: &'a [u8]) -> Result<Self> {
        let (mut rest, mut sections) = (Reader(module), Vec::new());
        if rest.take(HEADER.len())?.0 != HEADER {
            bail!("This is no wasm module.");
        }
        while !rest.0.is_empty() {
            sections.push((rest.byte()?, rest.sized()?));
        }
        Ok(Self(sections))
    }

    /// The section of this kind. It is empty if there is none.
    pub(crate) fn section(&self, wanted: u8) -> Reader<'a> {
        let found = self.0.iter().find(|(kind, _)| *kind == wanted);
        found.map_or(Reader(&[0]), |(_, content)| *content)
    }

    /// How many functions are imported. They have the first numbers.
    pub(crate) fn imported_functions(&self) -> Result<usize> {
        let mut content = self.section(IMPORTS);
        let imported = content.number()?;
        for _ in 0..imported {
            let (_module, _name) = (content.sized()?, content.sized()?);
            if content.byte()? != FUNCTION {
                bail!("The wasm imports something else than functions, so its functions cannot be counted.");
            }
            content.number()?;
        }
        Ok(imported)
    }

    /// The functions that have names, by their numbers.
    pub(crate) fn function_names(&self) -> Result<Vec<(usize, &'a [u8])>> {
        for (kind, content) in &self.0 {
            let mut content = *content;
            if *kind != CUSTOM || content.sized()?.0 != NAME {
                continue;
            }
            while !content.0.is_empty() {
                let (part, names) = (content.byte()?, content.sized()?);
                if part == FUNCTION_NAMES {
                    return names.list(|names| Ok((names.number()?, names.sized()?.0)));
                }
            }
        }
        Ok(Vec::new())
    }
}

/// Reads the binary format from the beginning of its bytes.
#[derive(Clone, Copy)]
pub(crate) struct Reader<'a>(pub(crate) &'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Result<Self> {
        let (taken, rest) = self.0.split_at_checked(length).context("The wasm ends too early.")?;
        self.0 = rest;
        Ok(Self(taken))
    }

    pub(crate) fn byte(&mut self) -> Result<u8> {
        self.take(1)?.0.first().copied().context("The wasm ends too early.")
    }

    /// An unsigned number (LEB128).
    pub(crate) fn number(&mut self) -> Result<usize> {
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
    pub(crate) fn sized(&mut self) -> Result<Self> {
        let length = self.number()?;
        self.take(length)
    }

    pub(crate) fn list<T>(mut self, mut item: impl FnMut(&mut Self) -> Result<T>) -> Result<Vec<T>> {
        let length = self.number()?;
        (0..length).map(|_| item(&mut self)).collect()
    }
}

pub(crate) fn number(mut number: usize) -> Vec<u8> {
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

pub(crate) fn sized(content: &[u8]) -> Vec<u8> {
    [&number(content.len()), content].concat()
}

/// The format's name and version.
pub(crate) const HEADER: &[u8] = b"\0asm\x01\0\0\0";
const CUSTOM: u8 = 0;
const IMPORTS: u8 = 2;
pub(crate) const FUNCTIONS: u8 = 3;
pub(crate) const CODE: u8 = 10;
pub(crate) const DATA: u8 = 11;
/// The kind of an import.
const FUNCTION: u8 = 0;
/// The custom section of names.
const NAME: &[u8] = b"name";
/// The part of that section that names functions.
const FUNCTION_NAMES: u8 = 1;

/// A module with one import and with functions of these types and bodies.
#[cfg(test)]
pub(crate) fn module(functions: &[(u8, &[u8])]) -> Vec<u8> {
    let imports = sized(&[&[1][..], &sized(b"a"), &sized(b"b"), &[FUNCTION, 0]].concat());
    let types: Vec<u8> = functions.iter().map(|(of_type, _)| *of_type).collect();
    let code: Vec<u8> = functions.iter().flat_map(|(_, body)| sized(body)).collect();
    let counted = |content: &[u8]| sized(&[&number(functions.len()), content].concat());
    [HEADER, &[IMPORTS][..], &imports, &[FUNCTIONS], &counted(&types), &[CODE], &counted(&code)].concat()
}

/// The module with names for its functions.
pub(crate) fn with_names(module: &[u8], names: &[(usize, Vec<u8>)]) -> Vec<u8> {
    let mut list = number(names.len());
    for (function, name) in names {
        list.extend(number(*function));
        list.extend(sized(name));
    }
    let mut content = sized(NAME);
    content.push(FUNCTION_NAMES);
    content.extend(sized(&list));
    [module, &[CUSTOM], &sized(&content)].concat()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn numbers_of_any_size_are_read_as_they_were_written() {
        for expected in [0, 1, 127, 128, 16_383, 16_384, usize::MAX] {
            assert_eq!(Reader(&number(expected)).number().unwrap(), expected);
        }
    }

    #[test]
    fn a_file_that_is_cut_is_refused() {
        let module = module(&[(0, b"a"), (0, b"b")]);
        assert!(Module::read(&module).is_ok());
        assert!(Module::read(&module[..module.len() - 1]).is_err());
        assert!(Module::read(b"\0asm").is_err());
    }

    #[test]
    fn the_names_of_functions_are_read_as_they_were_written() {
        let module = module(&[(0, b"a")]);
        assert!(Module::read(&module).unwrap().function_names().unwrap().is_empty());
        let named = with_names(&module, &[(1, b"f".to_vec())]);
        assert_eq!(Module::read(&named).unwrap().function_names().unwrap(), [(1, &b"f"[..])]);
    }
}
