#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeSet;

use auth::{Carrier, Contract, Encoding, Endpoint};

const PAGE: &str = include_str!("../../index.html");
const README: &str = include_str!("../../README.md");

/// What stands in quotes in the text, if it is the name of a setting.
fn names(text: &str) -> BTreeSet<&str> {
    let is_name = |quoted: &&str| {
        let is_lower = quoted.bytes().all(|b| b.is_ascii_lowercase() || b == b'-');
        is_lower
            && ["api-", "auth-"].iter().any(|first| quoted.len() > first.len() && quoted.starts_with(first))
    };
    text.split('"').filter(is_name).collect()
}

#[test]
fn the_page_and_the_readme_list_every_tag_that_is_read_with_one_default() {
    let tags = names(PAGE);
    assert_eq!(tags, names(include_str!("../settings.rs")));
    for name in tags {
        let tag = format!("<meta name=\"{name}\" content=\"");
        let default = PAGE.split_once(&tag).and_then(|(_, rest)| rest.split('"').next()).expect("a default");
        let row = README.lines().find(|line| line.starts_with(&format!("| `{name}` |"))).expect("a row");
        assert!(row.contains(&format!("`{default}`")), "{default} in {row}");
    }
}

const SERVERS: &str = include_str!("../../docs/servers.md");

/// A call as docs/servers.md writes it. `typed` names what the user fills in.
fn call(call: &Endpoint, typed: &[&str]) -> String {
    let mut fields: Vec<_> = typed.iter().map(|name| format!("`{name}`")).collect();
    fields.extend(call.fields.iter().map(|(name, value)| format!("`{name}={value}`")));
    let method = format!("{:?}", call.method).to_uppercase();
    let mut written = format!("`{method} {}`", call.path);
    for (token, carrier) in [("refresh", &call.refresh_token), ("access", &call.access_token)] {
        match carrier {
            Some(Carrier::Field(name)) => fields.push(format!("`{name}`")),
            Some(Carrier::Authorization) => {
                written += &format!(", the {token} token in `Authorization`");
            }
            Some(Carrier::Header(name)) => written += &format!(", the {token} token in `{name}`"),
            None => {}
        }
    }
    let encoding = match call.encoding {
        Encoding::Form => "form",
        Encoding::Json => "JSON",
        Encoding::Query => "query",
    };
    if fields.is_empty() { written } else { format!("{written}, {encoding}: {}", fields.join(", ")) }
}

#[test]
fn the_documents_example_is_a_contract() {
    let example = SERVERS.split("```json\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
    let contract = Contract::from_text(example).unwrap();
    assert_eq!(&*contract.fields.access_token, "data.token");
    assert_eq!(call(&contract.login, &[]), "`POST /auth/login`");
}

/// The presets' names, as the page lists them where none of them fits.
fn presets() -> Vec<String> {
    let told = Contract::from_text("").unwrap_err().to_string();
    let names = told.split_once("preset: ").unwrap().1.replace(" or ", ", ");
    names.split(", ").map(str::to_owned).collect()
}

#[test]
fn the_documents_list_each_presets_calls_and_names() {
    for name in presets() {
        let contract = Contract::from_text(&name).unwrap();
        let names = &contract.fields;
        let optional = |endpoint: &Option<Endpoint>| {
            endpoint.as_ref().map_or("none".to_owned(), |endpoint| call(endpoint, &[]))
        };
        let tokens = match contract.refresh {
            Some(_) => format!("`{}`, `{}`", names.access_token, names.refresh_token),
            None => format!("`{}`", names.access_token),
        };
        let row = format!(
            "| `{name}` | {} | {} | {} | {tokens} |",
            call(&contract.login, &[&names.username, &names.password]),
            optional(&contract.refresh),
            optional(&contract.logout),
        );
        assert!(SERVERS.contains(&row), "docs/servers.md lacks this row:\n{row}");
    }
}
