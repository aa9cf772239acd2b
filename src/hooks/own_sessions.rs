use std::rc::Rc;

use auth::{Error, OwnSession};
use yew::prelude::*;

use super::calls::{Calls, use_calls};
use super::use_client;

/// The user's own sessions, and what can be done about them.
#[derive(Clone, Debug, PartialEq)]
pub struct SessionList {
    /// Whether the server may have a list of them: otherwise there is nothing to show.
    pub offered: bool,
    /// The list; `None` before it has been fetched.
    pub list: Option<Rc<[OwnSession]>>,
    /// Whether the last call ended a session.
    pub ended: bool,
    /// What went wrong at the last try.
    pub error: Option<Error>,
    /// Whether a request is under way. While one is, or while the server wants none, no other is made.
    pub busy: bool,
    /// Gets the list.
    pub fetch: Callback<()>,
    /// Ends the session of this [`sid`](OwnSession::sid).
    pub end: Callback<String>,
    /// Ends all of them, this one last.
    pub logout_everywhere: Callback<()>,
    /// Forgets the error: to be called when the time that the server asked to wait is over.
    pub waited: Callback<()>,
    /// Whether that time is over, and nothing has been asked since.
    pub ready_again: bool,
}

/// The list of the user's sessions, fetched when it is asked for.
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
                list.set(Some(client.own_sessions().await?.into()));
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
