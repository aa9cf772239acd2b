//! Takes the words of panics out of the wasm, because nobody reads them: the built page's panic hook says nothing
//! (src/main.rs), and loader.js tells the visitor that the page has stopped.
//!
//! Each function of the standard library that does nothing but panic becomes a trap, which is how a panic ends anyway.
//! wasm-opt removes what only those functions needed.

use anyhow::{Result, bail};

use crate::wasm::{CODE, HEADER, Module, Reader, number, sized};

/// The module with traps in place of those functions. It must have the names of its functions.
pub(super) fn silenced(module: &[u8]) -> Result<Vec<u8>> {
    let read = Module::read(module)?;
    let imported = read.imported_functions()?;
    let names = read.function_names()?.into_iter();
    let panics: Vec<_> = names
        .filter(|(_, name)| only_panics(name))
        .map(|(function, _)| function.wrapping_sub(imported))
        .collect();
    if panics.is_empty() {
        bail!(
            "No function of the wasm has the name of one that panics, so xtask/src/build/panics.rs does not fit the toolchain."
        );
    }
    let mut silenced = HEADER.to_vec();
    for (kind, content) in &read.0 {
        silenced.push(*kind);
        if *kind == CODE {
            let bodies = content.list(Reader::sized)?;
            let mut code = number(bodies.len());
            for (function, body) in bodies.iter().enumerate() {
                code.extend(sized(if panics.contains(&function) { TRAP } else { body.0 }));
            }
            silenced.extend(sized(&code));
        } else {
            silenced.extend(sized(content.0));
        }
    }
    Ok(silenced)
}

/// Whether the function of this name never returns. A name may have the hash of its crate in brackets:
/// `core[c5930c85a12de822]::panicking::panic`.
fn only_panics(name: &[u8]) -> bool {
    let name = String::from_utf8_lossy(name);
    let path: String =
        match name.split_once('[').and_then(|(before, rest)| Some((before, rest.split_once(']')?.1))) {
            Some((before, after)) => [before, after].concat(),
            None => name.into_owned(),
        };
    PANICS.iter().any(|panics| path.starts_with(panics))
}

/// How the names of these functions begin. A name that a later toolchain lacks costs bytes, and nothing else. The hook is the one
/// that Yew would set, and never runs.
const PANICS: [&str; 14] = [
    "__rustc::rust_begin_unwind",
    "alloc::alloc::handle_alloc_error",
    "alloc::raw_vec::capacity_overflow",
    "alloc::raw_vec::handle_error",
    "console_error_panic_hook::hook",
    "core::cell::panic_already_",
    "core::option::expect_failed",
    "core::option::unwrap_failed",
    "core::panicking::",
    "core::result::unwrap_failed",
    "core::slice::copy_from_slice_impl::len_mismatch_fail",
    "core::slice::index::slice_index_fail",
    "core::str::slice_error_fail",
    "std::thread::local::panic_access_error",
];

/// A function's body without variables: `unreachable`, `end`.
const TRAP: &[u8] = &[0, 0, 0x0b];

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;
    use crate::wasm::{module, with_names};

    #[test]
    fn a_function_that_only_panics_becomes_a_trap() {
        let module = module(&[(0, b"one"), (0, b"two")]);
        // The import is function 0.
        let names =
            [(1, b"app::run".to_vec()), (2, b"core[0123456789abcdef]::panicking::panic_fmt".to_vec())];
        let silenced = silenced(&with_names(&module, &names)).unwrap();
        let read = Module::read(&silenced).unwrap();
        let bodies = read.section(CODE).list(|body| Ok(body.sized()?.0)).unwrap();
        assert_eq!(bodies, [&b"one"[..], TRAP]);
        assert_eq!(read.imported_functions().unwrap(), 1);
        assert_eq!(read.function_names().unwrap().len(), 2);
    }

    #[test]
    fn a_module_without_such_a_function_is_refused() {
        let module = module(&[(0, b"one")]);
        assert!(silenced(&module).is_err());
        assert!(silenced(&with_names(&module, &[(1, b"app::core::panicking::panic".to_vec())])).is_err());
    }
}
