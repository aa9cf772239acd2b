//! The built page's Content-Security-Policy (W3C CSP 3, ASVS 3.4.3), as far as a page can state its own.
//!
//! It lets the page connect anywhere. loader.js narrows that to the page's own origin and the API's, because the API's
//! address is a setting that is changed after the build.

use anyhow::{Context as _, Result};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use sha2::{Digest as _, Sha256};

use crate::page;

/// What each page says of itself. `{scripts}` and `{styles}` are the hashes of what stands in the page itself.
const POLICY: &str = "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'{scripts}; style-src{styles}; \
                      img-src 'self' data:; connect-src *; base-uri 'none'; form-action 'self'; \
                      require-trusted-types-for 'script'; trusted-types 'none'";

/// The page with its policy, which comes before everything that it is about.
pub(super) fn put_into(html: &str) -> Result<String> {
    let hashes = |kind| -> String {
        let texts = page::inline(html, kind).into_iter().filter_map(|range| html.get(range));
        texts.map(|text| format!(" '{}'", hash(text))).collect()
    };
    let policy = POLICY.replace("{scripts}", &hashes("script")).replace("{styles}", &hashes("style"));
    let meta = format!("<meta http-equiv=\"Content-Security-Policy\" content=\"{policy}\">");
    let charset = page::tags(html).into_iter().find(|tag| tag.attribute("charset").is_some());
    let charset = charset
        .context("index.html has no <meta charset=\"utf-8\" />: put it first into the page's head.")?;
    Ok(page::replace(html, vec![(charset.range.end..charset.range.end, meta)]))
}

fn hash(script: &str) -> String {
    format!("sha256-{}", BASE64_STANDARD.encode(Sha256::digest(script)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    #[test]
    fn the_policy_allows_what_stands_in_the_page_itself_and_nothing_else() {
        let html = "<head><meta charset=utf-8><style>p{}</style><script>alert(1)</script><script src=a.js></script></head>";
        let page = put_into(html).unwrap();
        let (before, after) = page.split_once("<meta http-equiv").unwrap();
        assert_eq!(before, "<head><meta charset=utf-8>");
        // printf 'alert(1)' | openssl dgst -sha256 -binary | base64
        let hash = "'sha256-bhHHL3z2vDgxUt0W3dWQOrprscmda2Y5pLsLg4GF+pI='";
        // printf 'p{}' | openssl dgst -sha256 -binary | base64
        let style = "'sha256-gG2yISYereRMiG2lMXrbiUgi0Ubw9p7QCeWcroOvy9Y='";
        assert!(
            after.contains(&format!("script-src 'self' 'wasm-unsafe-eval' {hash}; style-src {style};")),
            "{after}"
        );
        assert_eq!(after.matches("sha256-").count(), 2);
        assert!(put_into("<head></head>").is_err());
    }
}
