//! Tabs and their lives.

use std::collections::BTreeMap;
use std::rc::Rc;

use auth::{Client, Contract, Custody, Rotation, Subscription};

use crate::apps::App;
use crate::page::Page;
use crate::storage::View;
use crate::tasks::{Event, Life};
use crate::world::World;

pub(crate) type Listener = Rc<dyn Fn(String)>;

#[derive(Default)]
pub(crate) struct Tab {
    pub(crate) app: App,
    /// The browser does not open the database for its page until then.
    pub(crate) silent_until: u64,
    /// Where its page keeps its tokens.
    pub(crate) custody: Custody,
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

    /// Opens a tab with a page of `app`, and with `session` as its own storage.
    pub(crate) fn open(&self, session: BTreeMap<String, String>, app: App) -> usize {
        let mut session = session;
        if session.is_empty() {
            session.extend(self.planted_in_tab(app));
        }
        let tab = {
            let mut tabs = self.tabs.borrow_mut();
            tabs.push(Tab { session, app, ..Tab::default() });
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
            at.custody = self.deployed();
            at.silent_until = self.draw_silence();
            at.life(tab)
        };
        self.note(tab, || match self.app(life) {
            App::First => "loads the page".to_owned(),
            App::Second => "loads the second app's page".to_owned(),
        });
        let page = Page { world: self.clone(), life };
        let rotation = if self.rotates() { Rotation::Unknown } else { Rotation::Never };
        let mut contract = Contract { rotation, ..Contract::default() };
        if !self.options.refresh_endpoint {
            contract.refresh = None;
        }
        let Ok(base) = self.app(life).base().parse() else { return };
        let client = Client::new(page, base, contract, self.deployed());
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
