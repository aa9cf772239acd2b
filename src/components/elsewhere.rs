use yew::prelude::*;

use super::Message;
use crate::hooks::use_client;

/// Properties of [`Elsewhere`].
#[derive(Clone, Debug, PartialEq, Properties)]
pub struct ElsewhereProps {
    /// The user who signed in in another tab.
    pub user: AttrValue,
}

/// Says that another user signed in in another tab, and offers to continue as that user. The page
/// shows nothing of that user before the click.
#[component]
pub fn Elsewhere(ElsewhereProps { user }: &ElsewhereProps) -> Html {
    let client = use_client();
    let onclick = use_callback(client, |_: MouseEvent, client| client.start());
    // Isolated (UAX #9), because a name may hold marks that turn the direction of what follows.
    let name = format!("\u{2068}{user}\u{2069}");
    html! {
        <section class="card elsewhere">
            <Message text={format!(
                "Another tab of this browser signed in as {name}, which ended your session here. \
                 Continue as {name}, or log in again."
            )} />
            <div class="actions">
                <button type="button" {onclick}>{ format!("Continue as {name}") }</button>
            </div>
        </section>
    }
}
