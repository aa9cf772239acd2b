//! What surrounds the protocol in a page, under a test's control.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use auth::{
    Answer, Area, Client, Contract, Custody, HttpError, HttpRequest, Instant, LedgerError, Platform, Request,
    State, StorageError, Subscription,
};
use futures_executor::{LocalPool, LocalSpawner};
use futures_util::task::LocalSpawnExt as _;

use crate::server::Server;

pub(crate) const BASE: &str = "http://localhost:8000";
/// 2026-01-01, in milliseconds.
pub(crate) const EPOCH: u64 = 1_767_225_600_000;
/// A client that asks for more in one world runs in circles: its test fails and does not hang.
const STEPS: u64 = 50_000;
/// The network's time for one way, in milliseconds.
const ONE_WAY: u64 = 10;

/// What happens to one request.
#[derive(Clone)]
pub(crate) enum Fault {
    /// Nothing.
    None,
    /// Something in front of the server answers.
    Says(u16, Vec<(&'static str, &'static str)>, String),
    /// As `Says`, but so many milliseconds late.
    SaysLate(u64, u16, &'static str),
    /// The network fails before the server is reached.
    Lost,
    /// The server acts; the network fails on the way back.
    LostAnswer,
    /// No answer ever comes, and the server does not act.
    Silent,
    /// The server acts; no answer ever comes.
    SilentAfter,
    /// The server acts; the connection ends within the body.
    Cut,
    /// The server acts; the answer's body is another.
    Body(String),
    /// The server answers with a redirect.
    Redirects,
    /// The server acts; so many milliseconds more go by on the way there and back.
    Slow(u64, u64),
}

impl Fault {
    pub(crate) fn says(status: u16, body: &str) -> Self {
        Self::Says(status, Vec::new(), body.to_owned())
    }
}

/// Which storage calls throw.
#[derive(Clone, Copy, Default)]
pub(crate) struct Broken {
    pub(crate) read: bool,
    pub(crate) write: bool,
    pub(crate) remove: bool,
}

impl Broken {
    pub(crate) const NOTHING: Self = Self { read: false, write: false, remove: false };
    pub(crate) const EVERYTHING: Self = Self { read: true, write: true, remove: true };
    pub(crate) const EVERYTHING_BUT_READING: Self = Self { read: false, write: true, remove: true };
    pub(crate) const FULL: Self = Self { read: false, write: true, remove: false };
}

/// What happens to one transaction of the ledger.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum LedgerFault {
    /// Nothing.
    None,
    /// It runs and is aborted.
    Aborts,
    /// It is committed, but the page never hears of it.
    CommitsUnheard,
    /// Nothing ever happens.
    Hangs,
    /// It is committed, and the page hears of it so many milliseconds later.
    HeardLate(u64),
}

/// Which locks there are, and who waits for them; the first of a queue holds it.
type Queue = VecDeque<(u64, Option<Waker>)>;

