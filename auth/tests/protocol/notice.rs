//! The storage notice says whether the session survives a reload.

use auth::{AccessCustody, Client, Contract, Custody, RefreshCustody, Rotation as Known, State};
use futures_util::future::join;

use crate::server::Rotation;
use crate::world::{Broken, Fault, LedgerFault, Tab, World, me, signed_in};

const IN_ROWS: Custody = Custody { access: AccessCustody::Session, refresh: RefreshCustody::Database };

/// What happens when the client stores a refresh's new token.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Trouble {
    None,
    /// The vault is full.
    Full,
    /// The ledger aborts the commit and all its repetitions.
    Aborts,
}

struct Page {
    world: World,
    tab: Tab,
    client: Client,
    contract: Contract,
    custody: Custody,
}

impl Page {
    /// Ann's page at a server with this rotation. The contract says so only of a server that never rotates.
    fn new(rotation: Rotation, custody: Custody) -> Self {
        let known = if rotation == Rotation::Same { Known::Never } else { Known::Unknown };
        let contract = Contract { rotation: known, ..Contract::default() };
        let world = World::with(|server| server.rotation = rotation);
        let tab = world.tab();
        let client = tab.open_with(contract.clone(), custody);
        world.run(client.login("ann", "secret")).unwrap();
        world.take_log();
        Self { world, tab, client, contract, custody }
    }

    /// Refreshes the session. Returns whether the page says that the session is kept.
    fn refresh(&self, trouble: Trouble) -> bool {
        self.world.pass(900_000);
        match trouble {
            Trouble::None => {}
            Trouble::Full => self.world.break_storage(Broken::FULL),
            Trouble::Aborts => {
                self.world.next_transactions_after(1, LedgerFault::Aborts);
                self.world.next_transactions([LedgerFault::Aborts; 3]);
            }
        }
        assert_eq!(self.world.run(self.client.send(&me())).unwrap().status, 200);
        self.says_kept()
    }

    fn says_kept(&self) -> bool {
        match self.client.state() {
            State::SignedIn { kept, user: Some(_), degraded: None } => kept,
            other => panic!("{other:?}"),
        }
    }

    /// Closes the page in the middle of its work, lets the access token expire and loads the page again.
    /// Returns whether the session is still there.
    fn survives_a_reload(&self) -> bool {
        self.tab.close();
        self.world.pass(900_000);
        let again = self.tab.open_with(self.contract.clone(), self.custody);
        self.world.settle();
        match again.state() {
            State::SignedIn { .. } => {
                self.world.run(again.send(&me())).is_ok_and(|answer| answer.status == 200)
            }
            State::SignedOut(_) => false,
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn a_full_vault_is_no_news_where_the_old_token_brings_the_session_back() {
    for rotation in [Rotation::Idempotent, Rotation::Same] {
        let page = Page::new(rotation, Custody::default());
        for _ in 0..3 {
            assert!(page.refresh(Trouble::Full));
        }
        assert!(page.survives_a_reload());
        assert_eq!(page.world.server(|server| (server.reuses, server.conflicts, server.alive())), (0, 0, 1));
    }
}

#[test]
fn a_ledger_that_refused_the_commit_is_no_news_where_the_old_token_brings_the_session_back() {
    for rotation in [Rotation::Idempotent, Rotation::Same] {
        for custody in [Custody::default(), IN_ROWS] {
            let page = Page::new(rotation, custody);
            assert!(page.refresh(Trouble::Aborts), "{custody:?}");
            assert!(page.survives_a_reload());
            assert_eq!(
                page.world.server(|server| (server.reuses, server.conflicts, server.alive())),
                (0, 0, 1)
            );
        }
    }
}

#[test]
fn the_notice_says_whether_the_session_survives_a_reload() {
    for rotation in [Rotation::Strict, Rotation::Idempotent, Rotation::Same] {
        for custody in [Custody::default(), IN_ROWS] {
            for trouble in [Trouble::None, Trouble::Full, Trouble::Aborts] {
                let page = Page::new(rotation, custody);
                let kept = page.refresh(trouble);
                let strict = rotation == Rotation::Strict;
                assert_eq!(kept, !(strict && trouble == Trouble::Aborts), "{custody:?} {trouble:?}");
                assert_eq!(page.survives_a_reload(), kept, "{custody:?} {trouble:?}");
            }
        }
    }
}

#[test]
fn every_refresh_decides_about_the_notice_anew() {
    let page = Page::new(Rotation::Idempotent, Custody::default());
    assert!(page.refresh(Trouble::Full));
    page.world.break_storage(Broken::NOTHING);
    assert!(page.refresh(Trouble::None));
    assert!(page.refresh(Trouble::Full));
    assert!(page.survives_a_reload());
}

// The tests below assert behaviour that must not change.

#[test]
fn a_strict_servers_token_that_the_ledger_refused_is_worth_a_notice_until_it_is_written() {
    let page = Page::new(Rotation::Strict, Custody::default());
    assert!(!page.refresh(Trouble::Aborts));
    page.world.settle();
    assert_eq!(page.client.state(), signed_in("ann"));
    assert!(page.survives_a_reload());
}

#[test]
fn a_strict_servers_token_that_found_no_room_in_the_vault_is_kept_in_the_row() {
    let page = Page::new(Rotation::Strict, Custody::default());
    assert!(page.refresh(Trouble::Full));
    assert!(page.survives_a_reload());
}

#[test]
fn the_notice_is_shown_where_the_old_token_is_gone_as_well() {
    let page = Page::new(Rotation::Idempotent, Custody::default());
    let world = &page.world;
    world.pass(900_000);
    world.next("/refresh", [Fault::Slow(0, 1_000)]);
    let request = me();
    let (answer, ()) = world.run(join(page.client.send(&request), async {
        world.timer(500).await;
        // Somebody clears the storage, which is full right after.
        world.edit_profile_to(Default::default());
        world.break_storage(Broken::FULL);
    }));
    assert_eq!(answer.unwrap().status, 200);
    assert!(!page.says_kept());
    assert!(!page.survives_a_reload());
}

#[test]
fn a_session_that_began_in_memory_keeps_its_notice() {
    for rotation in [Rotation::Idempotent, Rotation::Same, Rotation::Strict] {
        let world = World::with(|server| server.rotation = rotation);
        world.break_storage(Broken::FULL);
        let client = world.tab().open();
        world.run(client.login("ann", "secret")).unwrap();
        for _ in 0..2 {
            assert!(matches!(client.state(), State::SignedIn { kept: false, .. }));
            world.pass(900_000);
            assert_eq!(world.run(client.send(&me())).unwrap().status, 200);
        }
        assert!(matches!(client.state(), State::SignedIn { kept: false, .. }));
    }
}
