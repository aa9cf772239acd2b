//! The platform that a page in a tab has.

use auth::{
    Answer, Area, Decide, Guard, HttpError, HttpRequest, Instant, LedgerError, Platform, StorageError,
};
use futures_util::future::{FutureExt as _, LocalBoxFuture};

use crate::options::Class;
use crate::slot::Slot;
use crate::tab::Listener;
use crate::tasks::{Life, Owner};
use crate::world::World;

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

    fn hint(&self, _line: &str) {}
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
