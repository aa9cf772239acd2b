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
    progress(text.clone(), note.clone())
}

/// [`Progress`] as a function, because a component of its own weighs more.
pub(crate) fn progress(text: Option<AttrValue>, note: Option<AttrValue>) -> Html {
    let class = if text.is_some() { "progress running" } else { "progress" };
    html! {
        <p role="status" {class}>
            if let Some(text) = text.or(note) {
                { words(&text) }
            }
        </p>
    }
}
