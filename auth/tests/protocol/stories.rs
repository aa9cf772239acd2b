//! Tabs, users, a bad network and a bad ledger, in any order, at servers that the simulation does not have. Nobody is logged
//! out unless somebody wanted that, nobody's request carries another's token, who is signed in can go on, and the server is
//! told of each session that was left.

mod scene;
mod servers;

use std::pin::pin;

use auth::State;
use futures_util::future::{join_all, select};
use proptest::prelude::*;

use self::scene::Scene;
use self::servers::Kind;
use crate::arbitrary::for_each_of;
use crate::world::{Fault, LedgerFault};

const TABS: usize = 3;
/// Longer than any story, in milliseconds.
const LONGEST: u64 = 300_000;

#[derive(Clone, Debug)]
enum Act {
    Login,
    /// A login whose caller goes away after so many milliseconds.
    HastyLogin(u64),
    Logout,
    Fetch,
    /// More requests at once than may be on their way, whose callers go away after so many milliseconds.
    HastyFetches(u64),
    Reload,
    /// Another page of this origin logs in.
    LoginOutside,
}

/// What a call meets.
#[derive(Clone, Copy, Debug)]
enum Bad {
    Lost,
    LostAnswer,
    Cut,
    Slow(u64),
    Trouble,
}

/// What a transaction meets.
#[derive(Clone, Copy, Debug)]
enum Block {
    Aborts,
    Unheard,
    Hangs,
    HeardLate(u64),
}

#[derive(Clone, Debug)]
struct Story {
    kind: Kind,
    locks: bool,
    in_database: bool,
    /// When, in which tab, what.
    acts: Vec<(u64, usize, Act)>,
    /// What the next call to a path meets.
    fates: Vec<(&'static str, Bad)>,
    /// What meets one transaction after so many good ones.
    blocks: Vec<(usize, Block)>,
}

fn stories() -> impl Strategy<Value = Story> {
    let act = prop_oneof![
        8 => Just(Act::Login),
        1 => (0..2_000u64).prop_map(Act::HastyLogin),
        6 => Just(Act::Logout),
        8 => Just(Act::Fetch),
        1 => (0..200u64).prop_map(Act::HastyFetches),
        4 => Just(Act::Reload),
        2 => Just(Act::LoginOutside),
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
    let block = prop_oneof![
        Just(Block::Aborts),
        Just(Block::Unheard),
        Just(Block::Hangs),
        (0..3_000u64).prop_map(Block::HeardLate),
    ];
    let kind = prop::sample::select(Kind::ALL.to_vec());
    let acts = prop::collection::vec((at, 0..TABS, act), 2..12);
    let fates = prop_oneof![Just(Vec::new()), prop::collection::vec((path, bad), 1..5)];
    let blocks = prop_oneof![2 => Just(Vec::new()), 1 => prop::collection::vec((0..8usize, block), 1..4)];
    (kind, any::<bool>(), any::<bool>(), acts, fates, blocks).prop_map(
        |(kind, locks, in_database, mut acts, fates, blocks)| {
            acts.retain(|(_, _, act)| !matches!(act, Act::LoginOutside) || kind.sees_another_pages_login());
            Story { kind, locks, in_database, acts, fates, blocks }
        },
    )
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

impl Block {
    fn fault(self) -> LedgerFault {
        match self {
            Self::Aborts => LedgerFault::Aborts,
            Self::Unheard => LedgerFault::CommitsUnheard,
            Self::Hangs => LedgerFault::Hangs,
            Self::HeardLate(by) => LedgerFault::HeardLate(by),
        }
    }
}

impl Story {
    /// Whether the page heard each answer of the server in time.
    fn hears_all(&self) -> bool {
        self.fates.is_empty()
    }

    fn reloads(&self) -> bool {
        self.acts.iter().any(|(_, _, act)| matches!(act, Act::Reload))
    }
}

fn holds(story: &Story) {
    let scene = Scene::open(story);
    // What a page has begun never ends if the page goes.
    let acts = join_all(story.acts.iter().map(|act| scene.act(act)));
    scene.world.run(select(pin!(acts), pin!(scene.world.timer(LONGEST))));
    scene.world.heal();
    scene.world.unblock_ledger();
    scene.world.pass(400_000);
    scene.check_nobody_is_logged_out();
    // Whoever is signed in can go on, or is told that this is over.
    for client in scene.clients() {
        let was_signed_in = matches!(client.state(), State::SignedIn { .. });
        // The first request may find that the session has changed.
        let fetch = || scene.world.run(scene.fetch(&client));
        let goes_on = fetch() || fetch();
        let is_over = matches!(client.state(), State::SignedOut(Some(_)) | State::SignedInElsewhere { .. });
        assert!(!was_signed_in || is_over || goes_on, "{:?}", client.state());
    }
    scene.check_the_last_login_goes_on();
    scene.clients().iter().for_each(auth::Client::logout);
    scene.world.pass(400_000);
    scene.check_the_server_knows_every_end();
}

#[test]
fn the_stories_of_many_servers_end_well() {
    for_each_of(&stories(), holds);
}
