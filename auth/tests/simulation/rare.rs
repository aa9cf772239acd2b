//! Acting: what the rare classes of a world do.

use auth::{Custody, RefreshCustody};

use crate::apps::App;
use crate::options::Class;
use crate::tasks::Owner;
use crate::user::TABS;
use crate::world::World;

impl World {
    pub(crate) fn open_second(&self, other: bool) {
        if !self.has(Class::SecondApp) || self.open_tabs().len() > TABS {
            return;
        }
        self.cover("second app opened");
        let tab = self.open(Default::default(), App::Second);
        self.after(400, Owner::Device, move |world| {
            if world.tabs.borrow()[tab].open {
                world.login(tab, if other { "bob" } else { "ann" });
            }
        });
    }

    pub(crate) fn navigate(&self, tab: usize) {
        if !self.has(Class::SecondApp) {
            return;
        }
        self.cover("tab went to the other app");
        self.close(tab);
        {
            let mut tabs = self.tabs.borrow_mut();
            tabs[tab].app = tabs[tab].app.other();
        }
        self.load(tab);
    }

    pub(crate) fn redeploy(&self, refresh: RefreshCustody) {
        if !self.has(Class::Redeploy) {
            return;
        }
        self.cover(match refresh {
            RefreshCustody::Memory => "redeployed without custody",
            RefreshCustody::Cookie => "redeployed with cookies",
            RefreshCustody::Local | RefreshCustody::Database => "redeployed with another custody",
        });
        let next = Custody { refresh, ..self.deployed() };
        self.deployments.borrow_mut().push(next);
    }

    pub(crate) fn slow_down(&self, time: u64) {
        if self.has(Class::SlowServer) {
            self.network.borrow_mut().slow_until = self.time() + time;
        }
    }

    pub(crate) fn change_key(&self) {
        if self.has(Class::NewKey) {
            self.cover("signing key changed");
            self.server.borrow_mut().change_key(self.time());
        }
    }
}
