//! Tests the page's behaviour in a real DOM.

use std::pin::pin;

use serde_json::json;
use wasm_bindgen::JsCast as _;
use wasm_bindgen_futures::spawn_local;
use wasm_bindgen_test::wasm_bindgen_test;
use web_sys::{Document, Element, HtmlElement, HtmlFormElement, HtmlInputElement};
use yew::prelude::*;
use yew::{AppHandle, Renderer};
use yew_jwt_auth::auth::{Request, State};
use yew_jwt_auth::{
    App, AuthProvider, Countdown, Guard, LoginForm, LogoutButton, Settings, use_client, use_session,
};

use crate::script::{self, Replaced, until};
use crate::stand::{self, PASSWORD, USERNAME, api, fault, reset, respond, wire};

/// The app, mounted in the document until the value is dropped.
pub(crate) struct Page(Option<AppHandle<App>>);

pub(crate) fn document() -> Document {
    web_sys::window().unwrap().document().unwrap()
}

impl Page {
    pub(crate) fn open(api: &str) -> Self {
        script::run(&format!(
            "document.querySelectorAll('#app, meta[name=api-base-url]').forEach((e) => e.remove());
             document.head.insertAdjacentHTML('beforeend', '<meta name=\"api-base-url\" content=\"{api}\">');
             document.body.insertAdjacentHTML('beforeend', '<main id=\"app\"></main>');"
        ));
        let root = document().get_element_by_id("app").unwrap();
        Self(Some(Renderer::<App>::with_root(root).render()))
    }

    pub(crate) async fn with_form() -> Self {
        let page = Self::open(api());
        until("the form", || find("form").is_some()).await;
        page
    }

    pub(crate) async fn signed_in() -> Self {
        let page = Self::with_form().await;
        Self::fill(USERNAME, PASSWORD);
        Self::submit();
        until("signed in", || button("Logout").is_some()).await;
        page
    }

    pub(crate) fn fill(username: &str, password: &str) {
        input("username").set_value(username);
        input("password").set_value(password);
    }

    fn submit() {
        find("form").unwrap().dyn_into::<HtmlFormElement>().unwrap().request_submit().unwrap();
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        if let Some(app) = self.0.take() {
            app.destroy();
        }
    }
}

pub(crate) fn find(selector: &str) -> Option<Element> {
    document().query_selector(&format!("#app {selector}")).unwrap()
}

pub(crate) fn input(id: &str) -> HtmlInputElement {
    find(&format!("#{id}")).unwrap().dyn_into().unwrap()
}

pub(crate) fn text(selector: &str) -> String {
    find(selector).and_then(|element| element.text_content()).unwrap_or_default()
}

pub(crate) fn button(name: &str) -> Option<HtmlElement> {
    let buttons = document().query_selector_all("#app button").unwrap();
    let mut all = (0..buttons.length()).filter_map(|i| buttons.item(i)?.dyn_into::<HtmlElement>().ok());
    all.find(|button| button.text_content().as_deref() == Some(name))
}

fn focused() -> String {
    document().active_element().map(|element| element.id()).unwrap_or_default()
}

/// Whether `element` exists and has the focus.
pub(crate) fn is_focused(element: Option<impl AsRef<Element>>) -> bool {
    element.is_some_and(|element| document().active_element().as_ref() == Some(element.as_ref()))
}

#[wasm_bindgen_test]
async fn empty_fields_are_named_and_focused_and_nothing_is_sent() {
    reset().await;
    let _page = Page::with_form().await;
    Page::submit();
    until("both", || text("[role=alert]") == "Enter your username and password.").await;
    until("focus", || focused() == "username").await;
    Page::fill("", "secret");
    Page::submit();
    until("username", || text("[role=alert]") == "Enter your username.").await;
    Page::fill("demo", "");
    Page::submit();
    until("password", || text("[role=alert]") == "Enter your password.").await;
    until("focus", || focused() == "password").await;
    assert_eq!(input("password").get_attribute("aria-invalid").as_deref(), Some("true"));
    assert_eq!(input("username").get_attribute("aria-invalid"), None);
    assert!(wire(0).await.is_empty());
}

