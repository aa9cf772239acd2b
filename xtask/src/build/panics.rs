//! Takes the words of panics out of the wasm, because nobody reads them: loader.js tells the visitor that the page has stopped.
//!
//! Each function that only panics becomes a trap, because a panic ends in a trap anyway. wasm-opt then removes what only those
//! functions needed. No panic hook runs after that, so Yew's becomes a trap too. The locations of panics become
//! zeros ([`locations`]).

mod locations;

use anyhow::{Result, bail};

use crate::wasm::{CODE, DATA, HEADER, Module, Reader, number, sized};

/// The module with those functions as traps and without the locations of panics. It must have the names of its functions.
pub(super) fn silenced(module: &[u8]) -> Result<Vec<u8>> {
    let read = Module::read(module)?;
    let imported = read.imported_functions()?;
    let names = read.function_names()?;
    if !names.iter().any(|(_, name)| path(name).starts_with(EVERY_PANIC)) {
        bail!(
            "The wasm has no function {EVERY_PANIC}, so the names in xtask/src/build/panics.rs do not fit the toolchain."
        );
    }
    let traps = names.into_iter().filter(|(_, name)| may_trap(name));
    let traps: Vec<_> = traps.filter_map(|(function, _)| function.checked_sub(imported)).collect();
    let mut silenced = HEADER.to_vec();
    for (kind, content) in &read.0 {
        silenced.push(*kind);
        let content = match *kind {
            CODE => trapped(*content, &traps)?,
            DATA => locations::blanked(*content)?,
            _ => content.0.to_vec(),
        };
        silenced.extend(sized(&content));
    }
    Ok(silenced)
}

/// The content of the code section with traps as these functions.
fn trapped(section: Reader<'_>, traps: &[usize]) -> Result<Vec<u8>> {
    let bodies = section.list(Reader::sized)?;
    let mut code = number(bodies.len());
    for (function, body) in bodies.iter().enumerate() {
        code.extend(sized(if traps.contains(&function) { TRAP } else { body.0 }));
    }
    Ok(code)
}

/// Whether the function of this name may be a trap ([`PANICS`]).
fn may_trap(name: &[u8]) -> bool {
    let path = path(name);
    PANICS.iter().any(|panics| path.starts_with(panics))
}

/// A function's name without the hash of its crate: `core::panicking::panic` for `core[c5930c85a12de822]::panicking::panic`.
fn path(name: &[u8]) -> String {
    let name = String::from_utf8_lossy(name);
    match name.split_once('[').and_then(|(before, rest)| Some((before, rest.split_once(']')?.1))) {
        Some((before, after)) => [before, after].concat(),
        None => name.into_owned(),
    }
}

/// Where every panic ends.
const EVERY_PANIC: &str = "__rustc::rust_begin_unwind";
/// How the names of these functions begin. None of them returns, except the hook: nothing calls it, because [`EVERY_PANIC`] is a
/// trap. If a later toolchain has other names, the page is larger. Look at the standard library when the toolchain changes,
/// because `core::panicking::` takes whatever is added there.
const PANICS: [&str; 14] = [
    EVERY_PANIC,
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

    /// A module with functions of these names, whose bodies are their names. The import is function 0.
    fn with(names: &[&str]) -> Vec<u8> {
        let functions: Vec<_> = names.iter().map(|name| (0, name.as_bytes())).collect();
        let names = names.iter().zip(1..).map(|(name, function)| (function, name.as_bytes().to_vec()));
        let import = (0, b"core::panicking::panic_of_the_browser".to_vec());
        with_names(&module(&functions), &std::iter::once(import).chain(names).collect::<Vec<_>>())
    }

    #[test]
    fn a_function_that_only_panics_becomes_a_trap() {
        let traps = [
            "__rustc[b7974e8690430dd9]::rust_begin_unwind",
            "core[c5930c85a12de822]::panicking::panic_fmt",
            "core::panicking::panic_display::h19a54922538a1990",
            "console_error_panic_hook::hook::hc75a2cf10adeb1d6",
        ];
        let others = [
            "app::core::panicking::panic",
            "<core[c5930c85a12de822]::panicking::AssertKind as core[c5930c85a12de822]::fmt::Debug>::fmt",
            "<hashbrown[5e619d7d1129c59f]::raw::Fallibility>::capacity_overflow",
        ];
        let before = with(&[&traps[..], &others].concat());
        let after = silenced(&before).unwrap();
        let (before, after) = (Module::read(&before).unwrap(), Module::read(&after).unwrap());
        let bodies = after.section(CODE).list(|body| Ok(body.sized()?.0)).unwrap();
        assert_eq!(bodies, [[TRAP; 4].to_vec(), others.map(str::as_bytes).to_vec()].concat());
        let rest = |module: &Module<'_>| -> Vec<_> {
            module
                .0
                .iter()
                .filter(|(kind, _)| *kind != CODE)
                .map(|(kind, content)| (*kind, content.0.to_vec()))
                .collect()
        };
        assert_eq!(rest(&before), rest(&after));
    }

    #[test]
    fn the_locations_of_panics_become_zeros() {
        let location = |words: [u8; 4]| words.map(|word| [word, 0, 0, 0]).concat();
        let data = |words, name: &[u8]| locations::section(&[(0, &[&location(words), name].concat())]);
        let module = |data: &[u8]| [&with(&[EVERY_PANIC])[..], &[DATA], &sized(data)].concat();
        let silenced = silenced(&module(&data([16, 4, 1, 1], b"a.rs\0"))).unwrap();
        assert_eq!(Module::read(&silenced).unwrap().section(DATA).0, data([0; 4], &[0; 5]));
    }

    #[test]
    fn a_module_that_names_no_function_where_every_panic_ends_is_refused() {
        assert!(silenced(&module(&[(0, b"one")])).is_err());
        assert!(silenced(&with(&["core::panicking::panic"])).is_err());
    }
}
