//! What happens in a story, and what must be true at its end.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::pin::pin;

use auth::{Client, State};
use futures_util::future::{Either, join_all, select};

use super::servers::Kind;
use super::{Act, Bad, Story, TABS};
use crate::one_cookie::log_in_outside;
use crate::world::{Tab, World, me};

/// More than may be on their way at a time.
const MANY: usize = 70;

/// What a page knows of a login that it began.
struct Login {
    tab: usize,
    /// When it began and when it was done, in the order of events. Nobody knows the latter if the caller goes away first.
    began: usize,
    done: Option<usize>,
    succeeded: bool,
}

pub(super) struct Scene<'a> {
    story: &'a Story,
    pub(super) world: World,
    tabs: Vec<Tab>,
    clients: RefCell<Vec<Client>>,
    /// By user, because each is of a user of its own.
    logins: RefCell<BTreeMap<String, Login>>,
    events: RefCell<usize>,
    /// Who may be logged out, because somebody wanted that.
    wanted: RefCell<BTreeSet<String>>,
    /// When somebody logged out before the page had found its session.
    wishes: RefCell<Vec<usize>>,
}

impl<'a> Scene<'a> {
    pub(super) fn open(story: &'a Story) -> Self {
        let world = World::with(|server| story.kind.set_up(server));
        if !story.locks {
            world.without_locks();
        }
        for (path, bad) in &story.fates {
            world.next(path, [bad.fault()]);
        }
        for (after, block) in &story.blocks {
            world.next_transactions_after(*after, block.fault());
        }
        let tabs: Vec<_> = (0..TABS).map(|_| world.tab()).collect();
        let scene = Self {
            story,
            world,
            tabs,
            clients: RefCell::default(),
            logins: RefCell::default(),
            events: RefCell::default(),
            wanted: RefCell::default(),
            wishes: RefCell::default(),
        };
        let clients = (0..TABS).map(|tab| scene.load(tab)).collect();
        *scene.clients.borrow_mut() = clients;
        scene
    }

    fn load(&self, tab: usize) -> Client {
        let Story { kind, in_database, .. } = self.story;
        self.tabs[tab].open_with(kind.contract(), kind.custody(*in_database))
    }

    pub(super) fn clients(&self) -> Vec<Client> {
        self.clients.borrow().clone()
    }

    fn event(&self) -> usize {
        *self.events.borrow_mut() += 1;
        *self.events.borrow()
    }

    fn want(&self, user: &str) {
        self.wanted.borrow_mut().insert(user.to_owned());
    }

    /// Whether somebody wanted to log `user` out. A logout before the page has found its session is of the one that it will find:
    /// if the ledger answers at once, one that had begun by then.
    fn is_wanted(&self, user: &str) -> bool {
        let began = self.logins.borrow().get(user).map_or(0, |login| login.began);
        let is_silent = !self.story.blocks.is_empty();
        let wished = || self.wishes.borrow().iter().any(|wish| is_silent || began <= *wish);
        self.wanted.borrow().contains(user) || wished()
    }

    fn begin_login(&self, tab: usize) -> String {
        let began = self.event();
        let user = format!("user-{began}");
        let login = Login { tab, began, done: None, succeeded: false };
        self.logins.borrow_mut().insert(user.clone(), login);
        user
    }

    fn end_login(&self, user: &str, succeeded: bool) {
        let done = Some(self.event());
        if let Some(login) = self.logins.borrow_mut().get_mut(user) {
            (login.done, login.succeeded) = (done, succeeded);
        }
    }

    pub(super) async fn act(&self, (at, tab, act): &(u64, usize, Act)) {
        self.world.timer(*at).await;
        let client = self.clients.borrow()[*tab].clone();
        match act {
            Act::Login => {
                let user = self.begin_login(*tab);
                let succeeded = client.login(&user, "secret").await.is_ok();
                self.end_login(&user, succeeded);
            }
            Act::HastyLogin(patience) => {
                let user = self.begin_login(*tab);
                let (login, patience) = (pin!(client.login(&user, "secret")), self.world.timer(*patience));
                if let Either::Left((outcome, _)) = select(login, pin!(patience)).await {
                    self.end_login(&user, outcome.is_ok());
                }
            }
            Act::Logout => self.log_out(*tab, &client),
            Act::Fetch => {
                self.fetch(&client).await;
            }
            Act::HastyFetches(patience) => {
                let fetches = pin!(join_all((0..MANY).map(|_| self.fetch(&client))));
                select(fetches, pin!(self.world.timer(*patience))).await;
            }
            Act::Reload => {
                self.tabs[*tab].close();
                let again = self.load(*tab);
                self.clients.borrow_mut()[*tab] = again;
            }
            Act::LoginOutside => {
                // The page cannot know that the cookie is another page's by now. So a logout reaches that session.
                let user = format!("outside-{}", self.event());
                self.want(&user);
                log_in_outside(&self.world, &user);
            }
        }
    }

