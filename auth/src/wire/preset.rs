//! Contracts of servers that people run, as the texts that `Contract::from_text` reads. docs/servers.md says of each what
//! was tested.

/// Each preset's name and text.
pub(super) const PRESETS: [(&str, &str); 9] = [
    ("guide", "{}"),
    // The refresh token goes into `Authorization`, and a logout wants the access token. Under a new signing key no
    // token is good any more. A token from the future, by another clock, is a `JWTDecodeError` or "not yet valid".
    (
        "authx",
        r#"{"login": {"path": "/login", "encoding": "json", "fields": {}},
            "refresh": {"encoding": "form", "refresh_token": "authorization"},
            "logout": {"encoding": "form", "refresh_token": null, "access_token": "authorization"},
            "sessions": null, "refresh_cookie": null, "rotation": "never",
            "refresh_refusals": [{"status": 422, "says": "signature verification failed", "means": "expired"}],
            "expired": [{"status": 401}, {"status": 422, "is": {"error_type": "JWTDecodeError"}},
                        {"status": 422, "says": ["token has expired", "signature has expired", "not yet valid",
                                                 "signature verification failed"]}]}"#,
    ),
    // Its decorators refuse with an empty 403, whatever is wrong with a token.
    (
        "django-oauth-toolkit",
        r#"{"preset": "oauth2", "login": {"path": "/o/token/"}, "refresh": {"path": "/o/token/"},
            "logout": {"path": "/o/revoke_token/"}, "expired": [{"status": 401}, {"status": 403, "says_not": []}]}"#,
    ),
    ("fastapi-jwt-auth", r#"{"preset": "authx", "logout": {"method": "DELETE"}}"#),
    ("flask-jwt-extended", r#"{"preset": "fastapi-jwt-auth"}"#),
    // A logout whose access token is refused has nothing to end, because the token is the whole session.
    (
        "fastapi-users",
        r#"{"login": {"path": "/auth/jwt/login"}, "refresh": null,
            "logout": {"path": "/auth/jwt/logout", "encoding": "form", "refresh_token": null,
                       "access_token": "authorization"},
            "logout_refusals": [{"status": 401, "means": "expired"}], "sessions": null, "refresh_cookie": null}"#,
    ),
    // It has no logout: its own page forgets the token. A 404 that says "User not found" ends nothing, because it may be
    // about another user than the token's.
    (
        "full-stack-fastapi-template",
        r#"{"login": {"path": "/api/v1/login/access-token"}, "refresh": null, "logout": null, "sessions": null, "refresh_cookie": null,
            "expired": [{"status": 401}, {"status": 403, "is": {"detail": "Could not validate credentials"}},
                        {"status": 400, "is": {"detail": "Inactive user"}}]}"#,
    ),
    // RFC 6749 §4.3, §6 and RFC 7009.
    (
        "oauth2",
        r#"{"refresh": {"path": "/token", "encoding": "form", "fields": {"grant_type": "refresh_token"}},
            "logout": {"path": "/revoke", "encoding": "form", "fields": {"token_type_hint": "refresh_token"},
                       "refresh_token": "field:token"},
            "sessions": null, "refresh_cookie": null}"#,
    ),
    (
        "simple-jwt",
        r#"{"login": {"path": "/api/token/", "encoding": "json", "fields": {}},
            "refresh": {"path": "/api/token/refresh/", "refresh_token": "field:refresh"},
            "logout": {"path": "/api/token/blacklist/", "refresh_token": "field:refresh"},
            "sessions": null, "refresh_cookie": null, "fields": {"access_token": "access", "refresh_token": "refresh"}}"#,
    ),
];

#[cfg(test)]
mod tests {
    use super::PRESETS;
    use crate::wire::contract::{Carrier, Contract, Encoding, Endpoint};

    const SERVERS: &str = include_str!("../../../docs/servers.md");

    /// A call as docs/servers.md writes it. `typed` names what the user fills in.
    fn call(call: &Endpoint, typed: &[&str]) -> String {
        let mut fields: Vec<_> = typed.iter().map(|name| format!("`{name}`")).collect();
        fields.extend(call.fields.iter().map(|(name, value)| format!("`{name}={value}`")));
        let method = format!("{:?}", call.method).to_uppercase();
        let mut written = format!("`{method} {}`", call.path);
        for (token, carrier) in [("refresh", &call.refresh_token), ("access", &call.access_token)] {
            match carrier {
                Some(Carrier::Field(name)) => fields.push(format!("`{name}`")),
                Some(Carrier::Authorization) => {
                    written += &format!(", the {token} token in `Authorization`");
                }
                Some(Carrier::Header(name)) => written += &format!(", the {token} token in `{name}`"),
                None => {}
            }
        }
        let encoding = match call.encoding {
            Encoding::Form => "form",
            Encoding::Json => "JSON",
            Encoding::Query => "query",
        };
        if fields.is_empty() { written } else { format!("{written}, {encoding}: {}", fields.join(", ")) }
    }

    #[test]
    fn the_documents_example_is_a_contract() {
        let example = SERVERS.split("```json\n").nth(1).and_then(|rest| rest.split("```").next()).unwrap();
        let contract = Contract::from_text(example).unwrap();
        assert_eq!(&*contract.fields.access_token, "data.token");
        assert_eq!(call(&contract.login, &[]), "`POST /auth/login`");
    }

    #[test]
    fn the_documents_list_each_presets_calls_and_names() {
        for (name, _) in PRESETS {
            let contract = Contract::from_text(name).unwrap();
            let names = &contract.fields;
            let optional = |endpoint: &Option<Endpoint>| {
                endpoint.as_ref().map_or("none".to_owned(), |endpoint| call(endpoint, &[]))
            };
            let tokens = match contract.refresh {
                Some(_) => format!("`{}`, `{}`", names.access_token, names.refresh_token),
                None => format!("`{}`", names.access_token),
            };
            let row = format!(
                "| `{name}` | {} | {} | {} | {tokens} |",
                call(&contract.login, &[&names.username, &names.password]),
                optional(&contract.refresh),
                optional(&contract.logout),
            );
            assert!(SERVERS.contains(&row), "docs/servers.md lacks this row:\n{row}");
        }
    }
}
