//! Makes similar functions of the wasm neighbours, because a compressor writes what repeats nearby in fewer bytes.
//!
//! wasm-opt sorts functions by their names (`--reorder-functions-by-name`). The built file has no names any more, so it gets
//! names that sort as wanted: by type, then by what is inside. wasm-opt does not write them.

use anyhow::Result;

use crate::wasm::{CODE, FUNCTIONS, Module, Reader, with_names};

/// The module with a name for each function of its own.
pub(super) fn named(module: &[u8]) -> Result<Vec<u8>> {
    let read = Module::read(module)?;
    let imported = read.imported_functions()?;
    let types = read.section(FUNCTIONS).list(Reader::number)?;
    let bodies = read.section(CODE).list(Reader::sized)?;
    let mut order: Vec<_> = types.into_iter().zip(bodies).enumerate().collect();
    order.sort_by_key(|(_, (of_type, body))| (*of_type, body.0));
    let names = order.into_iter().enumerate();
    let mut names: Vec<_> = names
        .map(|(place, (function, _))| (imported + function, format!("{place:06}").into_bytes()))
        .collect();
    names.sort_unstable();
    Ok(with_names(module, &names))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;
    use crate::wasm::module;

    #[test]
    fn functions_are_named_by_their_type_and_then_by_what_is_inside() {
        let module = module(&[(1, b"b"), (0, b"z"), (1, b"a"), (0, &[7; 200])]);
        let named = named(&module).unwrap();
        assert!(named.starts_with(&module));
        let names = Module::read(&named).unwrap().function_names().unwrap();
        // The import is function 0.
        let expected: [(usize, &[u8]); 4] = [(1, b"000003"), (2, b"000001"), (3, b"000002"), (4, b"000000")];
        assert_eq!(names, expected);
    }
}
