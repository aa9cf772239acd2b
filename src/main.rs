//! Mounts the app into the page.

use yew_jwt_auth::{App, show_failure};

fn main() {
    let document = web_sys::window().and_then(|window| window.document());
    let Some(root) = document.and_then(|document| document.get_element_by_id("app")) else { return };
    // Expected errors are values, so a panic is a bug. The page says so, because it no longer works.
    yew::set_custom_panic_hook(Box::new(|_info| {
        #[cfg(debug_assertions)]
        web_sys::console::error_1(&_info.to_string().into());
        show_failure();
    }));
    yew::Renderer::<App>::with_root(root).render();
}
