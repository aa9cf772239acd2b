//! A contract as JSON text: a preset's name, or an object that says what differs from a preset.

use std::borrow::Cow;
use std::cell::OnceCell;
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
    pub takes: Cow<'static, str>,
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
        let whole = |takes: &'static str| InvalidContract { field: String::new(), takes: takes.into() };
        if !text.starts_with('{') {
            return named(text).ok_or_else(|| whole(preset::NAMES));
        }
        let object = Object::read(text).ok_or_else(|| whole("the name of a preset, or one JSON object"))?;
        let mistake = OnceCell::new();
        let contract = read(&Part { path: String::new(), object, mistake: &mistake });
        mistake.into_inner().map_or(Ok(contract), Err)
    }
}

/// The preset of this name.
fn named(name: &str) -> Option<Contract> {
    Contract::from_text(preset::text(name)?).ok()
}

/// One object of the text, and where it stands. Reading goes on after a mistake, and the first one is kept.
struct Part<'a> {
    path: String,
    object: Object<'a>,
    mistake: &'a OnceCell<InvalidContract>,
}

impl<'a> Part<'a> {
    fn wrong(&self, name: &str, takes: impl Into<Cow<'static, str>>) {
        let mistake = InvalidContract { field: self.at(name), takes: takes.into() };
        let _earlier = self.mistake.set(mistake);
    }

    fn at(&self, name: &str) -> String {
        if self.path.is_empty() { name.to_owned() } else { [&self.path, ".", name].concat() }
    }

    /// A misspelt name would otherwise change nothing, and nobody would know.
    fn knows_only(&self, known: &[&str]) {
        if let Some(unknown) = self.object.names().find(|name| !known.contains(&name.as_str())) {
            self.wrong(&unknown, ["no such name; known are ", &listed(known, " and ")].concat());
        }
    }

    /// The field, if it is there and `read` makes something of it. `null` is a value of its own.
    fn field<T>(
        &self,
        name: &str,
        takes: &'static str,
        read: impl FnOnce(Raw<'a>) -> Option<T>,
    ) -> Option<T> {
        let read = read(self.object.written(name)?);
        if read.is_none() {
            self.wrong(name, takes);
        }
        read
    }

    /// What the field's word means.
    fn word<T: Copy>(&self, name: &str, words: &[(&str, T)]) -> Option<T> {
        let written = self.object.written(name)?.text();
        let found = words.iter().find(|(word, _)| written.as_deref() == Some(*word));
        if found.is_none() {
            let words: Vec<_> = words.iter().map(|(word, _)| *word).collect();
            self.wrong(name, listed(&words, " or "));
        }
        found.map(|(_, meaning)| *meaning)
    }

    fn text(&self, name: &str) -> Option<Name> {
        self.field(name, "a text", |raw| raw.text().filter(|text| !text.is_empty())).map(Name::from)
    }

    fn set(&self, name: &str, value: &mut Name) {
        if let Some(text) = self.text(name) {
            *value = text;
        }
    }

    fn part(&self, name: &str) -> Option<Part<'a>> {
        let object = self.field(name, "an object", Raw::object)?;
        Some(Part { path: self.at(name), object, mistake: self.mistake })
    }

    /// The objects of a list.
    fn parts(&self, name: &str) -> Option<Vec<Part<'a>>> {
        let objects = |raw: Raw<'a>| raw.list()?.into_iter().map(Raw::object).collect::<Option<Vec<_>>>();
        let objects = self.field(name, "a list of objects", objects)?;
        let part = |object| Part { path: self.at(name), object, mistake: self.mistake };
        Some(objects.into_iter().map(part).collect())
    }

    /// One text, or a list of them.
    fn texts(&self, name: &str) -> Vec<Name> {
        let texts = |raw: Raw<'_>| match raw.text() {
            Some(text) => Some(vec![text.into()]),
            None => raw.list()?.into_iter().map(|raw| raw.text().map(Name::from)).collect(),
        };
        self.field(name, "a text, or a list of them", texts).unwrap_or_default()
    }

    /// Whether the field says that the server has nothing like it.
    fn is_null(&self, name: &str) -> bool {
        self.object.written(name).is_some_and(|raw| raw.get() == "null")
    }
}

