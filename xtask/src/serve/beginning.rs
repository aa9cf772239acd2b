//! What a start has to do before anything can be shown, said at once, because it takes minutes.

use anyhow::Result;

use crate::{app::APP, cache::Cache, reference_server, report::progress, tools};

/// Says what has to be compiled and installed, if something has to be. Fails if the server needs a Python that is missing.
pub(super) fn tell(cache: &Cache, with_server: bool) -> Result<()> {
    let work = [
        (!APP.compiled("debug")?.exists(), "compile the app"),
        (!tools::has_wasm_bindgen(cache)?, "compile wasm-bindgen"),
        (with_server && !reference_server::has_packages(cache)?, "install the server's Python packages"),
    ];
    if let Some(sentence) = sentence(work) {
        progress(&sentence);
    }
    Ok(())
}

/// Names what has to be done, and how long that may take.
fn sentence<const N: usize>(work: [(bool, &str); N]) -> Option<String> {
    let work: Vec<&str> = work.into_iter().filter_map(|(is_to_do, what)| is_to_do.then_some(what)).collect();
    let (last, rest) = work.split_last()?;
    let before = if rest.is_empty() { String::new() } else { format!("{} and ", rest.join(", ")) };
    Some(format!("This start has to {before}{last}; {TIME}"))
}

const TIME: &str = "a first one, which has to do everything, takes about two minutes on two cores";

#[cfg(test)]
mod tests {
    use super::*;

    fn said(app: bool, wasm_bindgen: bool, packages: bool) -> Option<String> {
        let said = sentence([(app, "do a"), (wasm_bindgen, "do b"), (packages, "do c")])?;
        Some(said.strip_suffix(TIME)?.to_owned())
    }

    #[test]
    fn a_start_names_what_it_has_to_do_and_says_nothing_if_all_is_there() {
        assert_eq!(said(true, true, true).as_deref(), Some("This start has to do a, do b and do c; "));
        assert_eq!(said(false, true, true).as_deref(), Some("This start has to do b and do c; "));
        assert_eq!(said(true, false, false).as_deref(), Some("This start has to do a; "));
        assert_eq!(said(false, false, false), None);
    }
}
