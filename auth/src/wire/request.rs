//! Requests that carry a password or a refresh token, written as the contract says.

use super::contract::{Carrier, Contract, Encoding, Endpoint, Place};
use super::error::Error;
use super::http::{CacheMode, HttpRequest, Text};
use super::json::Writer;
use super::target::BaseUrl;
use super::token::{AccessToken, RefreshToken, Tokens};

/// The most bytes that are read of an answer to one of these requests. It has a few hundred, and room for tokens that are
/// too long to be used.
const BODY_LIMIT: usize = 1024 * 1024;

const FORM: &str = "application/x-www-form-urlencoded";
const JSON: &str = "application/json";

/// The login request. The password goes in byte for byte. `asked` has a value for each of [`Contract::asks`].
pub(crate) fn login(
    base: &BaseUrl,
    contract: &Contract,
    place: Place,
    username: &str,
    password: &str,
    asked: &[String],
) -> Result<HttpRequest, Error> {
    let names = &contract.fields;
    let asked = contract.asks.iter().zip(asked).map(|(field, value)| (&*field.name, value.as_str()));
    let asked = asked.filter(|(_, value)| !value.is_empty());
    let given = [(&*names.username, username), (&*names.password, password)].into_iter().chain(asked);
    let cookie = contract.refresh_cookie.iter().filter(|_| place == Place::Cookie);
    let given =
        given.chain(cookie.flat_map(|cookie| cookie.fields.iter().map(|(name, value)| (&**name, &**value))));
    let request = call(base, &contract.login, given.collect(), Vec::new())?;
    Ok(if place == Place::Cookie { with_cookie(request, contract) } else { request })
}

/// Lets a request carry and bring the refresh cookie.
fn with_cookie(mut request: HttpRequest, contract: &Contract) -> HttpRequest {
    if let Some(cookie) = &contract.refresh_cookie {
        request.headers.extend(cookie.headers.iter().map(|(name, value)| (name.clone(), value.to_string())));
        request.cookies = true;
    }
    request
}

/// A call that carries tokens: the refresh itself, or the logout. Without a token that it needs it is
/// [`Error::NotSignedIn`].
pub(crate) fn carrying(
    base: &BaseUrl,
    contract: &Contract,
    endpoint: &Endpoint,
    tokens: &Tokens,
) -> Result<HttpRequest, Error> {
    let is_in_cookie = tokens.refresh.as_ref().is_some_and(RefreshToken::is_in_cookie);
    let refresh = tokens.refresh.as_ref().map(RefreshToken::reveal);
    let access = tokens.access.as_ref().map(AccessToken::reveal);
    // A session that is renewed with its access token has one token for both.
    let access = refresh.filter(|_| contract.renews_with_access()).or(access);
    let (mut given, mut headers) = (Vec::new(), Vec::new());
    for (carrier, token) in [(&endpoint.refresh_token, refresh), (&endpoint.access_token, access)] {
        let Some(carrier) = carrier else { continue };
        let token = token.ok_or(Error::NotSignedIn)?;
        match carrier {
            // The cookie carries it. Its handle goes into the call's fields.
            _ if is_in_cookie && Some(carrier) == endpoint.refresh_token.as_ref() => {
                let names = contract.refresh_cookie.iter().flat_map(|cookie| &cookie.handle);
                let values = tokens.refresh.as_ref().and_then(RefreshToken::handle);
                given.extend(names.map(|name| &**name).zip(values.into_iter().flatten()));
            }
            Carrier::Field(name) => given.push((&**name, token)),
            Carrier::Header(name) => headers.push((name.clone(), token.to_owned())),
            Carrier::Authorization => headers.push(authorization(&contract.scheme, token)),
        }
    }
    let request = call(base, endpoint, given, headers)?;
    if !is_in_cookie {
        return Ok(request);
    }
    Ok(with_echo(request, contract))
}

/// Lets a request carry the refresh cookie, and repeat the readable one in its header.
fn with_echo(request: HttpRequest, contract: &Contract) -> HttpRequest {
    let echo = contract.refresh_cookie.as_ref().and_then(|cookie| cookie.echo.clone());
    HttpRequest { echo, ..with_cookie(request, contract) }
}

/// A call that the cookie of all sessions alone stands for.
pub(crate) fn by_cookie(
    base: &BaseUrl,
    contract: &Contract,
    endpoint: &Endpoint,
) -> Result<HttpRequest, Error> {
    Ok(with_echo(call(base, endpoint, Vec::new(), Vec::new())?, contract))
}

/// A question to the refresh endpoint that carries no token.
pub(crate) fn probe(base: &BaseUrl, endpoint: &Endpoint) -> Result<HttpRequest, Error> {
    let request = call(base, endpoint, Vec::new(), Vec::new())?;
    if request.body.is_some() || endpoint.encoding == Encoding::Query {
        return Ok(request);
    }
    // The browser asks the server for the same permission as at a refresh, because the media type is the same.
    let (media_type, body) = written(endpoint.encoding, &[]);
    let mut headers = request.headers;
    headers.push(("content-type".into(), media_type.to_owned()));
    Ok(HttpRequest { headers, body: Some(body.into_bytes()), ..request })
}