/// `a, b or c`
fn listed(words: &[&str], last: &str) -> String {
    match words.split_last() {
        Some((end, rest)) if !rest.is_empty() => [&rest.join(", "), last, end].concat(),
        _ => words.concat(),
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
        "cookies",
    ]);
    let preset = |raw: Raw<'_>| named(&raw.text()?);
    let mut contract = part.field("preset", preset::NAMES, preset).unwrap_or_default();
    if let Some(login) = part.part("login") {
        change(&mut contract.login, &login);
    }
    change_optional(&mut contract.refresh, part, "refresh");
    change_optional(&mut contract.logout, part, "logout");
    if contract
        .refresh
        .as_ref()
        .is_some_and(|call| call.refresh_token.is_none() && call.access_token.is_none())
    {
        part.wrong("refresh.refresh_token", CARRIER);
    }
    if let Some(id) = part.text("client_id") {
        let calls = [Some(&mut contract.login), contract.refresh.as_mut(), contract.logout.as_mut()];
        calls.into_iter().flatten().for_each(|call| call.fields.push(("client_id".into(), id.clone())));
    }
    if part.is_null("sessions") {
        contract.sessions = None;
    } else if let Some(path) = part.text("sessions") {
        contract.sessions = Some(path);
    }
    if let Some(asks) = part.parts("asks") {
        contract.asks = asks.iter().map(asked).collect();
    }
    if let Some(names) = part.part("fields") {
        change_names(&mut contract.fields, &names);
    }
    part.set("scheme", &mut contract.scheme);
    if let Some(expired) = part.parts("expired") {
        contract.expired = expired.iter().map(|part| matcher(part, &[])).collect();
    }
    for (name, rules) in [
        ("login_refusals", &mut contract.login_refusals),
        ("refresh_refusals", &mut contract.refresh_refusals),
        ("logout_refusals", &mut contract.logout_refusals),
    ] {
        // The text's rules come first, because the first that fits decides.
        let own = part.parts(name).unwrap_or_default();
        rules.splice(0..0, own.iter().filter_map(refusal));
    }
    let rotation = part.word("rotation", &[("unknown", Rotation::Unknown), ("never", Rotation::Never)]);
    contract.rotation = rotation.unwrap_or(contract.rotation);
    contract.cookies = part.field("cookies", "true or false", Raw::flag).unwrap_or(contract.cookies);
    contract
}

fn change_optional(call: &mut Option<Endpoint>, part: &Part<'_>, name: &str) {
    if part.is_null(name) {
        *call = None;
    } else if let Some(part) = part.part(name) {
        change(call.get_or_insert_with(|| Endpoint::post("")), &part);
    }
}

const CARRIER: &str = "null, authorization, field: and a name, or header: and a name";

fn change(call: &mut Endpoint, part: &Part<'_>) {
    part.knows_only(&["method", "path", "encoding", "fields", "headers", "refresh_token", "access_token"]);
    part.set("path", &mut call.path);
    if !call.path.starts_with('/') {
        part.wrong("path", "a path that begins with a slash");
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
    if let Some(fields) = part.part("fields") {
        call.fields = pairs(&fields);
    }
    if let Some(headers) = part.part("headers") {
        call.headers = pairs(&headers);
        if let Some((name, _)) = call.headers.iter().find(|(name, value)| !http::is_header(name, value)) {
            headers.wrong(name, "a header's name, with a value of visible ASCII");
        }
    }
    for (name, way) in [("refresh_token", &mut call.refresh_token), ("access_token", &mut call.access_token)]
    {
        if let Some(carrier) = part.field(name, CARRIER, carrier) {
            *way = carrier;
        }
    }
    // A login always has fields: the name and the password.
    let has_fields = part.path == "login" || call.has_fields();
    if has_fields && call.method == Method::Get && call.encoding != Encoding::Query {
        part.wrong("encoding", "query, because a GET has no body");
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
    let name: Name = name.to_owned().into();
    match kind {
        "field" => Some(Some(Carrier::Field(name))),
        "header" => Some(Some(Carrier::Header(name))),
        _ => None,
    }
}

/// An object of texts.
fn pairs(part: &Part<'_>) -> Vec<(Name, Name)> {
    let pair = |name: String| Some((Name::from(name.clone()), part.text(&name)?));
    part.object.names().filter_map(pair).collect()
}

/// A field that the login asks for.
fn asked(part: &Part<'_>) -> Asked {
    part.knows_only(&["name", "label", "autocomplete", "optional"]);
    let needed = |name| {
        part.text(name).unwrap_or_else(|| {
            part.wrong(name, "a text");
            Name::default()
        })
    };
    Asked {
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
}

fn refusal(part: &Part<'_>) -> Option<Refusal> {
    let meanings = [
        ("not_accepted", Meaning::NotAccepted),
        ("disabled", Meaning::Disabled),
        ("not_verified", Meaning::NotVerified),
        ("locked", Meaning::Locked),
        ("expired", Meaning::Expired),
        ("revoked", Meaning::Revoked),
        ("trouble", Meaning::Trouble),
        ("misconfigured", Meaning::Misconfigured),
    ];
    let then = part.word("means", &meanings);
    if then.is_none() {
        part.wrong("means", listed(&meanings.map(|(word, _)| word), " or "));
    }
    Some(Refusal::new(matcher(part, &["means"]), then?))
}

fn matcher(part: &Part<'_>, besides: &[&str]) -> Matcher {
    part.knows_only(&[&["status", "is", "is_not", "lacks", "says"], besides].concat());
    let statuses = part.field("status", "a status, or a list of them", statuses).unwrap_or_default();
    let mut tests = Vec::new();
    type Test = fn(Name, Vec<Name>) -> FieldTest;
    for (name, test) in [("is", FieldTest::Is as Test), ("is_not", FieldTest::IsNot)] {
        let Some(part) = part.part(name) else { continue };
        tests.extend(part.object.names().map(|name| test(name.clone().into(), part.texts(&name))));
    }
    tests.extend(part.text("lacks").map(FieldTest::Lacks));
    if part.object.written("says").is_some() {
        tests.push(FieldTest::Says(part.texts("says")));
    }
    Matcher { statuses, tests }
}

fn statuses(raw: Raw<'_>) -> Option<Vec<u16>> {
    match raw.number() {
        Some(status) => Some(vec![status]),
        None => raw.list()?.into_iter().map(Raw::number).collect(),
    }
}

#[cfg(test)]
mod tests;
