//! Turns Trunk's output into the shipped page: file names by content, integrity that every engine enforces, a
//! bootstrap.
//!
//! Trunk puts its integrity attributes on preloads, and all three engines booted a changed file in spite of
//! them. Engines enforce the `integrity` of a module script and of a `fetch`, so the glue and the wasm use
//! exactly those two.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context as _, Result, bail};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use sha2::{Digest as _, Sha256, Sha384};

use crate::page;

mod policy;

/// Rewrites Trunk's output in place.
pub(crate) fn finish(folder: &Path, api: Option<&str>) -> Result<()> {
    let index = folder.join("index.html");
    let html = fs::read_to_string(&index).context("Trunk wrote no index.html.")?;
    if !page::has_api_setting(&html) {
        bail!("index.html has no <meta name=\"api-base-url\" content=\"…\">: add it to the page's head.");
    }
    if folder.join("snippets").exists() {
        bail!(
            "A dependency brings JavaScript snippets, which the page's integrity would not cover: bind the function with `extern` instead."
        );
    }
    let wasm = rename(&only(folder, ".wasm")?, "_bg.wasm")?;
    let glue_file = only(folder, ".js")?;
    let glue = fs::read_to_string(&glue_file)?;
    fs::write(&glue_file, with_bootstrap(&glue, &wasm)?)?;
    let glue = rename(&glue_file, ".js")?;
    let styles = files(folder, ".css")?
        .iter()
        .map(|file| Ok((file_name(file), rename(file, ".css")?)))
        .collect::<Result<Vec<_>>>()?;
    let html = page::readable_settings(&finished_page(&html, &glue, &wasm, &styles)?, api);
    fs::write(&index, policy::put_into(&html)?).context("index.html cannot be written")
}

/// A shipped file: its name in the page and its integrity.
#[derive(Debug)]
struct Asset {
    name: String,
    integrity: String,
}

/// Renames a file after its content, so that it may be cached forever.
fn rename(file: &Path, ending: &str) -> Result<Asset> {
    let contents = fs::read(file).with_context(|| format!("{} cannot be read", file.display()))?;
    let mut hash = format!("{:x}", Sha256::digest(&contents));
    hash.truncate(16);
    let name = format!("{}-{hash}{ending}", stem(&file_name(file), ending));
    fs::rename(file, file.with_file_name(&name))?;
    Ok(Asset { name, integrity: format!("sha384-{}", BASE64_STANDARD.encode(Sha384::digest(&contents))) })
}

/// A file's name without its ending and without the hash that Trunk gave it.
fn stem<'a>(name: &'a str, ending: &str) -> &'a str {
    let name = name.strip_suffix(ending).unwrap_or(name);
    match name.rsplit_once('-') {
        Some((stem, hash)) if hash.len() >= 12 && hash.bytes().all(|b| b.is_ascii_hexdigit()) => stem,
        _ => name,
    }
}

/// The glue, followed by the code that starts the app. Both are in one file, so that one `integrity` covers
/// both and the page's inline script is the same in every build.
fn with_bootstrap(glue: &str, wasm: &Asset) -> Result<String> {
    let init = default_export(glue)
        .context("wasm-bindgen's glue has no `export default` that the start of the app could call.")?;
    let Asset { name, integrity } = wasm;
    // index.html's own script, loader.js, says why a start failed. A policy may forbid that script.
    Ok(format!(
        "{glue}\n;{{const u=new URL(\"{name}\",import.meta.url).href;{init}({{module_or_path:fetch(u,{{integrity:\"{integrity}\"}})}}).catch(e=>self.startFailed?startFailed(u,e):console.error(e))}}\n",
        glue = glue.trim_end(),
    ))
}

/// The name of the glue's default export, which a minifier may have shortened.
fn default_export(glue: &str) -> Option<&str> {
    let (_, rest) = glue.rsplit_once("export default ")?;
    let end = rest.find(|c: char| !(c.is_ascii_alphanumeric() || c == '_' || c == '$')).unwrap_or(rest.len());
    rest.get(..end).filter(|name| !name.is_empty() && !matches!(*name, "function" | "class" | "async"))
}

