//! The app: the provider, and the screen for each state.

use auth::State;
use yew::prelude::*;

use crate::components::{
    Data, Failure, FetchButton, Guard, LoginForm, LogoutButton, Message, Notices, OwnSessions, Progress,
    WAIT_IS_OVER,
};
use crate::focus::focus;
use crate::hooks::{use_protected, use_session};
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
            <AuthProvider settings={settings.clone()}>
                <Notices exposed={settings.base.is_exposed()} />
                <Guard fallback={html! { <LoginForm username_label={settings.username_label.clone()} /> }}>
                    <Home path={settings.data_path.clone()} />
                    <OwnSessions />
                </Guard>
            </AuthProvider>
        },
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
    let protected = use_protected(path.clone());
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
    let user = match use_session() {
        State::SignedIn { user: Some(user), .. } => {
            html! { <>{ "Signed in as " }<strong translate="no"><bdi key={user.to_string()}>{ user }</bdi></strong></> }
        }
        _ => html! { "Signed in" },
    };
    let is_empty = protected.error.is_none() && protected.data.as_deref() == Some("");
    let note = if protected.ready_again {
        Some(WAIT_IS_OVER)
    } else {
        is_empty.then_some("The server answered without any data.")
    };
    let waiting = protected.error.and_then(|error| error.wait()).is_some();
    html! {
        <section class="card home" aria-labelledby="home-title">
            <h1 id="home-title" tabindex="-1" ref={heading}>{ user }</h1>
            <div class="actions">
                <FetchButton busy={protected.busy || waiting} onfetch={protected.fetch.clone()} node={button.clone()} />
                <LogoutButton />
            </div>
            <Progress text={protected.busy.then_some("Fetching protected data…")} {note} />
            if let Some(error) = protected.error {
                <Failure {error} onwaited={protected.waited.clone()} next={button} />
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

/// Replaces the page's content by one sentence after a panic.
pub fn show_failure() {
    let document = web_sys::window().and_then(|window| window.document());
    let Some(root) = document.and_then(|document| document.get_element_by_id("app")) else { return };
    let _ = root.set_attribute("role", "alert");
    root.set_text_content(Some("Something went wrong in this page. Reload it to go on."));
}
