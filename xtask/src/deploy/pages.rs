//! The built pages as they are deployed: told where the API is, and compressed.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail};

use crate::{cache::Cache, node, page, process, project};

/// The folder of the pages that an earlier command has built.
pub(crate) fn built() -> Result<PathBuf> {
    let dist = project::root().join("dist");
    if !dist.join("index.html").exists() {
        bail!("The pages are not built: run `cargo xtask build` first.");
    }
    Ok(dist)
}

/// Copies the built pages into a new folder, with the refresh token in this custody.
pub(crate) fn copy(cache: &Cache, dist: &Path, to: &Path, custody: &str) -> Result<()> {
    fs::create_dir_all(to).with_context(|| format!("{} cannot be created", to.display()))?;
    for entry in fs::read_dir(dist).with_context(|| format!("{} cannot be listed", dist.display()))? {
        let entry = entry?;
        fs::copy(entry.path(), to.join(entry.file_name()))
            .with_context(|| format!("{} cannot be copied", entry.path().display()))?;
    }
    let index = to.join("index.html");
    let html = fs::read_to_string(&index).with_context(|| format!("{} cannot be read", index.display()))?;
    let html = page::with_setting(&html, page::API, Some("/api"))?;
    fs::write(&index, page::with_setting(&html, "auth-refresh-token", Some(custody))?)?;
    compress(cache, to)
}

/// Writes `.br` and `.gz` beside each file. Node compresses, as for `cargo xtask size`.
pub(crate) fn compress(cache: &Cache, folder: &Path) -> Result<()> {
    let node = node::find(cache)?;
    let mut command = process::command(node.path);
    process::run(command.args(["-e", SCRIPT]).arg(folder), "Compressing the pages")
}

const SCRIPT: &str = r#"
const fs = require("fs"), zlib = require("zlib"), folder = process.argv[1];
for (const name of fs.readdirSync(folder).filter((name) => /\.(html|js|wasm)$/.test(name))) {
  const path = folder + "/" + name, data = fs.readFileSync(path);
  const params = { [zlib.constants.BROTLI_PARAM_QUALITY]: 11, [zlib.constants.BROTLI_PARAM_SIZE_HINT]: data.length };
  fs.writeFileSync(path + ".br", zlib.brotliCompressSync(data, { params }));
  fs.writeFileSync(path + ".gz", zlib.gzipSync(data, { level: 9 }));
}
"#;
