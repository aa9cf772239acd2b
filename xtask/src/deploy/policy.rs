//! The Content-Security-Policy of the deployed pages: the one that the built page states itself, with what only a header can
//! say.

use std::{fs, path::Path};

use anyhow::{Context as _, Result};

use crate::page;

/// The policy for the built pages in this folder.
pub(crate) fn of(dist: &Path) -> Result<String> {
    let page = dist.join("index.html");
    let html = fs::read_to_string(&page).with_context(|| format!("{} cannot be read", page.display()))?;
    with_header_words(&html).context("The page states no policy: build it with `cargo xtask build`.")
}

/// Page and API have one origin here.
fn with_header_words(html: &str) -> Option<String> {
    let tags = page::tags(html);
    let policy = tags.iter().find(|tag| tag.has("http-equiv", "Content-Security-Policy"))?;
    let policy = policy.attribute("content")?.replace("connect-src *", "connect-src 'self'");
    Some(policy + "; frame-ancestors 'none'")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_says_what_the_page_says_and_forbids_frames() {
        let html = "<meta charset=utf-8><meta http-equiv=\"Content-Security-Policy\" \
                    content=\"default-src 'none'; connect-src *; base-uri 'none'\"><p>";
        let expected = "default-src 'none'; connect-src 'self'; base-uri 'none'; frame-ancestors 'none'";
        assert_eq!(with_header_words(html).as_deref(), Some(expected));
        assert_eq!(with_header_words("<p>"), None);
    }
}
