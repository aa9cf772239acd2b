//! Provides the session to the components below it.

use std::cell::RefCell;

use auth::{AccessCustody, Client, RefreshCustody, State};
use wasm_bindgen_futures::spawn_local;
use web_sys::HtmlElement;
use yew::prelude::*;

use crate::browser::{Browser, remembered, resume, worker};
use crate::focus::focused;
use crate::render::render;
use crate::settings::Settings;

/// The provider's context for components. It holds no token; tokens stay inside the client.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Session {
    pub(crate) client: Client,
    pub(crate) state: State,
    /// The user that this browser remembers, while the session has not been found or nobody has answered for it yet.
    pub(crate) remembered: Option<AttrValue>,
    /// Whose session this page showed last.
    pub(crate) last_user: Option<AttrValue>,
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

/// What the provider keeps between renderings.
#[derive(Default)]
struct Seen {
    last_user: Option<AttrValue>,
    concealed: bool,
    had_focus: Option<HtmlElement>,
}

/// Holds the session. Restores a stored session at the start.
#[component]
pub fn AuthProvider(props: &AuthProviderProps) -> Html {
    let client = use_memo((), |()| {
        let Settings { base, contract, custody, .. } = props.settings.clone();
        Client::new(Browser, base, contract, custody)
    });
    let base = &props.settings.base;
    let custody = props.settings.custody;
    let is_shared = custody.refresh != RefreshCustody::Memory;
    let survives = is_shared || custody.access != AccessCustody::Memory;
    let (seen, render_again) = (use_mut_ref(Seen::default), use_force_update());
    use_effect_with((), {
        let (client, seen, base) = (client.clone(), seen.clone(), base.clone());
        move |()| {
            let subscription = client.subscribe({
                let (seen, render_again) = (seen.clone(), render_again.clone());
                let (elsewhere, written) = (RefCell::new(None), RefCell::new(None));
                move |now| {
                    match &now {
                        State::SignedIn { user: Some(user), kept, .. } => {
                            seen.borrow_mut().last_user = Some(user.clone().into());
                            // Once a session: another tab may have begun another one since.
                            if *kept && survives && written.replace(Some(user.clone())).as_ref() != Some(user)
                            {
                                remembered::write(&base, user, is_shared);
                            }
                        }
                        State::SignedOut(_) => {
                            written.take();
                            remembered::forget(&base);
                        }
                        State::SignedInElsewhere { user } => _ = elsewhere.replace(Some(user.clone())),
                        // The person in front of the page agreed to go on as that user.
                        State::Restoring => {
                            if let Some(user) = elsewhere.take().filter(|_| survives) {
                                remembered::write(&base, &user, is_shared);
                            }
                        }
                        State::SignedIn { user: None, .. } => {}
                    }
                    if matches!(now, State::SignedOut(_) | State::SignedInElsewhere { .. }) {
                        let forgotten = worker::forget(base.as_str().to_owned());
                        spawn_local(async { _ = forgotten.await });
                    }
                    render_again.force_update();
                }
            });
            client.start();
            let pausing = client.clone();
            let conceal = move |now| {
                if now {
                    pausing.pause();
                    // At the second of two stops no element has the focus, because the element that had it
                    // is concealed already. Keep the one from the first stop.
                    if let Some(focused) = focused() {
                        seen.borrow_mut().had_focus = Some(focused);
                    }
                }
                seen.borrow_mut().concealed = now;
                render_again.force_update();
                if now {
                    // The page may be put away before Yew's next turn, and would show its content at its return.
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
    let (state, concealed) = (client.state(), seen.borrow().concealed);
    use_effect_with(concealed, {
        let seen = seen.clone();
        move |concealed| {
            // The focused element lost the focus when it left the document, so give it back.
            if *concealed {
                return;
            }
            let had_focus = seen.borrow_mut().had_focus.take();
            if let Some(element) = had_focus.filter(|element| element.is_connected() && focused().is_none()) {
                let _ = element.focus();
            }
        }
    });
    let unknown = matches!(state, State::Restoring | State::SignedIn { user: None, .. });
    let session = Session {
        client: (*client).clone(),
        state,
        remembered: unknown.then(|| remembered::read(base, is_shared)).flatten().map(AttrValue::from),
        last_user: seen.borrow().last_user.clone(),
        concealed,
    };
    html! { <ContextProvider<Session> context={session}>{ props.children.clone() }</ContextProvider<Session>> }
}
