use std::rc::Rc;

use auth::State;
use yew::prelude::*;
use yew::suspense::{Suspension, SuspensionHandle};

use super::elsewhere::elsewhere;
use super::progress;
use super::restoring::Restoring;
use crate::hooks::use_provided;

/// Properties of [`Guard`].
#[derive(Clone, Debug, PartialEq, Properties)]
pub struct GuardProps {
    /// Shown without a session. Usually a [`LoginForm`](super::LoginForm).
    pub fallback: Html,
    /// Shown with a session.
    #[prop_or_default]
    pub children: Html,
    /// Whether to show the children already while a session that this browser remembers is being restored. It may be over by
    /// then. The calls of this crate's hooks wait until the page knows, and those of the client fail.
    #[prop_or_default]
    pub early: bool,
}

/// Shows its children while there is a session, and the fallback otherwise. Drops the children as soon as the session ends or
/// becomes another user's. While a session is being restored, shows that (or the children, if they may be `early`) if this browser
/// remembers a session, and the fallback otherwise. If another user signed in in another tab, shows [`Elsewhere`](super::Elsewhere) above the
/// fallback.
///
/// While the page is frozen or in the back/forward cache, the children and [`Elsewhere`](super::Elsewhere) are out of the
/// document, but keep their state. They return when a check after the page's return has found that the
/// session still exists. The fallback stays, because it shows nothing of a session. If the browser's
/// storage does not answer the check within 15 seconds, the page says so and offers to log out.
///
/// The guard is for the user's convenience. It protects nothing: the server protects the data.
#[component]
pub fn Guard(GuardProps { fallback, children, early }: &GuardProps) -> Html {
    let session = use_provided();
    let users = use_mut_ref(Users::default);
    let user = users.borrow_mut().number_of(&session.state);
    let shows_children = match session.state {
        State::SignedIn { .. } => true,
        State::Restoring if session.remembered.is_some() && !early => {
            return progress(Some("Restoring your session…".into()), None);
        }
        State::Restoring => session.remembered.is_some(),
        State::SignedOut(_) | State::SignedInElsewhere { .. } => false,
    };
    match shows_children {
        // The states without a session render the same structure, so that text typed into the fallback survives a change
        // from one to the other.
        false => html! {
            <>
                if let State::SignedInElsewhere { user } = session.state {
                    <Suspense>
                        <Veil drawn={session.concealed} />
                        { elsewhere(session.client, &user.into()) }
                    </Suspense>
                }
                { fallback.clone() }
            </>
        },
        true => html! {
            <Suspense key={user} fallback={html! { <Restoring /> }}>
                <Veil drawn={session.concealed} />
                { children.clone() }
            </Suspense>
        },
    }
}

/// Numbers the users of this page. The number is the children's key, so that a new user's children
/// start without the state of the user before.
#[derive(Default)]
struct Users {
    seen: u32,
    last: Option<Rc<str>>,
}

impl Users {
    /// The current user's number. It changes when a state names another user. Until the server has
    /// answered, a state names no user and the number stays.
    fn number_of(&mut self, state: &State) -> u32 {
        if let State::SignedIn { user: Some(user), .. } | State::SignedInElsewhere { user } = state
            && self.last.as_ref() != Some(user)
        {
            self.seen += u32::from(self.last.is_some());
            self.last = Some(user.clone());
        }
        self.seen
    }
}

#[derive(PartialEq, Properties)]
struct VeilProps {
    drawn: bool,
}

/// While `drawn`, suspends the surrounding `Suspense`. In Yew this takes components out of the document
/// without destroying them.
#[component]
fn Veil(VeilProps { drawn }: &VeilProps) -> HtmlResult {
    let veil: Rc<Option<(Suspension, SuspensionHandle)>> =
        use_memo(*drawn, |drawn| drawn.then(Suspension::new));
    match &*veil {
        Some((suspension, _)) => Err(suspension.clone().into()),
        None => Ok(Html::default()),
    }
}
