//! Browser-side login for FastAPI servers with JWTs, for Yew apps.
//!
//! [`AuthProvider`] holds the session, [`use_session`] returns its state, [`use_client`] returns the
//! client that sends authenticated requests, [`Guard`] shows its children while there is a session, or while one that this
//! browser remembers is being restored.
//!
//! ```no_run
//! use yew::prelude::*;
//! use yew_jwt_auth::{AuthProvider, Data, FetchButton, Guard, LoginForm, LogoutButton, Settings, use_protected};
//!
//! #[component]
//! fn Notes() -> Html {
//!     let notes = use_protected("/notes");
//!     html! {
//!         <>
//!             <FetchButton busy={notes.busy} onfetch={notes.fetch.clone()} />
//!             <Data json={notes.data.clone()} />
//!             <LogoutButton />
//!         </>
//!     }
//! }
//!
//! #[component]
//! fn App() -> Html {
//!     let settings = Settings::new("https://api.example.org".parse().expect("a base URL"));
//!     html! {
//!         <AuthProvider {settings}>
//!             <Guard fallback={html! { <LoginForm /> }}>
//!                 <Notes />
//!             </Guard>
//!         </AuthProvider>
//!     }
//! }
//! ```
#![deny(missing_docs)]

/// Compiles the example of README.md as it is printed there.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

mod app;
mod browser;
mod components;
mod device;
mod focus;
mod hooks;
mod json;
#[cfg(feature = "csr")]
mod mount;
#[cfg(feature = "ssr")]
mod prerender;
mod provider;
mod render;
mod settings;
mod times;

pub use app::App;
pub use auth;
pub use browser::Browser;
#[doc(hidden)]
pub use browser::resume;
pub use components::{
    Countdown, Data, Elsewhere, Failure, FetchButton, Guard, LoginForm, LogoutButton, Message, Notices,
    OwnSessions, Progress,
};
pub use device::device_name;
pub use hooks::{Protected, SessionList, use_client, use_own_sessions, use_protected, use_session, use_user};
pub use json::Layout;
#[cfg(feature = "csr")]
pub use mount::mount;
#[cfg(feature = "ssr")]
pub use prerender::Views;
pub use provider::AuthProvider;
pub use settings::{InvalidSettings, Settings};