#[wasm_bindgen_test]
async fn a_double_submit_logs_in_once_and_the_password_is_cleared() {
    reset().await;
    let _page = Page::with_form().await;
    let password = input("password");
    Page::fill(USERNAME, PASSWORD);
    Page::submit();
    Page::submit();
    until("signed in", || button("Logout").is_some()).await;
    until("cleared", || password.value().is_empty()).await;
    assert_eq!(wire(1).await, ["POST /token 200"]);
    assert!(find("form").is_none());
    assert_eq!(text("h1"), "Signed in as demo");
    until("focus on what is new", || focused() == "home-title").await;
}

#[wasm_bindgen_test]
async fn progress_is_a_status_and_the_button_is_off_meanwhile() {
    reset().await;
    fault("POST", "/token", json!({"type": "hang"})).await;
    let _page = Page::with_form().await;
    Page::fill(USERNAME, PASSWORD);
    Page::submit();
    until("progress", || text("form [role=status]") == "Signing in…").await;
    assert_eq!(button("Login").unwrap().get_attribute("aria-disabled").as_deref(), Some("true"));
    stand::arrived().await;
    stand::release().await;
    until("signed in", || button("Logout").is_some()).await;
}

#[wasm_bindgen_test]
async fn fetched_json_is_text_and_never_markup() {
    reset().await;
    let body = r#"{"note":"<img src=x onerror=alert(1)>","id":12345678901234567890}"#;
    fault("GET", "/protected-route", respond(200, "application/json", body)).await;
    let _page = Page::signed_in().await;
    button("Fetch Protected Data").unwrap().click();
    button("Fetch Protected Data").unwrap().click();
    until("data", || find("pre").is_some()).await;
    assert_eq!(
        text("pre"),
        "{\n  \"note\": \"<img src=x onerror=alert(1)>\",\n  \"id\": 12345678901234567890\n}"
    );
    assert!(find("img").is_none());
    assert_eq!(wire(2).await, ["POST /token 200", "GET /protected-route 200"], "a double click fetches once");
}

#[wasm_bindgen_test]
async fn a_logout_brings_the_form_back_with_the_reason() {
    reset().await;
    let _page = Page::signed_in().await;
    button("Logout").unwrap().click();
    until("form", || find("form").is_some()).await;
    assert_eq!(text(".reason"), "You are logged out.");
    assert_eq!(find(".reason").unwrap().get_attribute("role").as_deref(), Some("status"));
    until("focus", || focused() == "username").await;
    until("gone", || script::stored() == "[{},{}]").await;
    assert_eq!(wire(2).await, ["POST /token 200", "POST /logout 204"]);
}

#[wasm_bindgen_test]
async fn who_types_while_the_reason_changes_keeps_the_caret() {
    reset().await;
    let _page = Page::signed_in().await;
    fault("POST", "/logout", respond(503, "application/json", "{}")).await;
    button("Logout").unwrap().click();
    until("focus", || focused() == "username").await;
    input("password").focus().unwrap();
    until("untold", || text(".reason").starts_with("You are logged out on this device.")).await;
    assert_eq!(focused(), "password", "the rest of it would be in plain sight");
    stand::forget_log_and_rules().await;
    until("told", || text(".reason") == "You are logged out.").await;
    assert_eq!(focused(), "password");
}

