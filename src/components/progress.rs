use yew::prelude::*;

use super::words;

/// Properties of [`Progress`].
#[derive(Clone, Debug, PartialEq, Properties)]
pub struct ProgressProps {
    /// The operation that is under way. `None` if there is none.
    #[prop_or_default]
    pub text: Option<AttrValue>,
    /// Shown while `text` is `None`.
    #[prop_or_default]
    pub note: Option<AttrValue>,
}

/// A live region that says what the page is waiting for, or that a wait is over. It stays in the page
/// while it is empty, because only changes inside an existing region are announced (WCAG 4.1.3).
#[component]
pub fn Progress(ProgressProps { text, note }: &ProgressProps) -> Html {
    html! {
        <p role="status" class={classes!("progress", text.is_some().then_some("running"))}>
            if let Some(text) = text.clone().or_else(|| note.clone()) {
                { words(&text) }
            }
        </p>
    }
}
