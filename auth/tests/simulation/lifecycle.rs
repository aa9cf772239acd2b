//! The life of a page: it is frozen, cached, busy, and comes back; and it looks again when it does.

use auth::State;

use crate::check::person::person;
use crate::check::{Invariant, Kind, Outcome};
use crate::tasks::{Life, Owner};
use crate::world::World;

impl World {
    /// The page is frozen or put into the back/forward cache, and is told of both.
    pub(crate) fn hide(&self, tab: usize, time: u64) {
        if self.tabs.borrow()[tab].is_frozen() {
            return;
        }
        self.cover("tab frozen");
        if let Some(client) = self.client(tab) {
            client.pause();
        }
        self.stop(tab, time, true);
    }

    /// The page's thread hangs, or its process is suspended: nothing is told.
    pub(crate) fn hang(&self, tab: usize, time: u64) {
        if self.tabs.borrow()[tab].is_frozen() {
            return;
        }
        self.cover("tab busy");
        self.stop(tab, time, false);
    }

    fn stop(&self, tab: usize, time: u64, told: bool) {
        self.freeze(tab);
        let life = self.life(tab);
        self.after(time, Owner::Device, move |world| {
            if world.life(life.tab) == life {
                world.resume(life.tab);
                if told {
                    world.look_again(life);
                }
            }
        });
    }

    /// `pageshow`, `visibilitychange` or `online`: nothing private is shown until the check has ended.
    pub(crate) fn look_again(&self, life: Life) {
        let Some(client) = self.client(life.tab).filter(|_| self.life(life.tab) == life) else { return };
        let id = self.begin(life, Kind::Look, &client.state());
        let (world, began) = (self.clone(), self.time());
        self.check.borrow_mut().tab(life).came_back = began;
        self.spawn(life, async move {
            let checked = client.recheck().await;
            world.end(id, Outcome::Done);
            if checked {
                world.cover("page looked again");
                world.check_revealed(life, began, &client.state());
            } else {
                world.cover("page stays concealed");
            }
        });
    }

    /// No resurrection: "before anything private is shown in frozen or bfcached ones".
    fn check_revealed(&self, life: Life, began: u64, state: &State) {
        let State::SignedIn { user: Some(user), .. } = state else { return };
        let mut check = self.check.borrow_mut();
        let Some(family) = check.tab(life).family else { return };
        let family_at = check.family(family);
        let over = family_at.over.is_some_and(|over| over < began) && !family_at.is_foreign_to(life);
        // Another session of the same user shows the same.
        let again = |over: Option<u64>| over.is_none_or(|over| over >= began);
        let mut others = check.families.iter().enumerate().filter(|(at, _)| self.is_of_app(life, *at));
        let again = others.any(|(_, family)| family.user == person(user) && again(family.over));
        drop(check);
        if over && !again && !self.is_given_up(family) {
            self.violate(Invariant::NoResurrection, || {
                format!("tab {} comes back and shows family {family}, which is over", life.tab)
            });
        }
    }
}
