use gloo_timers::callback::Interval;
use yew::prelude::*;

use super::{LogoutButton, Message, Progress};

/// A look takes 2 s at most, and is repeated; storage that has not answered by now may never do.
const PATIENCE: u32 = 15;

/// What stands in for a session while it is looked whether it still exists, and the ways out of it if
/// the browser's storage never says.
#[component]
pub(super) fn Restoring() -> Html {
    let late = use_state_eq(|| false);
    use_effect_with((), {
        let late = late.setter();
        move |()| {
            let mut seconds = 0;
            // Counted, not by the clock: a page that stands still for hours has waited for nothing.
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
            <Progress text="Restoring your session…" />
            if *late {
                <section class="card">
                    <Message text="This browser's storage does not answer, so your session cannot be shown. \
                                   Reload the page, or log out." />
                    <div class="actions"><LogoutButton /></div>
                </section>
            }
        </>
    }
}
