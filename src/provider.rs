//! The session, for every component below it.

use std::pin::pin;
use std::task::{Context, Waker};

use auth::{Client, State};
use yew::prelude::*;
use yew::scheduler::flush;

use crate::browser::{Browser, resume};
use crate::components::focused;
use crate::settings::Settings;

/// What components get from the provider. It holds no token: those stay inside the client.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Session {
    pub(crate) client: Client,
    pub(crate) state: State,
    /// The page has stopped, and since it goes on nobody has looked whether the session still exists.
    pub(crate) concealed: bool,
}

/// Properties of [`AuthProvider`].
#[derive(Debug, Properties)]
pub struct AuthProviderProps {
    /// The API and how to talk to it. Read once: a page has one session.
    pub settings: Settings,
    /// What is inside.
    #[prop_or_default]
    pub children: Html,
}

impl PartialEq for AuthProviderProps {
    fn eq(&self, other: &Self) -> bool {
        // Settings do not change during a page's life.
        self.children == other.children
    }
}

/// Holds the session and takes up a stored one.
#[component]
pub fn AuthProvider(props: &AuthProviderProps) -> Html {
    let client = use_memo((), |()| {
        let Settings { base, contract, custody } = props.settings.clone();
        Client::new(Browser, base, contract, custody)
    });
    let state = use_state_eq(|| client.state());
    let concealed = use_state_eq(|| false);
    let had_focus = use_mut_ref(|| None);
    use_effect_with((), {
        let (client, state, concealed) = (client.clone(), state.clone(), concealed.setter());
        let had_focus = had_focus.clone();
        move |()| {
            let subscription = client.subscribe(move |now| state.set(now));
            client.start();
            let pausing = client.clone();
            let conceal = move |now| {
                if now {
                    pausing.pause();
                    // The second of two stops finds the focus nowhere: what had it is concealed already.
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
        // What was taken out of the document lost the focus and does not get it back by itself.
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

/// Renders what is due before it returns.
///
/// Left to itself, Yew renders when the event is over, for 16 ms at most, and goes on at a timer: a page that is put
/// away in between would come back with the private half of it in plain sight.
fn render() {
    // All of it is done by the first poll; what it would wait for is a timer that finds nothing left to do.
    let _ = pin!(flush()).poll(&mut Context::from_waker(Waker::noop()));
}
