//! Web Locks and messages between tabs.

use std::collections::{BTreeMap, VecDeque};
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Context, Poll};

use crate::options::Class;
use crate::slot::Slot;
use crate::tasks::{Life, Owner};
use crate::timeline;
use crate::world::World;

#[derive(Default)]
pub(crate) struct Locks {
    names: BTreeMap<String, Queue>,
    count: u64,
}

#[derive(Default)]
struct Queue {
    holder: Option<(u64, Life)>,
    waiting: VecDeque<(u64, Life, Slot<()>)>,
}

/// A turn, awaited or held; dropping it leaves the queue or passes the turn on.
pub(crate) struct Turn {
    world: World,
    name: String,
    id: u64,
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.world.pass_on(&self.name, |id, _| id == self.id);
    }
}

pub(crate) struct Waiting(Option<(Turn, Slot<()>)>);

impl Future for Waiting {
    type Output = Option<Turn>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Turn>> {
        let Some((_, slot)) = self.0.as_mut() else { return Poll::Ready(None) };
        match Pin::new(slot).poll(cx) {
            Poll::Ready(()) => Poll::Ready(self.0.take().map(|(turn, _)| turn)),
            Poll::Pending => Poll::Pending,
        }
    }
}

impl World {
    pub(crate) fn lock(&self, life: Life, name: &str) -> Waiting {
        if !self.options.locks {
            return Waiting(None);
        }
        let slot = Slot::new();
        let id = {
            let mut locks = self.locks.borrow_mut();
            locks.count += 1;
            let id = locks.count;
            let queue = locks.names.entry(name.to_owned()).or_default();
            if queue.holder.is_some() {
                self.cover("lock waited for");
            }
            queue.waiting.push_back((id, life, slot.clone()));
            id
        };
        self.grant(name);
        Waiting(Some((Turn { world: self.clone(), name: name.to_owned(), id }, slot)))
    }

    fn grant(&self, name: &str) {
        let granted = {
            let mut locks = self.locks.borrow_mut();
            let Some(queue) = locks.names.get_mut(name) else { return };
            if queue.holder.is_some() {
                return;
            }
            let Some((id, life, slot)) = queue.waiting.pop_front() else { return };
            queue.holder = Some((id, life));
            (life, slot)
        };
        let (life, slot) = granted;
        if !self.tabs.borrow()[life.tab].runs(life) {
            // The browser grants it all the same: a wedged holder.
            self.cover("lock granted to a frozen tab");
        }
        self.after(self.chance.messages.below(3), Owner::Tab(life), move |_| slot.fill(()));
    }

    fn pass_on(&self, name: &str, mut gone: impl FnMut(u64, Life) -> bool) {
        {
            let Ok(mut locks) = self.locks.try_borrow_mut() else { return };
            let Some(queue) = locks.names.get_mut(name) else { return };
            queue.waiting.retain(|(id, life, _)| !gone(*id, *life));
            queue.holder.take_if(|(id, life)| gone(*id, *life));
        }
        self.grant(name);
    }

    /// A tab died: its locks go to the next.
    pub(crate) fn release_locks(&self, dead: Life) {
        let names: Vec<String> = self.locks.borrow().names.keys().cloned().collect();
        names.iter().for_each(|name| self.pass_on(name, |_, life| life == dead));
    }

    // Messages.

    pub(crate) fn post(&self, from: Life, channel: &str, text: &str, secret: bool) {
        self.check_text("a message", text, !secret);
        self.note(from.tab, || format!("posts {}", timeline::shown(text)));
        self.announces(from, text, secret);
        self.asks_siblings(from, text);
        let rng = &self.chance.messages;
        let others: Vec<Life> = {
            let tabs = self.tabs.borrow();
            tabs.iter()
                .enumerate()
                .filter(|(at, tab)| tab.open && *at != from.tab)
                .map(|(at, tab)| tab.life(at))
                .collect()
        };
        for to in others {
            if self.has(Class::MessagesLost) && rng.percent(30) {
                self.cover("message lost");
                continue;
            }
            let doubled = self.has(Class::MessagesDoubled) && rng.percent(30);
            for _ in 0..=usize::from(doubled) {
                let late = self.has(Class::MessagesLate) && rng.percent(30);
                let delay = if late { rng.below(5_000) } else { rng.below(30) };
                if late {
                    self.cover("message late");
                }
                let (channel, text) = (channel.to_owned(), text.to_owned());
                self.after(delay, Owner::Tab(to), move |world| world.hear(to, &channel, &text));
            }
            if doubled {
                self.cover("message doubled");
            }
        }
    }

    fn hear(&self, to: Life, channel: &str, text: &str) {
        self.cover("message delivered");
        self.is_handed(to, text);
        let listeners: Vec<Rc<dyn Fn(String)>> = {
            let tabs = self.tabs.borrow();
            let all = tabs[to.tab].listeners.values();
            all.filter(|(name, _)| name == channel).map(|(_, listener)| listener.clone()).collect()
        };
        listeners.iter().for_each(|listener| listener(text.to_owned()));
    }
}
