//! A contract as JSON text: a preset's name, or an object that says what differs from a preset.

use std::borrow::Cow;
use std::fmt;

use super::contract::{Asked, Carrier, Contract, Encoding, Endpoint, Fields, Rotation};
use super::http::{self, Method};
use super::json::{Object, Raw};
use super::preset;
use super::refusal::{FieldTest, Matcher, Meaning, Refusal};

type Name = Cow<'static, str>;

/// What is wrong with the text of a contract: where, and what would be right there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InvalidContract {
    /// The field, with the fields that it is in: `login.encoding`. Empty if it is the whole text.
    pub field: String,
    /// What it takes.
    pub takes: &'static str,
}

impl fmt::Display for InvalidContract {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.field.as_str() {
            "" => write!(f, "it takes {}", self.takes),
            field => write!(f, "{field} takes {}", self.takes),
        }
    }
}

impl std::error::Error for InvalidContract {}

type Read<T> = Result<T, InvalidContract>;

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
    pub fn from_text(text: &str) -> Result<Self, InvalidContract> {
        let text = text.trim();
        let whole = |takes| InvalidContract { field: String::new(), takes };
        if !text.starts_with('{') {
            return named(text).ok_or_else(|| whole(preset::NAMES));
        }
        let object = Object::read(text).ok_or_else(|| whole("the name of a preset, or one JSON object"))?;
        read(&Part { path: String::new(), object })
    }
}

/// The preset of this name.
fn named(name: &str) -> Option<Contract> {
    Contract::from_text(preset::text(name)?).ok()
}

/// One object of the text, and where it stands.
struct Part<'a> {
    path: String,
    object: Object<'a>,
}

impl<'a> Part<'a> {
    fn wrong(&self, name: &str, takes: &'static str) -> InvalidContract {
        InvalidContract { field: self.at(name), takes }
    }

    fn at(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { [&self.path, ".", name].concat() }
    }

    /// A misspelt name would otherwise change nothing, and nobody would know.
    fn knows_only(&self, names: &[&str], takes: &'static str) -> Read<()> {
        match self.object.names().find(|name| !names.contains(&name.as_str())) {
            Some(unknown) => Err(self.wrong(&unknown, takes)),
            None => Ok(()),
        }
    }

    /// The field, if it is there and `read` makes something of it. `null` is a value of its own.
    fn field<T>(
        &self,
        name: &str,
        takes: &'static str,
        read: impl FnOnce(Raw<'a>) -> Option<T>,
    ) -> Read<Option<T>> {
        match self.object.written(name) {
            None => Ok(None),
            Some(raw) => read(raw).map(Some).ok_or_else(|| self.wrong(name, takes)),
        }
    }

    fn text(&self, name: &str) -> Read<Option<Name>> {
        let text = |raw: Raw<'_>| raw.text().filter(|text| !text.is_empty()).map(Name::from);
        self.field(name, "a text", text)
    }

    fn part(&self, name: &str) -> Read<Option<Part<'a>>> {
        let object = self.field(name, "an object", Raw::object)?;
        Ok(object.map(|object| Part { path: self.at(name), object }))
    }

    /// Whether the field says that the server has nothing like it.
    fn is_null(&self, name: &str) -> bool {
        self.object.written(name).is_some_and(|raw| raw.get() == "null")
    }
}

fn read(part: &Part<'_>) -> Read<Contract> {
    const KNOWN: [&str; 15] = [
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
        "cookies",
    ];
    const KNOWN_TEXT: &str = "no such name; known are preset, client_id, login, refresh, logout, sessions, asks, fields, \
                              scheme, expired, login_refusals, refresh_refusals, logout_refusals, rotation and cookies";
    part.knows_only(&KNOWN, KNOWN_TEXT)?;
    let preset = |raw: Raw<'_>| named(&raw.text()?);
    let mut contract = part.field("preset", preset::NAMES, preset)?.unwrap_or_default();
    if let Some(login) = part.part("login")? {
        contract.login = endpoint(&login, Some(contract.login))?;
    }
    contract.refresh = optional_endpoint(part, "refresh", contract.refresh)?;
    if contract
        .refresh
        .as_ref()
        .is_some_and(|refresh| refresh.refresh_token.is_none() && refresh.access_token.is_none())
    {
        return Err(part.wrong("refresh.refresh_token", CARRIER));
    }
    contract.logout = optional_endpoint(part, "logout", contract.logout)?;
    if let Some(id) = part.text("client_id")? {
        let calls = [Some(&mut contract.login), contract.refresh.as_mut(), contract.logout.as_mut()];
        calls.into_iter().flatten().for_each(|call| call.fields.push(("client_id".into(), id.clone())));
    }
    if part.is_null("sessions") {
        contract.sessions = None;
    } else if let Some(path) = part.text("sessions")? {
        contract.sessions = Some(path);
    }
    if let Some(asks) = list(part, "asks", asked)? {
        contract.asks = asks;
    }
    if let Some(names) = part.part("fields")? {
        contract.fields = fields(&names, contract.fields)?;
    }
    if let Some(scheme) = part.text("scheme")? {
        contract.scheme = scheme;
    }
    if let Some(expired) = list(part, "expired", |part| matcher(part, &[]))? {
        contract.expired = expired;
    }
    for (name, rules) in [
        ("login_refusals", &mut contract.login_refusals),
        ("refresh_refusals", &mut contract.refresh_refusals),
        ("logout_refusals", &mut contract.logout_refusals),
    ] {
        // The text's rules come first, because the first that fits decides.
        let own = list(part, name, refusal)?.unwrap_or_default();
        rules.splice(0..0, own);
    }
    if let Some(rotation) = part.field("rotation", "unknown or never", |raw| match raw.text()?.as_str() {
        "unknown" => Some(Rotation::Unknown),
        "never" => Some(Rotation::Never),
        _ => None,
    })? {
        contract.rotation = rotation;
    }
    contract.cookies = part.field("cookies", "true or false", Raw::flag)?.unwrap_or(contract.cookies);
    Ok(contract)
}

