use yew::prelude::*;

/// Properties of [`Data`].
#[derive(Clone, Debug, PartialEq, Properties)]
pub struct DataProps {
    /// Indented JSON text; nothing is shown while it is empty.
    pub json: AttrValue,
}

/// Shows fetched JSON as text. The server's answer is never rendered as markup.
#[component]
pub fn Data(DataProps { json }: &DataProps) -> Html {
    if json.is_empty() {
        return Html::default();
    }
    // `tabindex` lets the keyboard reach the element, so that a long line can be scrolled without a mouse.
    html! { <pre class="data" role="region" aria-label="Fetched data" tabindex="0">{ json.clone() }</pre> }
}