struct Listener {
    number: u64,
    tab: u64,
    /// Listens in the tab's present life only.
    life: u64,
    lives: Rc<Cell<u64>>,
    channel: String,
    listener: Rc<dyn Fn(String)>,
}

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
    ledger_denied: Cell<bool>,
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
            ledger_denied: Cell::new(false),
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
    pub(crate) fn signed_in() -> (Self, Tab, Client<Tab>) {
        Self::new().sign_in()
    }

    /// As `signed_in`, at a server whose rotation is idempotent.
    pub(crate) fn signed_in_idempotently() -> (Self, Tab, Client<Tab>) {
        Self::with(|server| server.rotation = crate::server::Rotation::Idempotent).sign_in()
    }

    /// Opens a tab, signs ann in and forgets what that took.
    pub(crate) fn sign_in(self) -> (Self, Tab, Client<Tab>) {
        self.sign_in_with(Custody::default())
    }

    /// As [`sign_in`](Self::sign_in), with a custody of one's choice.
    pub(crate) fn sign_in_with(self, custody: Custody) -> (Self, Tab, Client<Tab>) {
        let tab = self.tab();
        let client = tab.open_with(Contract::default(), custody);
        self.run(client.login("ann", "secret")).unwrap();
        self.take_log();
        (self, tab, client)
    }

    pub(crate) fn tab(&self) -> Tab {
        Tab {
            world: self.clone(),
            storage: Rc::default(),
            late: Rc::default(),
            number: self.number(),
            life: 0,
            lives: Rc::default(),
        }
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

    // The server and the network.

    pub(crate) fn server<T>(&self, look: impl FnOnce(&mut Server) -> T) -> T {
        look(&mut self.0.server.borrow_mut())
    }

    /// What happens to the next requests to `path`, one after the other.
    pub(crate) fn next(&self, path: &str, faults: impl IntoIterator<Item = Fault>) {
        self.0.faults.borrow_mut().entry(path.to_owned()).or_default().extend(faults);
    }

    /// What happens to every request to `path` from now on.
    pub(crate) fn always(&self, path: &str, fault: Fault) {
        self.0.standing.borrow_mut().insert(path.to_owned(), fault);
    }

    /// Nothing reaches the server from now on.
    pub(crate) fn go_offline(&self) {
        self.always("*", Fault::Lost);
    }

    /// No more faults.
    pub(crate) fn heal(&self) {
        self.0.faults.borrow_mut().clear();
        self.0.standing.borrow_mut().clear();
    }

    /// What was on the wire since the last look, in the order in which the server saw it.
    pub(crate) fn take_log(&self) -> Vec<String> {
        self.0.log.take()
    }

    pub(crate) fn count(&self, entry: &str) -> usize {
        self.0.log.borrow().iter().filter(|e| e.starts_with(entry)).count()
    }

    /// Every request that was made so far.
    pub(crate) fn sent(&self) -> Vec<HttpRequest> {
        self.0.sent.borrow().clone()
    }

    async fn carry(self, request: HttpRequest) -> Result<Answer, HttpError> {
        let path = request.url.strip_prefix(BASE).unwrap().to_owned();
        let queued = self.0.faults.borrow_mut().get_mut(&path).and_then(VecDeque::pop_front);
        let standing = || {
            let standing = self.0.standing.borrow();
            standing.get(&path).or_else(|| standing.get("*")).cloned()
        };
        let fault = queued.or_else(standing).unwrap_or(Fault::None);
        let log = |what: &str| {
            self.0.log.borrow_mut().push(format!("{} {path} {what}", request.method.name()));
        };
        let (there, back) = match fault {
            Fault::Slow(there, back) => (there, back),
            Fault::SaysLate(back, ..) => (0, back),
            _ => (0, 0),
        };
        self.timer(ONE_WAY + there).await;
        let reply = match &fault {
            Fault::Lost => {
                log("lost");
                return Err(HttpError::Unreachable);
            }
            Fault::Silent => {
                log("silent");
                std::future::pending::<()>().await;
                unreachable!()
            }
            Fault::Redirects => {
                log("redirect");
                return Err(HttpError::Redirected);
            }
            Fault::Says(status, _, body) => (*status, body.clone()),
            Fault::SaysLate(_, status, body) => (*status, (*body).to_owned()),
            _ => self.0.server.borrow_mut().handle(&request, &path, self.time()),
        };
        log(&reply.0.to_string());
        self.timer(ONE_WAY + back).await;
        let (status, mut body) = reply;
        let mut headers = vec![("content-type".to_owned(), "application/json".to_owned())];
        match fault {
            Fault::LostAnswer => return Err(HttpError::Unreachable),
            Fault::SilentAfter => std::future::pending().await,
            Fault::Cut => return Err(HttpError::Interrupted),
            Fault::Body(other) => body = other,
            Fault::Says(_, given, _) => {
                headers = given.into_iter().map(|(n, v)| (n.to_owned(), v.to_owned())).collect();
            }
            _ => {}
        }
        if body.len() > request.body_limit {
            return Err(HttpError::TooLarge);
        }
        Ok(Answer { status, headers, body: body.into_bytes(), received: self.now() })
    }

    // Storage.

    pub(crate) fn break_storage(&self, broken: Broken) {
        self.0.broken.set(broken);
    }

    /// IndexedDB is not to be had.
    pub(crate) fn deny_ledger(&self) {
        self.0.ledger_denied.set(true);
    }

    /// How many transactions there were.
    pub(crate) fn transactions(&self) -> usize {
        self.0.transactions.get()
    }

    /// What happens to the next transactions, one after the other.
    pub(crate) fn next_transactions(&self, faults: impl IntoIterator<Item = LedgerFault>) {
        self.0.ledger_faults.borrow_mut().extend(faults);
    }

    /// What happens to the one after `count` good transactions.
    pub(crate) fn next_transactions_after(&self, count: usize, fault: LedgerFault) {
        self.next_transactions(std::iter::repeat_n(LedgerFault::None, count).chain([fault]));
    }

    /// The text of all rows.
    pub(crate) fn ledger(&self) -> String {
        format!("{:?}", self.0.ledger.borrow())
    }

    pub(crate) fn edit_ledger(&self, edit: impl Fn(&str) -> String) {
        self.0.ledger.borrow_mut().values_mut().for_each(|row| *row = edit(row));
    }

    /// Plain HTTP: no Web Locks.
    pub(crate) fn without_locks(&self) {
        self.0.has_locks.set(false);
    }

    /// How many clients hear others.
    pub(crate) fn listeners(&self) -> usize {
        self.0.tabs.borrow().len()
    }

    /// No message arrives.
    pub(crate) fn without_messages(&self) {
        self.0.deaf.set(true);
    }

    /// A foreign script takes every lock that is asked for and keeps it.
    pub(crate) fn hold_lock(&self, sid: &str) -> Held {
        let name = format!("yew-jwt-auth:{BASE}:lock:{sid}");
        let number = self.number();
        self.0.locks.borrow_mut().entry(name.clone()).or_default().push_front((number, None));
        Held { world: self.clone(), name, number }
    }

    pub(crate) fn profile(&self) -> BTreeMap<String, String> {
        self.0.profile.borrow().clone()
    }

    pub(crate) fn edit_profile_to(&self, profile: BTreeMap<String, String>) {
        *self.0.profile.borrow_mut() = profile;
    }

    /// Replaces the one record of the profile.
    pub(crate) fn edit_profile(&self, text: &str) {
        self.0.profile.borrow_mut().values_mut().for_each(|value| *value = text.to_owned());
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

/// A browser tab: its own storage, the profile's shared.
#[derive(Clone)]
pub(crate) struct Tab {
    pub(crate) world: World,
    storage: Rc<Storage>,
    /// What it sees of the profile's storage, if that is the past.
    late: Rc<RefCell<Option<BTreeMap<String, String>>>>,
    number: u64,
    life: u64,
    lives: Rc<Cell<u64>>,
}

impl Tab {
    /// Loads the page: a new client over what the tab and the profile hold.
    pub(crate) fn open(&self) -> Client<Self> {
        self.open_with(Contract::default(), Custody::default())
    }

    pub(crate) fn open_with(&self, contract: Contract, custody: Custody) -> Client<Self> {
        let client = self.client(contract, custody);
        client.start();
        self.world.idle();
        client
    }

    /// A client that has not been started.
    pub(crate) fn client(&self, contract: Contract, custody: Custody) -> Client<Self> {
        self.lives.set(self.lives.get() + 1);
        let life = Self { life: self.lives.get(), ..self.clone() };
        Client::new(life, BASE.parse().unwrap(), contract, custody)
    }

    pub(crate) fn records(&self) -> BTreeMap<String, String> {
        self.storage.borrow().clone()
    }

    pub(crate) fn edit(&self, text: &str) {
        self.storage.borrow_mut().values_mut().for_each(|value| *value = text.to_owned());
    }

    /// All text that lies in storage.
    pub(crate) fn stored(&self) -> String {
        format!("{:?} {:?}", self.records(), self.world.profile())
    }

    /// The browser's "duplicate tab": the tab's storage is copied.
    pub(crate) fn duplicate(&self) -> Self {
        Self { storage: Rc::new(RefCell::new(self.records())), ..self.world.tab() }
    }

    pub(crate) fn is_wiped(&self) -> bool {
        self.records().is_empty() && self.world.profile().is_empty()
    }

    /// From now on others' writes are not seen here.
    pub(crate) fn stop_seeing(&self) {
        *self.late.borrow_mut() = Some(self.world.profile());
    }

    /// One write of others is seen after all: to an entry named `name` beside those of the session.
    pub(crate) fn see(&self, name: &str) {
        let mut late = self.late.borrow_mut();
        let late = late.as_mut().unwrap();
        let entry = late.keys().next().unwrap().rsplit_once(':').unwrap().0.to_owned();
        late.insert(format!("{entry}:{name}"), String::new());
    }

    pub(crate) fn see_everything(&self) {
        *self.late.borrow_mut() = None;
    }

    /// What the tab sees of `area`.
    fn sight(&self, area: Area) -> BTreeMap<String, String> {
        match (area, &*self.late.borrow()) {
            (Area::Profile, Some(late)) => late.clone(),
            _ => self.area(area).borrow().clone(),
        }
    }

    fn area(&self, area: Area) -> &Storage {
        match area {
            Area::Tab => &self.storage,
            Area::Profile => &self.world.0.profile,
        }
    }
}

impl Platform for Tab {
    fn now(&self) -> Instant {
        self.world.now()
    }

    fn random(&self, bytes: &mut [u8]) {
        for byte in bytes {
            // SplitMix64.
            let seed = self.world.0.seed.get().wrapping_add(0x9e37_79b9_7f4a_7c15);
            self.world.0.seed.set(seed);
            let mixed = (seed ^ (seed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
            *byte = (mixed >> 56) as u8;
        }
    }

    fn sleep(&self, milliseconds: u32) -> impl Future<Output = ()> + 'static {
        self.world.timer(milliseconds.into())
    }

    fn spawn(&self, task: impl Future<Output = ()> + 'static) {
        self.world.0.spawner.spawn_local(task).unwrap();
    }

    fn read(&self, area: Area, key: &str) -> Result<Option<String>, StorageError> {
        if self.world.0.broken.get().read {
            return Err(StorageError);
        }
        Ok(self.sight(area).get(key).cloned())
    }

    fn write(&self, area: Area, key: &str, text: &str) -> Result<(), StorageError> {
        if self.world.0.broken.get().write {
            return Err(StorageError);
        }
        self.area(area).borrow_mut().insert(key.to_owned(), text.to_owned());
        Ok(())
    }

    fn remove(&self, area: Area, key: &str) -> Result<(), StorageError> {
        if self.world.0.broken.get().remove {
            return Err(StorageError);
        }
        self.area(area).borrow_mut().remove(key);
        Ok(())
    }

    fn keys(&self, area: Area, prefix: &str) -> Result<Vec<String>, StorageError> {
        if self.world.0.broken.get().read {
            return Err(StorageError);
        }
        Ok(self.sight(area).into_keys().filter(|key| key.starts_with(prefix)).collect())
    }

    fn transact<T: 'static>(
        &self,
        keys: Vec<String>,
        decide: impl FnOnce(&mut [Option<String>]) -> T + 'static,
    ) -> impl Future<Output = Result<T, LedgerError>> + 'static {
        let world = self.world.clone();
        async move {
            if world.0.ledger_denied.get() {
                return Err(LedgerError::Denied);
            }
            world.0.transactions.set(world.0.transactions.get() + 1);
            let fault = world.0.ledger_faults.borrow_mut().pop_front();
            if fault == Some(LedgerFault::Hangs) {
                std::future::pending::<()>().await;
            }
            let mut entries: Vec<_> =
                keys.iter().map(|key| world.0.ledger.borrow().get(key).cloned()).collect();
            let decided = decide(&mut entries);
            if fault == Some(LedgerFault::Aborts) {
                return Err(LedgerError::Aborted);
            }
            {
                let mut ledger = world.0.ledger.borrow_mut();
                for (key, entry) in keys.into_iter().zip(entries) {
                    match entry {
                        Some(text) => drop(ledger.insert(key, text)),
                        None => drop(ledger.remove(&key)),
                    }
                }
            }
            if let Some(LedgerFault::HeardLate(milliseconds)) = fault {
                world.timer(milliseconds).await;
            }
            if fault == Some(LedgerFault::CommitsUnheard) { Err(LedgerError::Aborted) } else { Ok(decided) }
        }
    }

    type Lock = Held;

    fn lock(&self, name: &str) -> impl Future<Output = Option<Held>> + 'static {
        let (world, name, number) = (self.world.clone(), name.to_owned(), self.world.number());
        let ticket = world.0.has_locks.get().then(|| {
            world.0.locks.borrow_mut().entry(name.clone()).or_default().push_back((number, None));
            Held { world, name, number }
        });
        Waiting(ticket)
    }

    fn post(&self, channel: &str, text: &str, _secret: bool) {
        if self.world.0.deaf.get() {
            return;
        }
        for listener in self.world.0.tabs.borrow().iter() {
            let alive = listener.life == listener.lives.get();
            if listener.channel == channel && listener.tab != self.number && alive {
                let (listener, text) = (listener.listener.clone(), text.to_owned());
                self.world.0.spawner.spawn_local(async move { listener(text) }).unwrap();
            }
        }
    }

    type Listening = Deafening;

    fn listen(&self, channel: &str, listener: impl Fn(String) + 'static) -> Deafening {
        let number = self.world.number();
        self.world.0.tabs.borrow_mut().push(Listener {
            number,
            tab: self.number,
            life: self.life,
            lives: self.lives.clone(),
            channel: channel.to_owned(),
            listener: Rc::new(listener),
        });
        Deafening { world: self.world.clone(), number }
    }

    fn http(&self, request: HttpRequest) -> impl Future<Output = Result<Answer, HttpError>> + 'static {
        self.world.0.sent.borrow_mut().push(request.clone());
        self.world.clone().carry(request)
    }
}

