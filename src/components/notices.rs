use auth::{Degraded, State};
use yew::prelude::*;

use crate::hooks::{use_client, use_session};

/// Properties of [`Notices`].
#[derive(Clone, Debug, PartialEq, Properties)]
pub struct NoticesProps {
    /// Whether passwords and tokens would cross a network unencrypted
    /// ([`BaseUrl::is_exposed`](auth::BaseUrl::is_exposed)).
    #[prop_or_default]
    pub exposed: bool,
}

/// Notices about the session and the connection, shown although no request failed.
#[component]
pub fn Notices(NoticesProps { exposed }: &NoticesProps) -> Html {
    let state = use_session();
    let degraded = match state {
        State::SignedIn { degraded, .. } => degraded,
        _ => None,
    };
    let not_renewed = degraded == Some(Degraded::NotRenewed);
    let degraded = degraded.map(|degraded| match degraded {
        Degraded::Unreachable => "The server cannot be reached at the moment. You stay signed in.",
        Degraded::ServerUnavailable => "The server is not available at the moment. You stay signed in.",
        Degraded::NotRenewed => "The server does not renew your session. Log in again to go on.",
    });
    let client = use_client();
    let unkept = matches!(state, State::SignedIn { kept: false, .. })
        .then_some("This browser does not let the page remember you: you will be signed out when you close or reload it.");
    let exposed = exposed.then_some(
        "The connection to the server is not encrypted. Others on your network can read your password.",
    );
    html! {
        <>
            <div class="notices" role="status">
                { for [exposed, unkept, degraded].into_iter().flatten().map(|text| html! { <p key={text}>{ text }</p> }) }
            </div>
            if not_renewed {
                <button type="button" onclick={move |_| client.logout()}>{ "Log in again" }</button>
            }
        </>
    }
}
