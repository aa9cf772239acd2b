//! The client: what a page holds, and authenticated requests.

use std::cell::{Cell, OnceCell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::future::Future;
use std::pin::pin;
use std::rc::{Rc, Weak};

use futures_util::future::{Either, select};

use crate::contract::Contract;
use crate::custody::Custody;
use crate::error::Error;
use crate::ledger::Flight as OpenFlight;
use crate::look::Check;
use crate::platform::{Guard, Instant, Platform};
use crate::refresh::{Flight, Unwritten};
use crate::rules::Rules;
use crate::session::{Degraded, Session, State};
use crate::tabs::Question;
use crate::target::BaseUrl;
use crate::token::random_text;
use crate::vault::Vault;

/// A session at one API. Cloning gives another handle to the same session.
///
/// Make one for each page and call [`start`](Self::start) once.
pub struct Client(pub(crate) Rc<Inner>);

pub(crate) struct Inner {
    platform: Rc<dyn Platform>,
    base: BaseUrl,
    contract: Contract,
    pub(crate) custody: Custody,
    vault: Vault,
    #[cfg(feature = "sabotage")]
    rules: Cell<Rules>,
    owner: OnceCell<Rc<str>>,
    pub(crate) session: RefCell<Option<Session>>,
    state: RefCell<State>,
    pub(crate) degraded: Cell<Option<Degraded>>,
    /// When the server could not be used last.
    pub(crate) failed: Cell<Option<Instant>>,
    flight: RefCell<Option<Flight>>,
    listeners: RefCell<Vec<Weak<Listener>>>,
    own_ledger: RefCell<BTreeMap<String, String>>,
    /// A login is under way.
    pub(crate) signing_in: Cell<bool>,
    /// The session that a login here is about to enter into the ledger.
    pub(crate) entering: RefCell<Option<Rc<str>>>,
    /// A logout came before the page knew its session.
    pub(crate) leaving: Cell<bool>,
    /// The page looked into the ledger while it restored, and must look once more.
    pub(crate) overtaken: Cell<bool>,
    /// The session on whose behalf somebody waits for better times.
    pub(crate) recovering: RefCell<Option<Rc<str>>>,
    /// Whose page this was last.
    pub(crate) last_user: RefCell<Option<Rc<str>>>,
    /// The sessions that were ended here, whatever the ledger says of them yet.
    pub(crate) left: RefCell<BTreeSet<Rc<str>>>,
    /// Why the last attempt of the session had no usable answer.
    pub(crate) trouble: Cell<Option<Error>>,
    pub(crate) unwritten: RefCell<Option<Unwritten>>,
    /// The session and the generation of the row that this tab read last.
    pub(crate) read: RefCell<Option<(String, u32)>>,
    /// Another tab's flight that this one waits for, and since when on the monotonic clock.
    pub(crate) watched: RefCell<Option<(OpenFlight, u64)>>,
    pub(crate) check: RefCell<Option<Check>>,
    pub(crate) questions: RefCell<Vec<Weak<Question>>>,
    pub(crate) listening: RefCell<Option<Guard>>,
}

type Listener = dyn Fn(State);

/// Calls its listener as long as it is held.
pub struct Subscription(#[expect(dead_code, reason = "held for its drop")] Rc<Listener>);

impl Client {
    /// A client for the API at `base`, which names things as `contract` says. Reads and sends
    /// nothing yet.
    pub fn new(platform: impl Platform, base: BaseUrl, contract: Contract, custody: Custody) -> Self {
        let vault = Vault::new(&base, custody.access);
        Self(Rc::new(Inner {
            platform: Rc::new(platform),
            base,
            contract,
            custody,
            vault,
            #[cfg(feature = "sabotage")]
            rules: Cell::default(),
            owner: OnceCell::new(),
            session: RefCell::new(None),
            state: RefCell::new(State::Restoring),
            degraded: Cell::new(None),
            failed: Cell::new(None),
            flight: RefCell::new(None),
            listeners: RefCell::new(Vec::new()),
            own_ledger: RefCell::default(),
            signing_in: Cell::new(false),
            entering: RefCell::default(),
            leaving: Cell::new(false),
            overtaken: Cell::new(false),
            recovering: RefCell::default(),
            last_user: RefCell::new(None),
            left: RefCell::default(),
            trouble: Cell::new(None),
            unwritten: RefCell::new(None),
            read: RefCell::new(None),
            watched: RefCell::new(None),
            check: RefCell::new(None),
            questions: RefCell::new(Vec::new()),
            listening: RefCell::new(None),
        }))
    }

    /// Switches rules off, to see that the proof of each can fail.
    #[cfg(feature = "sabotage")]
    #[doc(hidden)]
    pub fn sabotage(&self, rules: Rules) {
        self.0.rules.set(rules);
    }

    /// What the page knows of its session.
    pub fn state(&self) -> State {
        self.0.state.borrow().clone()
    }

    /// Calls `listener` at every change of [`state`](Self::state), until the subscription is dropped.
    #[must_use = "dropping the subscription ends it"]
    pub fn subscribe(&self, listener: impl Fn(State) + 'static) -> Subscription {
        let listener: Rc<Listener> = Rc::new(listener);
        self.0.listeners.borrow_mut().push(Rc::downgrade(&listener));
        Subscription(listener)
    }

    /// The session, as it is now.
    pub(crate) fn session(&self) -> Option<Session> {
        self.0.session.borrow().clone()
    }

    /// Begins, replaces or ends this tab's session, without telling anyone.
    pub(crate) fn set_session(&self, session: Option<Session>) {
        if let Some(session) = &session {
            *self.0.last_user.borrow_mut() = Some(session.user.clone());
        }
        if session.as_ref().map(|s| &s.id) != self.session().as_ref().map(|s| &s.id) {
            self.0.degraded.set(None);
            self.0.trouble.set(None);
            if let Some(session) = &session {
                self.note_user(&session.id);
            }
        }
        *self.0.session.borrow_mut() = session;
    }

    pub(crate) fn is_current(&self, session: &str) -> bool {
        self.0.session.borrow().as_ref().is_some_and(|current| &*current.id == session)
    }

    pub(crate) fn is_degraded(&self) -> bool {
        self.0.degraded.get().is_some()
    }

    pub(crate) fn show_session(&self) {
        let Some(session) = self.session() else { return };
        let user = session.confirmed.then_some(session.user);
        self.set_state(State::SignedIn { user, degraded: self.0.degraded.get(), kept: session.kept });
    }

    pub(crate) fn set_state(&self, state: State) {
        if *self.0.state.borrow() == state {
            return;
        }
        *self.0.state.borrow_mut() = state.clone();
        if let State::SignedInElsewhere { .. } = state {
            // No session of the user's whose page it was: it stays asked, however often it is loaded.
            self.note_user("");
        }
        // Listeners may subscribe, or drop a subscription, from within.
        self.0.listeners.borrow_mut().retain(|listener| listener.upgrade().is_some());
        let listeners = self.0.listeners.borrow().clone();
        for listener in listeners.iter().filter_map(Weak::upgrade) {
            listener(state.clone());
            if *self.0.state.borrow() != state {
                // The listener caused the next change, of which all have been told: this is the past.
                return;
            }
        }
    }

    pub(crate) fn platform(&self) -> &dyn Platform {
        &*self.0.platform
    }

    /// Runs `task` to its end, whoever stops waiting for it.
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + 'static) {
        self.platform().spawn(Box::pin(task));
    }

    pub(crate) fn base(&self) -> &BaseUrl {
        &self.0.base
    }

    pub(crate) fn contract(&self) -> &Contract {
        &self.0.contract
    }

    pub(crate) fn vault(&self) -> &Vault {
        &self.0.vault
    }

    pub(crate) fn flight(&self) -> &RefCell<Option<Flight>> {
        &self.0.flight
    }

    pub(crate) fn own_ledger(&self) -> &RefCell<BTreeMap<String, String>> {
        &self.0.own_ledger
    }

    /// This life of this tab, in flights.
    pub(crate) fn owner(&self) -> Rc<str> {
        self.0.owner.get_or_init(|| random_text(self.platform()).into()).clone()
    }

    #[cfg(feature = "sabotage")]
    pub(crate) fn rules(&self) -> Rules {
        self.0.rules.get()
    }

    #[cfg(not(feature = "sabotage"))]
    #[expect(clippy::unused_self, reason = "a test build keeps the switches here")]
    pub(crate) const fn rules(&self) -> Rules {
        Rules {}
    }
}

impl Clone for Client {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl PartialEq for Client {
    /// Whether both are handles to the same session.
    fn eq(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Client({}, {:?})", self.base().origin(), self.state())
    }
}

impl fmt::Debug for Subscription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Subscription")
    }
}

/// `future`'s outcome, `None` if `milliseconds` pass before it.
pub(crate) async fn with_deadline<F: Future>(
    platform: &dyn Platform,
    milliseconds: u32,
    future: F,
) -> Option<F::Output> {
    match select(pin!(future), pin!(platform.sleep(milliseconds))).await {
        Either::Left((outcome, _)) => Some(outcome),
        Either::Right(((), _)) => None,
    }
}