fn optional_endpoint(part: &Part<'_>, name: &str, before: Option<Endpoint>) -> Read<Option<Endpoint>> {
    if part.is_null(name) {
        return Ok(None);
    }
    match part.part(name)? {
        None => Ok(before),
        Some(part) => endpoint(&part, before).map(Some),
    }
}

fn endpoint(part: &Part<'_>, before: Option<Endpoint>) -> Read<Endpoint> {
    const KNOWN: [&str; 7] =
        ["method", "path", "encoding", "fields", "headers", "refresh_token", "access_token"];
    const KNOWN_TEXT: &str =
        "no such name; known are method, path, encoding, fields, headers, refresh_token and access_token";
    const PATH: &str = "a path that begins with a slash";
    part.knows_only(&KNOWN, KNOWN_TEXT)?;
    let path = part.field("path", PATH, |raw| raw.text().filter(|path| path.starts_with('/')))?;
    let mut endpoint = match (before, path) {
        (Some(before), None) => before,
        (Some(before), Some(path)) => Endpoint { path: path.into(), ..before },
        (None, Some(path)) => Endpoint::post(path),
        (None, None) => return Err(part.wrong("path", PATH)),
    };
    let method = |raw: Raw<'_>| match raw.text()?.as_str() {
        "GET" => Some(Method::Get),
        "POST" => Some(Method::Post),
        "PUT" => Some(Method::Put),
        "PATCH" => Some(Method::Patch),
        "DELETE" => Some(Method::Delete),
        _ => None,
    };
    if let Some(method) = part.field("method", "GET, POST, PUT, PATCH or DELETE", method)? {
        endpoint.method = method;
    }
    let encoding = |raw: Raw<'_>| match raw.text()?.as_str() {
        "form" => Some(Encoding::Form),
        "json" => Some(Encoding::Json),
        "query" => Some(Encoding::Query),
        _ => None,
    };
    if let Some(encoding) = part.field("encoding", "form, json or query", encoding)? {
        endpoint.encoding = encoding;
    }
    if let Some(fields) = pairs(part, "fields")? {
        endpoint.fields = fields;
    }
    if let Some(headers) = pairs(part, "headers")? {
        if let Some((name, _)) = headers.iter().find(|(name, value)| !http::is_header(name, value)) {
            return Err(
                part.wrong(&["headers.", name].concat(), "a header's name, with a value of visible ASCII")
            );
        }
        endpoint.headers = headers;
    }
    for (name, carrier) in
        [("refresh_token", &mut endpoint.refresh_token), ("access_token", &mut endpoint.access_token)]
    {
        match part.field(name, CARRIER, read_carrier)? {
            None => {}
            Some(read) => *carrier = read,
        }
    }
    let no_body = endpoint.method == Method::Get && endpoint.encoding != Encoding::Query;
    // A login always has fields: the name and the password.
    match no_body && (part.path == "login" || endpoint.has_fields()) {
        true => Err(part.wrong("encoding", "query, because a GET has no body")),
        false => Ok(endpoint),
    }
}

const CARRIER: &str = "null, authorization, field: and a name, or header: and a name";

/// `authorization`, `field:refresh` or `header:X-Refresh-Token`; `null` if the token does not travel.
fn read_carrier(raw: Raw<'_>) -> Option<Option<Carrier>> {
    if raw.get() == "null" {
        return Some(None);
    }
    let text = raw.text()?;
    let named =
        |prefix: &str| text.strip_prefix(prefix).filter(|name| !name.is_empty()).map(|name| name.to_owned());
    let carrier = match text.as_str() {
        "authorization" => Carrier::Authorization,
        _ => match (named("field:"), named("header:")) {
            (Some(name), _) => Carrier::Field(name.into()),
            (None, Some(name)) => Carrier::Header(name.into()),
            (None, None) => return None,
        },
    };
    Some(Some(carrier))
}

/// An object of texts.
fn pairs(part: &Part<'_>, name: &str) -> Read<Option<Vec<(Name, Name)>>> {
    let Some(part) = part.part(name)? else { return Ok(None) };
    let names = part.object.names();
    names
        .map(|name| Ok((name.clone().into(), part.text(&name)?.unwrap_or_default())))
        .collect::<Read<_>>()
        .map(Some)
}