fn finished_page(html: &str, glue: &Asset, wasm: &Asset, styles: &[(String, Asset)]) -> Result<String> {
    let mut edits = Vec::new();
    let mut styled = 0;
    for tag in page::tags(html) {
        let is_trunks = match tag.name.as_str() {
            "script" => tag.has("type", "module") && tag.attribute("src").is_none(),
            "link" => tag.has("rel", "modulepreload") || tag.has("rel", "preload") && tag.has("as", "fetch"),
            _ => false,
        };
        let href = tag.attribute("href").unwrap_or_default().trim_start_matches("./");
        if is_trunks {
            edits.push((page::element(html, &tag), String::new()));
        } else if let Some((_, style)) = styles.iter().find(|(old, _)| tag.name == "link" && old == href) {
            styled += 1;
            let Asset { name, integrity } = style;
            let link = format!("<link rel=\"stylesheet\" href=\"./{name}\" integrity=\"{integrity}\">");
            edits.push((tag.range, link));
        }
    }
    if styled != styles.len() {
        bail!("index.html does not link every style sheet that Trunk wrote.");
    }
    let head = html.find("</head>").context("index.html has no </head>.")?;
    edits.push((head..head, format!(
        "<link rel=\"preload\" href=\"./{}\" as=\"fetch\" type=\"application/wasm\" crossorigin><script type=\"module\" src=\"./{}\" integrity=\"{}\"></script>",
        wasm.name, glue.name, glue.integrity
    )));
    Ok(page::replace(html, edits))
}

fn only(folder: &Path, ending: &str) -> Result<PathBuf> {
    match files(folder, ending)?.as_slice() {
        [file] => Ok(file.clone()),
        found => bail!("Trunk wrote {} files that end in {ending}; exactly one was expected.", found.len()),
    }
}

fn files(folder: &Path, ending: &str) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).with_context(|| format!("{} cannot be listed", folder.display()))? {
        let path = entry?.path();
        if file_name(&path).ends_with(ending) {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

    use super::*;

    fn asset(name: &str) -> Asset {
        Asset { name: name.to_owned(), integrity: format!("sha384-{name}") }
    }

    #[test]
    fn the_hash_of_trunk_gives_way() {
        assert_eq!(stem("yew-jwt-auth-29b1867a06546c4f_bg.wasm", "_bg.wasm"), "yew-jwt-auth");
        assert_eq!(stem("app-29b1867a06546c4f.css", ".css"), "app");
        assert_eq!(stem("yew-jwt-auth.js", ".js"), "yew-jwt-auth");
    }

    #[test]
    fn the_default_export_is_found_in_every_spelling() {
        assert_eq!(default_export("export { initSync };\nexport default __wbg_init;\n"), Some("__wbg_init"));
        assert_eq!(default_export("export{a as initSync};export default $b"), Some("$b"));
        assert_eq!(default_export("export default function x() {}"), None);
        assert_eq!(default_export("export { initSync, __wbg_init as default };"), None);
    }

    #[test]
    fn the_app_is_started_with_the_integrity_of_its_wasm() {
        let glue = with_bootstrap("export default i;\n", &asset("a_bg.wasm")).unwrap();
        assert_eq!(
            glue,
            "export default i;\n;{const u=new URL(\"a_bg.wasm\",import.meta.url).href;i({module_or_path:fetch(u,{integrity:\"sha384-a_bg.wasm\"})}).catch(e=>self.startFailed?startFailed(u,e):console.error(e))}\n"
        );
        assert!(with_bootstrap("nothing", &asset("a")).is_err());
    }

    #[test]
    fn trunks_tags_give_way_to_ours() {
        let html = "<head><link href=./app-1.css integrity=sha384-old rel=stylesheet><link rel=modulepreload href=./a.js><link as=fetch rel=preload href=./a.wasm></head><body><script type=module>import init from './a.js';</script><p>x</body>";
        let page = finished_page(
            html,
            &asset("g.js"),
            &asset("w.wasm"),
            &[("app-1.css".to_owned(), asset("s.css"))],
        );
        assert_eq!(
            page.unwrap(),
            "<head><link rel=\"stylesheet\" href=\"./s.css\" integrity=\"sha384-s.css\"><link rel=\"preload\" href=\"./w.wasm\" as=\"fetch\" type=\"application/wasm\" crossorigin><script type=\"module\" src=\"./g.js\" integrity=\"sha384-g.js\"></script></head><body><p>x</body>"
        );
    }

    #[test]
    fn a_style_sheet_that_no_link_names_is_noticed() {
        let styles = [("app-1.css".to_owned(), asset("s.css"))];
        assert!(finished_page("<head></head>", &asset("g"), &asset("w"), &styles).is_err());
    }
}
