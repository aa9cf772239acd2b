//! The tokens that an answer brings, by the contract's names (RFC 6749 §5.1).

use super::contract::{Contract, Place};
use super::error::Error;
use super::http::{Answer, Text};
use super::json::{Object, Raw};
use super::refusal::at;
use super::token::{AccessToken, RefreshToken, Tokens, identifier, seconds};

/// What an answer to a login or a refresh gave.
#[derive(Debug)]
pub(crate) struct Grant {
    pub(crate) access: AccessToken,
    pub(crate) refresh: Option<RefreshToken>,
    /// The access token's lifetime in seconds: `expires_in`, else what the token says of itself, else unknown.
    pub(crate) lifetime: Option<u64>,
    /// Whether the answer announces idempotent rotation.
    pub(crate) idempotent: bool,
    /// The name of the session whose cookie the answer is about.
    cookie: Option<String>,
    /// The user's identifier in the field that the contract names.
    named: Option<String>,
    /// The access token's `sub`.
    subject: Option<String>,
}

impl Grant {
    /// Reads an answer. One that is no success gives the error of its status. One without an access token gives
    /// [`Error::Unintelligible`]. A token that no request can carry, or that needs more than a bearer header, gives
    /// [`Error::UnusableToken`]. A refresh token that script can read, where it ought to be in a cookie, gives
    /// [`Error::NoRefreshCookie`].
    pub(crate) fn read(answer: &Answer, contract: &Contract, place: Place) -> Result<Self, Error> {
        if !answer.is_success() {
            return Err(Error::from_token_answer(answer));
        }
        let text = answer.text();
        let given = Given { answer, object: Object::read(&text), contract, place };
        let names = &contract.fields;
        let access = given.access_token().ok_or(Error::Unintelligible)?;
        let kind = given.text(&names.token_type).unwrap_or_default();
        let bound = BOUND.iter().any(|bound| kind.eq_ignore_ascii_case(bound));
        let access = AccessToken::parse(&access).filter(|_| !bound).ok_or(Error::UnusableToken)?;
        let refresh = match given.refresh_token() {
            Some(token) => Some(token.ok_or(Error::UnusableToken)?),
            None => None,
        };
        if place == Place::Cookie && refresh.as_ref().is_some_and(|token| !token.is_in_cookie()) {
            return Err(Error::NoRefreshCookie);
        }
        let claims = access.claims();
        let announced = given.raw(&names.expires_in).and_then(seconds);
        // A lifetime of zero counts as unknown, because a refresh before each request would never end.
        let lifetime = announced.or(claims.lifetime).filter(|seconds| *seconds > 0);
        let idempotent = given.raw(&names.idempotent_refresh).and_then(Raw::flag) == Some(true);
        let named = names.user.as_ref().and_then(|name| given.raw(name)).and_then(identifier);
        let cookie = given.cookie();
        Ok(Self { access, refresh, lifetime, idempotent, cookie, named, subject: claims.subject })
    }

    /// The user's identifier: the field that the contract names, else the access token's `sub`. `sub` comes first where one
    /// cookie serves all sessions, because each answer to a refresh has it.
    pub(crate) fn user(&self, contract: &Contract) -> Option<&str> {
        let (named, subject) = (self.named.as_deref(), self.subject.as_deref());
        match contract.has_one_cookie() {
            true => subject.or(named),
            false => named.or(subject),
        }
    }

    /// Whether it names another session than the one whose cookie `sent` is about.
    pub(crate) fn is_of_another_cookie(&self, sent: &RefreshToken) -> bool {
        let sent = sent.handle().and_then(|mut handle| handle.next());
        sent.zip(self.cookie.as_deref()).is_some_and(|(sent, got)| sent != got)
    }
}

/// What an answer gives by the contract's names: paths of its JSON object's fields, or `header:` and a header's name.
struct Given<'a> {
    answer: &'a Answer,
    object: Option<Object<'a>>,
    contract: &'a Contract,
    place: Place,
}

