use std::rc::Rc;

use auth::State;
use yew::prelude::*;
use yew::suspense::{Suspension, SuspensionHandle};

use super::restoring::Restoring;
use super::{Elsewhere, Progress};
use crate::hooks::use_provided;

/// Properties of [`Guard`].
#[derive(Clone, Debug, PartialEq, Properties)]
pub struct GuardProps {
    /// What everybody else sees, usually a [`LoginForm`](super::LoginForm).
    pub fallback: Html,
    /// What signed-in users see.
    #[prop_or_default]
    pub children: Html,
}

/// Shows its children while there is a session, and drops them the moment it ends, or becomes another user's. Where somebody else
/// signed in in another tab, [`Elsewhere`] stands above the fallback.
///
/// While a page is frozen or in the back/forward cache, and until it is known after its return that
/// the session still exists, the children are out of the document, but keep what they hold; so is
/// [`Elsewhere`], while the fallback, which shows nothing of a session, stays. Where the browser's
/// storage does not tell in a quarter of a minute, the page says so and offers to log out.
///
/// It is a courtesy to the user, not a protection: what is protected is protected by the server.
#[component]
pub fn Guard(GuardProps { fallback, children }: &GuardProps) -> Html {
    let session = use_provided();
    let users = use_mut_ref(Users::default);
    let user = users.borrow_mut().number_of(&session.state);
    match session.state {
        State::Restoring => html! { <Progress text="Restoring your session…" /> },
        // One shape for both: what is typed into the fallback survives when one state becomes the other.
        state @ (State::SignedOut(_) | State::SignedInElsewhere { .. }) => html! {
            <>
                if let State::SignedInElsewhere { user } = state {
                    <Suspense>
                        <Veil drawn={session.concealed} />
                        <Elsewhere {user} />
                    </Suspense>
                }
                { fallback.clone() }
            </>
        },
        State::SignedIn { .. } => html! {
            <Suspense key={user} fallback={html! { <Restoring /> }}>
                <Veil drawn={session.concealed} />
                { children.clone() }
            </Suspense>
        },
    }
}

/// Who was seen here, so that nothing of one user's is left when the next one signs in over them.
#[derive(Default)]
struct Users {
    seen: u32,
    last: Option<Rc<str>>,
}

impl Users {
    /// Another number for another user; until the server has answered nobody is named, and nobody else.
    fn number_of(&mut self, state: &State) -> u32 {
        if let State::SignedIn { user: Some(user), .. } = state
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

/// Suspends what is around it while it is drawn: that is Yew's way to take components out of the
/// document without destroying them.
#[component]
fn Veil(VeilProps { drawn }: &VeilProps) -> HtmlResult {
    let veil: Rc<Option<(Suspension, SuspensionHandle)>> =
        use_memo(*drawn, |drawn| drawn.then(Suspension::new));
    match &*veil {
        Some((suspension, _)) => Err(suspension.clone().into()),
        None => Ok(Html::default()),
    }
}
