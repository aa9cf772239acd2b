//! The page's parts, one a file: thin, because what they do is the client's work.

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
mod progress;

pub use countdown::Countdown;
pub(crate) use countdown::OVER;
pub use data::Data;
pub use elsewhere::Elsewhere;
pub use failure::Failure;
pub use fetch_button::FetchButton;
pub use guard::Guard;
pub use login_form::LoginForm;
pub use logout_button::LogoutButton;
pub use message::Message;
pub use notices::Notices;
pub use progress::Progress;

use web_sys::HtmlElement;
use yew::NodeRef;

/// Whether `node` itself has the focus.
pub(crate) fn has_focus(node: &NodeRef) -> bool {
    let focused = web_sys::window().and_then(|window| window.document()?.active_element());
    focused.is_some() && focused == node.cast()
}

/// Moves the focus to `node`, if it is there and takes it.
pub(crate) fn focus(node: &NodeRef) {
    if let Some(element) = node.cast::<HtmlElement>() {
        let _ = element.focus();
    }
}