#[wasm_bindgen_test]
async fn what_is_private_leaves_the_document_while_the_page_is_put_away_and_comes_back_as_it_was() {
    reset().await;
    let _page = Page::signed_in().await;
    button("Fetch Protected Data").unwrap().click();
    until("data", || find("pre").is_some()).await;
    let (data, shown) = (text("pre"), find("pre").unwrap());
    for (stop, go_on) in [
        (
            "window.dispatchEvent(new PageTransitionEvent('pagehide', {persisted: true}))",
            "window.dispatchEvent(new PageTransitionEvent('pageshow', {persisted: true}))",
        ),
        ("document.dispatchEvent(new Event('freeze'))", "document.dispatchEvent(new Event('resume'))"),
    ] {
        let had_focus = button("Fetch Protected Data");
        had_focus.as_ref().unwrap().focus().unwrap();
        // The page must conceal its content within the event: a page that is put away runs no later task.
        script::run(stop);
        assert_eq!(
            document().get_element_by_id("app").unwrap().text_content().unwrap(),
            "Restoring your session…"
        );
        script::run(go_on);
        until("back", || text("pre") == data).await;
        assert_eq!(text("h1"), "Signed in as demo");
        assert_eq!(find("pre").unwrap(), shown, "the very element");
        assert!(button("Logout").is_some() && button("Fetch Protected Data").is_some());
        assert!(is_focused(had_focus), "who had the focus has it again");
    }
    button("Logout").unwrap().click();
    until("form", || find("form").is_some()).await;
    wire(3).await;
}

#[wasm_bindgen_test]
async fn a_page_that_cannot_look_whether_its_session_exists_says_so_after_a_while_and_lets_one_log_out() {
    reset().await;
    let _page = Page::signed_in().await;
    // Makes intervals twenty times as fast: one second takes 50 ms.
    script::run("window.realInterval = setInterval");
    let hurried = Replaced::new("window", "setInterval", "value: (f, ms) => realInterval(f, ms / 20)");
    let broken = || {
        let broken = "value() { throw new DOMException('broken', 'UnknownError') }";
        Replaced::new("IDBObjectStore.prototype", "get", broken)
    };
    let stop_and_go_on = || {
        script::run(
            "window.dispatchEvent(new PageTransitionEvent('pagehide', {persisted: true}));
             window.dispatchEvent(new PageTransitionEvent('pageshow', {persisted: true}))",
        )
    };
    let shown = || document().get_element_by_id("app").unwrap().text_content().unwrap();
    for heals in [true, false] {
        let storage = broken();
        stop_and_go_on();
        until("concealed", || shown() == "Restoring your session…").await;
        until("told", || find("[role=alert]").is_some()).await;
        assert_eq!(
            shown(),
            "Restoring your session…This browser's storage does not answer, so your session cannot be shown. \
             Reload the page, or log out.Logout"
        );
        if heals {
            drop(storage);
            until("back", || button("Fetch Protected Data").is_some()).await;
            assert!(find("[role=alert]").is_none());
        } else {
            button("Logout").unwrap().click();
            until("form", || text(".reason") == "You are logged out.").await;
            drop(storage);
        }
    }
    drop(hurried);
    assert_eq!(wire(2).await, ["POST /token 200", "POST /logout 204"]);
}

/// An app of an importer, with components inside and outside of the guard.
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
    script::run("document.body.insertAdjacentHTML('beforeend', '<main id=\"app\"></main>')");
    let root = document().get_element_by_id("app").unwrap();
    let app = Renderer::<Imported>::with_root(root).render();
    until("signed in", || find("#private").is_some()).await;
    script::run("window.dispatchEvent(new PageTransitionEvent('pagehide', {persisted: true}))");
    until("concealed", || find("#private").is_none()).await;
    assert_eq!(text("#status"), "Restoring");
    button("Logout").unwrap().click();
    until("ended", || find("#form").is_some()).await;
    script::run("window.dispatchEvent(new PageTransitionEvent('pageshow', {persisted: true}))");
    wire(1).await;
    assert!(find("#private").is_none());
    app.destroy();
    script::run("document.getElementById('app').remove()");
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
    script::run("document.body.insertAdjacentHTML('beforeend', '<main id=\"app\"></main>')");
    let root = document().get_element_by_id("app").unwrap();
    let app = Renderer::<Switching>::with_root(root).render();
    until("signed in", || button("Get").is_some()).await;
    button("Get").unwrap().click();
    // The state names the user after the server's first answer. The children keep their state then.
    until("kept", || (text("h1"), text("#kept")) == (USERNAME.to_owned(), "theirs".to_owned())).await;
    let tokens = json!({"access_token": "a", "refresh_token": "r", "token_type": "bearer"});
    fault("POST", "/token", respond(200, "application/json", &tokens.to_string())).await;
    button("Switch").unwrap().click();
    until("switched", || text("h1") == "other").await;
    assert_eq!(text("#kept"), "");
    app.destroy();
    script::run("document.getElementById('app').remove()");
}

