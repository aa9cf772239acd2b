use auth::Client;
use yew::prelude::*;

use crate::hooks::use_client;

/// The button *Logout*. The session is over here when the click has been handled. The client tells the
/// server in the background.
#[component]
pub fn LogoutButton() -> Html {
    logout_button(use_client())
}

/// [`LogoutButton`] as a function, because a component of its own weighs more.
pub(crate) fn logout_button(client: Client) -> Html {
    html! { <button type="button" onclick={move |_| client.logout()}>{ "Logout" }</button> }
}
