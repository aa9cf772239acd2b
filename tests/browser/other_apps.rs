//! Tests apps that other crates build from the components.

use serde_json::json;
use wasm_bindgen_futures::spawn_local;
use wasm_bindgen_test::wasm_bindgen_test;
use yew::prelude::*;
use yew_jwt_auth::auth::{Request, State};
use yew_jwt_auth::{AuthProvider, Guard, LoginForm, LogoutButton, Settings, use_client, use_session};

use crate::mounted::{Mounted, button, find, text};
use crate::script::{self, until};
use crate::stand::{self, PASSWORD, USERNAME, fault, reset, respond, wire};

/// An app of another crate, with components inside and outside of the guard.
#[component]
fn Imported() -> Html {
    html! {
        <AuthProvider settings={Settings::new(stand::base())}>
            <Status />
            <LogoutButton />
            <Guard fallback={html! { <p id="form" /> }}><p id="private" /></Guard>
        </AuthProvider>
    }
}

#[component]
fn Status() -> Html {
    let state = use_session();
    html! { <p id="status">{ format!("{state:?}") }</p> }
}

#[wasm_bindgen_test]
async fn a_session_that_ends_while_the_page_is_put_away_is_not_shown_again() {
    stand::signed_in().await;
    let _app = Mounted::<Imported>::new();
    until("signed in", || find("#private").is_some()).await;
    script::page_event("pagehide");
    until("concealed", || find("#private").is_none()).await;
    assert_eq!(text("#status"), "Restoring");
    button("Logout").unwrap().click();
    until("ended", || find("#form").is_some()).await;
    script::page_event("pageshow");
    wire(1).await;
    assert!(find("#private").is_none());
}

/// A component that keeps fetched data as state. Its button *Switch* logs in as another user although a
/// session exists.
#[component]
fn Account() -> Html {
    let (client, text) = (use_client(), use_state(String::new));
    let user = match use_session() {
        State::SignedIn { user: Some(user), .. } => user.to_string(),
        _ => String::new(),
    };
    let get = use_callback((client.clone(), text.setter()), |_: MouseEvent, (client, text)| {
        let (client, text) = (client.clone(), text.clone());
        spawn_local(async move {
            client.send(&Request::get("/protected-route")).await.unwrap();
            text.set("theirs".to_owned());
        });
    });
    let switch = use_callback(client, |_: MouseEvent, client| {
        let client = client.clone();
        spawn_local(async move { client.login("other", PASSWORD).await.unwrap() });
    });
    html! {
        <>
            <h1>{ user }</h1>
            <p id="kept">{ text.as_str() }</p>
            <button onclick={get}>{ "Get" }</button>
            <button onclick={switch}>{ "Switch" }</button>
        </>
    }
}

#[component]
fn Switching() -> Html {
    html! {
        <AuthProvider settings={Settings::new(stand::base())}>
            <Guard fallback={html! { <p id="form" /> }}><Account /></Guard>
        </AuthProvider>
    }
}

#[wasm_bindgen_test]
async fn a_user_who_signs_in_over_another_finds_nothing_of_theirs() {
    stand::signed_in().await;
    let _app = Mounted::<Switching>::new();
    until("signed in", || button("Get").is_some()).await;
    button("Get").unwrap().click();
    // The state names the user after the server's first answer. The children keep their state then.
    until("kept", || (text("h1"), text("#kept")) == (USERNAME.to_owned(), "theirs".to_owned())).await;
    let tokens = json!({"access_token": "a", "refresh_token": "r", "token_type": "bearer"});
    fault("POST", "/token", respond(200, "application/json", &tokens.to_string())).await;
    button("Switch").unwrap().click();
    until("switched", || text("h1") == "other").await;
    assert_eq!(text("#kept"), "");
}

/// Two login forms with one client, for example the page's own and one in an importer's dialogue.
#[component]
fn TwoForms() -> Html {
    html! {
        <AuthProvider settings={Settings::new(stand::base())}>
            <div class="first"><LoginForm /></div>
            <div class="second"><LoginForm /></div>
        </AuthProvider>
    }
}

#[wasm_bindgen_test]
async fn a_form_that_began_no_login_does_not_wait_for_anothers() {
    reset().await;
    fault("POST", "/token", json!({"type": "hang"})).await;
    let _app = Mounted::<TwoForms>::new();
    until("forms", || find(".second form").is_some()).await;
    let submit = |form: &str| {
        script::run(&format!(
            "const form = document.querySelector('#app {form} form');
             [form.username.value, form.password.value] = ['{USERNAME}', '{PASSWORD}'];
             form.requestSubmit()"
        ))
    };
    submit(".first");
    until("under way", || text(".first form [role=status]") == "Signing in…").await;
    submit(".second");
    until("answered", || text(".second [role=alert]") == "You are already being signed in.").await;
    assert_eq!(text(".second form [role=status]"), "");
    submit(".first");
    stand::arrived().await;
    assert_eq!(text(".first form [role=status]"), "Signing in…", "a double click changes nothing");
    stand::release().await;
    until("over", || text(".first form [role=status]").is_empty()).await;
    assert_eq!(wire(1).await, ["POST /token 200"]);
}
