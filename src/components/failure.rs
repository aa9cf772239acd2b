use auth::Error;
use yew::prelude::*;

use super::Message;
use super::countdown::use_countdown;
use crate::focus::{focus, has_focus};

/// Properties of [`Failure`].
#[derive(Clone, Debug, PartialEq, Properties)]
pub struct FailureProps {
    /// The error to show.
    pub error: Error,
    /// An id for `aria-describedby`.
    #[prop_or_default]
    pub id: Option<AttrValue>,
    /// Whether to leave the focus alone, because the caller focuses the field that the error is about.
    #[prop_or_default]
    pub unfocused: bool,
    /// Whether the server cannot be used at the moment.
    #[prop_or_default]
    pub outage: bool,
    /// Called when the wait that the server asked for is over, and when an outage that the error came from is over.
    pub onwaited: Callback<()>,
    /// The element that gets the focus when the wait or the outage is over, if the message has the focus then. The
    /// message is about to be removed.
    #[prop_or_default]
    pub next: NodeRef,
}

/// Shows an error's sentence and, if the server asked for a wait, the seconds that are left.
#[component]
pub fn Failure(FailureProps { error, id, unfocused, outage, onwaited, next }: &FailureProps) -> Html {
    let node = use_node_ref();
    let ondone = {
        let (onwaited, node, next) = (onwaited.clone(), node.clone(), next.clone());
        Callback::from(move |()| {
            if has_focus(&node) {
                focus(&next);
            }
            onwaited.emit(());
        })
    };
    let was_out = use_mut_ref(|| false);
    use_effect_with(*outage && is_of_outage(*error), {
        let ondone = ondone.clone();
        move |out| {
            if was_out.replace(*out) && !out {
                ondone.emit(());
            }
        }
    });
    let countdown = use_countdown(error.wait(), ondone);
    html! {
        <>
            <Message id={id.clone()} text={error.message()} unfocused={*unfocused} {node} />
            { countdown }
        </>
    }
}

/// Whether a request fails with `error` while the server cannot be used.
pub(crate) fn is_of_outage(error: Error) -> bool {
    matches!(
        error,
        Error::Unreachable
            | Error::TimedOut
            | Error::Interrupted
            | Error::Unavailable
            | Error::ServerError { status: 502..=504 }
    )
}
