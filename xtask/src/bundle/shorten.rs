//! Gives short names to what wasm and glue call of each other, because wasm-bindgen's names are long and end in hashes, which
//! no compression shortens. In the same run wasm-opt puts the functions in [order](super::order).

use std::{fs, path::Path, process::Command};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use super::order;

/// What wasm-opt prints: each name before and after.
struct Renamed {
    /// Module, name, and new name.
    imports: Vec<(String, String, String)>,
    /// Name and new name.
    exports: Vec<(String, String)>,
}

/// Renames in both files, in place.
pub(super) fn names(wasm: &Path, glue: &Path, mut wasm_opt: Command) -> Result<()> {
    // The list of features has been stripped from the file. These are what Rust uses and all three engines know.
    wasm_opt.args(FEATURES.map(|feature| format!("--enable-{feature}")));
    let module = fs::read(wasm).with_context(|| format!("{} cannot be read", wasm.display()))?;
    fs::write(wasm, order::named(&module)?)
        .with_context(|| format!("{} cannot be written", wasm.display()))?;
    wasm_opt
        .arg(wasm)
        .args(["--reorder-functions-by-name", "--minify-imports-and-exports-and-modules", "--output"])
        .arg(wasm);
    let output = wasm_opt.output().context("wasm-opt cannot be started.")?;
    if !output.status.success() {
        bail!("wasm-opt failed: {}", String::from_utf8_lossy(&output.stderr).trim());
    }
    let lists: Value =
        serde_json::from_slice(&output.stdout).context("wasm-opt printed no list of names.")?;
    let list = |name| lists.get(name).cloned().unwrap_or_default();
    let renamed = Renamed {
        imports: serde_json::from_value(list("imports"))?,
        exports: serde_json::from_value(list("exports"))?,
    };
    let text = fs::read_to_string(glue).with_context(|| format!("{} cannot be read", glue.display()))?;
    fs::write(glue, glued(&text, &renamed)?).with_context(|| format!("{} cannot be written", glue.display()))
}

const FEATURES: [&str; 6] = [
    "bulk-memory",
    "multivalue",
    "mutable-globals",
    "nontrapping-float-to-int",
    "reference-types",
    "sign-ext",
];

/// The name that wasm-opt gives to every module.
const MODULE: &str = "a";

/// The glue with the new names. It has one module, defines each import as a key of an object, and uses each export as a field
/// of `wasm`.
fn glued(glue: &str, renamed: &Renamed) -> Result<String> {
    let mut text = glue.to_owned();
    let mut rename = |old: String, new: &str| {
        if text.matches(&old).count() != 1 {
            bail!("The glue does not define {old} once, so its name cannot be shortened.");
        }
        text = text.replace(&old, new);
        Ok(())
    };
    let (module, ..) = renamed.imports.first().context("The wasm imports nothing.")?;
    rename(format!("\"{module}\": "), &format!("{MODULE}: "))?;
    for (of, old, new) in &renamed.imports {
        if of != module {
            bail!("The wasm imports from {of} and from {module}, so its names cannot be shortened.");
        }
        rename(format!("{old}: "), &format!("{new}: "))?;
    }
    for (old, new) in &renamed.exports {
        text = with_field(&text, old, new);
    }
    Ok(text)
}

/// `text` with `wasm.NEW` in place of `wasm.OLD`, where the name ends there.
fn with_field(text: &str, old: &str, new: &str) -> String {
    let field = format!("wasm.{old}");
    let mut parts = text.split(&field);
    let mut result = parts.next().unwrap_or_default().to_owned();
    for rest in parts {
        let goes_on = rest.starts_with(|c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '$'));
        result.push_str("wasm.");
        result.push_str(if goes_on { old } else { new });
        result.push_str(rest);
    }
    result
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn imports_are_renamed_where_they_are_defined_and_exports_where_they_are_used() {
        let renamed = Renamed {
            imports: vec![("./m.js".to_owned(), "__wbg_abort_1".to_owned(), "A".to_owned())],
            exports: vec![("memory".to_owned(), "b".to_owned()), ("free".to_owned(), "c".to_owned())],
        };
        let glue = "{ \"./m.js\": { __wbg_abort_1: function(x) { wasm.free(wasm.memory.buffer, wasm.free_all, memory) } } }";
        let expected = "{ a: { A: function(x) { wasm.c(wasm.b.buffer, wasm.free_all, memory) } } }";
        assert_eq!(glued(glue, &renamed).unwrap(), expected);
        assert!(glued("{}", &renamed).is_err());
    }
}
