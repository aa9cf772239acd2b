//! Sessions without a refresh token. The ledger and messages take a login, a logout and an end to all tabs, because
//! the server cannot be told.

use auth::State;

use crate::apps::App;
use crate::check::Invariant;
use crate::options::{Class, Lifetime};
use crate::tasks::{Life, Owner};
use crate::token::{Token, tokens_in};
use crate::world::World;

/// Live tabs know of an end after so many milliseconds.
const KNOWN: u64 = 1_200;
/// A token is as old as the middle of its call. A slow answer, of 25 s and what the network takes, makes it look older
/// than it is to the server, by this at most.
const LOOKS_OLDER: u64 = 13_500;

impl World {
    pub(crate) fn is_token_only(&self) -> bool {
        self.options.has(Class::TokenOnly)
    }

    pub(crate) fn check_never_refreshed(&self, path: &str) {
        if self.is_token_only() && path == "/refresh" {
            self.violate(Invariant::Using, || {
                "a refresh goes out although there is no refresh token".to_owned()
            });
        }
    }

    /// A row without a token is that of the login that enters it.
    pub(crate) fn learn_login(&self, life: Life, key: &str) {
        if !self.is_token_only() || self.named_by(key).is_some() {
            return;
        }
        let Some((_, sid)) = key.split_once(":row:") else { return };
        let Some(login) = self.operation_of_login(life) else { return };
        let mut check = self.check.borrow_mut();
        let call = check.calls.iter().rev().find(|call| call.operation == Some(login));
        if let Some(family) = call.and_then(|call| call.login) {
            check.names.insert(sid.to_owned(), family);
        }
    }

    /// The tab's own record says which session it shows.
    pub(crate) fn learn_shown(&self, life: Life, value: &str) {
        if !self.is_token_only() {
            return;
        }
        let named = value.split_once("\"sid\":\"").and_then(|(_, rest)| rest.split('"').next());
        let mut check = self.check.borrow_mut();
        let known = named.and_then(|sid| check.names.get(sid).copied());
        let family = tokens_in(value).next().map(|token| token.family).or(known);
        let seen = check.tab(life);
        seen.family = family.or(seen.family);
    }

    /// The server refused an access token. That ends its session.
    pub(crate) fn learn_refused(&self, token: Option<Token>) {
        if let Some(token) = token.filter(|_| self.is_token_only()) {
            self.check.borrow_mut().family(token.family).ends.insert("its access token was refused");
        }
    }

    /// Whether the client may take the family's access token for one whose time is up.
    fn is_time_up(&self, family: usize) -> bool {
        let until = self.server.borrow().first_access_until(family);
        let up = until.is_none_or(|until| self.time() + LOOKS_OLDER >= until);
        self.is_token_only() && (up || self.options.lifetime == Lifetime::Absurd("1"))
    }

    /// A tab is signed out. Whether that is the time of its access token, which nothing can replace.
    pub(crate) fn ends_by_time(&self, family: Option<usize>) -> bool {
        let Some(family) = family.filter(|_| self.is_token_only()) else { return self.is_token_only() };
        let up = self.is_time_up(family);
        if up {
            self.check.borrow_mut().family(family).ends.insert("its time was up");
        }
        up
    }

    /// A tab tells the others that something changed. What it has ended they can know now.
    pub(crate) fn announces(&self, life: Life, text: &str, secret: bool) {
        if !self.is_token_only() || secret || text.contains("question") {
            return;
        }
        let now = self.time();
        let mut check = self.check.borrow_mut();
        let untold = |family: &&mut super::Family| family.ended_by == Some(life) && family.told.is_none();
        check.families.iter_mut().filter(untold).for_each(|family| family.told = Some(now));
        let count = check.families.len();
        drop(check);
        (0..count).for_each(|family| self.spread_news(family));
    }

    /// `life` has ended `family`. If it runs on, the others know within a second.
    pub(crate) fn expect_news(&self, life: Life, family: usize) {
        if !self.is_token_only() || !self.news_is_prompt() || !self.storage_is_sound() {
            return;
        }
        let since = self.time();
        self.after(KNOWN, Owner::Device, move |world| {
            let runs = world.tabs.borrow()[life.tab].runs(life);
            let mut check = world.check.borrow_mut();
            if !runs || check.tab(life).running_since > since || check.family(family).in_memory {
                return;
            }
            check.family(family).over.get_or_insert(since);
            check.family(family).told.get_or_insert(since);
            drop(check);
            world.check_shown_after_logout(family);
        });
    }

    /// A login has ended well, and no other was under way: all earlier sessions of its app are over.
    pub(crate) fn expect_switch(&self, id: usize, family: usize) {
        let check = self.check.borrow();
        let life = check.operations[id].life;
        let contested = check.operations[id].contested;
        let others =
            (0..check.families.len()).filter(|other| *other != family && check.families[*other].adopted);
        let others: Vec<usize> = others.filter(|other| self.is_of_app(life, *other)).collect();
        drop(check);
        if !contested {
            others.into_iter().for_each(|other| self.expect_news(life, other));
        }
    }

    /// Whether a tab that runs can give the family's access token to a new one.
    pub(crate) fn can_be_handed_over(&self, app: App, family: usize) -> bool {
        let good = !self.is_time_up(family) && self.check.borrow().clock_leaps == 0;
        let tabs = self.tabs_of(app);
        let check = self.check.borrow();
        let holds = |tab: usize| {
            let seen = check.tabs.get(&self.life(tab));
            let shows = seen.and_then(|seen| seen.shown.as_ref());
            let held = seen.and_then(|seen| seen.held);
            matches!(shows, Some(State::SignedIn { user: Some(_), .. }))
                && held.is_some_and(|held| held.family == family)
                && !self.tabs.borrow()[tab].is_frozen()
        };
        good && tabs.into_iter().any(holds)
    }
}
