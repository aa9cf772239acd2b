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
    // Other data are another element, because translators replace text nodes.
    let number = use_mut_ref(|| (0_u32, AttrValue::default()));
    let key = {
        let mut number = number.borrow_mut();
        if number.1 != *json {
            *number = (number.0.wrapping_add(1), json.clone());
        }
        number.0
    };
    if json.is_empty() {
        return Html::default();
    }
    // `tabindex` lets the keyboard reach the element, so that a long line can be scrolled without a mouse.
    html! { <pre {key} class="data" translate="no" role="region" aria-label="Fetched data" tabindex="0">{ json.clone() }</pre> }
}
