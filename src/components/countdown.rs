use std::cell::Cell;

use gloo_timers::callback::Interval;
use yew::prelude::*;

use crate::browser::now;

/// What a user reads when the wait is over.
pub(crate) const WAIT_IS_OVER: &str = "You can try again now.";

/// Properties of [`Countdown`].
#[derive(Clone, Debug, PartialEq, Properties)]
pub struct CountdownProps {
    /// Seconds to wait, from when the component appears.
    pub seconds: u32,
    /// Called once, when the time is up.
    pub ondone: Callback<()>,
}

/// How long a user still has to wait. A timer's changes are shown but not announced every second
/// (WAI-ARIA `timer`).
#[component]
pub fn Countdown(CountdownProps { seconds, ondone }: &CountdownProps) -> Html {
    let left = use_state_eq(|| *seconds);
    use_effect_with(*seconds, {
        let (left, ondone) = (left.setter(), ondone.clone());
        move |seconds| {
            let (seconds, begun, done) = (*seconds, now(), Cell::new(false));
            let timer = Interval::new(250, move || {
                // By the clock, not by counting: timers of hidden pages are late.
                let elapsed = u32::try_from(now().since(begun) / 1000).unwrap_or(u32::MAX);
                left.set(seconds.saturating_sub(elapsed));
                // The timer runs until the component goes, which is up to others.
                if elapsed >= seconds && !done.replace(true) {
                    ondone.emit(());
                }
            });
            move || drop(timer)
        }
    });
    html! { <p class="hint" role="timer">{ format!("You can try again in {} s.", *left) }</p> }
}