#[wasm_bindgen_test]
async fn another_user_who_signs_in_in_another_tab_is_named_and_taken_up_when_asked() {
    stand::signed_in().await;
    let page = Page::open(api());
    until("signed in", || button("Fetch Protected Data").is_some()).await;
    let now = format!("yew-jwt-auth:{}:now", stand::base().as_str());
    // Writes what the other tab's login writes into the ledger, and posts its message.
    script::run_async(&another_login(&now)).await;
    until("named", || button("Continue as \u{96fb}").is_some()).await;
    let sentence = "Another tab of this browser signed in as \u{96fb}, which ended your session here. \
                    Continue as that user, or log in again.";
    assert_eq!(text(".elsewhere [role=alert]"), sentence);
    assert!(find("form").is_some() && find("pre").is_none() && button("Logout").is_none());
    let form = find("form").unwrap();
    Page::fill("somebody", "typed so far");
    input("password").focus().unwrap();
    script::run("window.dispatchEvent(new PageTransitionEvent('pagehide', {persisted: true}))");
    until("concealed", || find(".elsewhere").is_none()).await;
    script::run("window.dispatchEvent(new PageTransitionEvent('pageshow', {persisted: true}))");
    until("named again", || find(".elsewhere").is_some()).await;
    let untouched = || {
        assert_eq!(find("form").unwrap(), form, "the very element");
        assert_eq!(input("username").value(), "somebody");
        assert_eq!(input("password").value(), "typed so far");
        assert_eq!(focused(), "password");
    };
    untouched();
    script::run_async(&wiped_ledger(&now)).await;
    until("nobody any more", || find(".elsewhere").is_none()).await;
    untouched();
    drop(page);
}

/// A script that copies the session's row to another user, makes the copy current and tells the tabs.
fn another_login(now: &str) -> String {
    format!(
        "await new Promise((resolve, reject) => {{
             const opening = indexedDB.open('yew-jwt-auth');
             opening.onsuccess = () => {{
                 const database = opening.result;
                 const transaction = database.transaction('ledger', 'readwrite');
                 const store = transaction.objectStore('ledger');
                 store.get('{now}').onsuccess = (read) => {{
                     const now = JSON.parse(read.target.result);
                     const key = (sid) => '{now}'.replace(/now$/, 'row:' + sid);
                     store.get(key(now.sid)).onsuccess = (read) => {{
                         const row = {{...JSON.parse(read.target.result), sid: 'b', sub: '\u{96fb}', who: null}};
                         store.put(JSON.stringify(row), key('b'));
                         store.put(JSON.stringify({{...now, sid: 'b'}}), '{now}');
                     }};
                 }};
                 transaction.onabort = reject;
                 transaction.oncomplete = () => {{ database.close(); resolve(); }};
             }};
         }});
         const channel = new BroadcastChannel('{now}'.replace(/now$/, 'tabs'));
         channel.postMessage(JSON.stringify({{v: 1, say: 'Changed'}}));
         channel.close()"
    )
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
    script::run("document.body.insertAdjacentHTML('beforeend', '<main id=\"app\"></main>')");
    let root = document().get_element_by_id("app").unwrap();
    let app = Renderer::<TwoForms>::with_root(root).render();
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
    app.destroy();
    script::run("document.getElementById('app').remove()");
}

