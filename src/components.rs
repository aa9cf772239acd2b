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
mod words;

pub use countdown::Countdown;
pub(crate) use countdown::WAIT_IS_OVER;
pub use data::Data;
pub use elsewhere::Elsewhere;
pub use failure::Failure;
pub(crate) use failure::is_of_outage;
pub use fetch_button::FetchButton;
pub(crate) use fetch_button::{FetchButtonProps, fetch_button};
pub use guard::Guard;
pub use login_form::LoginForm;
pub use logout_button::LogoutButton;
pub(crate) use logout_button::logout_button;
pub use message::Message;
pub use notices::Notices;
pub(crate) use notices::use_outage;
pub use own_sessions::OwnSessions;
pub use progress::Progress;
pub(crate) use progress::progress;
pub(crate) use words::words;

/// The class of a view's main button. It shows that a call is under way.
pub(crate) fn primary(busy: bool) -> &'static str {
    if busy { "primary running" } else { "primary" }
}
