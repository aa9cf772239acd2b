//! Tabs, users and a bad network at a server with one cookie, in any order. Nobody is logged out by another's logout, and
//! nobody's request carries another's token.

use std::cell::RefCell;
use std::collections::BTreeSet;

use auth::{Client, State};
use futures_util::future::join_all;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use super::{COOKIE, OneCookie, contract, log_in_outside, world};
use crate::world::{Fault, Tab, World, me};

const TABS: usize = 3;

#[derive(Clone, Debug)]
enum Act {
    Login,
    Logout,
    Fetch,
    Reload,
    /// Another page of this origin logs in.
    LoginOutside,
}

#[derive(Clone, Copy, Debug)]
enum Bad {
    Lost,
    LostAnswer,
    Cut,
    Slow(u64),
    Trouble,
}

/// What one call to a path meets.
type Fate = (&'static str, Bad);

#[derive(Clone, Debug)]
struct Story {
    alone: bool,
    locks: bool,
    /// When, in which tab, what.
    acts: Vec<(u64, usize, Act)>,
    fates: Vec<Fate>,
}

fn stories() -> impl Strategy<Value = Story> {
    let act = prop_oneof![
        4 => Just(Act::Login),
        3 => Just(Act::Logout),
        4 => Just(Act::Fetch),
        2 => Just(Act::Reload),
        1 => Just(Act::LoginOutside),
    ];
    // Access tokens live 20 s.
    let at = prop_oneof![0..500u64, 0..5_000u64, 0..120_000u64];
    let bad = prop_oneof![
        Just(Bad::Lost),
        Just(Bad::LostAnswer),
        Just(Bad::Cut),
        (0..40_000u64).prop_map(Bad::Slow),
        Just(Bad::Trouble),
    ];
    let path = prop_oneof![Just("/token"), Just("/refresh"), Just("/logout")];
    let acts = prop::collection::vec((at, 0..TABS, act), 2..12);
    let fates = prop::collection::vec((path, bad), 0..5);
    (any::<bool>(), any::<bool>(), acts, fates).prop_map(|(alone, locks, mut acts, fates)| {
        // Another page's login between such a login and its first refresh cannot be seen.
        acts.retain(|(_, _, act)| !alone || !matches!(act, Act::LoginOutside));
        Story { alone, locks, acts, fates }
    })
}

impl Bad {
    fn fault(self) -> Fault {
        match self {
            Self::Lost => Fault::Lost,
            Self::LostAnswer => Fault::LostAnswer,
            Self::Cut => Fault::Cut,
            Self::Slow(by) => Fault::Slow(by / 2, by / 2),
            Self::Trouble => Fault::says(503, ""),
        }
    }
}

struct Scene {
    world: World,
    alone: bool,
    tabs: Vec<Tab>,
    clients: RefCell<Vec<Client>>,
    users: RefCell<usize>,
    /// Whose logout somebody wanted.
    wanted: RefCell<BTreeSet<String>>,
}

impl Scene {
    fn open(story: &Story) -> Self {
        let world = world(if story.alone { OneCookie::Alone } else { OneCookie::Beside });
        world.server(|server| {
            server.lifetime = 20;
            server.expires_in = Some("20".to_owned());
        });
        if !story.locks {
            world.without_locks();
        }
        for (path, bad) in &story.fates {
            world.next(path, [bad.fault()]);
        }
        let tabs: Vec<_> = (0..TABS).map(|_| world.tab()).collect();
        let clients = tabs.iter().map(|tab| tab.open_with(contract(story.alone), COOKIE)).collect();
        let (users, wanted) = (RefCell::default(), RefCell::default());
        Self { world, alone: story.alone, tabs, clients: RefCell::new(clients), users, wanted }
    }

    /// Each login is of a user of its own.
    fn next_user(&self) -> String {
        *self.users.borrow_mut() += 1;
        format!("user-{}", self.users.borrow())
    }

    async fn act(&self, (at, tab, act): &(u64, usize, Act)) {
        self.world.timer(*at).await;
        let client = self.clients.borrow()[*tab].clone();
        match act {
            Act::Login => {
                let user = self.next_user();
                if client.login(&user, "secret").await.is_err() {
                    // It may have left a cookie, of a session that nobody uses.
                    self.wanted.borrow_mut().insert(user);
                }
            }
            Act::Logout => {
                // Before the page has found its session, the logout is of the one that it will find.
                match client.state() {
                    State::SignedIn { user: Some(user), .. } => {
                        self.wanted.borrow_mut().insert(user.to_string());
                    }
                    State::SignedIn { .. } | State::Restoring => {
                        let all = (0..=*self.users.borrow()).map(|number| format!("user-{number}"));
                        self.wanted.borrow_mut().extend(all);
                    }
                    // A page without a session has no logout.
                    _ => return,
                }
                client.logout();
            }
            Act::Fetch => {
                self.fetch(&client).await;
            }
            Act::Reload => {
                let again = self.tabs[*tab].open_with(contract(self.alone), COOKIE);
                self.clients.borrow_mut()[*tab] = again;
            }
            Act::LoginOutside => {
                // The page cannot know that the cookie is another page's by now. So a logout reaches that session.
                let user = self.next_user();
                self.wanted.borrow_mut().insert(user.clone());
                log_in_outside(&self.world, &user);
            }
        }
    }

    /// Whether the answer was data.
    async fn fetch(&self, client: &Client) -> bool {
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
}

fn holds(story: &Story) {
    let scene = Scene::open(story);
    scene.world.run(join_all(story.acts.iter().map(|act| scene.act(act))));
    scene.world.heal();
    scene.world.pass(400_000);
    let wanted = scene.wanted.borrow().clone();
    let ended = scene.world.server(|server| server.logged_out.clone());
    for user in ended {
        // Without locks a logout and a login of two tabs can meet at the server.
        assert!(wanted.contains(&user) || !story.locks, "nobody wanted to log {user} out");
    }
    // Whoever is signed in can go on, or is told that this is over.
    let clients = scene.clients.borrow().clone();
    for client in clients {
        let was_signed_in = matches!(client.state(), State::SignedIn { .. });
        // The first request may find that the session has changed.
        let fetch = || scene.world.run(scene.fetch(&client));
        let goes_on = fetch() || fetch();
        let is_over = matches!(client.state(), State::SignedOut(Some(_)) | State::SignedInElsewhere { .. });
        assert!(!was_signed_in || is_over || goes_on, "{:?}", client.state());
    }
}

#[test]
fn sessions_of_one_cookie_do_not_mix() {
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let config = Config { failure_persistence: None, ..Config::default() };
    let outcome = TestRunner::new_with_rng(config, rng).run(&stories(), |story| {
        holds(&story);
        Ok(())
    });
    outcome.unwrap_or_else(|failure| panic!("{failure}"));
}
