//! A contract as JSON text: a preset's name, or an object that says what differs from a preset.

use std::cell::OnceCell;

use super::contract::{AskedField, Carrier, Contract, Endpoint, Fields, Rotation};
use super::http::{Text, headers};
use super::json::{self, Object, Raw};
use super::preset::PRESETS;

use call::{NEEDED, change, change_optional, refresh_cookie};
use matcher::{matcher, refusal};
pub use part::InvalidContract;
use part::{Part, listed};

impl Contract {
    /// Reads the name of a preset (`simple-jwt`), or a JSON object that overrides fields of one:
    ///
    /// ```
    /// # use auth::Contract;
    /// let contract = Contract::from_text(r#"{"preset": "simple-jwt", "scheme": "JWT"}"#).unwrap();
    /// assert_eq!(contract.scheme, "JWT");
    /// let error = Contract::from_text(r#"{"login": {"encoding": "xml"}}"#).unwrap_err();
    /// assert_eq!(error.to_string(), "login.encoding takes form, json or query");
    /// ```
    ///
    /// # Errors
    /// [`InvalidContract`] names the first field that is wrong, and what it takes.
    pub fn from_text(text: &str) -> Result<Self, InvalidContract> {
        let text = text.trim();
        let mut presets = PRESETS.iter();
        let text = presets.find(|(name, _)| *name == text).map_or(text, |(_, preset)| *preset);
        let Some(object) = Object::read(text) else {
            return Err(InvalidContract { field: String::new(), wrong: no_object(text) });
        };
        let mistake = OnceCell::new();
        let contract = read(&Part::whole(object, &mistake));
        mistake.into_inner().map_or(Ok(contract), Err)
    }
}

/// What is wrong with a text that is no object and no preset's name.
fn no_object(text: &str) -> String {
    match json::mistake(text).filter(|_| text.starts_with('{')) {
        Some((line, column)) => format!("is no valid JSON (line {line}, column {column})"),
        None => {
            let names = PRESETS.map(|(name, _)| name);
            ["takes one JSON object, or the name of a preset: ", &listed(&names, " or ")].concat()
        }
    }
}

fn read(part: &Part<'_>) -> Contract {
    part.knows_only(&[
        "preset",
        "client_id",
        "login",
        "refresh",
        "logout",
        "sessions",
        "asks",
        "fields",
        "scheme",
        "expired",
        "login_refusals",
        "refresh_refusals",
        "logout_refusals",
        "rotation",
        "refresh_cookie",
        "cookies",
    ]);
    let preset = part.word("preset", &PRESETS).and_then(|text| Contract::from_text(text).ok());
    let mut contract = preset.unwrap_or_default();
    if let Some(login) = part.object("login") {
        change(&mut contract.login, &login);
        if carries(&contract.login) != (false, false) {
            part.takes("login", "no token, because a login has none");
        }
    }
    change_optional(&mut contract.refresh, part, "refresh");
    change_optional(&mut contract.logout, part, "logout");
    match contract.refresh.as_ref().map(carries) {
        Some((false, false)) => part.takes("refresh.refresh_token", NEEDED),
        // A refresh is made without an access token, because that one may be gone.
        Some((true, true)) => part.takes("refresh.access_token", "null, because refresh has a refresh_token"),
        _ => {}
    }
    if part.is_null("refresh_cookie") {
        contract.refresh_cookie = None;
    } else if let Some(part) = part.object("refresh_cookie") {
        contract.refresh_cookie = Some(refresh_cookie(&part));
    }
    contract.cookies = part.field("cookies", "true or false", Raw::flag).unwrap_or(contract.cookies);
    if contract.logout.as_ref().map(carries) == Some((false, false)) && !contract.cookies {
        part.takes("logout.refresh_token", NEEDED);
    }
    if let Some(id) = part.text("client_id") {
        let calls = [Some(&mut contract.login), contract.refresh.as_mut(), contract.logout.as_mut()];
        for call in calls.into_iter().flatten() {
            call.fields.retain(|(name, _)| name != "client_id");
            call.fields.push(("client_id".into(), id.clone()));
        }
    }
    if part.is_null("sessions") {
        contract.sessions = None;
    } else if let Some(path) = part.path("sessions") {
        contract.sessions = Some(path);
    }
    if let Some(asks) = part.objects("asks") {
        contract.asks = asks.iter().map(asked).collect();
    }
    if let Some(names) = part.object("fields") {
        change_names(&mut contract.fields, &names);
    }
    no_name_twice(&contract, part);
    let scheme = |raw: Raw<'_>| raw.text().filter(|word| headers::is_header(word, ""));
    if let Some(scheme) = part.field("scheme", "one word of visible ASCII", scheme) {
        contract.scheme = scheme.into();
    }
    if let Some(expired) = part.objects("expired") {
        contract.expired = expired.iter().map(|part| matcher(part, &[])).collect();
    }
    for (name, rules) in [
        ("login_refusals", &mut contract.login_refusals),
        ("refresh_refusals", &mut contract.refresh_refusals),
        ("logout_refusals", &mut contract.logout_refusals),
    ] {
        // The text's rules come first, because the first that fits decides.
        let mut own: Vec<_> = part.objects(name).unwrap_or_default().iter().filter_map(refusal).collect();
        own.append(rules);
        *rules = own;
    }
    let rotation = part.word("rotation", &[("unknown", Rotation::Unknown), ("never", Rotation::Never)]);
    contract.rotation = rotation.unwrap_or(contract.rotation);
    contract
}

