use yew::prelude::*;

/// A text that changes. Another text is another element, because translators replace text nodes, and the page would then
/// change nodes that nobody sees.
pub(crate) fn words(text: &AttrValue) -> Html {
    html! { <span key={text.to_string()}>{ text.clone() }</span> }
}
