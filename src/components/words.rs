use yew::prelude::*;

/// Properties of [`Words`].
#[derive(Clone, Debug, PartialEq, Properties)]
pub struct WordsProps {
    /// The text to read.
    pub text: AttrValue,
}

/// A text that changes. Another text is another element, because translators replace text nodes, and the page would then
/// change nodes that nobody sees.
#[component]
pub fn Words(WordsProps { text }: &WordsProps) -> Html {
    html! { <span key={text.to_string()}>{ text.clone() }</span> }
}
