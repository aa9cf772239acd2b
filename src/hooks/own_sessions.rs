use std::rc::Rc;

use auth::{Client, Error, OwnSession};
use yew::prelude::*;

use super::calls::{Calls, Got, use_calls};
use super::known::known;
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
    /// Clears the error. Call it when the wait that the server asked for is over, or the outage that the error came from.
    pub waited: Callback<()>,
    /// Whether that is over and no request has been sent since.
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
    let got: Got<Listed> = use_mut_ref(Listed::default);
    let Calls { busy, error, waited, ready_again, caller, .. } = use_calls();
    let Listed { list, ended } = got.borrow().clone();
    // The next call has not said it again.
    let ended = ended && !busy;
    let call = move |wish| caller.call(carry_out(client.clone(), got.clone(), wish));
    let fetch = {
        let call = call.clone();
        use_callback((), move |(): (), ()| call(Wish::List))
    };
    let end = {
        let call = call.clone();
        use_callback((), move |sid: String, ()| call(Wish::End(sid)))
    };
    let logout_everywhere = use_callback((), move |(): (), ()| call(Wish::EndAll));
    SessionList { offered, list, ended, error, busy, fetch, end, logout_everywhere, waited, ready_again }
}

/// What the calls have brought.
#[derive(Clone, Default)]
struct Listed {
    list: Option<Rc<[OwnSession]>>,
    /// Whether the last call ended a session.
    ended: bool,
}

enum Wish {
    List,
    /// Ends the session with this `sid`.
    End(String),
    EndAll,
}

/// One function for all wishes, because each call's own future weighs more.
async fn carry_out(client: Client, got: Got<Listed>, wish: Wish) -> Result<(), Error> {
    got.borrow_mut().ended = false;
    known(&client).await;
    match wish {
        Wish::List => {
            let listed = client.own_sessions().await.map_err(|error| match error {
                // Without a connection no request tells what the server offers.
                Error::NotOffered if !is_online() => Error::Unreachable,
                error => error,
            });
            got.borrow_mut().list = Some(listed?.into());
            Ok(())
        }
        Wish::End(sid) => {
            client.end_session(&sid).await?;
            let mut got = got.borrow_mut();
            let left = got.list.iter().flat_map(|list| &**list).filter(|session| session.sid != sid);
            got.list = Some(left.cloned().collect());
            got.ended = true;
            Ok(())
        }
        Wish::EndAll => client.logout_everywhere().await,
    }
}
