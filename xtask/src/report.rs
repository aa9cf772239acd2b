//! What the commands print while they work.

/// One line about what happens now, on the error stream: the output proper stays readable by scripts.
pub(crate) fn progress(what: &str) {
    eprintln!("▸ {what}");
}
