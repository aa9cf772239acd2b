use auth::Error;
use yew::prelude::*;

use super::{Countdown, Message, focus, has_focus};

/// Properties of [`Failure`].
#[derive(Clone, Debug, PartialEq, Properties)]
pub struct FailureProps {
    /// What went wrong.
    pub error: Error,
    /// An id for `aria-describedby`.
    #[prop_or_default]
    pub id: Option<AttrValue>,
    /// Whether the focus stays where it is, because it goes to the field that is meant.
    #[prop_or_default]
    pub unfocused: bool,
    /// Called when the time that the server asked to wait is over.
    pub onwaited: Callback<()>,
    /// What gets the focus then, if the sentence has it, which is about to go.
    #[prop_or_default]
    pub next: NodeRef,
}

/// An error's sentence and, where the server asked for patience, how much of it is left.
#[component]
pub fn Failure(FailureProps { error, id, unfocused, onwaited, next }: &FailureProps) -> Html {
    let node = use_node_ref();
    let ondone = use_callback(
        (onwaited.clone(), node.clone(), next.clone()),
        |(), (onwaited, node, next): &(Callback<()>, NodeRef, NodeRef)| {
            if has_focus(node) {
                focus(next);
            }
            onwaited.emit(());
        },
    );
    html! {
        <>
            <Message id={id.clone()} text={error.message()} unfocused={*unfocused} {node} />
            if let Some(seconds) = error.wait() {
                <Countdown {seconds} {ondone} />
            }
        </>
    }
}
