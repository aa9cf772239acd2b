use auth::{Degraded, State};
use yew::prelude::*;

use crate::hooks::{use_client, use_provided, use_session};

/// Properties of [`Notices`].
#[derive(Clone, Debug, PartialEq, Properties)]
pub struct NoticesProps {
    /// Whether passwords and tokens would cross a network unencrypted
    /// ([`BaseUrl::is_exposed`](auth::BaseUrl::is_exposed)).
    #[prop_or_default]
    pub exposed: bool,
    /// Whether to say that the server cannot be used at the moment. A page whose own view says so sets `false`.
    #[prop_or(true)]
    pub says_outage: bool,
}

/// What a signed-in user reads while the server cannot be used. Reads the provider's state, because
/// [`use_session`] says `Restoring` of a page that is put away, which would look like the end of the outage.
#[hook]
pub(crate) fn use_outage() -> Option<&'static str> {
    outage_of(&use_provided().state)
}

fn outage_of(state: &State) -> Option<&'static str> {
    match state {
        State::SignedIn { degraded: Some(Degraded::Unreachable), .. } => {
            Some("The server cannot be reached at the moment. You stay signed in.")
        }
        State::SignedIn { degraded: Some(Degraded::ServerUnavailable), .. } => {
            Some("The server is not available at the moment. You stay signed in.")
        }
        _ => None,
    }
}

/// Notices about the session and the connection, shown although no request failed.
#[component]
pub fn Notices(NoticesProps { exposed, says_outage }: &NoticesProps) -> Html {
    let state = use_session();
    let not_renewed = matches!(state, State::SignedIn { degraded: Some(Degraded::NotRenewed), .. });
    let renewal = not_renewed.then_some("The server does not renew your session. Log in again to go on.");
    let outage = outage_of(&state).filter(|_| *says_outage);
    let client = use_client();
    let unkept = matches!(state, State::SignedIn { kept: false, .. })
        .then_some("This browser does not let the page remember you: you will be signed out when you close or reload it.");
    let exposed = exposed.then_some(
        "The connection to the server is not encrypted. Others on your network can read your password.",
    );
    html! {
        <>
            <div class="notices" role="status">
                { for [exposed, unkept, renewal, outage].into_iter().flatten().map(|text| html! { <p key={text}>{ text }</p> }) }
            </div>
            if not_renewed {
                <button type="button" onclick={move |_| client.logout()}>{ "Log in again" }</button>
            }
        </>
    }
}