/// A place in a lock's queue; the first one holds it.
pub(crate) struct Held {
    world: World,
    name: String,
    number: u64,
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut locks = self.world.0.locks.borrow_mut();
        let queue = locks.get_mut(&self.name).unwrap();
        queue.retain(|(number, _)| *number != self.number);
        let next = queue.front_mut().and_then(|(_, waker)| waker.take());
        drop(locks);
        next.into_iter().for_each(Waker::wake);
    }
}

struct Waiting(Option<Held>);

impl Future for Waiting {
    type Output = Option<Held>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Held>> {
        let Some(held) = &self.0 else { return Poll::Ready(None) };
        {
            let mut locks = held.world.0.locks.borrow_mut();
            let queue = locks.get_mut(&held.name).unwrap();
            if queue.front().is_some_and(|(number, _)| *number != held.number) {
                let place = queue.iter_mut().find(|(number, _)| *number == held.number).unwrap();
                place.1 = Some(cx.waker().clone());
                return Poll::Pending;
            }
        }
        Poll::Ready(self.0.take())
    }
}

/// Ends the listening when it is dropped.
pub(crate) struct Deafening {
    world: World,
    number: u64,
}

impl Drop for Deafening {
    fn drop(&mut self) {
        self.world.0.tabs.borrow_mut().retain(|listener| listener.number != self.number);
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

pub(crate) fn watch(client: &Client<Tab>) -> Watch {
    let states: Rc<RefCell<Vec<State>>> = Rc::default();
    let sink = states.clone();
    let _subscription = client.subscribe(move |state| sink.borrow_mut().push(state));
    Watch { states, _subscription }
}

pub(crate) fn me() -> Request {
    Request::get("/me")
}

/// Signed in, confirmed, nothing wrong.
pub(crate) fn signed_in(user: &str) -> State {
    State::SignedIn { user: Some(user.into()), degraded: None, kept: true }
}
