//! Rendering at once.

use std::pin::pin;
use std::task::{Context, Waker};

use yew::scheduler::flush;

/// Renders all pending changes before it returns.
///
/// By default Yew renders after the event handler, for 16 ms at most, and continues at a timer.
pub(crate) fn render() {
    // The first poll renders everything. The future would then wait for a timer that has nothing to do.
    let _ = pin!(flush()).poll(&mut Context::from_waker(Waker::noop()));
}
