use yew::prelude::*;

#[derive(Clone, Debug, PartialEq, Properties)]
pub(crate) struct WordsProps {
    /// The text to read.
    pub(crate) text: AttrValue,
}

/// A text that changes. Another text is another element, because translators replace text nodes, and the page would then
/// change nodes that nobody sees.
#[component]
pub(crate) fn Words(WordsProps { text }: &WordsProps) -> Html {
    html! { <span key={text.to_string()}>{ text.clone() }</span> }
}
