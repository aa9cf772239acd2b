use super::*;
use crate::wire::Answer;
use crate::wire::clock::Instant;
use crate::{Carrier, Encoding, Meaning, Method, RefreshCookie};

fn read(text: &str) -> Contract {
    Contract::from_text(text).unwrap_or_else(|wrong| panic!("{text}: {wrong}"))
}

fn wrong(text: &str) -> String {
    match Contract::from_text(text) {
        Ok(_) => panic!("{text} is taken"),
        Err(wrong) => wrong.to_string(),
    }
}

fn answer(status: u16, body: &str) -> Answer {
    Answer {
        status,
        headers: Vec::new().into(),
        body: body.into(),
        received: Instant { monotonic: 0, wall: 0 },
    }
}

#[test]
fn an_empty_object_is_the_default() {
    for text in ["{}", "guide", r#" {"preset": "guide"} "#] {
        assert_eq!(format!("{:?}", read(text)), format!("{:?}", Contract::default()), "{text}");
    }
}

#[test]
fn a_text_overrides_what_it_names() {
    let contract = read(
        r#"{"preset": "simple-jwt", "scheme": "JWT", "sessions": "/me/sessions", "rotation": "never",
            "login": {"path": "/auth/jwt/create/", "headers": {"x-api-key": "k"}},
            "refresh": {"method": "PUT", "encoding": "query", "refresh_token": "header:X-Refresh"},
            "logout": null, "fields": {"username": "email", "access_token": "data.access"}}"#,
    );
    assert_eq!((&*contract.scheme, contract.rotation), ("JWT", Rotation::Never));
    assert_eq!(contract.sessions.as_deref(), Some("/me/sessions"));
    assert!(contract.logout.is_none());
    assert_eq!((&*contract.fields.username, &*contract.fields.access_token), ("email", "data.access"));
    assert_eq!(&*contract.fields.refresh_token, "refresh", "the preset's own");
    assert_eq!((&*contract.login.path, contract.login.encoding), ("/auth/jwt/create/", Encoding::Json));
    assert_eq!(contract.login.headers, [("x-api-key".into(), "k".into())]);
    let refresh = contract.refresh.unwrap();
    assert_eq!((&*refresh.path, refresh.encoding), ("/api/token/refresh/", Encoding::Query));
    assert_eq!(refresh.method, Method::Put);
    assert_eq!(refresh.refresh_token, Some(Carrier::Header("X-Refresh".into())));
}

#[test]
fn a_text_that_is_no_json_is_told_where_it_breaks_off() {
    assert_eq!(wrong("{"), "it is no valid JSON (line 1, column 1)");
    assert_eq!(wrong("{\"login\":\n {path: 1}}"), "it is no valid JSON (line 2, column 3)");
    assert_eq!(wrong("{\"scheme\": \"JWT\",}"), "it is no valid JSON (line 1, column 18)");
}

