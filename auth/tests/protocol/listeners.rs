//! Who is told of a change, and when.

use std::cell::RefCell;
use std::rc::Rc;

use auth::{Client, EndReason, State, Subscription};

use crate::world::{World, me, signed_in, watch};

#[test]
fn a_listener_is_called_at_changes_only() {
    let (world, _tab, client) = World::signed_in();
    let seen = watch(&client);
    for _ in 0..3 {
        world.run(client.send(&me())).unwrap();
        world.pass(900_000);
    }
    let _ = world.run(client.login("ann", "wrong"));
    assert_eq!(seen.take(), []);
    client.logout();
    world.settle();
    assert_eq!(seen.take(), [State::SignedOut(Some(EndReason::LoggedOut))]);
}

#[test]
fn every_listener_is_told_until_its_subscription_is_dropped() {
    let (world, _tab, client) = World::signed_in();
    let (first, second) = (watch(&client), watch(&client));
    let sink = second.states.clone();
    drop(second);
    client.logout();
    world.settle();
    assert_eq!(first.take().len(), 1);
    assert!(sink.borrow().is_empty());
}

#[test]
fn a_clone_is_the_same_session() {
    let (world, tab, client) = World::signed_in();
    let clone = client.clone();
    assert!(clone == client && client != tab.open());
    let seen = watch(&clone);
    client.logout();
    world.settle();
    assert_eq!((clone.state(), seen.take().len()), (client.state(), 1));
}

#[test]
fn a_listener_may_subscribe_unsubscribe_and_log_out_from_within() {
    let (world, _tab, client) = World::signed_in();
    let held: Rc<RefCell<Vec<Subscription>>> = Rc::default();
    let (inner, sink) = (client.clone(), held.clone());
    let subscription = client.subscribe(move |_| {
        sink.borrow_mut().clear();
        let more = inner.subscribe(|_| {});
        sink.borrow_mut().push(more);
        inner.logout();
    });
    held.borrow_mut().push(subscription);
    world.run(client.login("bob", "secret")).unwrap();
    assert!(matches!(client.state(), State::SignedIn { .. } | State::SignedOut(_)));
    world.settle();
}

#[test]
fn what_a_listener_hears_last_is_the_state() {
    let world = World::new();
    let client = world.tab().open();
    let inner: Client = client.clone();
    let _first = client.subscribe(move |state| {
        if matches!(state, State::SignedIn { .. }) {
            inner.logout();
        }
    });
    let seen = watch(&client);
    world.run(client.login("ann", "secret")).unwrap();
    world.settle();
    let heard = seen.take();
    assert_eq!(heard.last(), Some(&client.state()), "{heard:?}");
    assert_ne!(client.state(), signed_in("ann"));
}
