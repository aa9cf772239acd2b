//! Puts the app into the page.

use js_sys::{Function, Reflect};
use wasm_bindgen::JsCast as _;
use wasm_bindgen::closure::Closure;
use wasm_bindgen::throw_val;
use yew::Renderer;

use crate::app::App;
use crate::render::render;

/// Mounts [`App`] into the element with the id `app`, in place of what is there.
///
/// `early.js` carries over what happened in the view that was painted before the code ran: what was typed, what has the focus
/// and which button was pressed.
pub fn mount() {
    let Some(window) = web_sys::window() else { return };
    let Some(root) = window.document().and_then(|document| document.get_element_by_id("app")) else { return };
    let mount = || {
        Renderer::<App>::with_root(root).render();
        render();
    };
    // A policy may forbid that script.
    let take_over =
        Reflect::get(&window, &"takeOver".into()).ok().and_then(|it| it.dyn_into::<Function>().ok());
    match take_over {
        Some(take_over) => {
            if let Err(error) = take_over.call1(&window, &Closure::once_into_js(mount)) {
                // loader.js tells of it. `call1` has caught a panic, too.
                throw_val(error);
            }
        }
        None => mount(),
    }
}
