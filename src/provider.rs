//! Provides the session to the components below it.

use std::pin::pin;
use std::task::{Context, Waker};

use auth::{Client, State};
use wasm_bindgen_futures::spawn_local;
use yew::prelude::*;
use yew::scheduler::flush;

use crate::browser::{Browser, resume, worker};
use crate::focus::focused;
use crate::settings::Settings;

/// The provider's context for components. It holds no token; tokens stay inside the client.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Session {
    pub(crate) client: Client,
    pub(crate) state: State,
    /// The page has stopped (frozen or put away), and no check has found since that the session still
    /// exists.
    pub(crate) concealed: bool,
}

/// Properties of [`AuthProvider`].
#[derive(Debug, Properties)]
pub struct AuthProviderProps {
    /// The API and how to talk to it. The provider reads it once, because a page has one session.
    pub settings: Settings,
    /// The components that use the session.
    #[prop_or_default]
    pub children: Html,
}

impl PartialEq for AuthProviderProps {
    fn eq(&self, other: &Self) -> bool {
        // The provider reads the settings once, so a change of them has no effect.
        self.children == other.children
    }
}

/// Holds the session. Restores a stored session at the start.
#[component]
pub fn AuthProvider(props: &AuthProviderProps) -> Html {
    let client = use_memo((), |()| {
        let Settings { base, contract, custody, .. } = props.settings.clone();
        Client::new(Browser, base, contract, custody)
    });
    let base = props.settings.base.as_str().to_owned();
    let state = use_state_eq(|| client.state());
    let concealed = use_state_eq(|| false);
    let had_focus = use_mut_ref(|| None);
    use_effect_with((), {
        let (client, state, concealed) = (client.clone(), state.clone(), concealed.setter());
        let had_focus = had_focus.clone();
        move |()| {
            let subscription = client.subscribe(move |now| {
                if matches!(now, State::SignedOut(_) | State::SignedInElsewhere { .. }) {
                    let forgotten = worker::forget(base.clone());
                    spawn_local(async { _ = forgotten.await });
                }
                state.set(now);
            });
            client.start();
            let pausing = client.clone();
            let conceal = move |now| {
                if now {
                    pausing.pause();
                    // At the second of two stops no element has the focus, because the element that had it
                    // is concealed already. Keep the one from the first stop.
                    if let Some(focused) = focused() {
                        had_focus.replace(Some(focused));
                    }
                }
                concealed.set(now);
                if now {
                    render();
                }
            };
            let check = move || {
                let client = client.clone();
                async move { client.recheck().await }
            };
            let watch = resume::watch(conceal, check);
            move || drop((subscription, watch))
        }
    });
    use_effect_with(*concealed, move |concealed| {
        // The focused element lost the focus when it left the document, so give it back.
        if !concealed
            && let Some(element) = had_focus.take()
            && element.is_connected()
            && focused().is_none()
        {
            let _ = element.focus();
        }
    });
    let session = Session { client: (*client).clone(), state: (*state).clone(), concealed: *concealed };
    html! { <ContextProvider<Session> context={session}>{ props.children.clone() }</ContextProvider<Session>> }
}

/// Renders all pending changes before it returns.
///
/// By default Yew renders after the event handler, for 16 ms at most, and continues at a timer. If the
/// page were put away in between, private content would still be visible at its return.
fn render() {
    // The first poll renders everything. The future would then wait for a timer that has nothing to do.
    let _ = pin!(flush()).poll(&mut Context::from_waker(Waker::noop()));
}
