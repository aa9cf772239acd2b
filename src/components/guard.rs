use auth::State;
use yew::prelude::*;

use super::Progress;
use crate::hooks::use_session;

/// Properties of [`Guard`].
#[derive(Clone, Debug, PartialEq, Properties)]
pub struct GuardProps {
    /// What everybody else sees, usually a [`LoginForm`](super::LoginForm).
    pub fallback: Html,
    /// What signed-in users see.
    #[prop_or_default]
    pub children: Html,
}

/// Shows its children while there is a session, and drops them the moment it ends.
///
/// It is a courtesy to the user, not a protection: what is protected is protected by the server.
#[component]
pub fn Guard(GuardProps { fallback, children }: &GuardProps) -> Html {
    match use_session() {
        State::Restoring => html! { <Progress text="Restoring your session…" /> },
        State::SignedOut(_) => fallback.clone(),
        State::SignedIn { .. } => children.clone(),
    }
}
