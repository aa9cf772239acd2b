use yew::prelude::*;

use super::primary;

/// Properties of [`FetchButton`].
#[derive(Clone, Debug, PartialEq, Properties)]
pub struct FetchButtonProps {
    /// Whether a request is under way.
    #[prop_or_default]
    pub busy: bool,
    /// Whether the server has asked to wait.
    #[prop_or_default]
    pub waiting: bool,
    /// Called at a click.
    pub onfetch: Callback<()>,
    /// The button's element, for a caller that moves the focus to it.
    #[prop_or_default]
    pub node: NodeRef,
}

/// The button *Fetch Protected Data*.
#[component]
pub fn FetchButton(props: &FetchButtonProps) -> Html {
    fetch_button(props)
}

/// [`FetchButton`] as a function, because a component of its own weighs more.
pub(crate) fn fetch_button(FetchButtonProps { busy, waiting, onfetch, node }: &FetchButtonProps) -> Html {
    let onclick = onfetch.reform(|_: MouseEvent| ());
    // `aria-disabled` instead of `disabled`, because a disabled button loses the keyboard focus.
    html! {
        <button type="button" class={primary(*busy)} ref={node.clone()} aria-disabled={(*busy || *waiting).to_string()} {onclick}>{ "Fetch Protected Data" }</button>
    }
}
