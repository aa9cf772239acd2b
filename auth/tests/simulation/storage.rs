//! Storage as browsers have it: every tab sees the profile's storage through a view of its own, which
//! learns of other tabs' writes later, each key for itself, unordered against locks and messages.

use std::collections::BTreeMap;

use crate::options::Class;
use crate::tab::Tab;
use crate::world::World;

/// What the client relies on (the document's catch-up bound is 1 s), less what the tab needs to look.
const LATEST: u64 = 950;

/// What is counted when storage throws.
pub(crate) const THROWS: &str = "storage throws";

/// The sentence that excuses what is later.
const TOO_LATE: &str = "assumes that storage is never staler than the catch-up bound";

/// The profile's storage as a browser that settled would show it.
#[derive(Default)]
pub(crate) struct Profile {
    entries: BTreeMap<String, Entry>,
    /// Newest last: what a crash takes back.
    undo: Vec<(u64, String, Option<String>)>,
    writes: u64,
    pub(crate) full_until: u64,
}

struct Entry {
    value: Option<String>,
    before: Option<String>,
    at: u64,
    number: u64,
}

/// What one tab sees.
#[derive(Default)]
pub(crate) struct View {
    entries: BTreeMap<String, (Option<String>, u64)>,
    /// Writes of others that this tab does not see yet: from when on, which, what.
    coming: Vec<(u64, u64, String, Option<String>)>,
}

impl View {
    fn settle(&mut self, now: u64) {
        let mut at = 0;
        while at < self.coming.len() {
            if self.coming[at].0 > now {
                at += 1;
                continue;
            }
            let (_, number, key, value) = self.coming.swap_remove(at);
            let entry = self.entries.entry(key).or_insert((None, 0));
            // A write of this tab's own that came later wins.
            if entry.1 < number {
                *entry = (value, number);
            }
        }
    }

    pub(crate) fn get(&mut self, key: &str, now: u64) -> Option<String> {
        self.settle(now);
        self.entries.get(key)?.0.clone()
    }

    pub(crate) fn keys(&mut self, prefix: &str, now: u64) -> Vec<String> {
        self.settle(now);
        let shown =
            self.entries.iter().filter(|(key, (value, _))| value.is_some() && key.starts_with(prefix));
        shown.map(|(key, _)| key.clone()).collect()
    }
}

impl Profile {
    pub(crate) fn values(&self) -> impl Iterator<Item = &str> {
        self.entries.values().filter_map(|entry| entry.value.as_deref())
    }

    pub(crate) fn holds(&self, key: &str) -> Option<&str> {
        self.entries.get(key)?.value.as_deref()
    }

    /// An entry that was there before the world began.
    pub(crate) fn plant(&mut self, key: &str, value: String) {
        let entry = Entry { value: Some(value), before: None, at: 0, number: 0 };
        self.entries.insert(key.to_owned(), entry);
    }

    /// What there is, and since when.
    pub(crate) fn written(&self) -> impl Iterator<Item = (u64, &str)> {
        self.entries.values().filter_map(|entry| Some((entry.at, entry.value.as_deref()?)))
    }

    fn set(&mut self, at: u64, key: &str, value: Option<String>) -> u64 {
        self.writes += 1;
        let before = self.entries.remove(key).and_then(|entry| entry.value);
        self.undo.push((at, key.to_owned(), before.clone()));
        let number = self.writes;
        self.entries.insert(key.to_owned(), Entry { value, before, at, number });
        number
    }

    /// The browser crashed: what was written after `cut` never reached the disk.
    pub(crate) fn roll_back(&mut self, cut: u64) -> usize {
        let kept = self.undo.partition_point(|(at, ..)| *at <= cut);
        let lost = self.undo.split_off(kept);
        let count = lost.len();
        for (at, key, value) in lost.into_iter().rev() {
            self.writes += 1;
            let number = self.writes;
            self.entries.insert(key, Entry { before: value.clone(), value, at, number });
        }
        count
    }
}

impl World {
    fn lateness(&self) -> u64 {
        let rng = &self.chance.storage;
        if self.has(Class::StorageVeryLate) && rng.percent(20) {
            self.cover("storage later than the bound");
            return rng.between(1_000, 10_000);
        }
        match rng.below(10) {
            _ if !self.has(Class::StorageLate) => 0,
            0..=2 => 0,
            3..=6 => rng.below(30),
            7..=8 => rng.below(300),
            _ => rng.below(LATEST),
        }
    }

    /// A tab's write, or removal, in the profile's storage.
    pub(crate) fn store(&self, writer: usize, key: &str, value: Option<String>) {
        let now = self.time();
        let number = self.profile.borrow_mut().set(now, key, value.clone());
        for (at, tab) in self.tabs.borrow_mut().iter_mut().enumerate() {
            if at == writer {
                tab.view.settle(now);
                tab.view.entries.insert(key.to_owned(), (value.clone(), number));
            } else if tab.open {
                let late = self.lateness();
                if late > LATEST {
                    self.give_up(Some(key), TOO_LATE);
                }
                if late > 0 {
                    self.cover("storage seen late");
                }
                tab.view.coming.push((now + late, number, key.to_owned(), value.clone()));
            }
        }
    }

    /// What a new page sees at first: the writes of the last moments may be missing.
    pub(crate) fn first_view(&self) -> View {
        let now = self.time();
        let mut view = View::default();
        for (key, entry) in &self.profile.borrow().entries {
            let late = self.lateness();
            if entry.at + late > now {
                if late > LATEST {
                    self.give_up(Some(key), TOO_LATE);
                }
                view.entries.insert(key.clone(), (entry.before.clone(), 0));
                view.coming.push((entry.at + late, entry.number, key.clone(), entry.value.clone()));
            } else {
                view.entries.insert(key.clone(), (entry.value.clone(), entry.number));
            }
        }
        view
    }

    /// Somebody deletes what the profile holds.
    pub(crate) fn wipe(&self) {
        self.jar.borrow_mut().clear();
        let keys: Vec<String> = self.profile.borrow().entries.keys().cloned().collect();
        keys.iter().for_each(|key| self.store(usize::MAX, key, None));
    }

    /// Whether a call to storage throws now.
    pub(crate) fn storage_throws(&self, writing: bool) -> bool {
        let throws = self.has(Class::StorageDenied)
            || self.has(Class::StorageThrows) && self.chance.storage.percent(5)
            || writing && self.has(Class::StorageFull) && self.profile.borrow().full_until > self.time();
        if throws {
            self.cover(THROWS);
        }
        throws
    }
}

impl Tab {
    pub(crate) fn sees(&mut self, key: &str, now: u64) -> Option<String> {
        self.view.get(key, now)
    }
}
