use auth::Client;
use yew::prelude::*;

use super::Message;
use crate::hooks::use_client;

/// Properties of [`Elsewhere`].
#[derive(Clone, Debug, PartialEq, Properties)]
pub struct ElsewhereProps {
    /// The user whom the other tab is signed in as.
    pub user: AttrValue,
}

/// Says that another tab is signed in as a user whom this page does not belong to, and offers to continue as that user. The page
/// shows nothing of that user before the click.
#[component]
pub fn Elsewhere(ElsewhereProps { user }: &ElsewhereProps) -> Html {
    elsewhere(use_client(), user)
}

/// [`Elsewhere`] as a function, because a component of its own weighs more.
pub(crate) fn elsewhere(client: Client, user: &AttrValue) -> Html {
    let onclick = move |_: MouseEvent| client.start();
    // Isolated (UAX #9), because a name may hold marks that turn the direction of what follows.
    let name = || html! { <bdi translate="no" key={user.to_string()}>{ user.clone() }</bdi> };
    html! {
        <section class="card elsewhere">
            <Message text="Another tab of this browser is signed in as ">
                { name() }
                { ", so you are not signed in here. Continue as that user, or log in again." }
            </Message>
            <div class="actions">
                <button type="button" {onclick}>{ "Continue as " }{ name() }</button>
            </div>
        </section>
    }
}
