//! Starts the page.

use yew_jwt_auth::mount;

fn main() {
    mount();
}
