//! Where things are in the checkout.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};

/// The checkout's folder. Cargo names xtask's own when it runs it; the compiled-in one serves a binary started alone.
pub(crate) fn root() -> PathBuf {
    let xtask = env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    xtask.parent().map_or_else(|| PathBuf::from("."), Path::to_path_buf)
}

/// Logs, stages and generated configuration, all ignored by git.
pub(crate) fn scratch() -> PathBuf {
    root().join("target/xtask")
}

pub(crate) fn read(file: &str) -> Result<String> {
    let path = root().join(file);
    fs::read_to_string(&path).with_context(|| format!("{} cannot be read.", path.display()))
}