impl<'a> Given<'a> {
    fn raw(&self, path: &str) -> Option<Raw<'a>> {
        at(self.object.as_ref()?, path)
    }

    /// A text. `null` and an empty text count as absent, because servers without rotation send these.
    fn text(&self, name: &str) -> Option<String> {
        let text = match name.strip_prefix("header:") {
            Some(header) => self.answer.header(header)?,
            None => self.raw(name)?.text()?,
        };
        Some(text).filter(|text| !text.is_empty())
    }

    /// A token, without the scheme word that a header may have before it.
    fn token(&self, name: &str) -> Option<String> {
        Some(self.contract.without_scheme(&self.text(name)?).to_owned())
    }

    fn access_token(&self) -> Option<String> {
        self.token(&self.contract.fields.access_token)
    }

    /// The fields that name a session's cookie, where tokens are in cookies. Elsewhere such fields may mean anything.
    fn handle_names(&self) -> &'a [Text] {
        let cookie = self.contract.refresh_cookie.as_ref().filter(|_| self.place == Place::Cookie);
        cookie.map_or(&[], |cookie| &cookie.handle)
    }

    /// The name of the session whose cookie the answer is about.
    fn cookie(&self) -> Option<String> {
        self.handle_value(self.handle_names().first()?)
    }

    /// A text, or a whole number, because some servers number their sessions.
    fn handle_value(&self, name: &str) -> Option<String> {
        identifier(self.raw(name)?)
    }

    /// The refresh token, if there is one: `Some(None)` if it cannot be used.
    fn refresh_token(&self) -> Option<Option<RefreshToken>> {
        let text = match self.contract.renews_with_access() {
            true => self.access_token(),
            false => self.token(&self.contract.fields.refresh_token),
        };
        if let Some(text) = text {
            return Some(RefreshToken::parse(&text));
        }
        let names = self.handle_names();
        let handle: Vec<_> = names.iter().map_while(|name| self.handle_value(name)).collect();
        (!names.is_empty() && handle.len() == names.len()).then(|| RefreshToken::in_cookie(&handle))
    }
}

/// Types of tokens that prove more than possession (RFC 9449, RFC 6749 §7.1). A header alone does not do for them. Every
/// other type is taken as `bearer`, because servers write `BearerToken` or `JWT`.
const BOUND: [&str; 3] = ["DPoP", "mac", "pop"];

/// The tokens in a success that is of no other use.
pub(crate) fn tokens_of(answer: &Answer, contract: &Contract, place: Place) -> Tokens {
    if !answer.is_success() {
        return Tokens::default();
    }
    let text = answer.text();
    let given = Given { answer, object: Object::read(&text), contract, place };
    Tokens {
        refresh: given.refresh_token().flatten(),
        access: given.access_token().and_then(|text| AccessToken::parse(&text)),
    }
}

