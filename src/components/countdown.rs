use std::cell::Cell;

use gloo_timers::callback::Interval;
use yew::prelude::*;

use super::words;
use crate::browser::now;

/// The sentence that the user reads when a wait or an outage is over.
pub(crate) const WAIT_IS_OVER: &str = "You can try again now.";

/// Properties of [`Countdown`].
#[derive(Clone, Debug, PartialEq, Properties)]
pub struct CountdownProps {
    /// Seconds to wait, counted from the component's first rendering.
    pub seconds: u32,
    /// Called once, when the time is up.
    pub ondone: Callback<()>,
}

/// Shows how many seconds the user still has to wait. A screen reader does not announce each second,
/// because the element has the role `timer` (WAI-ARIA).
#[component]
pub fn Countdown(CountdownProps { seconds, ondone }: &CountdownProps) -> Html {
    use_countdown(Some(*seconds), ondone.clone())
}

/// [`Countdown`] as a hook, because a component of its own weighs more. Shows nothing without seconds to wait.
#[hook]
pub(super) fn use_countdown(seconds: Option<u32>, ondone: Callback<()>) -> Html {
    let left = use_state_eq(|| seconds);
    use_effect_with(seconds, {
        let left = left.setter();
        move |seconds| {
            let timer = seconds.map(|seconds| {
                let (begun, done) = (now(), Cell::new(false));
                Interval::new(250, move || {
                    // Read the clock instead of counting ticks: the timers of a hidden page are late.
                    let elapsed = u32::try_from(now().since(begun) / 1000).unwrap_or(u32::MAX);
                    left.set(Some(seconds.saturating_sub(elapsed)));
                    // The timer runs until the parent removes this component, so call `ondone` once only.
                    if elapsed >= seconds && !done.replace(true) {
                        ondone.emit(());
                    }
                })
            });
            move || drop(timer)
        }
    });
    match seconds.and(*left) {
        Some(left) => html! { <p class="hint" role="timer">{ words(&told(left).into()) }</p> },
        None => Html::default(),
    }
}

/// Minutes, rounded up, where they are more than two.
fn told(seconds: u32) -> String {
    match seconds {
        0..=120 => format!("You can try again in {seconds} s."),
        _ => format!("You can try again in {} min.", seconds.div_ceil(60)),
    }
}
