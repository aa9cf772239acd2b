use std::cell::RefCell;
use std::future::poll_fn;
use std::rc::Rc;
use std::task::{Poll, Waker};

use auth::{Client, State};

/// Waits until the page knows whether it has a session, because the signed-in view can be clicked before that.
pub(crate) async fn known(client: &Client) {
    let waker = Rc::new(RefCell::new(None::<Waker>));
    let _change = client.subscribe({
        let waker = waker.clone();
        move |_| waker.take().into_iter().for_each(Waker::wake)
    });
    poll_fn(|context| {
        if client.state() != State::Restoring {
            return Poll::Ready(());
        }
        waker.replace(Some(context.waker().clone()));
        Poll::Pending
    })
    .await;
}
