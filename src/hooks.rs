//! Hooks for components below an [`AuthProvider`](crate::AuthProvider).

mod calls;
mod known;
mod own_sessions;

use auth::{Answer, Client, Error, Request, State};
use yew::prelude::*;

use self::calls::Got;
pub(crate) use self::calls::{Calls, use_calls};
pub(crate) use self::known::known;
pub use self::own_sessions::{SessionList, use_own_sessions};
use crate::provider::Session;

/// The session's state. The component renders again when it changes.
///
/// After a return from the back/forward cache or from a freeze, the state is [`State::Restoring`] until
/// a check has found that the session still exists.
///
/// # Panics
///
/// Outside an [`AuthProvider`](crate::AuthProvider).
#[hook]
pub fn use_session() -> State {
    match use_provided() {
        Session {
            state: State::SignedIn { .. } | State::SignedInElsewhere { .. }, concealed: true, ..
        } => State::Restoring,
        Session { state, .. } => state,
    }
}

/// The name of the session's user: the server's word, or until that has come what this browser remembers of the session.
/// `None` without a session, if neither is known, and while a page that came back has not found that the session still exists.
///
/// # Panics
///
/// Outside an [`AuthProvider`](crate::AuthProvider).
#[hook]
pub fn use_user() -> Option<AttrValue> {
    match use_provided() {
        Session { concealed: true, .. } => None,
        Session { state: State::SignedIn { user: Some(user), .. }, .. } => Some(user.into()),
        Session { remembered, .. } => remembered,
    }
}

/// The client, for the app's own requests.
///
/// ```no_run
/// # use yew::prelude::*;
/// # use yew_jwt_auth::{auth::Request, use_client};
/// #[component]
/// fn Save() -> Html {
///     let client = use_client();
///     let onclick = use_callback(client, |_: MouseEvent, client| {
///         let client = client.clone();
///         wasm_bindgen_futures::spawn_local(async move {
///             let note = Request::post("/notes").json(r#"{"text":"hello"}"#);
///             let _saved = client.send(&note).await.and_then(|answer| answer.success());
///         });
///     });
///     html! { <button {onclick}>{ "Save" }</button> }
/// }
/// ```
///
/// # Panics
///
/// Outside an [`AuthProvider`](crate::AuthProvider).
#[hook]
pub fn use_client() -> Client {
    use_provided().client
}

/// A protected resource and the callback that fetches it.
#[derive(Clone, Debug, PartialEq)]
pub struct Protected {
    /// The last answer as JSON text. The text is empty if the answer was a success without content (RFC 9110 §15.3.5).
    /// `None` before the first answer, and after the server has refused the resource. Any other error keeps the answer.
    pub data: Option<AttrValue>,
    /// The error of the last request.
    pub error: Option<Error>,
    /// Whether a request is under way.
    pub busy: bool,
    /// Fetches the resource. Does nothing while a request is under way or the server has asked to wait.
    pub fetch: Callback<()>,
    /// Clears the error. Call it when the wait that the server asked for is over, or the outage that the error came from.
    pub waited: Callback<()>,
    /// Whether that is over and no request has been sent since.
    pub ready_again: bool,
}

/// Sends `GET path` with the session's access token, once for each call of [`Protected::fetch`].
///
/// # Panics
///
/// Outside an [`AuthProvider`](crate::AuthProvider).
#[hook]
pub fn use_protected(path: impl Into<AttrValue>) -> Protected {
    let path = path.into();
    let client = use_client();
    let data: Got<Option<AttrValue>> = use_mut_ref(|| None);
    let Calls { busy, error, waited, ready_again, caller, .. } = use_calls();
    let got = data.borrow().clone();
    let fetch = use_callback((client, path), move |(): (), (client, path)| {
        let (client, path, data) = (client.clone(), path.to_string(), data.clone());
        caller.call(async move {
            known(&client).await;
            let answer = client.send(&Request::get(path)).await.and_then(Answer::success);
            let text = answer.and_then(|answer| match answer.text().trim() {
                "" => Ok(AttrValue::default()),
                _ => answer.json().map(|text| text.into_owned().into()),
            });
            let text = match text {
                Ok(text) => Some(text),
                Err(error) if is_refusal(error) => {
                    data.replace(None);
                    return Err(error);
                }
                Err(error) => return Err(error),
            };
            data.replace(text);
            Ok(())
        });
    });
    Protected { data: got, error, busy, fetch, waited, ready_again }
}

/// Whether the session is over, or the server itself refused the resource. Any other error, such as a proxy's redirect,
/// says nothing about an earlier answer.
fn is_refusal(error: Error) -> bool {
    let is_over = !error.session_lives();
    is_over
        || matches!(
            error,
            Error::StillUnauthorized | Error::Forbidden | Error::NotFound | Error::Refused { .. }
        )
}

#[hook]
#[expect(clippy::expect_used, reason = "a component without its provider is a mistake in the app's code")]
pub(crate) fn use_provided() -> Session {
    use_context().expect("an AuthProvider around this component")
}
