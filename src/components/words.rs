use yew::prelude::*;

/// Shows a text that may change later. A new text gets a new element, because a browser's translator replaces text nodes:
/// the page would change the old node, which is no longer shown.
pub(crate) fn words(text: &AttrValue) -> Html {
    html! { <span key={text.to_string()}>{ text.clone() }</span> }
}
