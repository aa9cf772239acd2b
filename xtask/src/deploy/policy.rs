//! The Content-Security-Policy of the deployed pages.

use std::{fs, path::Path};

use anyhow::{Context as _, Result};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use sha2::{Digest as _, Sha256};

use crate::page;

/// The policy for the built pages in this folder.
pub(crate) fn of(dist: &Path) -> Result<String> {
    let page = dist.join("index.html");
    let html = fs::read_to_string(&page).with_context(|| format!("{} cannot be read", page.display()))?;
    let hashes: String = inline_scripts(&html).map(|script| format!(" '{}'", hash(script))).collect();
    Ok(format!(
        "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'{hashes}; style-src 'self'; img-src data:; connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
    ))
}

/// The texts of the page's inline scripts, as a browser hashes them.
fn inline_scripts(html: &str) -> impl Iterator<Item = &str> {
    let tags = page::tags(html).into_iter();
    let inline = tags.filter(|tag| tag.name == "script" && tag.attribute("src").is_none());
    inline.filter_map(|tag| {
        let element = page::element(html, &tag);
        html.get(tag.range.end..element.end)?.strip_suffix("</script>")
    })
}

fn hash(script: &str) -> String {
    format!("sha256-{}", BASE64_STANDARD.encode(Sha256::digest(script)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_inline_scripts_need_a_hash() {
        let html = "<script>a()</script><script src=./b.js></script><p><script type=module>c()</script>";
        assert_eq!(inline_scripts(html).collect::<Vec<_>>(), ["a()", "c()"]);
    }

    #[test]
    fn a_hash_is_written_as_browsers_read_it() {
        // The example of Content Security Policy Level 3, section 8.3.
        assert_eq!(hash("alert('Hello, world.');"), "sha256-qznLcsROx4GACP2dm0UCKCzCG+HiZ1guq6ZZDob/Tng=");
    }
}
