//! What a served document gets besides its own text: settings, and a script that collects errors.

use super::Settings;

/// The page with its `<meta>` settings. If errors are collected, that script is the first element.
pub(super) fn prepared(mut page: String, settings: &Settings) -> String {
    let mut added = String::new();
    if settings.collect_complaints {
        added.push_str(&format!("<script src=\"{COMPLAINTS_PATH}\"></script>"));
    }
    for (name, content) in &settings.meta {
        let element = format!("<meta name=\"{name}\" content=\"{}\">", content.replace('"', "&quot;"));
        match meta_element(&page, name) {
            Some(place) => page.replace_range(place, &element),
            None => added.push_str(&element),
        }
    }
    let head = page.find("<head>").map_or(0, |start| start + "<head>".len());
    page.insert_str(head, &added);
    page
}

/// The range of `<meta … name="NAME" …>` in `page`, with the name in quotes of either kind or in none.
fn meta_element(page: &str, name: &str) -> Option<std::ops::Range<usize>> {
    page.match_indices("<meta").find_map(|(start, _)| {
        let length = page.get(start..)?.find('>')? + 1;
        let element = page.get(start..start + length)?;
        let attributes = element.replace(['"', '\''], "");
        let wanted = format!("name={name}");
        attributes
            .split([' ', '\n', '/', '>'])
            .any(|attribute| attribute == wanted)
            .then_some(start..start + length)
    })
}

/// The path of the script that collects errors.
pub(super) const COMPLAINTS_PATH: &str = "/__complaints.js";

/// Works in every engine, and under each Content-Security-Policy that allows the page's own scripts.
pub(super) const COMPLAINTS: &str = r#"(() => {
  const list = [];
  Object.defineProperty(window, '__complaints', { value: list });
  addEventListener('error', (e) => list.push('error: ' + (e.message || (e.target && (e.target.src || e.target.href)))), true);
  addEventListener('unhandledrejection', (e) => list.push('unhandled rejection: ' + e.reason));
  document.addEventListener('securitypolicyviolation', (e) => list.push('policy: ' + e.effectiveDirective + ' ' + e.blockedURI));
  for (const level of ['error', 'warn']) {
    const log = console[level];
    console[level] = (...what) => { list.push(level + ': ' + what.join(' ')); log.apply(console, what); };
  }
})();
"#;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_replaced_in_any_form_and_added_where_they_are_missing() {
        let mut settings = Settings::default();
        settings.meta.insert("api-base-url".to_owned(), "http://api".to_owned());
        let wanted = "<meta name=\"api-base-url\" content=\"http://api\">";
        for element in [
            "<meta name=\"api-base-url\" content=\"x\" />",
            "<meta content=x name=api-base-url>",
            "<meta name='api-base-url' content='x'>",
        ] {
            let page = format!("<head><meta name=\"viewport\">{element}</head>");
            assert_eq!(prepared(page, &settings), format!("<head><meta name=\"viewport\">{wanted}</head>"));
        }
        assert_eq!(prepared("<head></head>".to_owned(), &settings), format!("<head>{wanted}</head>"));
    }
}
