//! Sessions without a refresh token, because the server issues none or the contract has no refresh endpoint.
//! Nothing can renew such a session: it ends when the server refuses its access token.

use auth::{AccessCustody, Client, Contract, Custody, EndReason, Error, RefreshCustody, State};

use crate::server::Server;
use crate::world::{
    EPOCH, Fault, LedgerFault, Tab, UNCONFIRMED, World, earlier_access, earlier_name, me, signed_in,
};

pub(crate) const LOCAL: Custody = Custody { access: AccessCustody::Session, refresh: RefreshCustody::Local };
pub(crate) const DATABASE: Custody =
    Custody { access: AccessCustody::Session, refresh: RefreshCustody::Database };
const MEMORY: Custody = Custody { access: AccessCustody::Session, refresh: RefreshCustody::Memory };

const EXPIRED: State = State::SignedOut(Some(EndReason::Expired));

/// A world in which no session has a refresh token, and how its pages are opened.
pub(crate) struct Stage {
    pub(crate) world: World,
    contract: Contract,
    pub(crate) custody: Custody,
}

impl Stage {
    /// Both reasons for a lack of refresh tokens, in both custodies that tabs share.
    pub(crate) fn all() -> Vec<Self> {
        let stage = |issues_refresh, custody| {
            let world = World::with(|server| server.issues_refresh = issues_refresh);
            let contract = match issues_refresh {
                true => Contract { refresh: None, ..Contract::default() },
                false => Contract::default(),
            };
            Self { world, contract, custody }
        };
        [(true, LOCAL), (true, DATABASE), (false, LOCAL), (false, DATABASE)].map(|(r, c)| stage(r, c)).into()
    }

    pub(crate) fn open(&self, tab: &Tab) -> Client {
        tab.open_with(self.contract.clone(), self.custody)
    }

    /// Signs ann in.
    pub(crate) fn sign_in(&self) -> (Tab, Client) {
        let tab = self.world.tab();
        let client = self.open(&tab);
        self.world.run(client.login("ann", "secret")).unwrap();
        self.world.settle();
        self.world.take_log();
        (tab, client)
    }

