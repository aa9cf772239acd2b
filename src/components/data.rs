use yew::prelude::*;

use crate::focus::focus;
use crate::json::indent;

/// Properties of [`Data`].
#[derive(Clone, Debug, PartialEq, Properties)]
pub struct DataProps {
    /// JSON text. Nothing is shown if there is none, or an empty one.
    pub json: Option<AttrValue>,
}

/// So many bytes are shown at first, and so many more at each click. A browser takes seconds to lay out megabytes.
const PORTION: usize = 32 * 1024;

/// Shows fetched JSON as indented text, in portions. The server's answer is never rendered as markup.
#[component]
pub fn Data(DataProps { json }: &DataProps) -> Html {
    let json = json.clone().unwrap_or_default();
    // New data get a new element, because translators replace text nodes.
    let number = use_mut_ref(|| (0_u32, AttrValue::default()));
    let key = {
        let mut number = number.borrow_mut();
        if number.1 != json {
            *number = (number.0.wrapping_add(1), json.clone());
        }
        number.0
    };
    // New data begin with their first portion.
    let portions = use_state_eq(|| (0, 1));
    let shown = if portions.0 == key { portions.1 } else { 1 };
    let laid_out =
        use_memo((json.clone(), shown), |(json, shown)| indent(json, PORTION.saturating_mul(*shown)));
    let (text, is_whole) = &*laid_out;
    let region = use_node_ref();
    use_effect_with((*is_whole, shown), {
        let region = region.clone();
        move |&(is_whole, shown)| {
            // The button had the focus, and goes with the last portion.
            if is_whole && shown > 1 {
                focus(&region);
            }
        }
    });
    if json.is_empty() {
        return Html::default();
    }
    // `tabindex` lets the keyboard reach the element, so that the keyboard can scroll long data.
    let more = move |_: MouseEvent| portions.set((key, shown + 1));
    html! {
        <>
            <pre {key} ref={region} class="data" translate="no" role="region" aria-label="Fetched data" tabindex="0">{ text.clone() }</pre>
            if !is_whole {
                <button type="button" onclick={more}>{ "Show more" }</button>
            }
        </>
    }
}
