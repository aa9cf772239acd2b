use auth::Error;
use yew::prelude::*;

use super::{Countdown, Message};

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
}

/// An error's sentence and, where the server asked for patience, how much of it is left.
#[component]
pub fn Failure(FailureProps { error, id, unfocused, onwaited }: &FailureProps) -> Html {
    html! {
        <>
            <Message id={id.clone()} text={error.message()} unfocused={*unfocused} />
            if let Some(seconds) = error.wait() {
                <Countdown {seconds} ondone={onwaited.clone()} />
            }
        </>
    }
}
