use std::rc::Rc;

use auth::{Error, OwnSession};
use yew::prelude::*;

use super::calls::{Calls, use_calls};
use super::use_client;
use crate::browser::is_online;

/// The list of the user's sessions and the callbacks that fetch it and end sessions.
#[derive(Clone, Debug, PartialEq)]
pub struct SessionList {
    /// Whether the [`Contract`](auth::Contract) names a path for the list. If not, there is nothing to show.
    pub offered: bool,
    /// The list; `None` before it has been fetched.
    pub list: Option<Rc<[OwnSession]>>,
    /// Whether the last call ended a session.
    pub ended: bool,
    /// The error of the last request.
    pub error: Option<Error>,
    /// Whether a request is under way. Until it ends, and while the server has asked to wait, the
    /// callbacks send no request.
    pub busy: bool,
    /// Fetches the list.
    pub fetch: Callback<()>,
    /// Ends the session with this [`sid`](OwnSession::sid).
    pub end: Callback<String>,
    /// Ends all sessions, this one last.
    pub logout_everywhere: Callback<()>,
    /// Clears the error. Call it when the wait that the server asked for is over.
    pub waited: Callback<()>,
    /// Whether that wait is over and no request has been sent since.
    pub ready_again: bool,
}

/// The list of the user's sessions. It is fetched when [`SessionList::fetch`] is called.
///
/// # Panics
///
/// Outside an [`AuthProvider`](crate::AuthProvider).
#[hook]
pub fn use_own_sessions() -> SessionList {
    let client = use_client();
    let offered = client.lists_sessions();
    let list = use_state_eq(|| None::<Rc<[OwnSession]>>);
    let ended = use_state_eq(|| false);
    let Calls { busy, error, waited, ready_again, caller, .. } = use_calls();
    let fetch = {
        let (list, ended) = (list.setter(), ended.setter());
        use_callback((client.clone(), caller.clone()), move |(): (), (client, caller)| {
            let (client, list, ended) = (client.clone(), list.clone(), ended.clone());
            caller.call(async move {
                ended.set(false);
                let listed = client.own_sessions().await.map_err(|error| match error {
                    // Without a connection no request tells what the server offers.
                    Error::NotOffered if !is_online() => Error::Unreachable,
                    error => error,
                });
                list.set(Some(listed?.into()));
                Ok(())
            });
        })
    };
    let end = {
        let ended = ended.setter();
        let given = (client.clone(), caller.clone(), list.clone());
        use_callback(given, move |sid: String, (client, caller, list)| {
            let (client, list, ended) = (client.clone(), list.clone(), ended.clone());
            caller.call(async move {
                ended.set(false);
                client.end_session(&sid).await?;
                let left = list.iter().flat_map(|list| &**list).filter(|session| session.sid != sid);
                list.set(Some(left.cloned().collect()));
                ended.set(true);
                Ok(())
            });
        })
    };
    let logout_everywhere = {
        let ended = ended.setter();
        use_callback((client, caller), move |(): (), (client, caller)| {
            let (client, ended) = (client.clone(), ended.clone());
            caller.call(async move {
                ended.set(false);
                client.logout_everywhere().await
            });
        })
    };
    SessionList {
        offered,
        list: (*list).clone(),
        ended: *ended,
        error,
        busy,
        fetch,
        end,
        logout_everywhere,
        waited,
        ready_again,
    }
}
