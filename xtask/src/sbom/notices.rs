//! The third-party notices: what ships, and each licence text once.

use super::{Component, Licence};

/// `apache` is the text of the Apache License, for packages that offer it and come without any text.
pub(super) fn text(sections: &[(&str, &[Component])], apache: &str) -> String {
    let mut texts = Texts::default();
    let mut list = String::from(
        "Third-party notices of yew-jwt-auth, made by `cargo xtask sbom`. The numbers lead to the licence texts at the \
         end.\nThe page also contains Rust's standard library; rust-std-notices.html has its notices.\n",
    );
    for (title, components) in sections {
        list.push_str(&format!("\n{title}\n{}\n", "-".repeat(title.len())));
        for it in components.iter().filter(|it| !it.ours) {
            list.push_str(&entry(it, &mut texts, apache));
        }
    }
    for (index, (name, text)) in texts.0.iter().enumerate() {
        list.push_str(&format!(
            "\n{}\n[{}] {name}\n\n{}\n",
            "=".repeat(78),
            index + 1,
            text.trim_matches('\n')
        ));
    }
    list
}

fn entry(it: &Component, texts: &mut Texts, apache: &str) -> String {
    let licence = match &it.licence {
        Licence::Unknown => "its licence is not known",
        Licence::Expression(text) | Licence::Named(text) => text,
    };
    let mut line = format!("{} {}: {licence}", it.name, it.version);
    let title = |file: &str| format!("{file} of {} {}", it.name, it.version);
    let mut numbers: Vec<String> =
        it.texts.iter().map(|(file, text)| texts.number(&title(file), text)).collect();
    if numbers.is_empty() && it.offers_apache() {
        numbers.push(texts.number("The Apache License, Version 2.0", apache));
    }
    if !numbers.is_empty() {
        line.push_str(&format!(" {}", numbers.join(" ")));
    }
    if let Some(url) = &it.repository {
        line.push_str(&format!(" {url}"));
    }
    if let Some(marker) = &it.marker {
        line.push_str(&format!(" (only where {marker})"));
    }
    line.push('\n');
    line
}

/// The texts by their numbers, with the first file that has each.
#[derive(Debug, Default)]
struct Texts(Vec<(String, String)>);

impl Texts {
    fn number(&mut self, name: &str, text: &str) -> String {
        let text = text.replace("\r\n", "\n");
        // Packages lay out the same licence differently.
        let same = |other: &str| other.split_whitespace().eq(text.split_whitespace());
        let known = self.0.iter().position(|(_, other)| same(other));
        let index = known.unwrap_or_else(|| {
            self.0.push((name.to_owned(), text.clone()));
            self.0.len() - 1
        });
        format!("[{}]", index + 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(name: &str, licence: &str, texts: &[&str]) -> Component {
        Component {
            name: name.into(),
            version: "1".into(),
            licence: Licence::Expression(licence.into()),
            texts: texts.iter().map(|text| ("LICENSE".to_owned(), (*text).to_owned())).collect(),
            ..Component::default()
        }
    }

    #[test]
    fn a_text_that_several_packages_share_is_there_once() {
        let page =
            [package("a", "MIT", &["the  terms\r\nof a"]), package("b", "MIT", &["the terms\n  of a\n"])];
        let server = [package("c", "ISC", &["other terms"])];
        let text = text(&[("Page", &page), ("Server", &server)], "apache");
        for part in ["\nPage\n----\na 1: MIT [1]\nb 1: MIT [1]\n", "\nServer\n------\nc 1: ISC [2]\n"] {
            assert!(text.contains(part), "{text}");
        }
        assert!(text.contains("\n[1] LICENSE of a 1\n\nthe  terms\nof a\n"), "{text}");
        assert!(text.contains("\n[2] LICENSE of c 1\n\nother terms\n") && !text.contains("[3]"), "{text}");
    }

    #[test]
    fn a_package_without_a_text_is_passed_on_under_the_apache_license_if_it_offers_that() {
        let both = package("a", "MIT OR Apache-2.0", &[]);
        let one = package("b", "MIT", &[]);
        assert!(!both.lacks_a_text() && one.lacks_a_text());
        let ours = Component { ours: true, ..package("c", "MIT", &[]) };
        let text = text(&[("Page", &[both, one, ours])], "the apache text");
        assert!(text.contains("a 1: MIT OR Apache-2.0 [1]\nb 1: MIT\n\n"), "{text}");
        assert!(text.ends_with("[1] The Apache License, Version 2.0\n\nthe apache text\n"), "{text}");
    }

    #[test]
    fn who_must_keep_two_licences_cannot_choose_one() {
        assert!(!package("a", "(MIT OR Apache-2.0) AND Unicode-3.0", &[]).offers_apache());
        assert!(package("a", "Apache-2.0", &[]).offers_apache());
    }
}
