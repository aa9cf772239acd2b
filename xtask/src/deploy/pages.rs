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
    let html = with_setting(&html, "api-base-url", "/api")?;
    fs::write(&index, with_setting(&html, "auth-refresh-token", custody)?)?;
    compress(cache, to)
}

fn with_setting(html: &str, name: &str, content: &str) -> Result<String> {
    let tags = page::tags(html).into_iter();
    let found: Vec<_> = tags.filter(|tag| tag.name == "meta" && tag.has("name", name)).collect();
    let [tag] = found.as_slice() else {
        bail!("index.html must have one <meta name=\"{name}\" content=\"…\">.");
    };
    let text = format!("<meta name=\"{name}\" content=\"{content}\">");
    Ok(page::replace(html, vec![(tag.range.clone(), text)]))
}

/// Writes `.br` and `.gz` beside each file. Node compresses, as for `cargo xtask size`.
fn compress(cache: &Cache, folder: &Path) -> Result<()> {
    let node = node::find(cache)?;
    let mut command = process::command(node.path);
    process::run(command.args(["-e", SCRIPT]).arg(folder), "Compressing the pages")
}

const SCRIPT: &str = r#"
const fs = require("fs"), zlib = require("zlib"), folder = process.argv[1];
for (const name of fs.readdirSync(folder).filter((name) => /\.(html|css|js|wasm)$/.test(name))) {
  const path = folder + "/" + name, data = fs.readFileSync(path);
  const params = { [zlib.constants.BROTLI_PARAM_QUALITY]: 11, [zlib.constants.BROTLI_PARAM_SIZE_HINT]: data.length };
  fs.writeFileSync(path + ".br", zlib.brotliCompressSync(data, { params }));
  fs.writeFileSync(path + ".gz", zlib.gzipSync(data, { level: 9 }));
}
"#;

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn a_setting_is_replaced_and_never_missing() {
        let html = "<meta name=\"a\" content=\"1\"><meta name=\"b\" content=\"2\">";
        assert_eq!(
            with_setting(html, "b", "3").unwrap(),
            "<meta name=\"a\" content=\"1\"><meta name=\"b\" content=\"3\">"
        );
        assert!(with_setting(html, "c", "3").is_err());
    }
}
