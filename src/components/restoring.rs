use gloo_timers::callback::Interval;
use yew::prelude::*;

use super::{Message, logout_button, progress};
use crate::hooks::use_client;

/// Seconds until the page says that storage does not answer. One check takes 2 s at most and is
/// repeated, so storage that has been silent for this long may never answer.
const PATIENCE: u32 = 15;

/// Replaces the private content while a check looks whether the session still exists. If the browser's
/// storage does not answer, tells the user to reload the page or log out.
#[component]
pub(super) fn Restoring() -> Html {
    let (client, late) = (use_client(), use_state_eq(|| false));
    use_effect_with((), {
        let late = late.setter();
        move |()| {
            let mut seconds = 0;
            // Count ticks instead of reading the clock: a page that was frozen for hours did not wait.
            let timer = Interval::new(1_000, move || {
                seconds += 1;
                if seconds == PATIENCE {
                    late.set(true);
                }
            });
            move || drop(timer)
        }
    });
    html! {
        <>
            { progress(Some("Restoring your session…".into()), None) }
            if *late {
                <section class="card">
                    <Message text="This browser's storage does not answer, so your session cannot be shown. \
                                   Reload the page, or log out." />
                    <div class="actions">{ logout_button(client) }</div>
                </section>
            }
        </>
    }
}