/// A script that removes every row from the ledger, as another tab's wipe of the site's data does, and
/// tells the tabs.
fn wiped_ledger(now: &str) -> String {
    format!(
        "await new Promise((resolve, reject) => {{
             const opening = indexedDB.open('yew-jwt-auth');
             opening.onsuccess = () => {{
                 const database = opening.result;
                 const transaction = database.transaction('ledger', 'readwrite');
                 transaction.objectStore('ledger').clear();
                 transaction.onabort = reject;
                 transaction.oncomplete = () => {{ database.close(); resolve(); }};
             }};
         }});
         const channel = new BroadcastChannel('{now}'.replace(/now$/, 'tabs'));
         channel.postMessage(JSON.stringify({{v: 1, say: 'Changed'}}));
         channel.close()"
    )
}

#[wasm_bindgen_test]
async fn after_a_reload_nobody_is_named_before_the_server_has_answered() {
    stand::signed_in().await;
    let _page = Page::open(api());
    until("signed in", || button("Fetch Protected Data").is_some()).await;
    assert_eq!(text("h1"), "Signed in");
    assert!(wire(0).await.is_empty(), "a fresh token causes no traffic");
    button("Fetch Protected Data").unwrap().click();
    until("named", || text("h1") == "Signed in as demo").await;
}

#[wasm_bindgen_test]
async fn garbage_in_storage_is_discarded() {
    reset().await;
    for garbage in ["", "{", "null", "[]", r#"{"v":0}"#, r#"{"v":1,"sid":"","user":"","generation":-1}"#] {
        for (area, kind) in
            [("localStorage", "refresh"), ("localStorage", "refresh:b:7"), ("sessionStorage", "access")]
        {
            script::run(&format!(
                "{area}.setItem('yew-jwt-auth:{}:{kind}', '{garbage}')",
                stand::base().as_str()
            ));
        }
        let _page = Page::with_form().await;
        assert!(find(".reason").is_none() && find("[role=alert]").is_none(), "{garbage}");
        // The ledger sweeps after the form is there.
        until("nothing stored", || script::stored() == "[{},{}]").await;
    }
    assert!(wire(0).await.is_empty());
}

#[wasm_bindgen_test]
async fn where_storage_is_denied_the_session_lives_in_memory_with_a_notice() {
    reset().await;
    let denied = Replaced::storage_denied();
    let _page = Page::signed_in().await;
    assert!(text(".notices").starts_with("This browser does not let the page remember you"));
    button("Fetch Protected Data").unwrap().click();
    until("data", || find("pre").is_some()).await;
    button("Logout").unwrap().click();
    until("form", || find("form").is_some()).await;
    drop(denied);
    wire(3).await;
}

#[wasm_bindgen_test]
async fn too_many_attempts_are_counted_down() {
    reset().await;
    let many = json!({"type": "respond", "status": 429, "cors": true, "body": "{}",
        "headers": [["retry-after", "2"], ["access-control-expose-headers", "Retry-After"]]});
    fault("POST", "/token", many).await;
    let _page = Page::with_form().await;
    Page::fill(USERNAME, PASSWORD);
    Page::submit();
    until("alert", || text("[role=alert]").starts_with("Too many attempts.")).await;
    assert!(text("[role=timer]").starts_with("You can try again in 2"), "{}", text("[role=timer]"));
    Page::submit();
    assert_eq!(button("Login").unwrap().get_attribute("aria-disabled").as_deref(), Some("true"));
    until("focus", || is_focused(find("[role=alert]"))).await;
    until("over", || find("[role=timer]").is_none()).await;
    assert_eq!(button("Login").unwrap().get_attribute("aria-disabled").as_deref(), Some("false"));
    assert_eq!(text("form [role=status]"), "You can try again now.");
    assert!(find("form .running").is_none(), "nothing is going on");
    assert!(is_focused(button("Login")), "the sentence that had the focus is gone");
    assert_eq!(wire(1).await, ["POST /token 429"]);
    Page::submit();
    until("again", || find("[role=timer]").is_some()).await;
    assert_eq!(text("form [role=status]"), "");
    input("password").focus().unwrap();
    until("over again", || find("[role=timer]").is_none()).await;
    assert_eq!(text("form [role=status]"), "You can try again now.");
    assert_eq!(focused(), "password", "who went on by themselves is not moved");
}