/// Whether the call carries a refresh token, and an access token.
fn carries(call: &Endpoint) -> (bool, bool) {
    (call.refresh_token.is_some(), call.access_token.is_some())
}

/// A call has no field twice (RFC 6749 §3.2).
fn no_name_twice(contract: &Contract, part: &Part<'_>) {
    let names = &contract.fields;
    let asked = contract.asks.iter().map(|field| &field.name);
    let typed: Vec<_> = [&names.username, &names.password].into_iter().chain(asked).collect();
    let cookie = contract.refresh_cookie.as_ref();
    let of_cookie: Vec<_> =
        cookie.iter().flat_map(|cookie| cookie.fields.iter().map(|(name, _)| name)).collect();
    let handle: Vec<_> = cookie.iter().flat_map(|cookie| &cookie.handle).collect();
    for (name, call, more) in [
        ("login", Some(&contract.login), &[typed, of_cookie].concat()),
        ("refresh", contract.refresh.as_ref(), &handle),
        ("logout", contract.logout.as_ref(), &handle),
    ] {
        if let Some(twice) = call.and_then(|call| named_twice(call, more)) {
            part.wrong(name, &["has two fields with the name ", twice]);
        }
    }
}

/// The first name that two of the call's fields have. `more` names those that are no tokens.
fn named_twice<'a>(call: &'a Endpoint, more: &[&'a Text]) -> Option<&'a Text> {
    let carried = [&call.refresh_token, &call.access_token].into_iter().filter_map(|way| match way {
        Some(Carrier::Field(name)) => Some(name),
        _ => None,
    });
    let fixed = call.fields.iter().map(|(name, _)| name);
    let names: Vec<_> = fixed.chain(more.iter().copied()).chain(carried).collect();
    let mut all = names.iter().enumerate();
    all.find(|(at, name)| names.iter().take(*at).any(|before| before == *name)).map(|(_, name)| *name)
}

/// A field that the login asks for.
fn asked(part: &Part<'_>) -> AskedField {
    part.knows_only(&["name", "label", "autocomplete", "optional"]);
    let needed = |name| {
        part.text(name).unwrap_or_else(|| {
            part.takes(name, "a text");
            Text::default()
        })
    };
    AskedField {
        name: needed("name"),
        label: needed("label"),
        autocomplete: part.text("autocomplete").unwrap_or("off".into()),
        optional: part.field("optional", "true or false", Raw::flag).unwrap_or_default(),
    }
}

fn change_names(fields: &mut Fields, part: &Part<'_>) {
    let mut names = [
        ("username", &mut fields.username),
        ("password", &mut fields.password),
        ("access_token", &mut fields.access_token),
        ("refresh_token", &mut fields.refresh_token),
        ("token_type", &mut fields.token_type),
        ("expires_in", &mut fields.expires_in),
        ("idempotent_refresh", &mut fields.idempotent_refresh),
    ];
    let known: Vec<_> = names.iter().map(|(name, _)| *name).chain(["user"]).collect();
    part.knows_only(&known);
    for (name, field) in &mut names {
        part.set(name, field);
    }
    if let Some(user) = part.text("user") {
        fields.user = Some(user);
    }
    for name in known {
        let Some(header) = part.text(name).and_then(|text| text.strip_prefix("header:").map(str::to_owned))
        else {
            continue;
        };
        if !["access_token", "refresh_token", "token_type"].contains(&name) {
            part.takes(name, "the name of a field, and no header");
        } else if !headers::is_header(&header, "") {
            part.takes(name, "the name of a field, or header: and a header's name");
        }
    }
}

mod call;
mod matcher;
mod part;
#[cfg(test)]
mod tests;
