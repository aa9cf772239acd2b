//! What surrounds the protocol in a page, under a test's control.

mod earlier;
mod locks;
mod messages;
mod network;
mod storage;
mod tab;
mod time;

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;

use auth::{Client, Contract, Custody, HttpRequest, LedgerError, Request, State, Subscription};
use futures_executor::{LocalPool, LocalSpawner};

pub(crate) use self::earlier::{EARLIER, EARLIER_KEY, Earlier, earlier_access, earlier_name};
use self::locks::{Queue, Waiting};
pub(crate) use self::messages::CHANNEL;
use self::messages::{Deafening, Listener};
pub(crate) use self::network::{BASE, Fault};
pub(crate) use self::storage::{Broken, LedgerFault, parsed};
pub(crate) use self::tab::Tab;
use self::time::Timers;
use crate::server::{Jar, Rotation, Server};

/// 2026-01-01, in milliseconds.
pub(crate) const EPOCH: u64 = 1_767_225_600_000;

type Storage = RefCell<BTreeMap<String, String>>;

#[derive(Clone)]
pub(crate) struct World(Rc<Inner>);

struct Inner {
    pool: RefCell<LocalPool>,
    spawner: LocalSpawner,
    /// True time in milliseconds: the server's.
    time: Cell<u64>,
    /// What the monotonic clock missed.
    slept: Cell<u64>,
    /// How far the wall clock is off.
    skew: Cell<i64>,
    timers: RefCell<Timers>,
    counter: Cell<u64>,
    steps: Cell<u64>,
    seed: Cell<u64>,
    profile: Storage,
    /// Whether storage next gives its keys backwards, because it gives them in any order.
    keys_backwards: Cell<bool>,
    ledger: Storage,
    ledger_refuses: Cell<Option<LedgerError>>,
    transactions: Cell<usize>,
    ledger_faults: RefCell<VecDeque<LedgerFault>>,
    has_locks: Cell<bool>,
    locks: RefCell<BTreeMap<String, Queue>>,
    /// Milliseconds that a message takes; `None` if none arrives.
    messages: Cell<Option<u64>>,
    tabs: RefCell<Vec<Listener>>,
    broken: Cell<Broken>,
    /// The servers by their base URLs.
    servers: RefCell<BTreeMap<String, Server>>,
    faults: RefCell<BTreeMap<String, VecDeque<Fault>>>,
    standing: RefCell<BTreeMap<String, Fault>>,
    /// The browser's cookies.
    jar: RefCell<Jar>,
    refuses_cookies: Cell<bool>,
    sent: RefCell<Vec<HttpRequest>>,
    log: RefCell<Vec<String>>,
    hints: RefCell<Vec<String>>,
}

impl World {
    pub(crate) fn new() -> Self {
        Self::with(|_| {})
    }

    /// A world whose server differs from the usual one.
    pub(crate) fn with(server: impl FnOnce(&mut Server)) -> Self {
        let pool = LocalPool::new();
        let spawner = pool.spawner();
        let world = Self(Rc::new(Inner {
            pool: RefCell::new(pool),
            spawner,
            time: Cell::new(1_000),
            slept: Cell::new(0),
            skew: Cell::new(0),
            timers: RefCell::default(),
            counter: Cell::new(0),
            steps: Cell::new(0),
            seed: Cell::new(0x9e37_79b9_7f4a_7c15),
            profile: RefCell::default(),
            keys_backwards: Cell::default(),
            ledger: RefCell::default(),
            ledger_refuses: Cell::default(),
            transactions: Cell::new(0),
            ledger_faults: RefCell::default(),
            has_locks: Cell::new(true),
            locks: RefCell::default(),
            messages: Cell::new(Some(0)),
            tabs: RefCell::default(),
            broken: Cell::default(),
            servers: RefCell::default(),
            faults: RefCell::default(),
            standing: RefCell::default(),
            jar: RefCell::default(),
            refuses_cookies: Cell::default(),
            sent: RefCell::default(),
            log: RefCell::default(),
            hints: RefCell::default(),
        }));
        world.server(server);
        world
    }

    /// A world with one tab in which ann is signed in.
    pub(crate) fn signed_in() -> (Self, Tab, Client) {
        Self::new().sign_in()
    }

    /// As `signed_in`, at a server whose rotation is idempotent.
    pub(crate) fn signed_in_idempotently() -> (Self, Tab, Client) {
        Self::with(|server| server.rotation = Rotation::Idempotent).sign_in()
    }

    /// Opens a tab, signs ann in and forgets what that took.
    pub(crate) fn sign_in(self) -> (Self, Tab, Client) {
        self.sign_in_with(Custody::default())
    }

    /// As [`sign_in`](Self::sign_in), with a custody of one's choice.
    pub(crate) fn sign_in_with(self, custody: Custody) -> (Self, Tab, Client) {
        let tab = self.tab();
        let client = tab.open_with(Contract::default(), custody);
        self.run(client.login("ann", "secret")).unwrap();
        self.take_log();
        (self, tab, client)
    }

    /// A world whose page could not reach the server when it last asked.
    pub(crate) fn degraded() -> (Self, Client) {
        let (world, _tab, client) = Self::signed_in();
        world.next("/me", [Fault::Lost]);
        assert!(world.run(client.send(&me())).is_err());
        world.take_log();
        (world, client)
    }
}

/// The states that a client goes through.
pub(crate) struct Watch {
    pub(crate) states: Rc<RefCell<Vec<State>>>,
    _subscription: Subscription,
}

impl Watch {
    pub(crate) fn take(&self) -> Vec<State> {
        self.states.take()
    }
}

pub(crate) fn watch(client: &Client) -> Watch {
    let states: Rc<RefCell<Vec<State>>> = Rc::default();
    let sink = states.clone();
    let _subscription = client.subscribe(move |state| sink.borrow_mut().push(state));
    Watch { states, _subscription }
}

pub(crate) fn me() -> Request {
    Request::get("/me")
}

/// Signed in as far as the page itself knows.
pub(crate) const UNCONFIRMED: State = State::SignedIn { user: None, degraded: None, kept: true };

/// Signed in, confirmed, nothing wrong.
pub(crate) fn signed_in(user: &str) -> State {
    State::SignedIn { user: Some(user.into()), degraded: None, kept: true }
}
