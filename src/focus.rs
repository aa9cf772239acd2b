//! The keyboard focus.

use wasm_bindgen::JsCast as _;
use web_sys::HtmlElement;
use yew::NodeRef;

/// Whether `node` itself has the focus.
pub(crate) fn has_focus(node: &NodeRef) -> bool {
    focused().is_some_and(|focused| node.cast() == Some(focused))
}

/// The element that has the focus. `None` if no element has it; the browser then names the page's body.
pub(crate) fn focused() -> Option<HtmlElement> {
    let document = web_sys::window()?.document()?;
    let active = document.active_element()?.dyn_into::<HtmlElement>().ok()?;
    (document.body().as_ref() != Some(&active)).then_some(active)
}

/// Moves the focus to `node`, if its element is in the page and can take the focus.
pub(crate) fn focus(node: &NodeRef) {
    if let Some(element) = node.cast::<HtmlElement>() {
        let _ = element.focus();
    }
}
