use auth::State;
use yew::prelude::*;

use crate::hooks::use_session;

/// Names the document after the view that is shown. The name of the user is not in it, because titles stay in the browser's
/// history.
#[component]
pub(crate) fn Title() -> Html {
    let title = match use_session() {
        State::SignedIn { .. } => "Signed in",
        State::Restoring | State::SignedOut(_) | State::SignedInElsewhere { .. } => "Log in",
    };
    use_effect_with(title, |title| {
        if let Some(document) = web_sys::window().and_then(|window| window.document()) {
            document.set_title(title);
        }
    });
    Html::default()
}