/// Whether an answer has a refresh token, of whatever text.
pub(crate) fn has_refresh_token(answer: &Answer, contract: &Contract, place: Place) -> bool {
    let text = answer.text();
    Given { answer, object: Object::read(&text), contract, place }.refresh_token().is_some()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::clock::Instant;
    use crate::wire::contract::{Carrier, Endpoint, Fields};

    const BODY: Place = Place::Body;

    fn answer(body: &str) -> Answer {
        let received = Instant { monotonic: 0, wall: 0 };
        Answer { status: 200, headers: Vec::new().into(), body: body.into(), received }
    }

    fn read(body: &str) -> Result<Grant, Error> {
        Grant::read(&answer(body), &Contract::default(), BODY)
    }

    #[test]
    fn a_grant_is_read_by_the_contracts_names() {
        let grant =
            read(r#"{"access_token":"a.b.c","refresh_token":"r","token_type":"Bearer","expires_in":900}"#);
        let grant = grant.unwrap();
        assert_eq!((grant.access.reveal(), grant.lifetime), ("a.b.c", Some(900)));
        assert_eq!(grant.refresh.unwrap().reveal(), "r");
        let null =
            read(r#"{"access_token":"a","refresh_token":null,"token_type":null,"expires_in":"x"}"#).unwrap();
        assert!(null.refresh.is_none() && null.lifetime.is_none());
    }

    #[test]
    fn what_is_no_grant_stores_nothing() {
        for body in [
            "",
            "{}",
            "[]",
            "null",
            "<html></html>",
            r#"{"access_token":"a""#,
            r#"{"access_token":""}"#,
            r#"{"access_token":1}"#,
            r#"{"access_token":null}"#,
            r#"{"data":{"access_token":"a"}}"#,
        ] {
            assert_eq!(read(body).err(), Some(Error::Unintelligible), "{body}");
        }
        let long = format!(r#"{{"access_token":"{}"}}"#, "a".repeat(65_537));
        for body in [
            r#"{"access_token":"a b"}"#,
            r#"{"access_token":"a","refresh_token":"b\n"}"#,
            r#"{"access_token":"a","token_type":"DPoP"}"#,
            r#"{"access_token":"a","token_type":"MAC"}"#,
            long.as_str(),
        ] {
            assert_eq!(read(body).err(), Some(Error::UnusableToken), "{body}");
        }
    }

    #[test]
    fn what_is_empty_or_of_another_type_is_absent() {
        for body in [
            r#"{"access_token":"a","refresh_token":"","token_type":""}"#,
            r#"{"access_token":"a","refresh_token":null,"token_type":null}"#,
            r#"{"access_token":"a","refresh_token":{},"token_type":7}"#,
            r#"{"access_token":"a","token_type":"BearerToken"}"#,
            r#"{"access_token":"a","token_type":"JWT"}"#,
        ] {
            assert!(read(body).unwrap().refresh.is_none(), "{body}");
        }
    }

    #[test]
    fn tokens_are_found_within_fields_and_in_headers() {
        let named = |access: &'static str, refresh: &'static str| Contract {
            fields: Fields {
                access_token: access.into(),
                refresh_token: refresh.into(),
                ..Fields::default()
            },
            ..Contract::default()
        };
        let nested = answer(r#"{"data":{"tokens":{"access":"a","refresh":"r"}}}"#);
        let grant = Grant::read(&nested, &named("data.tokens.access", "data.tokens.refresh"), BODY).unwrap();
        assert_eq!((grant.access.reveal(), grant.refresh.unwrap().reveal()), ("a", "r"));
        for (name, value, access) in [
            ("Authorization", "Bearer a.b", "a.b"),
            ("authorization", "bearer a.b", "a.b"),
            ("X-Token", "a.b", "a.b"),
        ] {
            for body in ["", "null", r#"{"refresh":"r"}"#] {
                let headers = vec![(name.to_ascii_lowercase(), value.to_owned())].into();
                let answer = Answer { headers, ..answer(body) };
                let contract = named(
                    if name == "X-Token" { "header:X-Token" } else { "header:authorization" },
                    "refresh",
                );
                let grant = Grant::read(&answer, &contract, BODY).unwrap();
                assert_eq!(grant.access.reveal(), access, "{name} {body}");
                assert_eq!(grant.refresh.is_some(), body.contains("refresh"));
                assert_eq!(tokens_of(&answer, &contract, BODY).access, Some(grant.access));
            }
        }
    }

    #[test]
    fn a_refresh_token_in_a_header_goes_without_its_scheme() {
        let fields = Fields { refresh_token: "header:X-Refresh".into(), ..Fields::default() };
        let contract = Contract { fields, ..Contract::default() };
        let headers = vec![("x-refresh".to_owned(), "Bearer r.s".to_owned())].into();
        let answer = Answer { headers, ..answer(r#"{"access_token":"a"}"#) };
        let grant = Grant::read(&answer, &contract, BODY).unwrap();
        assert_eq!(grant.refresh.unwrap().reveal(), "r.s");
        assert_eq!(tokens_of(&answer, &contract, BODY).refresh.unwrap().reveal(), "r.s");
    }

    #[test]
    fn an_access_token_that_is_renewed_with_itself_is_both_tokens() {
        let refresh = Endpoint::post("/renew").access_token(Carrier::Authorization);
        let contract = Contract { refresh: Some(refresh), ..Contract::default() };
        let answer = answer(r#"{"access_token":"a","refresh_token":"r"}"#);
        let grant = Grant::read(&answer, &contract, BODY).unwrap();
        assert_eq!((grant.access.reveal(), grant.refresh.unwrap().reveal()), ("a", "a"));
        assert!(has_refresh_token(&answer, &contract, BODY));
        assert!(!has_refresh_token(&self::answer(r#"{"refresh_token":"r"}"#), &contract, BODY));
    }
}
