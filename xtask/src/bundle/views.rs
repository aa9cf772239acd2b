//! Puts the page's first views into index.html, so that a visitor sees and fills in the form while the code is on its way.
//!
//! The app's own components render them (src/prerender.rs). The form stands in the page. The signed-in view stands in a
//! template, from which early.js takes it.

use std::process::{Command, Stdio};

use anyhow::{Context as _, Result};

use crate::{page, report::progress};

/// The page with the views that `prerender` prints for its settings.
pub(super) fn put_into(html: &str, mut prerender: Command) -> Result<String> {
    let tags = page::tags(html);
    let settings = tags.iter().filter(|tag| tag.name == "meta");
    let settings = settings.filter_map(|tag| Some((tag.attribute("name")?, tag.attribute("content")?)));
    prerender.args(settings.map(|(name, content)| format!("{name}={content}")));
    let output =
        prerender.stderr(Stdio::inherit()).output().context("The page's first view cannot be rendered.")?;
    if !output.status.success() {
        // A setting may get its value after the build. The page itself says what is wrong with it.
        progress("The page has no first view, because of what is said above");
        return Ok(html.to_owned());
    }
    let printed = String::from_utf8(output.stdout)?;
    let (form, home) = printed.split_once('\0').context("Two views were expected.")?;
    let root = tags.iter().find(|tag| tag.has("id", "app"));
    let start = root.context("index.html has no element with the id \"app\".")?.range.end;
    let end = html.find("</main>").context("index.html has no </main>.")? + "</main>".len();
    let template = format!("<template id=\"home\">{home}</template>");
    Ok(page::replace(html, vec![(start..start, form.to_owned()), (end..end, template)]))
}
