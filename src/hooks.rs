//! Hooks for components below an [`AuthProvider`](crate::AuthProvider).

mod calls;
mod own_sessions;

use auth::{Answer, Client, Error, Request, State};
use yew::prelude::*;

pub(crate) use self::calls::{Calls, use_calls};
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
    /// The last answer as JSON text; empty before the first, and after one without content.
    pub data: AttrValue,
    /// Whether the last answer was a success without content (RFC 9110 §15.3.5).
    pub empty: bool,
    /// The error of the last request.
    pub error: Option<Error>,
    /// Whether a request is under way.
    pub busy: bool,
    /// Fetches the resource. Does nothing while a request is under way or the server has asked to wait.
    pub fetch: Callback<()>,
    /// Clears the error. Call it when the wait that the server asked for is over.
    pub waited: Callback<()>,
    /// Whether that wait is over and no request has been sent since.
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
    let data = use_state_eq(AttrValue::default);
    let empty = use_state_eq(|| false);
    let Calls { busy, error, waited, ready_again, caller, .. } = use_calls();
    let fetch = {
        let (data, empty) = (data.setter(), empty.setter());
        use_callback((client, caller, path), move |(): (), (client, caller, path)| {
            let (client, path) = (client.clone(), path.to_string());
            let (data, empty) = (data.clone(), empty.clone());
            caller.call(async move {
                empty.set(false);
                let answer = client.send(&Request::get(path)).await.and_then(Answer::success);
                let is_empty = answer.as_ref().is_ok_and(|answer| answer.text().trim().is_empty());
                let text = match &answer {
                    _ if is_empty => Ok(AttrValue::default()),
                    Ok(answer) => answer.json().map(|text| text.into_owned().into()),
                    Err(failure) => Err(*failure),
                };
                match text {
                    Ok(text) => {
                        data.set(text);
                        empty.set(is_empty);
                    }
                    Err(failure) => {
                        // After a transient failure the last answer stays. After a refusal it is removed.
                        if !failure.retry_helps() {
                            data.set(AttrValue::default());
                        }
                        return Err(failure);
                    }
                }
                Ok(())
            });
        })
    };
    Protected { data: (*data).clone(), empty: *empty, error, busy, fetch, waited, ready_again }
}

#[hook]
#[expect(clippy::expect_used, reason = "a component without its provider is a mistake in the app's code")]
pub(crate) fn use_provided() -> Session {
    use_context().expect("an AuthProvider around this component")
}
