//! What this `wasm-bindgen` adds to the original: it rewrites the last export of the glue, because
//! Trunk's minifier cannot parse the original line.

use std::{
    ffi::{OsStr, OsString},
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};

/// Rewrites the last export of the glue that a run with `args` wrote.
///
/// Does nothing if the arguments name no output folder (`--help`, `--version`).
///
/// # Errors
///
/// When a file in the output folder cannot be read or written.
pub fn rewrite_output(args: &[OsString]) -> Result<()> {
    let Some(folder) = out_dir(args) else {
        return Ok(());
    };
    let entries = fs::read_dir(&folder).with_context(|| format!("cannot list {}", folder.display()))?;
    for entry in entries {
        let path = entry?.path();
        if path.extension() == Some(OsStr::new("js")) {
            rewrite_file(&path)?;
        }
    }
    Ok(())
}

fn rewrite_file(path: &Path) -> Result<()> {
    let glue = fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    if let Some(rewritten) = rewrite_last_export(&glue) {
        fs::write(path, rewritten).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

/// The glue with its last export as two statements, or `None` if the glue does not have that line
/// exactly once: another version of wasm-bindgen may write another line.
fn rewrite_last_export(glue: &str) -> Option<String> {
    if glue.lines().filter(|line| *line == LAST_EXPORT).count() != 1 {
        return None;
    }
    let mut rewritten = String::with_capacity(glue.len() + REWRITTEN_EXPORT.len());
    for line in glue.lines() {
        rewritten.push_str(if line == LAST_EXPORT { REWRITTEN_EXPORT } else { line });
        rewritten.push('\n');
    }
    Some(rewritten)
}

fn out_dir(args: &[OsString]) -> Option<PathBuf> {
    let mut args = args.iter();
    while let Some(arg) = args.next() {
        if arg == "--out-dir" {
            return args.next().map(PathBuf::from);
        }
        if let Some(folder) = arg.to_str().and_then(|arg| arg.strip_prefix("--out-dir=")) {
            return Some(PathBuf::from(folder));
        }
    }
    None
}

/// `minify-js` fails at `as default` with `RequiredTokenNotFound`. Trunk then ships the glue
/// unminified: 27 KB instead of 12 KB.
const LAST_EXPORT: &str = "export { initSync, __wbg_init as default };";
const REWRITTEN_EXPORT: &str = "export { initSync };\nexport default __wbg_init;";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_export_becomes_two_statements() {
        let glue = "function initSync() {}\n\nexport { initSync, __wbg_init as default };\n";
        assert_eq!(
            rewrite_last_export(glue).as_deref(),
            Some("function initSync() {}\n\nexport { initSync };\nexport default __wbg_init;\n")
        );
    }

    #[test]
    fn glue_that_ends_otherwise_is_left_alone() {
        for glue in [
            "export default __wbg_init;\n",
            "export { initSync, __wbg_init as default }; // changed\n",
            "  export { initSync, __wbg_init as default };\n",
            "",
        ] {
            assert_eq!(rewrite_last_export(glue), None, "{glue:?}");
        }
    }

    #[test]
    fn two_such_lines_are_not_guessed_at() {
        let glue = format!("{LAST_EXPORT}\n{LAST_EXPORT}\n");
        assert_eq!(rewrite_last_export(&glue), None);
    }

    #[test]
    fn the_output_folder_is_found_in_both_spellings() {
        for (line, folder) in [
            ("wasm-bindgen a.wasm --out-dir out --target web", Some("out")),
            ("wasm-bindgen --out-dir=out a.wasm", Some("out")),
            ("wasm-bindgen --version", None),
            ("wasm-bindgen a.wasm --out-dir", None),
        ] {
            let args: Vec<OsString> = line.split(' ').map(OsString::from).collect();
            assert_eq!(out_dir(&args), folder.map(PathBuf::from), "{line}");
        }
    }
}
