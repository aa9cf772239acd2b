use wasm_bindgen_futures::spawn_local;
use yew::prelude::*;

use super::progress;
use crate::browser::clipboard::copy;
use crate::focus::focus;
use crate::json::Layout;

/// Properties of [`Data`].
#[derive(Clone, Debug, PartialEq, Properties)]
pub struct DataProps {
    /// JSON text. Nothing is shown if there is none, or an empty one.
    pub json: Option<AttrValue>,
}

/// So many pieces are shown at first. Each click shows as many again as there are.
const FIRST: usize = 32;

/// What is shown of the data.
#[derive(Default)]
struct Shown {
    json: AttrValue,
    /// Counts new data.
    number: u32,
    layout: Layout,
    pieces: Vec<AttrValue>,
    /// What became of copying them.
    copied: Option<bool>,
}

impl Shown {
    fn of(&mut self, json: &AttrValue) {
        if self.json != *json {
            let number = self.number.wrapping_add(1);
            *self = Self { json: json.clone(), number, ..Self::default() };
            self.more(FIRST);
        }
    }

    fn more(&mut self, pieces: usize) {
        let (layout, json) = (&mut self.layout, &self.json);
        self.pieces.extend((0..pieces).map_while(|_| layout.next(json)).map(AttrValue::from));
    }

    fn is_whole(&self) -> bool {
        self.layout.is_at_end(&self.json)
    }
}

/// Shows fetched JSON as indented text, in portions, and copies all of it. The server's answer is never rendered as markup.
#[component]
pub fn Data(DataProps { json }: &DataProps) -> Html {
    let (shown, render) = (use_mut_ref(Shown::default), use_force_update());
    let json = json.clone().unwrap_or_default();
    shown.borrow_mut().of(&json);
    let (count, is_whole) = (shown.borrow().pieces.len(), shown.borrow().is_whole());
    let region = use_node_ref();
    use_effect_with((is_whole, count), {
        let region = region.clone();
        move |&(is_whole, count)| {
            // The button had the focus, and goes with the last portion.
            if is_whole && count > FIRST {
                focus(&region);
            }
        }
    });
    if json.is_empty() {
        return Html::default();
    }
    let more = {
        let (shown, render) = (shown.clone(), render.clone());
        move |_: MouseEvent| {
            shown.borrow_mut().more(count);
            render.force_update();
        }
    };
    let copies = {
        let (shown, render) = (shown.clone(), render.clone());
        move |_: MouseEvent| {
            let (shown, render, json) = (shown.clone(), render.clone(), json.clone());
            // The note goes first, because the same one is announced only if it is new.
            shown.borrow_mut().copied = None;
            render.force_update();
            spawn_local(async move {
                let copied = copy(&json).await;
                if shown.borrow().json == json {
                    shown.borrow_mut().copied = Some(copied);
                    render.force_update();
                }
            });
        }
    };
    let Shown { number, pieces, copied, .. } = &*shown.borrow();
    let note = copied.map(|copied| match copied {
        true => "Copied.",
        false => "This browser does not let the page copy. Select the text instead.",
    });
    html! {
        <>
            // New data get a new element, because translators replace text nodes. `tabindex` lets the keyboard scroll it.
            <pre key={*number} ref={region} class="data" translate="no" role="region" aria-label="Fetched data" tabindex="0">
                { for pieces.iter().map(|piece| html! { <span>{ piece.clone() }</span> }) }
            </pre>
            <div class="actions">
                if !is_whole {
                    <button type="button" onclick={more}>{ "Show more" }</button>
                }
                <button type="button" onclick={copies}>{ "Copy" }</button>
            </div>
            { progress(None, note.map(AttrValue::from)) }
        </>
    }
}
