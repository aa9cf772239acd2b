//! The page at its borders: settings in `<meta>` tags, scripts that submit the form, translators, data of any size, and
//! caches that others filled.

use serde_json::{Value, json};
use wasm_bindgen_test::wasm_bindgen_test;

use crate::data::fetched;
use crate::mounted::{Page, button, document, find, input, text};
use crate::script::{self, until};
use crate::stand::{PASSWORD, USERNAME, api, reset, respond, wire};

/// A `<meta>` tag of the page until the value is dropped.
struct Meta(&'static str);

impl Meta {
    fn new(name: &'static str, content: &str) -> Self {
        script::run(&format!(
            "const meta = document.createElement('meta');
             meta.name = {}; meta.content = {}; document.head.append(meta)",
            Value::from(name),
            Value::from(content)
        ));
        Self(name)
    }
}

impl Drop for Meta {
    fn drop(&mut self) {
        script::run(&format!("document.querySelector('meta[name={}]').remove()", self.0));
    }
}

#[wasm_bindgen_test]
async fn a_form_that_a_script_submits_sends_nothing_by_itself() {
    reset().await;
    let _page = Page::with_form().await;
    Page::fill(USERNAME, PASSWORD);
    let before = document().location().unwrap().href().unwrap();
    // Firefox throws here.
    script::run("try { document.querySelector('#app form').submit() } catch {}");
    assert_eq!(document().location().unwrap().href().unwrap(), before);
    assert!(wire(0).await.is_empty());
    assert_eq!(input("password").value(), PASSWORD, "the form is as it was");
    // A sandbox without `allow-forms` gives the button its click, and the form no submission.
    script::run(
        "window.__stop = (e) => e.stopImmediatePropagation();
                 window.addEventListener('submit', window.__stop, true)",
    );
    button("Login").unwrap().click();
    until("signed in", || button("Logout").is_some()).await;
    script::run("window.removeEventListener('submit', window.__stop, true)");
    assert_eq!(wire(1).await, ["POST /token 200"]);
}

#[wasm_bindgen_test]
async fn each_view_has_its_title_and_isolates_the_users_name() {
    reset().await;
    let _page = Page::with_form().await;
    assert_eq!(document().title(), "Log in");
    Page::fill(USERNAME, PASSWORD);
    button("Login").unwrap().click();
    until("signed in", || document().title() == "Signed in").await;
    // U+202E in a name would otherwise turn the sentence around.
    assert!(find("h1 bdi").is_some());
    button("Logout").unwrap().click();
    until("the form", || document().title() == "Log in").await;
}

#[wasm_bindgen_test]
async fn a_translator_that_replaces_every_text_leaves_nothing_stale() {
    const TRANSLATE: &str = "
        const walker = document.createTreeWalker(document.getElementById('app'), NodeFilter.SHOW_TEXT);
        const texts = [];
        while (walker.nextNode()) if (!walker.currentNode.parentElement.closest('[translate=no]')) texts.push(walker.currentNode);
        for (const text of texts) {
            const font = document.createElement('font');
            font.textContent = 'x' + text.data;
            text.replaceWith(font);
        }";
    reset().await;
    let _page = Page::signed_in().await;
    fetched(respond(200, "application/json", r#"{"a":1}"#)).await;
    until("data", || text("pre").contains("\"a\": 1")).await;
    script::run(TRANSLATE);
    fetched(respond(200, "application/json", r#"{"b":2}"#)).await;
    until("new data", || text("pre").contains("\"b\": 2")).await;
    assert!(!text("#app").contains("\"a\"") && !text(".home").contains("Fetching"), "{}", text(".home"));
    fetched(respond(403, "application/json", "{}")).await;
    until("the refusal", || text("[role=alert]").contains("permission")).await;
    script::run(TRANSLATE);
    fetched(respond(404, "application/json", "{}")).await;
    until("the next one", || text("[role=alert]").contains("nothing at this address")).await;
    assert!(!text("[role=alert]").contains("permission") && find("pre").is_none());
}

#[wasm_bindgen_test]
async fn a_contract_may_ask_for_more_and_name_the_rest() {
    reset().await;
    let contract = r#"{"asks": [{"name": "tenant", "label": "Company", "autocomplete": "organization"},
                                {"name": "otp", "label": "Code", "optional": true}]}"#;
    let _metas = [
        Meta::new("auth-contract", contract),
        Meta::new("auth-username-label", "E-mail"),
        Meta::new("auth-data-path", "/me/data"),
    ];
    let _page = Page::with_form().await;
    assert_eq!(text("label[for=username]"), "E-mail");
    assert_eq!(text("label[for=asked-0]"), "Company");
    assert_eq!(text("label[for=asked-1]"), "Code (optional)");
    assert_eq!(input("asked-0").get_attribute("autocomplete").as_deref(), Some("organization"));
    Page::fill(USERNAME, PASSWORD);
    button("Login").unwrap().click();
    until("the missing field", || text("[role=alert]") == "Fill in every required field.").await;
    until("focus", || document().active_element() == find("#asked-0")).await;
    assert!(wire(0).await.is_empty());
    input("asked-0").set_value("acme");
    button("Login").unwrap().click();
    until("signed in", || button("Logout").is_some()).await;
    button("Fetch Protected Data").unwrap().click();
    until("an answer", || find("[role=alert]").is_some()).await;
    assert_eq!(wire(2).await, ["POST /token 200", "GET /me/data 404"]);
}

#[wasm_bindgen_test]
async fn a_wrong_setting_names_its_field_and_what_it_takes() {
    for (name, content, sentence) in [
        (
            "auth-contract",
            "nobody",
            "Its setting \"auth-contract\" is wrong: it takes one JSON object, or the name of a preset: guide,",
        ),
        (
            "auth-contract",
            r#"{"login": {"encoding": "xml"}}"#,
            "is wrong: login.encoding takes form, json or query.",
        ),
        (
            "auth-data-path",
            "http://x/",
            "is wrong: it takes a path of visible ASCII that begins with one slash.",
        ),
        (
            "auth-refresh-token",
            "cookie",
            "is wrong: it takes cookie only if the API is at the page's own origin, such as \"/api\".",
        ),
        ("auth-refresh-token", "cookies", "is wrong: it takes local, database, cookie or memory."),
    ] {
        let _meta = Meta::new(name, content);
        let page = Page::open(api());
        until(sentence, || text("[role=alert]").contains(sentence)).await;
        drop(page);
    }
}

#[wasm_bindgen_test]
async fn a_long_word_does_not_make_a_narrow_page_scroll_sideways() {
    let word = "x".repeat(200);
    let _meta = Meta::new("auth-contract", &json!({&*word: 1}).to_string());
    let _page = Page::open(api());
    until("the setting's name", || text("[role=alert]").contains(&word)).await;
    script::run(&format!(
        "window.style = document.createElement('style');
         window.style.textContent = {} + '#app {{ width: 160px }}';
         document.head.append(window.style);
         document.querySelector('#app').insertAdjacentHTML('beforeend', `
             <section class='card home'>
                 <p class='message'>{word}</p><p class='reason'>{word}</p><p class='progress'>{word}</p>
                 <div class='notices'><p>{word}</p></div><label>{word}</label>
                 <div class='actions'><button>Continue as {word}</button></div>
                 <pre class='data'>{word}</pre>
             </section>`)",
        Value::from(
            [include_str!("../../styles/page.css"), include_str!("../../styles/signed-in.css")].concat()
        )
    ));
    let wide = "return [...document.querySelectorAll('#app *')].filter((e) => e.scrollWidth > 160
        || e.getBoundingClientRect().right > document.querySelector('#app').getBoundingClientRect().right)
        .map((e) => e.tagName + '.' + e.className).join()";
    let wide = script::run(wide).as_string().unwrap();
    script::run("window.style.remove()");
    assert_eq!(wide, "");
}

#[wasm_bindgen_test]
async fn what_a_worker_cached_with_a_token_goes_with_the_session() {
    reset().await;
    let _page = Page::signed_in().await;
    script::run(&format!("window.__api = {}", Value::from(api())));
    script::run_async(
        "const cache = await caches.open('former-app');
         const at = (url, headers) => new Request(url, {headers});
         const token = {authorization: 'Bearer x'};
         await cache.put(at(window.__api + '/private', token), new Response('private'));
         await cache.put(at(window.__api + '/public', {}), new Response('public'));
         await cache.put(at('http://another.invalid/private', token), new Response('private'));",
    )
    .await;
    button("Logout").unwrap().click();
    until("the form", || find("form").is_some()).await;
    let left = || async {
        let names = "return (await (await caches.open('former-app')).keys()).map((r) => new URL(r.url)).map((u) => u.hostname.slice(0, 7) + u.pathname).join()";
        script::run_async(names).await.as_string().unwrap()
    };
    for _ in 0..100 {
        if !left().await.contains("127.0.0/private") {
            break;
        }
        gloo_timers::future::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert_eq!(left().await, "127.0.0/public,another/private");
    script::run_async("await caches.delete('former-app')").await;
}