/// A field that the login asks for.
fn asked(part: &Part<'_>) -> Read<Asked> {
    const KNOWN: [&str; 4] = ["name", "label", "autocomplete", "optional"];
    part.knows_only(&KNOWN, "no such name; known are name, label, autocomplete and optional")?;
    let needed = |name| part.text(name)?.ok_or_else(|| part.wrong(name, "a text"));
    Ok(Asked {
        name: needed("name")?,
        label: needed("label")?,
        autocomplete: part.text("autocomplete")?.unwrap_or("off".into()),
        optional: part.field("optional", "true or false", Raw::flag)?.unwrap_or_default(),
    })
}

fn fields(part: &Part<'_>, mut fields: Fields) -> Read<Fields> {
    const KNOWN: [&str; 8] = [
        "username",
        "password",
        "access_token",
        "refresh_token",
        "token_type",
        "expires_in",
        "idempotent_refresh",
        "user",
    ];
    const KNOWN_TEXT: &str = "no such name; known are username, password, access_token, refresh_token, token_type, \
                              expires_in, idempotent_refresh and user";
    part.knows_only(&KNOWN, KNOWN_TEXT)?;
    for (name, field) in [
        ("username", &mut fields.username),
        ("password", &mut fields.password),
        ("access_token", &mut fields.access_token),
        ("refresh_token", &mut fields.refresh_token),
        ("token_type", &mut fields.token_type),
        ("expires_in", &mut fields.expires_in),
        ("idempotent_refresh", &mut fields.idempotent_refresh),
    ] {
        if let Some(text) = part.text(name)? {
            *field = text;
        }
    }
    if let Some(user) = part.text("user")? {
        fields.user = Some(user);
    }
    Ok(fields)
}

fn list<T>(part: &Part<'_>, name: &str, read: impl Fn(&Part<'_>) -> Read<T>) -> Read<Option<Vec<T>>> {
    const TAKES: &str = "a list of objects";
    let Some(values) = part.field(name, TAKES, Raw::list)? else { return Ok(None) };
    let read_one = |value: Raw<'_>| {
        let object = value.object().ok_or_else(|| part.wrong(name, TAKES))?;
        read(&Part { path: part.at(name), object })
    };
    values.into_iter().map(read_one).collect::<Read<_>>().map(Some)
}

fn refusal(part: &Part<'_>) -> Read<Refusal> {
    const MEANS: &str =
        "not_accepted, disabled, not_verified, locked, expired, revoked, trouble or misconfigured";
    let meaning = |raw: Raw<'_>| {
        Some(match raw.text()?.as_str() {
            "not_accepted" => Meaning::NotAccepted,
            "disabled" => Meaning::Disabled,
            "not_verified" => Meaning::NotVerified,
            "locked" => Meaning::Locked,
            "expired" => Meaning::Expired,
            "revoked" => Meaning::Revoked,
            "trouble" => Meaning::Trouble,
            "misconfigured" => Meaning::Misconfigured,
            _ => return None,
        })
    };
    let then = part.field("means", MEANS, meaning)?.ok_or_else(|| part.wrong("means", MEANS))?;
    Ok(Refusal::new(matcher(part, &["means"])?, then))
}

fn matcher(part: &Part<'_>, besides: &[&str]) -> Read<Matcher> {
    const KNOWN: [&str; 5] = ["status", "is", "is_not", "lacks", "says"];
    let known: Vec<&str> = KNOWN.into_iter().chain(besides.iter().copied()).collect();
    part.knows_only(
        &known,
        "no such name; known are status, is, is_not, lacks, says and, in a refusal, means",
    )?;
    let statuses = part.field("status", "a status, or a list of them", statuses)?.unwrap_or_default();
    let mut tests = Vec::new();
    if let Some(is) = part.part("is")? {
        for name in is.object.names() {
            tests.push(FieldTest::Is(name.clone().into(), texts(&is, &name)?));
        }
    }
    if let Some(is_not) = part.part("is_not")? {
        for name in is_not.object.names() {
            tests.push(FieldTest::IsNot(name.clone().into(), texts(&is_not, &name)?));
        }
    }
    if let Some(lacks) = part.text("lacks")? {
        tests.push(FieldTest::Lacks(lacks));
    }
    if part.object.raw("says").is_some() {
        tests.push(FieldTest::Says(texts(part, "says")?));
    }
    Ok(Matcher { statuses, tests })
}

fn statuses(raw: Raw<'_>) -> Option<Vec<u16>> {
    match raw.number() {
        Some(status) => Some(vec![status]),
        None => raw.list()?.into_iter().map(Raw::number).collect(),
    }
}

/// One text, or a list of them.
fn texts(part: &Part<'_>, name: &str) -> Read<Vec<Name>> {
    let read = |raw: Raw<'_>| match raw.text() {
        Some(text) => Some(vec![text.into()]),
        None => raw.list()?.into_iter().map(|raw| raw.text().map(Name::from)).collect(),
    };
    Ok(part.field(name, "a text, or a list of them", read)?.unwrap_or_default())
}

#[cfg(test)]
mod tests;
