use super::*;

fn object(text: &str) -> Object<'_> {
    Object::read(text).unwrap()
}

#[test]
fn fields_are_read_by_their_names() {
    let object = object(r#" {"a":"text","b":7,"c":true,"d":{"e":[1,"x",{}]},"f":false} "#);
    assert_eq!(object.text("a").unwrap(), "text");
    assert_eq!(object.number::<u32>("b"), Some(7));
    assert_eq!((object.flag("c"), object.flag("f")), (Some(true), Some(false)));
    let list = object.object("d").unwrap().list("e").unwrap();
    assert_eq!(list.iter().map(|raw| raw.get()).collect::<Vec<_>>(), ["1", "\"x\"", "{}"]);
    assert!(object.raw("g").is_none() && object.raw("A").is_none());
}

#[test]
fn a_value_of_another_kind_is_none() {
    let object = object(r#"{"text":"true","number":1,"flag":true,"object":{},"list":[]}"#);
    let kinds = |name: &str| {
        [
            object.text(name).is_some(),
            object.number::<u64>(name).is_some(),
            object.flag(name).is_some(),
            object.object(name).is_some(),
            object.list(name).is_some(),
        ]
    };
    for (at, name) in ["text", "number", "flag", "object", "list"].into_iter().enumerate() {
        let mut only = [false; 5];
        only[at] = true;
        assert_eq!(kinds(name), only, "{name}");
    }
}

#[test]
fn the_last_of_two_fields_counts() {
    assert_eq!(object(r#"{"a":1,"b":2,"a":3}"#).number::<u8>("a"), Some(3));
    assert!(object(r#"{"a":1,"a":null}"#).raw("a").is_none());
    assert_eq!(object(r#"{"a":1,"\u0061":2}"#).number::<u8>("a"), Some(2));
}

#[test]
fn null_counts_as_absent_and_what_cannot_be_read_does_not() {
    let object = object(r#"{"null":null,"text":"x","number":1}"#);
    assert_eq!(object.optional("null", Raw::text), Some(None));
    assert_eq!(object.optional("absent", Raw::text), Some(None));
    assert_eq!(object.optional("text", Raw::text), Some(Some("x".to_owned())));
    assert_eq!(object.optional("number", Raw::text), None);
    assert_eq!(object.optional("number", Raw::number::<u64>), Some(Some(1)));
}

#[test]
fn escapes_and_unicode_are_decoded_in_names_and_texts() {
    let object =
        object(r#"{"\"\\\/\b\f\n\r\t":"\"\\\/\b\f\n\r\t","\u00e9":"\ud83d\uDE00 é 電池","nul":"\u0000"}"#);
    assert_eq!(object.text("\"\\/\u{8}\u{c}\n\r\t").unwrap(), "\"\\/\u{8}\u{c}\n\r\t");
    assert_eq!(object.text("\u{e9}").unwrap(), "\u{1f600} é 電池");
    assert_eq!(object.text("nul").unwrap(), "\0");
}

#[test]
fn a_lone_surrogate_is_no_text_and_no_name() {
    for lone in [
        r"\ud83d",
        r"\ude00",
        r"\ud83dx",
        r"\ud83d\n",
        r"\ud83d\u0041",
        r"\ud83d\ud83d",
        r"\ud83dude00",
        r"\ud83d\ue000",
    ] {
        let text = format!(r#"{{"a":"{lone}"}}"#);
        assert!(object(&text).text("a").is_none(), "{lone}");
        assert!(Object::read(&format!(r#"{{"{lone}":1}}"#)).is_none(), "{lone}");
        assert!(serde_json::from_str::<serde_json::Value>(&text).is_err(), "{lone}");
    }
    let edges = object(r#"{"a":"\ud800\udc00\udbff\udfff\ud7ff\ue000"}"#);
    assert_eq!(edges.text("a").unwrap(), "\u{10000}\u{10ffff}\u{d7ff}\u{e000}");
}

/// Whether what is read part by part is what `serde_json` reads as a whole.
fn agrees(raw: Raw<'_>, value: &serde_json::Value) -> bool {
    use serde_json::Value;
    match value {
        Value::Null => raw.get() == "null",
        Value::Bool(flag) => raw.flag() == Some(*flag),
        Value::Number(number) => raw.number() == number.as_u64(),
        Value::String(text) => raw.text().as_ref() == Some(text),
        Value::Array(values) => {
            let list = raw.list().unwrap();
            list.len() == values.len() && list.into_iter().zip(values).all(|(raw, value)| agrees(raw, value))
        }
        Value::Object(fields) => {
            let object = raw.object().unwrap();
            fields.iter().all(|(name, value)| match object.raw(name) {
                None => value.is_null(),
                Some(raw) => agrees(raw, value),
            })
        }
    }
}

#[test]
fn parts_are_where_the_library_sees_them() {
    for text in [
        r#"{"a,b":"c:d","e}":"]","f\"":"\\","g\\":["\\\"",",",[]],"h":{"i":{"j":[[{"k":"{"}]]}}}"#,
        r#" [ ] "#,
        r#" [ 1 , "2" , { } , [ ] , null , true , -0.5e+3 ] "#,
        "{\n\t\"a\" :\r[ {\"b\" : \" \"} , 18446744073709551615 ]\n}",
        r#"{"":"","":0,"é":"\u00e9","\u007b":"}"}"#,
        r#""\"[,]\"""#,
        r#"[[[["deep"],"a"],"b"],"c"]"#,
    ] {
        let whole = serde_json::from_str(text).unwrap();
        assert!(agrees(Raw::read(text).unwrap(), &whole), "{text}");
    }
    let list = Raw::read("[1,2,[3,4]]").unwrap().list().unwrap();
    assert_eq!(list.iter().map(|raw| raw.get()).collect::<Vec<_>>(), ["1", "2", "[3,4]"]);
}

#[test]
fn a_number_is_whole_and_fits_or_is_none() {
    let number = |text: &str| object(&format!(r#"{{"n":{text}}}"#)).number::<u64>("n");
    assert_eq!((number("0"), number(" 18446744073709551615 ")), (Some(0), Some(u64::MAX)));
    for text in ["18446744073709551616", "-1", "-0", "1.0", "1e3", "1E400", "\"1\"", "true", "[1]"] {
        assert_eq!(number(text), None, "{text}");
    }
    let small = object(r#"{"n":4294967296,"m":4294967295,"v":256}"#);
    assert_eq!((small.number::<u32>("n"), small.number::<u32>("m")), (None, Some(u32::MAX)));
    assert_eq!((small.number::<u8>("v"), small.number::<u16>("v")), (None, Some(256)));
}

#[test]
fn garbage_is_no_object() {
    for text in [
        "",
        " ",
        "null",
        "[]",
        "1",
        "1e400",
        "\"{}\"",
        "{",
        "}",
        "{}{}",
        "{} x",
        "{,}",
        r#"{"a"}"#,
        r#"{"a":}"#,
        r#"{"a":1,}"#,
        r#"{a:1}"#,
        r#"{"a":01}"#,
        r#"{"a":NaN}"#,
        r#"{"a":"\x"}"#,
        "{\"a\":\"\n\"}",
        r#"{"a":[}"#,
        r#"{"a":{"b":1}"#,
        "\u{feff}{}",
        "<html></html>",
    ] {
        assert!(Object::read(text).is_none(), "{text:?}");
    }
    assert!(object("\t\r\n{ }\n").raw("a").is_none());
}

#[test]
fn any_value_alone_is_json_and_a_cut_one_is_not() {
    for text in ["null", " 1.5e-3 ", "\"x\"", "[[],{}]", "true"] {
        assert_eq!(Raw::read(text).unwrap().get(), text.trim());
    }
    for text in ["", "tru", "1.", "\"x", "[1", "1 2", "<p>"] {
        assert!(Raw::read(text).is_none(), "{text}");
    }
}

#[test]
fn what_is_written_is_read_again() {
    let odd = "\"\\\u{8}\u{c}\n\r\t\0\u{7f} é \u{2028}\u{1f600}</script>";
    let inner = Writer::new().number("since", u64::MAX).flag("asked", false);
    let text = Writer::new()
        .number("v", 1_u8)
        .text(odd, odd)
        .flag("kept", true)
        .object("span", inner)
        .object("empty", Writer::new())
        .optional_text("none", None)
        .optional_number("none", None)
        .optional_object("none", None)
        .optional_text("some", Some(""))
        .optional_number("count", Some(0))
        .optional_object("some object", Some(Writer::new().text("a", "b")))
        .finish();
    let object = object(&text);
    assert_eq!(object.number::<u8>("v"), Some(1));
    assert_eq!(object.text(odd).unwrap(), odd);
    assert_eq!(object.flag("kept"), Some(true));
    let span = object.object("span").unwrap();
    assert_eq!((span.number::<u64>("since"), span.flag("asked")), (Some(u64::MAX), Some(false)));
    assert!(object.object("empty").unwrap().raw("a").is_none());
    assert!(text.contains(r#""none":null"#), "{text}");
    assert_eq!((object.text("some").unwrap().as_str(), object.number("count")), ("", Some(0_u64)));
    assert_eq!(object.object("some object").unwrap().text("a").unwrap(), "b");
    let whole: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert_eq!(whole[odd], odd);
}

#[test]
fn an_object_is_written_in_the_order_of_the_calls() {
    assert_eq!(Writer::new().finish(), "{}");
    let written = Writer::new().text("b", "x").number("a", 2_u32).flag("c", false).finish();
    assert_eq!(written, r#"{"b":"x","a":2,"c":false}"#);
}