#[test]
fn a_client_id_goes_with_each_call() {
    let contract = read(r#"{"preset": "oauth2", "client_id": "page"}"#);
    for call in [Some(contract.login), contract.refresh, contract.logout].into_iter().flatten() {
        assert!(call.fields.contains(&("client_id".into(), "page".into())), "{call:?}");
    }
    let text = r#"{"client_id": "page", "login": {"fields": {"client_id": "other"}}}"#;
    assert_eq!(read(text).login.fields, [("client_id".into(), "page".into())]);
    // A confidential client's own name and password.
    read(r#"{"preset": "oauth2", "refresh": {"headers": {"Authorization": "Basic cGFnZTo="}}}"#);
}

#[test]
fn a_server_says_how_it_keeps_refresh_tokens_in_cookies() {
    let text = r#"{"refresh_cookie": {"handle": ["sid", "key"], "fields": {"custody": "cookie"},
                   "headers": {"X-Requested-With": "page"}, "echo": {"cookie": "csrf", "header": "X-CSRF"}}}"#;
    let cookie = RefreshCookie {
        handle: vec!["sid".into(), "key".into()],
        alone: false,
        fields: vec![("custody".into(), "cookie".into())],
        headers: vec![("X-Requested-With".into(), "page".into())],
        echo: Some(("csrf".into(), "X-CSRF".into())),
    };
    assert_eq!(read(text).refresh_cookie, Some(cookie));
    let one = r#"{"preset": "authx", "refresh_cookie": {"alone": true}}"#;
    let none = RefreshCookie { handle: vec![], alone: true, fields: vec![], headers: vec![], echo: None };
    assert_eq!(read(one).refresh_cookie, Some(none));
    assert_eq!(read(r#"{"refresh_cookie": null}"#).refresh_cookie, None);
    assert_eq!(read(r#"{"preset": "simple-jwt"}"#).refresh_cookie, None);
}

#[test]
fn of_a_name_that_stands_twice_the_last_one_counts() {
    let contract = read(r#"{"login": {"fields": {"a": "1", "b": "2", "a": "3"}}}"#);
    assert_eq!(contract.login.fields, [("a".into(), "3".into()), ("b".into(), "2".into())]);
}

#[test]
fn its_rules_come_before_the_presets() {
    let contract = read(
        r#"{"refresh_refusals": [{"status": [403, 418], "is": {"detail.code": ["gone", "old"]}, "means": "revoked"},
                                {"status": 404, "says": "session closed", "means": "expired"},
                                {"lacks": "x", "is_not": {"y": "z"}, "status": 401, "means": "trouble"}],
            "expired": [{"status": 419}]}"#,
    );
    for (status, body, meaning) in [
        (403, r#"{"detail":{"code":"Gone"}}"#, Some(Meaning::Revoked)),
        (404, r#"{"message":"SESSION_CLOSED"}"#, Some(Meaning::Expired)),
        (401, "{}", Some(Meaning::Trouble)),
        (401, "", Some(Meaning::NotAccepted)),
        (403, "{}", None),
    ] {
        assert_eq!(contract.refresh_refusal(&answer(status, body)), meaning, "{status} {body}");
    }
    assert!(contract.is_expired(&answer(419, ""), true) && !contract.is_expired(&answer(401, ""), true));
}

#[test]
fn a_mistake_names_its_field_and_what_it_takes() {
    for (text, sentence) in [
        ("nobody", "it takes one JSON object, or the name of a preset: guide, authx,"),
        ("", "it takes one JSON object, or the name of a preset: guide, authx,"),
        (r#"{"preset": "nobody"}"#, "preset takes guide,"),
        (r#"{"preset": null}"#, "preset takes guide,"),
        (r#"{"logn": {}}"#, "logn is unknown; the fields are preset,"),
        (r#"{"login": []}"#, "login takes an object"),
        (r#"{"login": null}"#, "login takes an object"),
        (
            r#"{"login": {"path": "token"}}"#,
            "login.path takes a path of visible ASCII that begins with one slash",
        ),
        (r#"{"login": {"path": "//auth/token"}}"#, "login.path takes a path of visible ASCII"),
        (r#"{"login": {"path": "/connexion/été"}}"#, "login.path takes a path of visible ASCII"),
        (r#"{"login": {"path": "/a b"}}"#, "login.path takes a path of visible ASCII"),
        (r#"{"login": {"refresh_token": "authorization"}}"#, "login takes no token"),
        (r#"{"preset": "fastapi-users", "refresh": {}}"#, "refresh.path takes a path, because"),
        (r#"{"sessions": "sessions"}"#, "sessions takes a path of visible ASCII"),
        (r#"{"expired": [{}]}"#, "expired.status takes a status, because every answer would fit"),
        (r#"{"expired": [{"status": []}]}"#, "expired.status takes a status, because every answer would fit"),
        (r#"{"expired": [{"says": ""}]}"#, "expired.says takes a text, or a list of them"),
        (r#"{"login": {"encoding": "xml"}}"#, "login.encoding takes form, json or query"),
        (r#"{"login": {"method": "post"}}"#, "login.method takes GET, POST, PUT, PATCH or DELETE"),
        (r#"{"login": {"fields": {"scope": 1}}}"#, "login.fields.scope takes a text"),
        (r#"{"login": {"header": {}}}"#, "login.header is unknown"),
        (
            r#"{"refresh": {"refresh_token": "body"}}"#,
            "refresh.refresh_token takes null, authorization, field:",
        ),
        (
            r#"{"refresh": {"refresh_token": "field:"}}"#,
            "refresh.refresh_token takes null, authorization, field:",
        ),
        (r#"{"fields": {"name": "x"}}"#, "fields.name is unknown; the fields are username,"),
        (r#"{"fields": {"username": ""}}"#, "fields.username takes a text"),
        (r#"{"sessions": 1}"#, "sessions takes a path of visible ASCII"),
        (r#"{"scheme": ["Bearer"]}"#, "scheme takes one word of visible ASCII"),
        (r#"{"expired": {"status": 401}}"#, "expired takes a list of objects"),
        (r#"{"expired": [401]}"#, "expired takes a list of objects"),
        (r#"{"expired": [{"status": "401"}]}"#, "expired.status takes a status, or a list of them"),
        (r#"{"expired": [{"means": "expired"}]}"#, "expired.means is unknown"),
        (r#"{"login_refusals": [{"status": 401}]}"#, "login_refusals.means takes not_accepted,"),
        (r#"{"login_refusals": [{"means": "ok"}]}"#, "login_refusals.means takes not_accepted,"),
        (
            r#"{"refresh_refusals": [{"is": {"a": 1}, "means": "expired"}]}"#,
            "refresh_refusals.is.a takes a text,",
        ),
        (r#"{"rotation": "always"}"#, "rotation takes unknown or never"),
        (r#"{"asks": [{"name": "otp"}]}"#, "asks.label takes a text"),
        (
            r#"{"asks": [{"name": "otp", "label": "Code", "optional": 1}]}"#,
            "asks.optional takes true or false",
        ),
        (r#"{"login": {"method": "GET"}}"#, "login.encoding takes query, because a GET has no body"),
        (r#"{"refresh": {"method": "GET"}}"#, "refresh.encoding takes query, because a GET has no body"),
        (r#"{"login": {"headers": {"x key": "k"}}}"#, "login.headers.x key takes a header's name"),
        (r#"{"login": {"headers": {"x-key": "k\n"}}}"#, "login.headers.x-key takes a header's name"),
        (r#"{"login": {"headers": {"Accept": "x"}}}"#, "login.headers.Accept takes a header's name"),
        (r#"{"login": {"headers": {"Cookie": "x"}}}"#, "login.headers.Cookie takes a header's name"),
        (
            r#"{"login": {"headers": {"Sec-Fetch-Site": "x"}}}"#,
            "login.headers.Sec-Fetch-Site takes a header's",
        ),
        (
            r#"{"refresh": {"refresh_token": "header:Cookie"}}"#,
            "refresh.refresh_token takes null, authorization, field:",
        ),
        (
            r#"{"preset": "flask-jwt-extended", "refresh": {"headers": {"Authorization": "Basic cGFnZTo="}}}"#,
            "refresh.headers takes no authorization, because a token travels there",
        ),
        (
            r#"{"refresh": {"refresh_token": "header:X-Refresh", "headers": {"x-refresh": "y"}}}"#,
            "refresh.headers takes no X-Refresh, because a token travels there",
        ),
        (
            r#"{"refresh": {"headers": {"Idempotency-Key": "y"}}}"#,
            "refresh.headers.Idempotency-Key takes a header's name",
        ),
        (r#"{"login": {"fields": {"password": "x"}}}"#, "login has two fields with the name password"),
        (
            r#"{"asks": [{"name": "username", "label": "Name"}]}"#,
            "login has two fields with the name username",
        ),
        (
            r#"{"refresh": {"fields": {"refresh_token": "x"}}}"#,
            "refresh has two fields with the name refresh_token",
        ),
        (
            r#"{"fields": {"access_token": "header:"}}"#,
            "fields.access_token takes the name of a field, or header: and a header's name",
        ),
        (r#"{"fields": {"refresh_token": "header:X Token"}}"#, "fields.refresh_token takes the name of"),
        (
            r#"{"fields": {"expires_in": "header:X-Expires"}}"#,
            "fields.expires_in takes the name of a field, and no header",
        ),
        (r#"{"fields": {"user": "header:X-User"}}"#, "fields.user takes the name of a field, and no header"),
        (r#"{"refresh_cookie": true}"#, "refresh_cookie takes an object"),
        (r#"{"refresh_cookie": {"name": "x"}}"#, "refresh_cookie.name is unknown"),
        (
            r#"{"refresh_cookie": {"handle": "sid", "alone": true}}"#,
            "refresh_cookie.alone takes false, because a login that brings a handle",
        ),
        (r#"{"refresh_cookie": {"alone": 1}}"#, "refresh_cookie.alone takes true or false"),
        (r#"{"refresh_cookie": {"handle": "data.sid"}}"#, "refresh_cookie.handle takes names of fields"),
        (r#"{"refresh_cookie": {"handle": ["sid", "sid"]}}"#, "refresh has two fields with the name sid"),
        (
            r#"{"refresh_cookie": {"handle": "sid", "fields": {"username": "x"}}}"#,
            "login has two fields with the name username",
        ),
        (
            r#"{"refresh_cookie": {"echo": {"cookie": "csrf", "header": "Authorization"}}}"#,
            "refresh_cookie.echo.header takes",
        ),
        (
            r#"{"refresh_cookie": {"handle": "sid", "headers": {"Cookie": "x"}}}"#,
            "refresh_cookie.headers.Cookie takes a header's",
        ),
        (
            r#"{"refresh_cookie": {"handle": "sid", "echo": {"cookie": "csrf"}}}"#,
            "refresh_cookie.echo.header takes a header's name, beside the name of a cookie",
        ),
        (
            r#"{"refresh_cookie": {"handle": "sid", "echo": {"cookie": "csrf", "header": "Host"}}}"#,
            "refresh_cookie.echo.header takes",
        ),
        (r#"{"expired": [{"markup": 1}]}"#, "expired.markup takes true or false"),
        (
            r#"{"refresh": {"refresh_token": null}}"#,
            "refresh.refresh_token takes authorization, field: and a name,",
        ),
        (
            r#"{"preset": "fastapi-users", "refresh": {"path": "/r"}}"#,
            "refresh.refresh_token takes authorization,",
        ),
    ] {
        let told = wrong(text);
        assert!(told.starts_with(sentence), "{text}: {told}");
    }
}

#[test]
fn every_preset_is_read_without_a_mistake() {
    for (name, text) in PRESETS {
        assert!(Contract::from_text(name).is_ok(), "{name}: {:?}", Contract::from_text(text));
    }
}

#[test]
fn a_login_may_ask_for_more() {
    let contract = read(
        r#"{"asks": [{"name": "tenant", "label": "Company", "autocomplete": "organization"},
                     {"name": "otp", "label": "Code", "optional": true}]}"#,
    );
    let field = |name: &'static str, label: &'static str, autocomplete: &'static str, optional| AskedField {
        name: name.into(),
        label: label.into(),
        autocomplete: autocomplete.into(),
        optional,
    };
    assert_eq!(
        contract.asks,
        [field("tenant", "Company", "organization", false), field("otp", "Code", "off", true)]
    );
}

#[test]
fn a_session_may_be_renewed_with_its_access_token() {
    let contract =
        read(r#"{"refresh": {"path": "/renew", "refresh_token": null, "access_token": "authorization"}}"#);
    assert!(contract.renews_with_access());
}
