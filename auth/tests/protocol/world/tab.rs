//! A tab: what surrounds one client.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::rc::Rc;

use auth::{
    Answer, Area, Client, Contract, Custody, Decide, Guard, HttpError, HttpRequest, Instant, LedgerError,
    Platform, StorageError,
};
use futures_util::future::{FutureExt as _, LocalBoxFuture};
use futures_util::task::LocalSpawnExt as _;

use super::{BASE, Deafening, Listener, Storage, Waiting, World};

/// A browser tab: its own storage, the profile's shared.
#[derive(Clone)]
pub(crate) struct Tab {
    pub(crate) world: World,
    storage: Rc<Storage>,
    /// What it sees of the profile's storage, if that is the past.
    late: Rc<RefCell<Option<BTreeMap<String, String>>>>,
    number: u64,
    life: u64,
    lives: Rc<Cell<u64>>,
    /// The last life that was closed. Nothing happens any more in that life and in those before it.
    closed: Rc<Cell<u64>>,
}

impl World {
    pub(crate) fn tab(&self) -> Tab {
        Tab {
            world: self.clone(),
            storage: Rc::default(),
            late: Rc::default(),
            number: self.number(),
            life: 0,
            lives: Rc::default(),
            closed: Rc::default(),
        }
    }
}

impl Tab {
    /// Loads the page: a new client over what the tab and the profile hold.
    pub(crate) fn open(&self) -> Client {
        self.open_with(Contract::default(), Custody::default())
    }

    pub(crate) fn open_with(&self, contract: Contract, custody: Custody) -> Client {
        let client = self.client(contract, custody);
        client.start();
        self.world.idle();
        client
    }

    /// Loads the page of an app whose API is at `base`.
    pub(crate) fn open_at(&self, base: &str, contract: Contract, custody: Custody) -> Client {
        let client = self.client_at(base, contract, custody);
        client.start();
        self.world.idle();
        client
    }

    /// A client that has not been started.
    pub(crate) fn client(&self, contract: Contract, custody: Custody) -> Client {
        self.client_at(BASE, contract, custody)
    }

    pub(crate) fn client_at(&self, base: &str, contract: Contract, custody: Custody) -> Client {
        self.lives.set(self.lives.get() + 1);
        let life = Self { life: self.lives.get(), ..self.clone() };
        Client::new(life, base.parse().unwrap(), contract, custody)
    }

    /// Closes the page. Its tasks stop in the middle.
    pub(crate) fn close(&self) {
        self.lives.set(self.lives.get() + 1);
        self.closed.set(self.lives.get());
        self.world.leave_locks(self.number, self.closed.get());
    }

    fn is_closed(&self) -> bool {
        self.life > 0 && self.closed.get() >= self.life
    }

    /// `future`, which never ends if the page was closed meanwhile.
    fn while_open<T: 'static>(
        &self,
        future: impl Future<Output = T> + 'static,
    ) -> LocalBoxFuture<'static, T> {
        let this = self.clone();
        let future = async move {
            let outcome = future.await;
            if this.is_closed() {
                std::future::pending::<()>().await;
            }
            outcome
        };
        future.boxed_local()
    }

    /// Writes one record of the tab.
    pub(crate) fn put(&self, name: &str, text: &str) {
        self.storage.borrow_mut().insert(name.to_owned(), text.to_owned());
    }

    pub(crate) fn records(&self) -> BTreeMap<String, String> {
        self.storage.borrow().clone()
    }

    pub(crate) fn edit(&self, text: &str) {
        self.storage.borrow_mut().values_mut().for_each(|value| *value = text.to_owned());
    }

    /// All text that lies in storage.
    pub(crate) fn stored(&self) -> String {
        format!("{:?} {:?}", self.records(), self.world.profile())
    }

    /// The browser's "duplicate tab": the tab's storage is copied.
    pub(crate) fn duplicate(&self) -> Self {
        Self { storage: Rc::new(RefCell::new(self.records())), ..self.world.tab() }
    }

    pub(crate) fn is_wiped(&self) -> bool {
        self.records().is_empty() && self.world.profile().is_empty()
    }

    /// From now on others' writes are not seen here.
    pub(crate) fn stop_seeing(&self) {
        *self.late.borrow_mut() = Some(self.world.profile());
    }

    /// One write of others is seen after all: to an entry named `name` beside those of the session.
    pub(crate) fn see(&self, name: &str) {
        let mut late = self.late.borrow_mut();
        let late = late.as_mut().unwrap();
        let entry = late.keys().next().unwrap().rsplit_once(':').unwrap().0.to_owned();
        late.insert(format!("{entry}:{name}"), String::new());
    }

    pub(crate) fn see_everything(&self) {
        *self.late.borrow_mut() = None;
    }

    /// What the tab sees of `area`.
    fn sight(&self, area: Area) -> BTreeMap<String, String> {
        match (area, &*self.late.borrow()) {
            (Area::Profile, Some(late)) => late.clone(),
            _ => self.area(area).borrow().clone(),
        }
    }

    fn area(&self, area: Area) -> &Storage {
        match area {
            Area::Tab => &self.storage,
            Area::Profile => &self.world.0.profile,
        }
    }
}

