//! Compiles the app and puts its page together from index.html, as Trunk does for `trunk serve`. Compiling Trunk takes
//! longer than everything else that a first start needs.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use crate::{
    page::{self, Tag},
    process, project,
    tools::{self, TARGET},
};

/// A program for the browser, and the page that it is in.
pub(crate) struct App {
    /// The program's package and its binary.
    pub(crate) name: &'static str,
    /// The page's file.
    pub(crate) page: &'static str,
}

/// The app.
pub(crate) const APP: App = App { name: NAME, page: "index.html" };

impl App {
    /// The command that compiles it.
    pub(crate) fn cargo(&self, profile: &str) -> Command {
        let mut cargo = tools::cargo();
        cargo.args(["build", "--locked", "--offline", "--package", self.name, "--bin", self.name]);
        cargo.args(["--target", TARGET, "--profile", profile]);
        cargo
    }

    /// Writes [`WASM`], [`GLUE`] and what the glue imports into `folder`. `kind` is `debug` or `release`.
    pub(crate) fn bind(&self, wasm_bindgen: &Path, kind: &str, folder: &Path) -> Result<()> {
        let mut command = process::command(wasm_bindgen);
        command.args(["--target=web", "--no-typescript", "--omit-default-module-path"]);
        command.args(["--out-name", NAME, "--out-dir"]).arg(folder);
        command.arg(self.compiled(kind)?);
        process::run(&mut command, "wasm-bindgen")
    }

    /// Where cargo puts the program of this kind.
    pub(crate) fn compiled(&self, kind: &str) -> Result<PathBuf> {
        Ok(target_folder()?.join(TARGET).join(kind).join(self.name).with_extension("wasm"))
    }

    /// Its page with the files that the tags for Trunk name, and with `start` in place of the tag for the program.
    pub(crate) fn page(&self, start: &str) -> Result<String> {
        let html = project::read(self.page)?;
        let mut edits = Vec::new();
        for tag in page::tags(&html).iter().filter(|tag| tag.attribute("data-trunk").is_some()) {
            let file = || project::read(tag.attribute("href").unwrap_or_default());
            let text = match (tag.attribute("rel"), tag.attribute("type")) {
                (Some("rust"), _) => start.to_owned(),
                (Some("inline"), Some("js")) => format!("<script>{}</script>", file()?),
                (Some("inline"), Some("css")) => format!("<style>{}</style>", file()?),
                _ => bail!("{} has a tag for Trunk that xtask cannot read: {tag:?}", self.page),
            };
            edits.push((tag.range.clone(), text));
        }
        Ok(page::replace(&html, edits))
    }
}

/// Cargo's folder, which a configuration may have moved.
fn target_folder() -> Result<PathBuf> {
    // Dependencies are left out, because they may not be downloaded yet.
    let metadata = tools::metadata(&["--no-deps"])?;
    let folder = metadata.get("target_directory").and_then(Value::as_str);
    Ok(PathBuf::from(folder.context("`cargo metadata` names no target folder.")?))
}

/// wasm-opt's arguments for the release build, which index.html has.
pub(crate) fn wasm_opt_arguments() -> Result<Vec<String>> {
    let html = project::read("index.html")?;
    let tags = page::tags(&html);
    let tag = tags.iter().find(|tag| tag.has("rel", "rust")).context("index.html names no app.")?;
    let argument = |name| Tag::attribute(tag, name).with_context(|| format!("index.html has no {name}."));
    let level = format!("-O{}", argument("data-wasm-opt")?);
    let further = argument("data-wasm-opt-params")?.split_whitespace().map(str::to_owned);
    Ok(std::iter::once(level).chain(further).collect())
}

const NAME: &str = "yew-jwt-auth";
pub(crate) const GLUE: &str = "yew-jwt-auth.js";
pub(crate) const WASM: &str = "yew-jwt-auth_bg.wasm";

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn the_page_has_its_files_in_it_and_the_start_in_place_of_the_app() {
        let page = APP.page("<script>start</script>").unwrap();
        assert!(!page.contains("data-trunk"), "{page}");
        for part in ["<script>start</script>", "self.startFailed", "color-scheme"] {
            assert!(page.contains(part), "{part}");
        }
        for file in ["loader.js", "early.js", "styles/page.css", "styles/boot.css", "styles/signed-in.css"] {
            assert!(page.contains(&project::read(file).unwrap()), "{file}");
        }
    }

    #[test]
    fn wasm_opt_is_told_what_index_html_says() {
        let arguments = wasm_opt_arguments().unwrap();
        assert_eq!(arguments.first().unwrap(), "-Oz");
        assert!(arguments.len() > 1 && arguments.iter().all(|argument| argument.starts_with('-')));
    }
}