    pub(crate) fn uses(&self, client: &Client, user: &str) {
        let answer = self.world.run(client.send(&me())).unwrap();
        assert_eq!(answer.json(), Ok(format!(r#"{{"user":"{user}"}}"#).into()));
    }
}

#[test]
fn a_refusal_of_its_token_ends_the_session_in_every_tab() {
    for stage in Stage::all() {
        let world = &stage.world;
        let (tab, client) = stage.sign_in();
        let copy = tab.duplicate();
        let second = stage.open(&copy);
        world.pass(15_000);
        world.server(Server::expire_access);
        world.take_log();
        let ended = Error::SessionEnded(EndReason::Expired);
        assert_eq!(world.run(client.send(&me())).err(), Some(ended));
        assert_eq!(world.take_log(), ["GET /me 401"]);
        world.pass(100);
        assert_eq!((client.state(), second.state()), (EXPIRED, EXPIRED));
        assert!(tab.is_wiped() && copy.is_wiped());
        let third = stage.open(&world.tab());
        world.settle();
        assert_eq!((third.state(), world.take_log()), (State::SignedOut(None), vec![]));
    }
}

#[test]
fn a_token_that_was_handed_over_and_is_refused_ends_the_session_in_every_tab_too() {
    for stage in Stage::all() {
        let world = &stage.world;
        let (_tab, client) = stage.sign_in();
        let second = stage.open(&world.tab());
        world.pass(15_000);
        world.server(Server::expire_access);
        world.take_log();
        let ended = Error::SessionEnded(EndReason::Expired);
        assert_eq!(world.run(second.send(&me())).err(), Some(ended));
        world.pass(100);
        assert_eq!((client.state(), second.state()), (EXPIRED, EXPIRED));
        assert_eq!(world.take_log(), ["GET /me 401"]);
    }
}

#[test]
fn a_late_refusal_of_an_older_sessions_token_does_not_end_the_next() {
    for stage in Stage::all() {
        let world = &stage.world;
        let (_tab, client) = stage.sign_in();
        let second = stage.open(&world.tab());
        world.pass(1_000);
        world.server(Server::expire_access);
        world.next("/me", [Fault::Slow(0, 2_000)]);
        let request = me();
        let (late, login) = world.run(futures_util::future::join(client.send(&request), async {
            world.timer(500).await;
            second.login("ann", "secret").await
        }));
        assert_eq!((late.err(), login), (Some(Error::SessionChanged), Ok(())));
        world.settle();
        assert_eq!((client.state(), second.state()), (signed_in("ann"), signed_in("ann")));
        stage.uses(&client, "ann");
    }
}

// The tests below assert behaviour that must not change.

#[test]
fn no_refresh_is_ever_sent_for_such_a_session() {
    for stage in Stage::all() {
        let world = &stage.world;
        let (tab, client) = stage.sign_in();
        world.pass(850_000);
        stage.uses(&client, "ann");
        world.next("/me", [Fault::Lost]);
        assert!(world.run(client.send(&me())).is_err());
        assert!(world.run(client.recheck()));
        world.pass(5_000);
        stage.uses(&client, "ann");
        let again = stage.open(&tab);
        world.pass(30_000);
        stage.uses(&again, "ann");
        world.sleep(3_600_000);
        assert!(world.run(again.send(&me())).is_err());
        world.settle();
        assert_eq!((world.count("POST /refresh"), world.timers()), (0, 0));
        assert!(world.profile().is_empty());
    }
}

#[test]
fn a_reload_keeps_the_session_and_its_access_token() {
    for stage in Stage::all() {
        let (tab, _client) = stage.sign_in();
        for _ in 0..3 {
            let again = stage.open(&tab);
            assert_eq!(again.state(), UNCONFIRMED);
            stage.uses(&again, "ann");
            assert_eq!(stage.world.take_log(), ["GET /me 200"]);
        }
    }
}

#[test]
fn a_token_that_nothing_can_replace_is_sent_however_old_while_the_ledger_is_silent() {
    for stage in Stage::all() {
        // The server takes it for longer than it says.
        stage.world.server(|server| server.lifetime = 90_000);
        let (tab, _client) = stage.sign_in();
        stage.world.pass(900_000);
        stage.world.next_transactions([LedgerFault::Hangs; 100]);
        let again = stage.open(&tab);
        stage.world.pass(20_000);
        assert_eq!(again.state(), UNCONFIRMED);
        stage.uses(&again, "ann");
    }
}

#[test]
fn custody_in_memory_keeps_such_a_session_in_its_tab() {
    for mut stage in Stage::all() {
        stage.custody = MEMORY;
        let world = &stage.world;
        let (tab, client) = stage.sign_in();
        let stranger = stage.open(&world.tab());
        world.settle();
        assert_eq!((stranger.state(), world.entries().len()), (State::SignedOut(None), 0));
        let copy = stage.open(&tab.duplicate());
        assert_eq!(copy.state(), UNCONFIRMED);
        client.logout();
        world.settle();
        stage.uses(&copy, "ann");
        world.server(Server::expire_access);
        assert!(world.run(copy.send(&me())).is_err());
        assert_eq!(copy.state(), EXPIRED);
    }
}

/// A tab in which an earlier build kept such a session. That build kept it in the tab alone.
fn of_an_earlier_build(stage: &Stage) -> Tab {
    let (access, _) = stage.world.server(|server| server.issue("ann", stage.world.time()));
    let tab = stage.world.tab();
    tab.put(&earlier_name("access"), &earlier_access(&access, EPOCH + stage.world.time(), true));
    tab
}

#[test]
fn a_session_that_an_earlier_build_kept_in_its_tab_is_still_there() {
    for stage in Stage::all() {
        let world = &stage.world;
        let tab = of_an_earlier_build(&stage);
        for _ in 0..2 {
            let client = stage.open(&tab);
            world.settle();
            assert_eq!((client.state(), world.take_log()), (UNCONFIRMED, vec![]));
            stage.uses(&client, "ann");
            assert_eq!(world.take_log(), ["GET /me 200"]);
        }
        let client = stage.open(&tab);
        world.server(Server::expire_access);
        assert!(world.run(client.send(&me())).is_err());
        assert_eq!((client.state(), tab.is_wiped()), (EXPIRED, true));
        assert_eq!(world.count("POST /refresh"), 0);
    }
}

#[test]
fn a_session_that_an_earlier_build_kept_in_its_tab_stands_beside_one_in_the_ledger() {
    for stage in Stage::all() {
        let world = &stage.world;
        let tab = of_an_earlier_build(&stage);
        let other = stage.open(&world.tab());
        world.run(other.login("bob", "secret")).unwrap();
        let client = stage.open(&tab);
        world.settle();
        assert_eq!(client.state(), UNCONFIRMED);
        stage.uses(&client, "ann");
        client.logout();
        world.settle();
        assert_eq!(other.state(), signed_in("bob"));
        stage.uses(&other, "bob");
    }
}