impl Platform for Tab {
    fn now(&self) -> Instant {
        self.world.now()
    }

    fn random(&self, bytes: &mut [u8]) {
        for byte in bytes {
            // SplitMix64.
            let seed = self.world.0.seed.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
            self.world.0.seed.set(seed);
            let mixed = (seed ^ (seed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            *byte = (mixed >> 56) as u8;
        }
    }

    fn sleep(&self, milliseconds: u32) -> LocalBoxFuture<'static, ()> {
        self.while_open(self.world.timer(milliseconds.into()))
    }

    fn spawn(&self, task: LocalBoxFuture<'static, ()>) {
        self.world.0.spawner.spawn_local(task).unwrap();
    }

    fn read(&self, area: Area, key: &str) -> Result<Option<String>, StorageError> {
        if self.world.0.broken.get().read {
            return Err(StorageError);
        }
        Ok(self.sight(area).get(key).cloned())
    }

    fn write(&self, area: Area, key: &str, text: &str) -> Result<(), StorageError> {
        let broken = self.world.0.broken.get();
        if broken.write || (broken.tokens_of_tabs && area == Area::Tab && text.contains("access_token")) {
            return Err(StorageError);
        }
        self.area(area).borrow_mut().insert(key.to_owned(), text.to_owned());
        Ok(())
    }

    fn remove(&self, area: Area, key: &str) -> Result<(), StorageError> {
        if self.world.0.broken.get().remove {
            return Err(StorageError);
        }
        self.area(area).borrow_mut().remove(key);
        Ok(())
    }

    fn keys(&self, area: Area, prefix: &str) -> Result<Vec<String>, StorageError> {
        if self.world.0.broken.get().read {
            return Err(StorageError);
        }
        let mut keys: Vec<_> = self.sight(area).into_keys().filter(|key| key.starts_with(prefix)).collect();
        let backwards = &self.world.0.keys_backwards;
        if backwards.replace(!backwards.get()) {
            keys.reverse();
        }
        Ok(keys)
    }

    fn transact(
        &self,
        keys: Vec<String>,
        decide: Decide,
    ) -> LocalBoxFuture<'static, Result<(), LedgerError>> {
        self.while_open(self.world.clone().transact(keys, decide))
    }

    fn lock(&self, name: &str) -> LocalBoxFuture<'static, Option<Guard>> {
        if self.is_closed() {
            return std::future::pending().boxed_local();
        }
        let has_locks = self.world.0.has_locks.get();
        let ticket = has_locks.then(|| self.world.ask_for_lock(name, (self.number, self.life)));
        Waiting(ticket).map(|held| held.map(|held| Box::new(held) as Guard)).boxed_local()
    }

    fn post(&self, channel: &str, text: &str, _secret: bool) {
        let Some(late) = self.world.0.messages.get() else { return };
        for listener in self.world.0.tabs.borrow().iter() {
            let alive = listener.life == listener.lives.get();
            if listener.channel == channel && listener.tab != self.number && alive {
                let (listener, text) = (listener.listener.clone(), text.to_owned());
                let world = self.world.clone();
                let arrive = async move {
                    if late > 0 {
                        world.timer(late).await;
                    }
                    listener(text);
                };
                self.world.0.spawner.spawn_local(arrive).unwrap();
            }
        }
    }

    fn listen(&self, channel: &str, listener: Box<dyn Fn(String)>) -> Guard {
        let number = self.world.number();
        self.world.0.tabs.borrow_mut().push(Listener {
            number,
            tab: self.number,
            life: self.life,
            lives: self.lives.clone(),
            channel: channel.to_owned(),
            listener: listener.into(),
        });
        Box::new(Deafening { world: self.world.clone(), number })
    }

    fn http(&self, request: HttpRequest) -> LocalBoxFuture<'static, Result<Answer, HttpError>> {
        self.world.0.sent.borrow_mut().push(request.clone());
        self.while_open(self.world.clone().carry(request))
    }

    fn hint(&self, line: &str) {
        self.world.0.hints.borrow_mut().push(line.to_owned());
    }
}
