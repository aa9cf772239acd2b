//! The app: the provider, and the screen for each state.

use auth::State;
use yew::prelude::*;

use crate::components::{
    Data, Failure, FetchButtonProps, Guard, LoginForm, Message, Notices, OwnSessions, WAIT_IS_OVER,
    fetch_button, is_of_outage, logout_button, progress, use_outage,
};
use crate::focus::focus;
use crate::hooks::{use_client, use_protected, use_session, use_user};
use crate::provider::AuthProvider;
use crate::settings::Settings;

/// The whole page, configured by its `<meta>` tags.
#[component]
pub fn App() -> Html {
    let settings = use_memo((), |()| Settings::from_page());
    match &*settings {
        Err(invalid) => html! {
            <section class="card" aria-labelledby="invalid-title">
                <h1 id="invalid-title">{ "Log in" }</h1>
                <Message text={invalid.to_string()} />
            </section>
        },
        Ok(settings) => html! {
            <AuthProvider settings={settings.clone()}>{ screen(settings, settings.base.is_exposed()) }</AuthProvider>
        },
    }
}

/// What is shown of a session, below the provider.
pub(crate) fn screen(settings: &Settings, is_exposed: bool) -> Html {
    html! {
        <>
            <Notices exposed={is_exposed} says_outage=false />
            <Guard early=true fallback={html! { <LoginForm username_label={settings.username_label.clone()} /> }}>
                <Home path={settings.data_path.clone()} />
                <OwnSessions />
            </Guard>
        </>
    }
}

#[derive(PartialEq, Properties)]
struct HomeProps {
    /// The path of the protected resource.
    path: AttrValue,
}

/// The view of a signed-in user.
#[component]
fn Home(HomeProps { path }: &HomeProps) -> Html {
    let (client, state, protected) = (use_client(), use_session(), use_protected(path.clone()));
    let (heading, button) = (use_node_ref(), use_node_ref());
    use_effect_with((), {
        let heading = heading.clone();
        move |()| {
            // The login form had the focus and is gone. A screen reader continues at the heading.
            focus(&heading);
            set_title("Signed in");
            || set_title("Log in")
        }
    });
    let user = match use_user() {
        Some(user) => {
            html! { <>{ "Signed in as " }<strong translate="no"><bdi key={user.to_string()}>{ user }</bdi></strong></> }
        }
        None => html! { "Signed in" },
    };
    let outage = use_outage();
    // What an outage took the place of is not announced again when the outage is over.
    let was_out = use_mut_ref(|| false);
    let was_out = {
        let mut was_out = was_out.borrow_mut();
        *was_out = !protected.busy && (*was_out || outage.is_some());
        *was_out
    };
    let text = if protected.busy {
        Some(outage.unwrap_or("Fetching protected data…"))
    } else {
        (state == State::Restoring).then_some("Restoring your session…")
    };
    let note = match (protected.ready_again, protected.error, protected.data.as_deref()) {
        (true, ..) => Some(WAIT_IS_OVER),
        (_, None, Some("")) => Some("The server answered without any data."),
        (_, None, Some(_)) if !was_out => Some("The data has arrived."),
        _ => None,
    };
    // The error of an outage says it too.
    let note = outage.filter(|_| !protected.error.is_some_and(is_of_outage)).or(note);
    let waiting = protected.error.and_then(|error| error.wait()).is_some();
    html! {
        <section class="card home" aria-labelledby="home-title">
            <h1 id="home-title" tabindex="-1" ref={heading}>{ user }</h1>
            <div class="actions">
                { fetch_button(&FetchButtonProps { busy: protected.busy, waiting, onfetch: protected.fetch, node: button.clone() }) }
                { logout_button(client) }
            </div>
            { progress(text.map(AttrValue::from), note.map(AttrValue::from)) }
            if let Some(error) = protected.error {
                <Failure {error} outage={outage.is_some()} onwaited={protected.waited.clone()} next={button} />
            }
            <Data json={protected.data.clone()} />
        </section>
    }
}

/// Names the view that is shown. The name of the user is not in it, because titles stay in the browser's history.
fn set_title(title: &str) {
    if let Some(document) = web_sys::window().and_then(|window| window.document()) {
        document.set_title(title);
    }
}
