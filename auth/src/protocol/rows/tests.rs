use super::*;

fn key() -> Key {
    Key("k".repeat(22))
}

fn sid(text: &str) -> Sid {
    Sid::parse(text).unwrap()
}

#[test]
fn a_row_survives_its_text_and_garbage_is_no_row() {
    let mut row = Row::new(sid("s"), User::named("ann"), key(), 7);
    row.end(EndReason::PasswordChanged);
    let kept = row.write();
    assert_eq!(Page::read(None, Some(&kept), Some(&sid("s"))).row, Some(row.clone()));
    assert!(Page::read(None, Some(&kept), Some(&sid("t"))).row.is_none(), "another session's");
    let with_key = |key: &str| kept.replace(&"k".repeat(22), key);
    assert_eq!(
        Page::read(None, Some(&with_key(&"z".repeat(22))), Some(&sid("s"))).row.unwrap().key.0,
        "z".repeat(22)
    );
    for garbage in [
        "",
        "null",
        "{}",
        "[]",
        &kept.replace("\"v\":1", "\"v\":0"),
        &with_key(&"k".repeat(21)),
        &with_key(&"\u{e9}".repeat(22)),
    ] {
        assert!(Page::read(Some(garbage), Some(garbage), Some(&sid("s"))).row.is_none(), "{garbage}");
    }
}

#[test]
fn now_survives_its_text_and_garbage_is_none() {
    let kept = Now { sid: sid("s"), before: Some(sid("r")), base: None }.write();
    assert_eq!(Page::read(Some(&kept), None, None).now.unwrap().before, Some(sid("r")));
    for garbage in ["{}", &kept.replace("\"v\":1", "\"v\":2"), &kept.replace("\"s\"", "\"\"")] {
        assert!(Page::read(Some(garbage), None, None).now.is_none(), "{garbage}");
    }
}

#[test]
fn keys_and_rows_do_not_show_themselves() {
    let row = Row {
        token: Some("canary".into()),
        ..Row::new(sid("s"), User::named("canary"), Key("canary".into()), 0)
    };
    assert!(!format!("{row:?} {:?}", row.key).contains("canary"));
}

#[test]
fn a_session_without_its_row_is_lost_and_one_that_another_follows_is_replaced() {
    let now = |named: &str| Some(Now { sid: sid(named), before: None, base: None });
    for (now, reason) in
        [(now("s"), EndReason::Lost), (None, EndReason::Lost), (now("t"), EndReason::ReplacedElsewhere)]
    {
        let mut page = Page { now, ..Page::default() };
        assert_eq!(page.current(&sid("s")).err(), Some(reason));
    }
}
