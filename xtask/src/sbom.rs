//! `cargo xtask sbom`: what the page and the server are made of, with every licence.

mod crates;
mod cyclonedx;
mod notices;
mod python;

use std::fs;

use anyhow::{Context as _, Result};

use crate::{
    cache::{self, Cache},
    cli::Args,
    project,
    report::progress,
};

pub(crate) const HELP: &str = "\
cargo xtask sbom

Writes to target/xtask/sbom what the deliverables are made of:

  page.cdx.json            the crates in the wasm page and Rust's standard library, as CycloneDX 1.6
  server.cdx.json          the Python packages of the reference server, as CycloneDX 1.6
  THIRD-PARTY-NOTICES.txt  name, version, licence and licence text of each of them
  rust-std-notices.html    the notices of Rust's standard library, a part of the page

Hashes come from the lock files, licences from the packages themselves. Tools and tests are left out.";

pub(crate) fn run(args: Args) -> Result<()> {
    args.finish()?;
    let cache = Cache::locate()?;
    progress("Reading the crates of the page");
    let page = crates::shipped()?;
    let server = python::shipped(&cache)?;
    let folder = project::scratch().join("sbom");
    cache::empty(&folder)?;
    let write = |name: &str, text: &[u8]| {
        let path = folder.join(name);
        fs::write(&path, text).with_context(|| format!("{} cannot be written.", path.display()))?;
        println!("{}", path.display());
        Ok::<_, anyhow::Error>(())
    };
    let version = env!("CARGO_PKG_VERSION");
    let page_bom = cyclonedx::document("yew-jwt-auth", &format!("pkg:cargo/yew-jwt-auth@{version}"), &page);
    write("page.cdx.json", serde_json::to_string_pretty(&page_bom)?.as_bytes())?;
    let server_name = "yew-jwt-auth-backend";
    let server_bom = cyclonedx::document(server_name, &format!("pkg:pypi/{server_name}@{version}"), &server);
    write("server.cdx.json", serde_json::to_string_pretty(&server_bom)?.as_bytes())?;
    let apache = project::read("LICENSE-APACHE")?;
    let sections = [("The page", page.as_slice()), ("The reference server", server.as_slice())];
    write("THIRD-PARTY-NOTICES.txt", notices::text(&sections, &apache).as_bytes())?;
    write("rust-std-notices.html", &crates::standard_library_notices()?)?;
    let gaps: Vec<&str> =
        page.iter().chain(&server).filter(|it| it.lacks_a_text()).map(|it| it.name.as_str()).collect();
    if !gaps.is_empty() {
        progress(&format!("No licence text was found for {}: add it by hand.", gaps.join(", ")));
    }
    Ok(())
}

/// A package that ships.
#[derive(Debug, Default)]
struct Component {
    name: String,
    version: String,
    /// Its package URL.
    purl: String,
    licence: Licence,
    /// The SHA-256 of each archive that the lock file accepts.
    sha256: Vec<String>,
    /// Name and content of each licence file.
    texts: Vec<(String, String)>,
    /// Where its source is developed.
    repository: Option<String>,
    /// The systems that need it, if not all do.
    marker: Option<String>,
    /// It is a crate of this project.
    ours: bool,
}

#[derive(Debug, Default, PartialEq, Eq)]
enum Licence {
    #[default]
    Unknown,
    /// An SPDX expression.
    Expression(String),
    /// What an older package calls its licence.
    Named(String),
}

impl Component {
    /// It has no licence file and cannot be passed on under the Apache License, whose text is the same for all.
    fn lacks_a_text(&self) -> bool {
        !self.ours && self.texts.is_empty() && !self.offers_apache()
    }

    fn offers_apache(&self) -> bool {
        let Licence::Expression(expression) = &self.licence else { return false };
        !expression.contains(" AND ") && expression.split(" OR ").any(|licence| licence == "Apache-2.0")
    }
}
