use yew::prelude::*;

use crate::hooks::use_client;

/// The button *Logout*. The session is over here when the click has been handled. The client tells the
/// server in the background.
#[component]
pub fn LogoutButton() -> Html {
    let client = use_client();
    let onclick = use_callback(client, |_: MouseEvent, client| client.logout());
    html! { <button type="button" {onclick}>{ "Logout" }</button> }
}
