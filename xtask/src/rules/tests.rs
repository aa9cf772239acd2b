#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use super::*;

const SOURCE: &str = "if a {\n    b();\n}\nc();\nc();\n";

fn edited(files: &[&str]) -> Result<String> {
    let rules = files.iter().map(|text| parse(text)).collect::<Result<Vec<_>>>()?;
    check_names(&rules)?;
    let mut sources = BTreeMap::from([("src/x.rs".to_owned(), SOURCE.to_owned())]);
    apply(&rules, &mut sources)?;
    Ok(sources.remove("src/x.rs").unwrap())
}

fn error(files: &[&str]) -> String {
    edited(files).unwrap_err().to_string()
}

#[test]
fn an_edit_replaces_the_text_that_it_finds() {
    let one = "rule: A\nIt holds.\n\nfile: src/x.rs\n- if a {\n+ if a && !switched_off(\"A\") {\n";
    assert_eq!(edited(&[one]).unwrap(), SOURCE.replace("if a {", "if a && !switched_off(\"A\") {"));
    let two = "rule: B\nIt holds.\n\nfile: src/x.rs\n-     b();\n- }\n+ // switched_off(\"B\")\n+\n+     d();\n\n- if a\n+ if e\n";
    assert_eq!(edited(&[two]).unwrap(), "if e {\n// switched_off(\"B\")\n\n    d();\nc();\nc();\n");
}

#[test]
fn edits_of_one_line_stand_side_by_side_in_either_order() {
    let a = "rule: A\nIt holds.\nfile: src/x.rs\n- a {\n+ a && switched_off(\"A\") {";
    let b = "rule: B\nIt holds.\nfile: src/x.rs\n- if\n+ while switched_off(\"B\") ||";
    let expected = SOURCE.replace("if a {", "while switched_off(\"B\") || a && switched_off(\"A\") {");
    assert_eq!(edited(&[a, b]).unwrap(), expected);
    assert_eq!(edited(&[b, a]).unwrap(), expected);
    let overlapping = "rule: C\nIt holds.\nfile: src/x.rs\n- f a\n+ switched_off(\"C\")";
    assert_eq!(
        error(&[a, overlapping]),
        "The rules C and A edit the same text in auth/src/x.rs: put both switches into one edit."
    );
}

#[test]
fn a_text_that_is_not_there_once_is_an_error_with_rule_and_file() {
    let rule =
        |file: &str, find: &str| format!("rule: A\nIt holds.\nfile: {file}\n- {find}\n+ switched_off(\"A\")");
    assert_eq!(error(&[&rule("src/x.rs", "z")]), "The rule A does not find `z` in auth/src/x.rs.");
    assert_eq!(error(&[&rule("src/x.rs", "c();")]), "The rule A finds `c();` 2 times in auth/src/x.rs.");
    assert_eq!(error(&[&rule("src/y.rs", "z")]), "The rule A edits auth/src/y.rs, which does not exist.");
}

#[test]
fn what_is_no_rule_says_why() {
    for (text, why) in [
        ("", "its first line is not `rule: NAME`"),
        ("rule: A\n\n", "its second line does not say what the rule is"),
        ("rule: A\nIt holds.\n", "it edits nothing"),
        ("rule: A\nIt holds.\n- b\n+ c\n", "no `file:` comes before its `-` lines"),
        ("rule: A\nIt holds.\nfile: src/x.rs\n-\n+ c\n", "an edit of src/x.rs has nothing to find"),
        (
            "rule: A\nIt holds.\nfile: src/x.rs\n- b\n+ c\nfile: src/y.rs\n+ d\n",
            "the line `+ d` is none of `file: PATH`, `- TEXT` and, after such a line, `+ TEXT`",
        ),
        ("rule: A\nIt holds.\nfile: src/x.rs\n- b\n", "nothing takes the place of `b`"),
        (
            "rule: A\nIt holds.\nfile: src/x.rs\n- b\n\n+ c\n",
            "the line `+ c` is none of `file: PATH`, `- TEXT` and, after such a line, `+ TEXT`",
        ),
    ] {
        assert_eq!(error(&[text]), why, "{text:?}");
    }
}

#[test]
fn a_rule_has_a_name_and_a_switch_of_its_own() {
    let a = "rule: A\nIt holds.\nfile: src/x.rs\n- b\n+ switched_off(\"A\")";
    assert_eq!(error(&[a, a]), "Two files define the rule A.");
    let none = a.replace("switched_off(\"A\")", "c");
    assert_eq!(error(&[&none]), "The rule A never asks its switch, `crate::switched_off(\"A\")`.");
    let unknown = a.replace("(\"A\")", "(\"B\")");
    assert_eq!(error(&[&unknown]), "The rule A asks the switch of B, which is no rule.");
}
