//! Tabs: their lives, and the platform that a page in one of them has.

use std::collections::BTreeMap;
use std::rc::Rc;

use auth::{
    Answer, Area, Client, Contract, Decide, Guard, HttpError, HttpRequest, Instant, LedgerError, Platform,
    Rotation, StorageError, Subscription,
};
use futures_util::future::{FutureExt as _, LocalBoxFuture};

use crate::options::Class;
use crate::storage::View;
use crate::tasks::{Event, Life, Owner};
use crate::world::{BASE, Slot, World};

type Listener = Rc<dyn Fn(String)>;

#[derive(Default)]
pub(crate) struct Tab {
    pub(crate) open: bool,
    frozen: bool,
    life: u32,
    pub(crate) session: BTreeMap<String, String>,
    pub(crate) view: View,
    pub(crate) listeners: BTreeMap<u64, (String, Listener)>,
    /// What waits for the tab to run again.
    pub(crate) parked: Vec<Event>,
    pub(crate) client: Option<Client>,
    pub(crate) watch: Option<Subscription>,
    /// Milliseconds that this life has run for, up to `since`.
    ran: u64,
    since: u64,
}

impl Tab {
    pub(crate) fn life(&self, tab: usize) -> Life {
        Life { tab, life: self.life }
    }

    pub(crate) fn is(&self, life: Life) -> bool {
        self.open && self.life == life.life
    }

    pub(crate) fn runs(&self, life: Life) -> bool {
        self.is(life) && !self.frozen
    }

    pub(crate) fn is_frozen(&self) -> bool {
        self.frozen
    }

    /// Milliseconds that this life has been able to run for, by a clock that stops with it.
    pub(crate) fn ran(&self, monotonic: u64) -> u64 {
        self.ran + if self.frozen { 0 } else { monotonic.saturating_sub(self.since) }
    }
}

impl World {
    pub(crate) fn life(&self, tab: usize) -> Life {
        self.tabs.borrow()[tab].life(tab)
    }

    /// Opens a tab, with `session` as its own storage.
    pub(crate) fn open(&self, session: BTreeMap<String, String>) -> usize {
        let tab = {
            let mut tabs = self.tabs.borrow_mut();
            tabs.push(Tab { session, ..Tab::default() });
            tabs.len() - 1
        };
        self.load(tab);
        tab
    }

    /// Loads the page into a tab that has none.
    pub(crate) fn load(&self, tab: usize) {
        let view = self.first_view();
        let life = {
            let mut tabs = self.tabs.borrow_mut();
            let at = &mut tabs[tab];
            (at.open, at.frozen, at.view, at.ran, at.since) = (true, false, view, 0, self.monotonic());
            at.life(tab)
        };
        self.note(tab, || "loads the page".to_owned());
        let page = Page { world: self.clone(), life };
        let rotation = if self.rotates() { Rotation::Unknown } else { Rotation::Never };
        let contract = Contract { rotation, ..Contract::default() };
        let Ok(base) = BASE.parse() else { return };
        let client = Client::new(page, base, contract, self.options.custody);
        #[cfg(feature = "sabotage")]
        client.sabotage(self.options.rules);
        let world = self.clone();
        self.loaded(life);
        let watch = client.subscribe(move |state| world.shows(life, &state));
        client.start();
        let state = client.state();
        {
            let mut tabs = self.tabs.borrow_mut();
            tabs[tab].client = Some(client);
            tabs[tab].watch = Some(watch);
        }
        self.shows(life, &state);
    }

    /// Ends the tab's life, as a crash of its process does: nothing of it runs any more.
    pub(crate) fn close(&self, tab: usize) {
        let (life, was_open) = {
            let tabs = self.tabs.borrow();
            (tabs[tab].life(tab), tabs[tab].open)
        };
        if !was_open {
            return;
        }
        self.died(life);
        let (client, watch, listeners, parked) = {
            let mut tabs = self.tabs.borrow_mut();
            let tab = &mut tabs[tab];
            (tab.open, tab.frozen) = (false, false);
            tab.life += 1;
            (
                tab.client.take(),
                tab.watch.take(),
                std::mem::take(&mut tab.listeners),
                std::mem::take(&mut tab.parked),
            )
        };
        let tasks = self.tasks.borrow_mut().end_life(life);
        self.release_ledger(life, true);
        self.release_locks(life);
        drop((tasks, watch, listeners, parked, client));
    }

    pub(crate) fn freeze(&self, tab: usize) {
        let life = {
            let mut tabs = self.tabs.borrow_mut();
            let at = &mut tabs[tab];
            if !at.open || at.frozen {
                return;
            }
            at.ran = at.ran(self.monotonic());
            at.frozen = true;
            at.life(tab)
        };
        self.check.borrow_mut().disturb(life);
        self.release_ledger(life, false);
    }

    pub(crate) fn resume(&self, tab: usize) {
        let parked = {
            let mut tabs = self.tabs.borrow_mut();
            let at = &mut tabs[tab];
            if !at.frozen {
                return;
            }
            (at.frozen, at.since) = (false, self.monotonic());
            std::mem::take(&mut at.parked)
        };
        self.note(tab, || "runs again".to_owned());
        for event in parked {
            self.after(0, event.owner, event.action);
        }
        self.check.borrow_mut().resumed(self.life(tab), self.time());
    }

