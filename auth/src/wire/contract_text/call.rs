//! The calls of a contract's text, and what all of them have in common.

use super::part::Part;
use crate::wire::contract::{Carrier, Encoding, Endpoint, RefreshCookie};
use crate::wire::http::{Method, Text, headers};
use crate::wire::json::Raw;

pub(super) fn change_optional(call: &mut Option<Endpoint>, part: &Part<'_>, name: &str) {
    if part.is_null(name) {
        *call = None;
    } else if let Some(part) = part.object(name) {
        change(call.get_or_insert_with(|| Endpoint::post("")), &part);
    }
}

const HEADER: &str =
    "a header's name, with a value of visible ASCII, and none that the page or the browser sets itself";
const CARRIER: &str = "null, authorization, field: and a name, or header: and a name";
pub(super) const NEEDED: &str =
    "authorization, field: and a name, or header: and a name, because the call must carry a token";

pub(super) fn change(call: &mut Endpoint, part: &Part<'_>) {
    part.knows_only(&["method", "path", "encoding", "fields", "headers", "refresh_token", "access_token"]);
    if let Some(path) = part.path("path") {
        call.path = path;
    } else if call.path.is_empty() {
        part.takes("path", "a path, because the preset has no such call");
    }
    let methods = [
        ("GET", Method::Get),
        ("POST", Method::Post),
        ("PUT", Method::Put),
        ("PATCH", Method::Patch),
        ("DELETE", Method::Delete),
    ];
    call.method = part.word("method", &methods).unwrap_or(call.method);
    let encodings = [("form", Encoding::Form), ("json", Encoding::Json), ("query", Encoding::Query)];
    call.encoding = part.word("encoding", &encodings).unwrap_or(call.encoding);
    if let Some(fields) = part.object("fields") {
        call.fields = pairs(&fields);
    }
    if part.has("headers") {
        call.headers = headers(part);
    }
    for (name, way) in [("refresh_token", &mut call.refresh_token), ("access_token", &mut call.access_token)]
    {
        if let Some(carrier) = part.field(name, CARRIER, carrier) {
            *way = carrier;
        }
    }
    for carrier in [&call.refresh_token, &call.access_token].into_iter().flatten() {
        let name = match carrier {
            Carrier::Authorization => "authorization",
            Carrier::Header(name) => name,
            Carrier::Field(_) => continue,
        };
        if call.headers.iter().any(|(header, _)| header.eq_ignore_ascii_case(name)) {
            part.takes("headers", &["no ", name, ", because a token travels there"].concat());
        }
    }
    if call.method == Method::Get && call.encoding != Encoding::Query {
        part.takes("encoding", "query, because a GET has no body");
    }
}

/// `authorization`, `field:refresh` or `header:X-Refresh-Token`; `null` if the token does not travel.
fn carrier(raw: Raw<'_>) -> Option<Option<Carrier>> {
    if raw.get() == "null" {
        return Some(None);
    }
    let text = raw.text()?;
    if text == "authorization" {
        return Some(Some(Carrier::Authorization));
    }
    let (kind, name) = text.split_once(':').filter(|(_, name)| !name.is_empty())?;
    let named: Text = name.to_owned().into();
    match kind {
        "field" => Some(Some(Carrier::Field(named))),
        "header" if headers::is_settable(name) => Some(Some(Carrier::Header(named))),
        _ => None,
    }
}

/// An object of texts.
fn pairs(part: &Part<'_>) -> Vec<(Text, Text)> {
    let pair = |name: String| Some((Text::from(name.clone()), part.text(&name)?));
    part.names().into_iter().filter_map(pair).collect()
}

pub(super) fn refresh_cookie(part: &Part<'_>) -> RefreshCookie {
    part.knows_only(&["handle", "alone", "fields", "headers", "echo"]);
    let handle = if part.has("handle") { part.texts("handle") } else { Vec::new() };
    // Refresh and logout repeat them as fields of theirs.
    if handle.iter().any(|name| name.contains(['.', ':'])) {
        part.takes("handle", "names of fields that the answer itself has, not within others and no header");
    }
    let alone = part.field("alone", "true or false", Raw::flag).unwrap_or(false);
    if alone && !handle.is_empty() {
        part.takes("alone", "false, because a login that brings a handle brings an access token too");
    }
    let fields = part.object("fields").map(|part| pairs(&part)).unwrap_or_default();
    let echo = part.object("echo").and_then(|part| {
        part.knows_only(&["cookie", "header"]);
        let header = part.text("header").filter(|name| headers::is_settable(name) && !is_authorization(name));
        let echo = part.text("cookie").zip(header);
        if echo.is_none() {
            part.takes("header", "a header's name, beside the name of a cookie");
        }
        echo
    });
    RefreshCookie { handle, alone, fields, headers: headers(part), echo }
}

/// The header of the tokens.
fn is_authorization(name: &str) -> bool {
    name.eq_ignore_ascii_case("authorization")
}

/// The headers that a call has, checked.
fn headers(part: &Part<'_>) -> Vec<(Text, Text)> {
    let Some(part) = part.object("headers") else { return Vec::new() };
    let headers = pairs(&part);
    let is_sound = |name: &str, value: &str| headers::is_header(name, value) && headers::is_settable(name);
    if let Some((name, _)) = headers.iter().find(|(name, value)| !is_sound(name, value)) {
        part.takes(name, HEADER);
    }
    headers
}
