//! Starts the page.

use yew_jwt_auth::{mount, show_failure};

fn main() {
    // Expected errors are values, so a panic is a bug. The page says so, because it no longer works.
    yew::set_custom_panic_hook(Box::new(|_info| {
        #[cfg(debug_assertions)]
        web_sys::console::error_1(&_info.to_string().into());
        show_failure();
    }));
    mount();
}