    pub(crate) fn client(&self, tab: usize) -> Option<Client> {
        self.tabs.borrow()[tab].client.clone()
    }
}

/// What surrounds the client in one life of a tab.
#[derive(Clone)]
pub(crate) struct Page {
    pub(crate) world: World,
    pub(crate) life: Life,
}

impl Page {
    fn lives(&self) -> bool {
        self.world.tabs.try_borrow().is_ok_and(|tabs| tabs[self.life.tab].is(self.life))
    }

    fn write_any(&self, area: Area, key: &str, value: Option<String>) -> Result<(), StorageError> {
        if !self.lives() {
            return Ok(());
        }
        let throws = self.world.storage_throws(value.is_some());
        if area == Area::Profile {
            self.world.tried_to_store(value.as_deref(), !throws);
        }
        if throws {
            return Err(StorageError);
        }
        self.world.stored(self.life, area, key, value.as_deref());
        match area {
            Area::Profile => self.world.store(self.life.tab, key, value),
            Area::Tab => {
                let mut tabs = self.world.tabs.borrow_mut();
                let session = &mut tabs[self.life.tab].session;
                match value {
                    Some(value) => session.insert(key.to_owned(), value),
                    None => session.remove(key),
                };
            }
        }
        Ok(())
    }
}

impl Platform for Page {
    fn now(&self) -> Instant {
        self.world.now()
    }

    fn random(&self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            let drawn = self.world.chance.random.next().to_le_bytes();
            chunk.copy_from_slice(&drawn[..chunk.len()]);
        }
    }

    fn sleep(&self, milliseconds: u32) -> LocalBoxFuture<'static, ()> {
        let slot = Slot::new();
        let (rings, rng) = (slot.clone(), &self.world.chance.timers);
        let late = self.world.has(Class::TimersLate) && rng.percent(30);
        let late = if late { rng.below(1_000) } else { 0 };
        // What is as long as this never rings: a deadline that was switched off.
        if self.lives() && milliseconds < u32::MAX {
            let delay = u64::from(milliseconds) + late;
            self.world.after(delay, Owner::Tab(self.life), move |_| rings.fill(()));
        }
        slot.boxed_local()
    }

    fn spawn(&self, task: LocalBoxFuture<'static, ()>) {
        if self.lives() {
            self.world.spawn(self.life, task);
        }
    }

    fn read(&self, area: Area, key: &str) -> Result<Option<String>, StorageError> {
        if self.world.storage_throws(false) {
            return Err(StorageError);
        }
        let mut tabs = self.world.tabs.borrow_mut();
        let tab = &mut tabs[self.life.tab];
        Ok(match area {
            Area::Profile => tab.sees(key, self.world.time()),
            Area::Tab => tab.session.get(key).cloned(),
        })
    }

    fn write(&self, area: Area, key: &str, text: &str) -> Result<(), StorageError> {
        self.write_any(area, key, Some(text.to_owned()))
    }

    fn keys(&self, area: Area, prefix: &str) -> Result<Vec<String>, StorageError> {
        if self.world.storage_throws(false) {
            return Err(StorageError);
        }
        let mut tabs = self.world.tabs.borrow_mut();
        let tab = &mut tabs[self.life.tab];
        Ok(match area {
            Area::Profile => tab.view.keys(prefix, self.world.time()),
            Area::Tab => tab.session.keys().filter(|key| key.starts_with(prefix)).cloned().collect(),
        })
    }

    fn remove(&self, area: Area, key: &str) -> Result<(), StorageError> {
        self.write_any(area, key, None)
    }

    fn transact(
        &self,
        keys: Vec<String>,
        decide: Decide,
    ) -> LocalBoxFuture<'static, Result<(), LedgerError>> {
        self.world.transact(self.life, keys, decide).boxed_local()
    }

    fn lock(&self, name: &str) -> LocalBoxFuture<'static, Option<Guard>> {
        self.world.lock(self.life, name).map(|turn| turn.map(|turn| Box::new(turn) as Guard)).boxed_local()
    }

    fn post(&self, channel: &str, text: &str, secret: bool) {
        if self.lives() {
            self.world.post(self.life, channel, text, secret);
        }
    }

    fn listen(&self, channel: &str, listener: Box<dyn Fn(String)>) -> Guard {
        let id = self.world.chance.messages.next();
        if self.lives() {
            let listener: Listener = listener.into();
            let mut tabs = self.world.tabs.borrow_mut();
            tabs[self.life.tab].listeners.insert(id, (channel.to_owned(), listener));
        }
        Box::new(Listening { page: self.clone(), id })
    }

    fn http(&self, request: HttpRequest) -> LocalBoxFuture<'static, Result<Answer, HttpError>> {
        self.world.request(self.life, request).boxed_local()
    }
}

struct Listening {
    page: Page,
    id: u64,
}

impl Drop for Listening {
    fn drop(&mut self) {
        let removed = match self.page.world.tabs.try_borrow_mut() {
            Ok(mut tabs) => tabs[self.page.life.tab].listeners.remove(&self.id),
            Err(_) => None,
        };
        drop(removed);
    }
}
