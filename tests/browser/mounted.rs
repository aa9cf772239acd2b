//! Components in the document, and what a test finds there.

use wasm_bindgen::JsCast as _;
use web_sys::{Document, Element, HtmlElement, HtmlFormElement, HtmlInputElement};
use yew::html::BaseComponent;
use yew::{AppHandle, Renderer};
use yew_jwt_auth::App;

use crate::script::{self, until};
use crate::stand::{PASSWORD, USERNAME, api};

/// A component, mounted in the document until the value is dropped.
pub(crate) struct Mounted<C: BaseComponent>(Option<AppHandle<C>>);

impl<C: BaseComponent<Properties: Default>> Mounted<C> {
    pub(crate) fn new() -> Self {
        script::run("document.body.insertAdjacentHTML('beforeend', '<main id=\"app\"></main>')");
        let root = document().get_element_by_id("app").unwrap();
        Self(Some(Renderer::<C>::with_root(root).render()))
    }
}

impl<C: BaseComponent> Drop for Mounted<C> {
    fn drop(&mut self) {
        if let Some(app) = self.0.take() {
            app.destroy();
        }
        script::run("document.getElementById('app').remove()");
    }
}

/// The page, mounted until the value is dropped.
pub(crate) struct Page(#[expect(dead_code, reason = "its drop ends the page")] Mounted<App>);

pub(crate) fn document() -> Document {
    web_sys::window().unwrap().document().unwrap()
}

impl Page {
    pub(crate) fn open(api: &str) -> Self {
        script::run(&format!(
            "document.querySelectorAll('meta[name=api-base-url]').forEach((e) => e.remove());
             document.head.insertAdjacentHTML('beforeend', '<meta name=\"api-base-url\" content=\"{api}\">');"
        ));
        Self(Mounted::new())
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

    pub(crate) fn submit() {
        find("form").unwrap().dyn_into::<HtmlFormElement>().unwrap().request_submit().unwrap();
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

pub(crate) fn focused() -> String {
    document().active_element().map(|element| element.id()).unwrap_or_default()
}

/// Whether `element` exists and has the focus.
pub(crate) fn is_focused(element: Option<impl AsRef<Element>>) -> bool {
    element.is_some_and(|element| document().active_element().as_ref() == Some(element.as_ref()))
}