    fn log_out(&self, tab: usize, client: &Client) {
        match client.state() {
            State::SignedIn { user: Some(user), .. } => self.want(&user),
            State::SignedIn { user: None, .. } => {
                let records = format!("{:?}", self.tabs[tab].records());
                let all: Vec<_> = self.logins.borrow().keys().cloned().collect();
                let of_tab = |user: &&String| records.contains(&format!(r#"\"user\":\"{user}\""#));
                all.iter().filter(of_tab).for_each(|user| self.want(user));
            }
            State::Restoring => {
                let wish = self.event();
                self.wishes.borrow_mut().push(wish);
            }
            // A page without a session has no logout.
            State::SignedOut(_) | State::SignedInElsewhere { .. } => return,
        }
        client.logout();
    }

    /// Whether the answer was data.
    pub(super) async fn fetch(&self, client: &Client) -> bool {
        let before = client.state();
        let Ok(answer) = client.send(&me()).await else { return false };
        if let State::SignedIn { user: Some(user), .. } = before
            && answer.status == 200
        {
            let body = String::from_utf8_lossy(&answer.body).into_owned();
            assert_eq!(body, format!(r#"{{"user":"{user}"}}"#), "another user's token was used");
        }
        answer.status == 200
    }

    /// Whether another login may have replaced that of `user`.
    fn is_replaced(&self, user: &str) -> bool {
        let logins = self.logins.borrow();
        let Some(own) = logins.get(user) else { return true };
        let after = |other: &Login| other.done.is_none_or(|done| done > own.began);
        // Without the ledger's word a login that failed may have replaced it too. So may any that reached a server with one cookie.
        let unsure = !self.story.blocks.is_empty() || self.story.kind.has_one_cookie();
        let counts = |other: &Login| other.succeeded || other.done.is_none() || unsure;
        logins.iter().any(|(name, other)| name != user && after(other) && counts(other))
    }

    pub(super) fn check_nobody_is_logged_out(&self) {
        let ended = self.world.server(|server| server.logged_out.clone());
        for user in ended {
            let own = self.logins.borrow().get(&user).is_some_and(|own| own.succeeded);
            let wanted = self.is_wanted(&user);
            let replaced = !self.story.kind.has_one_cookie() && self.is_replaced(&user);
            // Without locks a logout and a login of two tabs can meet at a server with one cookie.
            let meets = !self.story.locks && self.story.kind.has_one_cookie();
            assert!(wanted || replaced || !own || meets, "nobody wanted to log {user} out");
        }
    }

    /// The last login goes on in its tab, if nothing but time and other tabs came between.
    pub(super) fn check_the_last_login_goes_on(&self) {
        let calm = self.story.blocks.is_empty() && (self.story.hears_all() || !self.story.kind.rotates());
        let cookie = self.story.kind.has_one_cookie();
        if !calm || cookie && !(self.story.hears_all() && self.story.locks) {
            return;
        }
        let logins = self.logins.borrow();
        let last = logins.iter().filter(|(_, login)| login.succeeded).max_by_key(|(_, login)| login.done);
        let Some((user, login)) = last.filter(|(user, _)| !self.is_replaced(user)) else { return };
        let outside = |act: &Act| matches!(act, Act::LoginOutside);
        if self.is_wanted(user) || self.story.acts.iter().any(|(_, _, act)| outside(act)) {
            return;
        }
        let client = self.clients.borrow()[login.tab].clone();
        assert!(self.world.run(self.fetch(&client)), "{user} was signed out: {:?}", client.state());
    }

    /// After a logout in each tab no session lives that the server could have been told of.
    pub(super) fn check_the_server_knows_every_end(&self) {
        // A page may go while it gets the access token for a logout, or before the logout is repeated. A cookie that was replaced
        // names its session no more.
        let reloads = self.story.reloads();
        let needs_time =
            self.story.kind != Kind::TokenOnly || self.story.fates.iter().any(|(path, _)| *path == "/logout");
        if self.story.kind.has_one_cookie() || reloads && needs_time {
            return;
        }
        let lost = |(path, bad): &(&str, Bad)| match bad {
            Bad::LostAnswer | Bad::Cut => *path == "/token",
            // A page that goes hears no late answer.
            Bad::Slow(_) => *path == "/token" && reloads,
            Bad::Lost | Bad::Trouble => false,
        };
        let unheard = self.story.fates.iter().any(lost);
        let excused = |login: &Login| match login.done {
            Some(_) => unheard && !login.succeeded,
            None => unheard || reloads,
        };
        let logins = self.logins.borrow();
        let alive = self.world.server(|server| server.alive_users());
        let left: Vec<_> = alive.iter().filter(|user| !logins.get(*user).is_some_and(excused)).collect();
        assert!(left.is_empty(), "the server was not told of {left:?}: {:?}", self.world.take_log());
    }
}
