//! Matchers and refusals in a contract's text.

use super::part::{Part, each, listed};
use crate::wire::http::Text;
use crate::wire::json::Raw;
use crate::wire::refusal::{FieldTest, Matcher, Meaning, Refusal};

pub(super) fn refusal(part: &Part<'_>) -> Option<Refusal> {
    let meanings = [
        ("not_accepted", Meaning::NotAccepted),
        ("disabled", Meaning::Disabled),
        ("not_verified", Meaning::NotVerified),
        ("locked", Meaning::Locked),
        ("expired", Meaning::Expired),
        ("revoked", Meaning::Revoked),
        ("trouble", Meaning::Trouble),
        ("page_not_accepted", Meaning::PageNotAccepted),
    ];
    let then = part.word("means", &meanings);
    if then.is_none() {
        part.takes("means", &listed(&meanings.map(|(word, _)| word), " or "));
    }
    Some(Refusal::new(matcher(part, &["means"]), then?))
}

pub(super) fn matcher(part: &Part<'_>, besides: &[&str]) -> Matcher {
    part.knows_only(
        &[&["status", "is", "is_not", "has", "lacks", "says", "says_not", "markup"], besides].concat(),
    );
    let statuses = part.field("status", "a status, or a list of them", statuses).unwrap_or_default();
    let mut tests = Vec::new();
    type OfFields = fn(Vec<Text>, Vec<Text>) -> FieldTest;
    for (name, test) in [("is", FieldTest::Is as OfFields), ("is_not", FieldTest::IsNot)] {
        let Some(part) = part.object(name) else { continue };
        tests.extend(part.names().into_iter().map(|name| test(vec![name.clone().into()], part.texts(&name))));
    }
    tests.extend(part.text("has").map(FieldTest::Has));
    tests.extend(part.text("lacks").map(FieldTest::Lacks));
    type OfTexts = fn(Vec<Text>) -> FieldTest;
    for (name, test) in [("says", FieldTest::Says as OfTexts), ("says_not", FieldTest::SaysNot)] {
        if part.has(name) {
            tests.push(test(part.texts(name)));
        }
    }
    if part.field("markup", "true or false", Raw::flag) == Some(true) {
        tests.push(FieldTest::IsMarkup);
    }
    if statuses.is_empty() && tests.is_empty() {
        part.takes("status", "a status, because every answer would fit");
    }
    Matcher { statuses, tests }
}

fn statuses(raw: Raw<'_>) -> Option<Vec<u16>> {
    match raw.number() {
        Some(status) => Some(vec![status]),
        None => each(raw, Raw::number),
    }
}
