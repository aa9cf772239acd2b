//! Starts the page.

use yew_jwt_auth::mount;

fn main() {
    // loader.js tells visitors of a panic. This hook is set because Yew would set its own, which weighs more.
    yew::set_custom_panic_hook(Box::new(|_info| {
        #[cfg(debug_assertions)]
        web_sys::console::error_1(&_info.to_string().into());
    }));
    mount();
}
