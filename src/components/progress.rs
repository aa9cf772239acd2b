use yew::prelude::*;

/// Properties of [`Progress`].
#[derive(Clone, Debug, PartialEq, Properties)]
pub struct ProgressProps {
    /// What is going on; `None` while nothing is.
    #[prop_or_default]
    pub text: Option<AttrValue>,
    /// What is said meanwhile.
    #[prop_or_default]
    pub note: Option<AttrValue>,
}

/// A live region that tells what the page is waiting for, or that it waits no more. It stays in the page while it is empty,
/// since only what changes inside an existing region is announced (WCAG 4.1.3).
#[component]
pub fn Progress(ProgressProps { text, note }: &ProgressProps) -> Html {
    html! {
        <p role="status" class={classes!("progress", text.is_some().then_some("running"))}>{ text.clone().or_else(|| note.clone()) }</p>
    }
}
