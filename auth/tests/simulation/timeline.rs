//! The lines of a timeline. What is stored is written as a reader wants it: no envelope, no full random text.

use serde_json::Value;

const PREFIX: &str = "yew-jwt-auth:http://localhost:8000";
/// So much of a random text tells it from others.
const SHORT: usize = 6;

/// When, in which tab, what.
pub(crate) type Line = (u64, Option<usize>, String);

/// A line as text, with its time as hours, minutes and seconds.
pub(crate) fn line((at, tab, what): &Line) -> String {
    let who = tab.map_or("world".to_owned(), |tab| format!("tab {tab}"));
    let (seconds, rest) = (at / 1000, at % 1000);
    let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
    format!("{hours:3}:{minutes:02}:{:02}.{rest:03}  {who:<6} {what}", seconds % 60)
}

/// A storage key and what it holds, on one line.
pub(crate) fn entry(key: &str, value: Option<&str>) -> String {
    let key = key.strip_prefix(PREFIX).map_or(key, |name| name.trim_start_matches(':'));
    let key: Vec<String> = key.split(':').map(short).collect();
    let value = match value {
        None => "removed".to_owned(),
        Some(text) => shown(text),
    };
    format!("{} = {value}", key.join(":"))
}

/// A stored or posted text.
pub(crate) fn shown(text: &str) -> String {
    serde_json::from_str::<Value>(text).map_or_else(|_| text.to_owned(), |value| brief(&value))
}

fn brief(value: &Value) -> String {
    match value {
        Value::Object(fields) => {
            let told =
                |(name, value): &(&String, &Value)| *name != "v" && !value.is_null() && *value != false;
            let fields = fields.iter().filter(told).map(|(name, value)| format!("{name} {}", brief(value)));
            format!("{{{}}}", fields.collect::<Vec<_>>().join(", "))
        }
        Value::String(text) => short(text),
        other => other.to_string(),
    }
}

/// Session ids and keys are 32 characters long, JWTs longer; what follows the last dot of one is its token.
fn short(text: &str) -> String {
    let text = text.rsplit('.').next().unwrap_or(text);
    match text.get(..SHORT) {
        Some(start) if text.len() >= 20 => start.to_owned(),
        _ => text.to_owned(),
    }
}

#[test]
fn a_row_is_told_in_short() {
    let row = r#"{"v":1,"sid":"fpDVaaaaaaaaaaaaaaaaaa","generation":2,"next":null,"owed":false}"#;
    let told = entry("yew-jwt-auth:http://localhost:8000:row:fpDVaaaaaaaaaaaaaaaaaa", Some(row));
    assert_eq!(told, "row:fpDVaa = {generation 2, sid fpDVaa}");
    assert_eq!(entry("x:RT-0-1-Z", None), "x:RT-0-1-Z = removed");
    assert_eq!(shown("e30.abc.AT-0-1-Z"), "e30.abc.AT-0-1-Z");
}
