use yew::prelude::*;

/// Properties of [`FetchButton`].
#[derive(Clone, Debug, PartialEq, Properties)]
pub struct FetchButtonProps {
    /// Whether a request is under way.
    #[prop_or_default]
    pub busy: bool,
    /// Called at a click.
    pub onfetch: Callback<()>,
    /// The button's element, for a caller that moves the focus to it.
    #[prop_or_default]
    pub node: NodeRef,
}

/// The button *Fetch Protected Data*.
#[component]
pub fn FetchButton(FetchButtonProps { busy, onfetch, node }: &FetchButtonProps) -> Html {
    let onclick = onfetch.reform(|_: MouseEvent| ());
    // `aria-disabled` instead of `disabled`, because a disabled button loses the keyboard focus.
    html! {
        <button type="button" class="primary" ref={node.clone()} aria-disabled={busy.to_string()} {onclick}>{ "Fetch Protected Data" }</button>
    }
}
