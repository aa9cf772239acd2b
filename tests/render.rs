//! Tests the HTML that components render, without a browser. `tests/browser` tests their behaviour.
#![cfg(not(target_arch = "wasm32"))]
#![allow(clippy::expect_used, reason = "a test may stop at what it does not expect")]

use futures_executor::block_on;
use yew::LocalServerRenderer;
use yew::prelude::*;
use yew_jwt_auth::{
    AuthProvider, Data, FetchButton, Guard, InvalidSettings, LoginForm, Message, Progress, Settings, Views,
};

#[derive(PartialEq, Properties)]
struct ShowProps {
    html: Html,
}

#[component]
fn Show(ShowProps { html }: &ShowProps) -> Html {
    html.clone()
}

/// The HTML of the first rendering.
fn rendered(html: Html) -> String {
    block_on(LocalServerRenderer::<Show>::with_props(ShowProps { html }).hydratable(false).render())
}

/// The first tag that contains `part`. Empty if there is none.
fn tag<'a>(html: &'a str, part: &str) -> &'a str {
    let tags = html.split_inclusive('>');
    tags.into_iter().find(|tag| tag.contains(part)).unwrap_or_default()
}

fn settings() -> Settings {
    Settings::new("http://localhost:8000".parse().expect("a base URL"))
}

fn form() -> String {
    rendered(html! { <AuthProvider settings={settings()}><LoginForm /></AuthProvider> })
}

#[test]
fn the_form_can_never_send_a_password_by_itself() {
    let html = form();
    assert!(tag(&html, "<form").contains(r#"method="dialog""#), "{html}");
}

#[test]
fn the_boxes_are_labelled_and_known_to_password_managers() {
    let html = form();
    for (id, label, completes) in
        [("username", "Username", "username"), ("password", "Password", "current-password")]
    {
        assert!(html.contains(&format!(r#"<label for="{id}">{label}</label>"#)), "{html}");
        let input = tag(&html, &format!(r#"<input id="{id}""#));
        for attribute in [format!("placeholder=\"{label}\""), format!("autocomplete=\"{completes}\"")] {
            assert!(input.contains(&attribute), "{attribute} in {input}");
        }
        assert!(!input.contains("value="), "what is typed stays in its box: {input}");
    }
    assert!(tag(&html, r#"id="password""#).contains(r#"type="password""#));
    assert!(html.contains(">Login</button>"));
    assert!(!html.contains("role=\"alert\""), "nothing has gone wrong yet: {html}");
}

#[test]
fn a_first_visitor_reads_nothing_of_a_session_that_is_being_restored() {
    let html = rendered(html! {
        <AuthProvider settings={settings()}>
            <Guard fallback={html! { "the form" }}>{ "private" }</Guard>
        </AuthProvider>
    });
    assert_eq!(html, "the form");
}

#[test]
fn an_error_is_an_alert() {
    let html = rendered(html! { <Message text="Incorrect username or password." /> });
    assert!(tag(&html, "<p").contains(r#"role="alert""#), "{html}");
    assert!(html.contains("Incorrect username or password."));
}

#[test]
fn progress_is_a_live_region_that_stays_while_it_is_empty() {
    let html = rendered(html! { <Progress /> });
    assert!(tag(&html, "<p").contains(r#"role="status""#), "{html}");
    let html = rendered(html! { <Progress text="Signing in…" /> });
    assert!(html.contains(">Signing in…</span></p>"), "{html}");
    let html = rendered(html! { <Progress text="Signing in…" note="You can try again now." /> });
    assert!(html.contains(">Signing in…</span></p>"), "{html}");
    let html = rendered(html! { <Progress note="You can try again now." /> });
    assert!(html.contains(">You can try again now.</span></p>") && !html.contains("running"), "{html}");
}

#[test]
fn data_is_escaped() {
    let html = rendered(html! { <Data json={r#"{"a":"<script>alert(1)</script>"}"#} /> });
    assert!(!html.contains("<script>") && html.contains("&lt;script"), "{html}");
}

#[test]
fn a_busy_button_says_so_and_keeps_its_name() {
    for (busy, waiting) in [(true, false), (false, true), (false, false)] {
        let html = rendered(html! { <FetchButton {busy} {waiting} onfetch={Callback::noop()} /> });
        let button = tag(&html, "<button");
        assert!(button.contains(&format!(r#"aria-disabled="{}""#, busy || waiting)), "{html}");
        assert_eq!(button.contains("running"), busy, "only what is under way has a spinner: {html}");
        assert!(html.contains(">Fetch Protected Data</button>"), "{html}");
    }
}

fn views(settings: &[(&str, &str)]) -> Result<Views, InvalidSettings> {
    let content = |name: &str| {
        let found = settings.iter().find(|(known, _)| *known == name);
        found.map(|(_, content)| (*content).to_owned())
    };
    block_on(Views::render(&content))
}

#[test]
fn the_first_views_are_the_form_and_the_signed_in_view_without_a_name() {
    let Views { form, home } = views(&[("api-base-url", "/api")]).expect("valid settings");
    assert!(form.contains(">Login</button>") && !form.contains("Restoring"), "{form}");
    for shown in
        [">Fetch Protected Data</button>", ">Logout</button>", "<bdi></bdi>", "Restoring your session…"]
    {
        assert!(home.contains(shown), "{shown} in {home}");
    }
    assert!(!home.contains("<form") && !form.contains("Logout"), "{form} {home}");
}

#[test]
fn the_first_views_follow_the_settings() {
    let contract = r#"{"asks": [{"name": "otp", "label": "Code"}], "sessions": null}"#;
    let settings = [("api-base-url", "/api"), ("auth-username-label", "E-mail"), ("auth-contract", contract)];
    let Views { form, home } = views(&settings).expect("valid settings");
    assert!(form.contains(r#"placeholder="E-mail""#) && form.contains(">Code</label>"), "{form}");
    assert!(!home.contains("Your sessions"), "{home}");
    let wrong = views(&[("api-base-url", "ftp://nowhere")]).expect_err("no address of an API");
    assert!(wrong.to_string().contains("api-base-url"), "{wrong}");
}