/// A parent that keeps its countdown mounted after the countdown's end.
#[component]
fn CountedDown() -> Html {
    let ends = use_state(|| 0_u32);
    let ondone = {
        let ends = ends.clone();
        let so_far = use_mut_ref(|| 0_u32);
        use_callback((), move |(), ()| {
            *so_far.borrow_mut() += 1;
            ends.set(*so_far.borrow());
        })
    };
    html! { <><Countdown seconds={1} {ondone} /><p id="ends">{ *ends }</p></> }
}

#[wasm_bindgen_test]
async fn a_countdown_ends_once() {
    script::run("document.body.insertAdjacentHTML('beforeend', '<main id=\"app\"></main>')");
    let root = document().get_element_by_id("app").unwrap();
    let app = Renderer::<CountedDown>::with_root(root).render();
    until("over", || text("#ends") == "1").await;
    let again = pin!(until("again", || text("#ends") != "1"));
    assert!(script::within(600, again).await.is_err(), "two ticks later: {}", text("#ends"));
    assert_eq!(text("[role=timer]"), "You can try again in 0 s.");
    app.destroy();
    script::run("document.getElementById('app').remove()");
}

#[wasm_bindgen_test]
async fn a_fetch_that_came_too_soon_is_counted_down_and_a_refused_one_takes_its_data_back() {
    reset().await;
    let _page = Page::signed_in().await;
    let fetch = || button("Fetch Protected Data").unwrap();
    fetch().click();
    until("data", || find("pre").is_some()).await;
    let many = json!({"type": "respond", "status": 429, "cors": true, "body": "{}",
        "headers": [["retry-after", "1"], ["access-control-expose-headers", "Retry-After"]]});
    fault("GET", "/protected-route", many).await;
    fetch().click();
    until("countdown", || find("[role=timer]").is_some()).await;
    assert_eq!(fetch().get_attribute("aria-disabled").as_deref(), Some("true"));
    fetch().click();
    assert!(find("pre").is_some(), "the last answer still stands");
    until("over", || find("[role=timer]").is_none()).await;
    assert_eq!(text(".home [role=status]"), "You can try again now.");
    assert!(is_focused(button("Fetch Protected Data")), "the sentence that had the focus is gone");
    assert_eq!(wire(3).await.len(), 3, "none was sent meanwhile");
    fault("GET", "/protected-route", respond(403, "application/json", "{}")).await;
    fetch().click();
    until("refused", || text("[role=alert]").contains("403")).await;
    assert!(find("pre").is_none(), "what may not be seen is not shown");
    assert_eq!(text(".home [role=status]"), "");
}

#[wasm_bindgen_test]
async fn a_page_that_is_set_up_wrongly_says_so() {
    let _page = Page::open("ftp://nowhere");
    until("alert", || text("[role=alert]").contains("api-base-url")).await;
    assert!(find("form").is_none());
}

#[wasm_bindgen_test]
async fn a_connection_in_the_clear_is_called_out() {
    script::clear_storage();
    let _page = Page::open("http://api.example.org");
    until("form", || find("form").is_some()).await;
    assert!(text(".notices").contains("not encrypted"));
}
