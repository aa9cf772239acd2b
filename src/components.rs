//! The page's components, one per file. They are thin, because the client does the work.

mod countdown;
mod data;
mod elsewhere;
mod failure;
mod fetch_button;
mod guard;
mod login_form;
mod logout_button;
mod message;
mod notices;
mod own_sessions;
mod progress;
mod restoring;

pub use countdown::Countdown;
pub(crate) use countdown::WAIT_IS_OVER;
pub use data::Data;
pub use elsewhere::Elsewhere;
pub use failure::Failure;
pub use fetch_button::FetchButton;
pub use guard::Guard;
pub use login_form::LoginForm;
pub use logout_button::LogoutButton;
pub use message::Message;
pub use notices::Notices;
pub use own_sessions::OwnSessions;
pub use progress::Progress;

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
