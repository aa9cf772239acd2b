//! What surrounds the protocol in a page, under a test's control.

mod locks;
mod messages;
mod network;
mod storage;
mod tab;

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use auth::{Client, Contract, Custody, HttpRequest, Instant, LedgerError, Request, State, Subscription};
use futures_executor::{LocalPool, LocalSpawner};

use self::locks::{Held, Queue, Waiting};
pub(crate) use self::messages::CHANNEL;
use self::messages::{Deafening, Listener};
pub(crate) use self::network::{BASE, Fault};
pub(crate) use self::storage::{Broken, LedgerFault};
pub(crate) use self::tab::Tab;
use crate::server::{Rotation, Server};

/// 2026-01-01, in milliseconds.
pub(crate) const EPOCH: u64 = 1_767_225_600_000;
/// A client that asks for more in one world runs in circles: its test fails and does not hang.
const STEPS: u64 = 50_000;

type Storage = RefCell<BTreeMap<String, String>>;
type Timers = BTreeMap<(u64, u64), Option<Waker>>;

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
    ledger: Storage,
    ledger_refuses: Cell<Option<LedgerError>>,
    transactions: Cell<usize>,
    ledger_faults: RefCell<VecDeque<LedgerFault>>,
    has_locks: Cell<bool>,
    locks: RefCell<BTreeMap<String, Queue>>,
    deaf: Cell<bool>,
    tabs: RefCell<Vec<Listener>>,
    broken: Cell<Broken>,
    server: RefCell<Server>,
    faults: RefCell<BTreeMap<String, VecDeque<Fault>>>,
    standing: RefCell<BTreeMap<String, Fault>>,
    sent: RefCell<Vec<HttpRequest>>,
    log: RefCell<Vec<String>>,
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
            ledger: RefCell::default(),
            ledger_refuses: Cell::default(),
            transactions: Cell::new(0),
            ledger_faults: RefCell::default(),
            has_locks: Cell::new(true),
            locks: RefCell::default(),
            deaf: Cell::new(false),
            tabs: RefCell::default(),
            broken: Cell::default(),
            server: RefCell::default(),
            faults: RefCell::default(),
            standing: RefCell::default(),
            sent: RefCell::default(),
            log: RefCell::default(),
        }));
        server(&mut world.0.server.borrow_mut());
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

    fn number(&self) -> u64 {
        self.step();
        self.0.counter.set(self.0.counter.get() + 1);
        self.0.counter.get()
    }

    fn step(&self) {
        self.0.steps.set(self.0.steps.get() + 1);
        assert!(self.0.steps.get() < STEPS, "the client runs in circles");
    }

    // Time and tasks.

    /// Runs until `future` is done, passing time when nothing else can happen.
    pub(crate) fn run<T>(&self, future: impl Future<Output = T>) -> T {
        let mut future = std::pin::pin!(future);
        let flag = Arc::new(Flag(AtomicBool::new(true)));
        let waker = flag.clone().into();
        loop {
            if flag.0.swap(false, Ordering::Relaxed)
                && let Poll::Ready(value) = future.as_mut().poll(&mut Context::from_waker(&waker))
            {
                return value;
            }
            self.idle();
            if !flag.0.load(Ordering::Relaxed) {
                assert!(self.next_timer(u64::MAX), "nothing can ever happen again");
            }
        }
    }

    /// Runs what can run without time passing.
    pub(crate) fn idle(&self) {
        self.0.pool.borrow_mut().run_until_stalled();
    }

    /// Lets `milliseconds` pass.
    pub(crate) fn pass(&self, milliseconds: u64) {
        let until = self.monotonic() + milliseconds;
        self.idle();
        while self.next_timer(until) {
            self.idle();
        }
        self.0.time.set(self.0.time.get() + until - self.monotonic());
    }

    /// Runs everything to its end.
    pub(crate) fn settle(&self) {
        self.idle();
        while self.next_timer(u64::MAX) {
            self.idle();
        }
    }

    /// True time and the wall clock go on, the monotonic clock and timers stand still.
    pub(crate) fn sleep(&self, milliseconds: u64) {
        self.0.time.set(self.0.time.get() + milliseconds);
        self.0.slept.set(self.0.slept.get() + milliseconds);
    }

    /// Somebody sets the wall clock.
    pub(crate) fn set_clock_by(&self, milliseconds: i64) {
        self.0.skew.set(self.0.skew.get() + milliseconds);
    }

    /// How many timers are running.
    pub(crate) fn timers(&self) -> usize {
        self.0.timers.borrow().len()
    }

    pub(crate) fn time(&self) -> u64 {
        self.0.time.get()
    }

    fn monotonic(&self) -> u64 {
        self.0.time.get() - self.0.slept.get()
    }

    fn next_timer(&self, until: u64) -> bool {
        let Some((at, _)) = self.0.timers.borrow().keys().next().copied().filter(|(at, _)| *at <= until)
        else {
            return false;
        };
        self.0.time.set(self.0.time.get() + at.saturating_sub(self.monotonic()));
        let due: Vec<_> = {
            let mut timers = self.0.timers.borrow_mut();
            let later = timers.split_off(&(at + 1, 0));
            std::mem::replace(&mut *timers, later).into_values().flatten().collect()
        };
        due.into_iter().for_each(Waker::wake);
        true
    }

    pub(crate) fn timer(&self, milliseconds: u64) -> Timer {
        Timer { world: self.clone(), key: (self.monotonic() + milliseconds, self.number()) }
    }

    fn now(&self) -> Instant {
        self.step();
        let wall = (EPOCH + self.0.time.get()).checked_add_signed(self.0.skew.get()).unwrap();
        Instant { monotonic: self.monotonic(), wall }
    }
}

struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

pub(crate) struct Timer {
    world: World,
    key: (u64, u64),
}

impl Future for Timer {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if self.world.monotonic() >= self.key.0 {
            return Poll::Ready(());
        }
        self.world.0.timers.borrow_mut().insert(self.key, Some(cx.waker().clone()));
        Poll::Pending
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        self.world.0.timers.borrow_mut().remove(&self.key);
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
