//! The folders and files of the checkout.

use std::{
    env, fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result};

/// The checkout's folder: the parent of xtask's. Cargo sets CARGO_MANIFEST_DIR when it runs xtask. A binary
/// that is started without cargo uses the folder of its compilation.
pub(crate) fn root() -> PathBuf {
    let xtask = env::var_os("CARGO_MANIFEST_DIR")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
    xtask.parent().map_or_else(|| PathBuf::from("."), Path::to_path_buf)
}

/// The folder of logs, stages and generated configuration. Git ignores it.
pub(crate) fn scratch() -> PathBuf {
    root().join("target/xtask")
}

pub(crate) fn read(file: &str) -> Result<String> {
    let path = root().join(file);
    fs::read_to_string(&path).with_context(|| format!("{} cannot be read.", path.display()))
}
