//! Requests that carry a password or a refresh token, written as the contract says.

use super::contract::{Carrier, Contract, Encoding, Endpoint};
use super::error::Error;
use super::http::{CacheMode, HttpRequest};
use super::json::Writer;
use super::target::BaseUrl;
use super::token::RefreshToken;

/// The most bytes that are read of an answer to one of these requests, which has a few hundred.
const BODY_LIMIT: usize = 64 * 1024;

const FORM: &str = "application/x-www-form-urlencoded";
const JSON: &str = "application/json";

/// The login request. The password goes in byte for byte.
pub(crate) fn login(
    base: &BaseUrl,
    contract: &Contract,
    username: &str,
    password: &str,
) -> Result<HttpRequest, Error> {
    let names = &contract.fields;
    let (media_type, body) = match contract.login_encoding {
        Encoding::Form => {
            let pairs =
                [("grant_type", "password"), (&names.username, username), (&names.password, password)];
            (FORM, form(&pairs))
        }
        Encoding::Json => {
            let object = Writer::new().text(&names.username, username).text(&names.password, password);
            (JSON, object.finish())
        }
    };
    call(base, &contract.login, ("content-type", media_type.to_owned()), Some(body))
}

/// A call that carries a refresh token: the refresh itself, or the logout.
pub(crate) fn carrying(
    base: &BaseUrl,
    contract: &Contract,
    endpoint: &Endpoint,
    token: &RefreshToken,
) -> Result<HttpRequest, Error> {
    let token = token.reveal();
    let content = |media_type: &str| ("content-type", media_type.to_owned());
    let (header, body) = match &contract.refresh_carrier {
        Carrier::Json(name) => (content(JSON), Some(Writer::new().text(name, token).finish())),
        Carrier::Form(name) => (content(FORM), Some(form(&[("grant_type", "refresh_token"), (name, token)]))),
        Carrier::Bearer => (("authorization", ["Bearer ", token].concat()), None),
    };
    call(base, endpoint, header, body)
}

/// The header that carries an attempt's key.
pub(crate) const IDEMPOTENCY_KEY: &str = "idempotency-key";

/// A question to the refresh endpoint that carries no token.
pub(crate) fn probe(base: &BaseUrl, contract: &Contract, endpoint: &Endpoint) -> Result<HttpRequest, Error> {
    let (media_type, body) = match &contract.refresh_carrier {
        Carrier::Form(_) => (FORM, String::new()),
        Carrier::Json(_) | Carrier::Bearer => (JSON, Writer::new().finish()),
    };
    call(base, endpoint, ("content-type", media_type.to_owned()), Some(body))
}

fn call(
    base: &BaseUrl,
    endpoint: &Endpoint,
    header: (&'static str, String),
    body: Option<String>,
) -> Result<HttpRequest, Error> {
    Ok(HttpRequest {
        method: endpoint.method,
        url: base.resolve(&endpoint.path)?,
        headers: vec![header, ("accept", JSON.to_owned())],
        body: body.map(String::into_bytes),
        outlives_page: false,
        body_limit: BODY_LIMIT,
        cache: CacheMode::NoStore,
    })
}

fn form(pairs: &[(&str, &str)]) -> String {
    form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_sent_byte_for_byte() {
        let base = "http://localhost:8000".parse().unwrap();
        let secret = " p+&%= \u{96fb}\u{6c60}\u{0}\t ";
        let request = login(&base, &Contract::default(), "ann@example.org", secret).unwrap();
        let pairs: Vec<_> = form_urlencoded::parse(request.body.as_deref().unwrap()).into_owned().collect();
        assert_eq!(pairs[1], ("username".into(), "ann@example.org".into()));
        assert_eq!(pairs[2], ("password".into(), secret.into()));
        let contract = Contract { login_encoding: Encoding::Json, ..Contract::default() };
        let request = login(&base, &contract, "ann", secret).unwrap();
        let sent: serde_json::Value = serde_json::from_slice(request.body.as_deref().unwrap()).unwrap();
        assert_eq!(sent["password"], secret);
    }
}