/// `Authorization` with a token (RFC 9110 §11.6.2).
pub(crate) fn authorization(scheme: &str, token: &str) -> (Text, String) {
    ("authorization".into(), [scheme, " ", token].concat())
}

fn call(
    base: &BaseUrl,
    endpoint: &Endpoint,
    given: Vec<(&str, &str)>,
    mut headers: Vec<(Text, String)>,
) -> Result<HttpRequest, Error> {
    headers.extend(endpoint.headers.iter().map(|(name, value)| (name.clone(), value.clone().into_owned())));
    headers.push(("accept".into(), JSON.to_owned()));
    let fixed = endpoint.fields.iter().map(|(name, value)| (&**name, &**value));
    let pairs: Vec<_> = fixed.chain(given).collect();
    let (mut url, mut body) = (base.resolve(&endpoint.path)?, None);
    match endpoint.encoding {
        _ if pairs.is_empty() => {}
        Encoding::Query => {
            let joint = if url.contains('?') { "&" } else { "?" };
            url.push_str(&[joint, &form(&pairs)].concat());
        }
        encoding => {
            let (media_type, text) = written(encoding, &pairs);
            headers.push(("content-type".into(), media_type.to_owned()));
            body = Some(text.into_bytes());
        }
    }
    Ok(HttpRequest {
        method: endpoint.method,
        url,
        headers,
        body,
        outlives_page: false,
        body_limit: BODY_LIMIT,
        cache: CacheMode::NoStore,
        cookies: false,
        echo: None,
    })
}

fn written(encoding: Encoding, pairs: &[(&str, &str)]) -> (&'static str, String) {
    match encoding {
        Encoding::Json => {
            let object = pairs.iter().fold(Writer::new(), |object, (name, value)| object.text(name, value));
            (JSON, object.finish())
        }
        Encoding::Form | Encoding::Query => (FORM, form(pairs)),
    }
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
        let request =
            login(&base, &Contract::default(), Place::Body, "ann@example.org", secret, &[]).unwrap();
        let pairs: Vec<_> = form_urlencoded::parse(request.body.as_deref().unwrap()).into_owned().collect();
        assert_eq!(pairs[1], ("username".into(), "ann@example.org".into()));
        assert_eq!(pairs[2], ("password".into(), secret.into()));
        let contract = Contract { login: Endpoint::post("/token").json(), ..Contract::default() };
        let request = login(&base, &contract, Place::Body, "ann", secret, &[]).unwrap();
        let sent: serde_json::Value = serde_json::from_slice(request.body.as_deref().unwrap()).unwrap();
        assert_eq!(sent["password"], secret);
    }

    #[test]
    fn an_endpoint_may_take_its_fields_in_the_query() {
        let base = "http://localhost:8000".parse().unwrap();
        let contract = Contract::default();
        let url = |path: &'static str| {
            let endpoint = Endpoint::post(path).query().refresh_token(Carrier::Field("token".into()));
            let tokens = RefreshToken::parse("a&b").unwrap().into();
            let request = carrying(&base, &contract, &endpoint, &tokens).unwrap();
            assert_eq!(request.body, None);
            request.url
        };
        assert_eq!(url("/refresh"), "http://localhost:8000/refresh?token=a%26b");
        assert_eq!(url("/refresh?v=1"), "http://localhost:8000/refresh?v=1&token=a%26b");
    }

    #[test]
    fn a_question_without_a_token_has_the_media_type_of_a_refresh() {
        let base = "http://localhost:8000".parse().unwrap();
        let endpoint = Endpoint::post("/refresh").json();
        let asked = probe(&base, &endpoint).unwrap();
        assert_eq!(asked.body.as_deref(), Some(&b"{}"[..]));
        assert!(asked.headers.contains(&("content-type".into(), "application/json".to_owned())));
        let with_field = probe(&base, &endpoint.field("scope", "all")).unwrap();
        assert_eq!(with_field.body.as_deref(), Some(&br#"{"scope":"all"}"#[..]));
        assert_eq!(probe(&base, &Endpoint::post("/refresh").query()).unwrap().body, None);
    }

    #[test]
    fn a_call_by_cookie_repeats_the_readable_one() {
        let base = "http://localhost:8000".parse().unwrap();
        let echo = ("csrf".into(), "x-csrf".into());
        let cookie = crate::RefreshCookie { echo: Some(echo), ..Contract::default().refresh_cookie.unwrap() };
        let contract = Contract { refresh_cookie: Some(cookie), ..Contract::default() };
        let request = by_cookie(&base, &contract, &Endpoint::post("/refresh")).unwrap();
        assert!(request.cookies && request.echo.is_some());
    }
}
