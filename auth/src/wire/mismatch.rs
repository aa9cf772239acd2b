//! Where the contract and a login's answer do not fit, in a line for whoever sets up the page.

use super::contract::{Contract, Encoding, Place};
use super::error::Error;
use super::grant::{Grant, has_refresh_token};
use super::http::Answer;
use super::json::{Object, Raw};

/// What the contract names and the answer to a login lacks, or what the server did not take. It has names and no
/// values, because values are secret.
pub(crate) fn login_mismatch(
    answer: &Answer,
    contract: &Contract,
    place: Place,
    outcome: Result<&Grant, &Error>,
) -> Option<String> {
    let fields = &contract.fields;
    let cookie = contract.refresh_cookie.as_ref().filter(|_| place == Place::Cookie);
    // No script sees whether that cookie came.
    let has_one_cookie = cookie.is_some() && contract.has_one_cookie();
    match outcome {
        Err(Error::Unintelligible) => {
            let wrong = lacks(answer, &fields.access_token, "");
            Some(wrong + " Let auth-contract name the token in fields.access_token.")
        }
        Ok(_)
            if contract.refresh.is_some()
                && !has_one_cookie
                && !has_refresh_token(answer, contract, place) =>
        {
            let (name, field) = match cookie.and_then(|cookie| cookie.handle.first()) {
                Some(name) => (name, "refresh_cookie.handle"),
                None => (&fields.refresh_token, "fields.refresh_token"),
            };
            let wrong = lacks(answer, name, ", so the session ends with its access token");
            Some([&wrong, " Let auth-contract name it in ", field, ", or say \"refresh\": null."].concat())
        }
        Err(Error::InvalidFields(_) | Error::Refused { status: 400 | 415 }) => {
            let login = &contract.login;
            let encoding = match login.encoding {
                Encoding::Form => "form",
                Encoding::Json => "JSON",
                Encoding::Query => "query",
            };
            let fixed = login.fields.iter().map(|(name, _)| &**name);
            let asked = contract.asks.iter().map(|field| &*field.name);
            let sent: Vec<_> =
                [&*fields.username, &*fields.password].into_iter().chain(asked).chain(fixed).collect();
            let sent = ["The login was refused. It sent as ", encoding, ": ", &sent.join(", "), "."].concat();
            Some(sent + " Let auth-contract say in login and fields what the server takes.")
        }
        _ => None,
    }
}

fn lacks(answer: &Answer, name: &str, so: &str) -> String {
    let text = answer.text();
    let has = match Object::read(&text) {
        Some(object) => ["Its names are: ", &names(&object, "").join(", "), "."].concat(),
        None => "It is no JSON object.".to_owned(),
    };
    ["The login's answer has no text in ", name, so, ". ", &has].concat()
}

/// The names of the fields, and of the fields in objects among them as paths.
fn names(object: &Object<'_>, within: &str) -> Vec<String> {
    let mut paths = Vec::new();
    for name in object.names().into_iter().filter(|name| is_plain(name)).take(MOST_NAMES) {
        let path = [within, &name].concat();
        match object.written(&name).and_then(Raw::object).filter(|_| within.is_empty()) {
            Some(inner) => paths.extend(names(&inner, &(path + "."))),
            None => paths.push(path),
        }
    }
    paths
}

/// The most names that a line lists of one object.
const MOST_NAMES: usize = 20;

/// A name that may be shown. What a server sends may be anything.
fn is_plain(name: &str) -> bool {
    name.len() <= 40 && name.bytes().all(|byte| byte.is_ascii_graphic())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wire::clock::Instant;

    fn line(contract: &str, status: u16, body: &str) -> Option<String> {
        let contract = Contract::from_text(contract).unwrap();
        let received = Instant { monotonic: 0, wall: 0 };
        let answer = Answer { status, headers: Vec::new().into(), body: body.into(), received };
        let outcome = match status {
            422 => Err(Error::InvalidFields(Default::default())),
            _ => Grant::read(&answer, &contract, Place::Body),
        };
        login_mismatch(&answer, &contract, Place::Body, outcome.as_ref())
    }

    #[test]
    fn a_token_under_another_name_is_told_with_the_names_that_are_there() {
        let told = line("guide", 200, r#"{"data": {"token": "s3cret", "user": {"id": 7}}, "ok": true}"#);
        let expected = "The login's answer has no text in access_token. Its names are: data.token, data.user, ok. \
                        Let auth-contract name the token in fields.access_token.";
        assert_eq!(told.as_deref(), Some(expected));
        let nothing = line(r#"{"fields": {"access_token": "header:X-Token"}}"#, 200, "s3cret");
        let expected = "The login's answer has no text in header:X-Token. It is no JSON object. \
                        Let auth-contract name the token in fields.access_token.";
        assert_eq!(nothing.as_deref(), Some(expected));
    }

    #[test]
    fn what_is_no_plain_name_is_left_out() {
        let long = "n".repeat(41);
        let body = format!(r#"{{"a b": 1, "c\n": 1, "{long}": 1, "é": 1, "d": 1}}"#);
        assert!(line("guide", 200, &body).unwrap().contains("Its names are: d. "));
        let many: Vec<_> = (0..30).map(|n| format!("\"n{n}\": 1")).collect();
        let told = line("guide", 200, &format!("{{{}}}", many.join(","))).unwrap();
        assert!(told.contains("n19.") && !told.contains("n20"), "{told}");
    }

    #[test]
    fn a_refresh_token_that_the_contract_expects_is_missed() {
        let body = r#"{"access_token": "a", "refreshToken": "s3cret"}"#;
        let expected = "The login's answer has no text in refresh_token, so the session ends with its access token. \
                        Its names are: access_token, refreshToken. \
                        Let auth-contract name it in fields.refresh_token, or say \"refresh\": null.";
        assert_eq!(line("guide", 200, body).as_deref(), Some(expected));
        for contract in [
            r#"{"refresh": null}"#,
            r#"{"fields": {"refresh_token": "refreshToken"}}"#,
            r#"{"refresh": {"refresh_token": null, "access_token": "authorization"}}"#,
        ] {
            assert_eq!(line(contract, 200, body), None, "{contract}");
        }
    }

    #[test]
    fn a_login_whose_fields_are_refused_is_told_with_the_names_that_it_sent() {
        let expected = "The login was refused. It sent as form: username, password, grant_type. \
                        Let auth-contract say in login and fields what the server takes.";
        for (status, body) in [(422, "{}"), (400, r#"{"email": ["This field is required."]}"#), (415, "")] {
            assert_eq!(line("guide", status, body).as_deref(), Some(expected), "{status}");
        }
        for status in [401, 403, 404, 429, 500] {
            assert_eq!(line("guide", status, "{}"), None, "{status}");
        }
    }

    #[test]
    fn a_refresh_token_is_missed_where_the_page_keeps_none_in_the_one_cookie() {
        let told = line(r#"{"refresh_cookie": {}}"#, 200, r#"{"access_token": "a"}"#);
        assert!(told.is_some_and(|told| told.contains("no text in refresh_token")));
    }
}
