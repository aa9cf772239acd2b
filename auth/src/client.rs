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
use crate::http::{Answer, CacheMode, HttpRequest, Request};
use crate::ledger::Flight as OpenFlight;
use crate::platform::Platform;
use crate::refresh::{Flight, Unwritten};
use crate::restore::Check;
use crate::rules::{Rule, Rules};
use crate::session::{Age, Carried, Degraded, On401, Session, State};
use crate::tabs::Question;
use crate::target::BaseUrl;
use crate::token::random_text;
use crate::vault::Vault;

/// The longest time an application request may take, in milliseconds.
const REQUEST_DEADLINE: u32 = 30_000;
/// The most bytes of an application answer that are read.
const REQUEST_BODY_LIMIT: usize = 16 * 1024 * 1024;

/// A session at one API. Cloning gives another handle to the same session.
///
/// Make one for each page and call [`start`](Self::start) once.
pub struct Client<P: Platform>(pub(crate) Rc<Inner<P>>);

pub(crate) struct Inner<P: Platform> {
    platform: P,
    base: BaseUrl,
    contract: Contract,
    pub(crate) custody: Custody,
    vault: Vault,
    #[cfg(feature = "sabotage")]
    rules: Cell<Rules>,
    owner: OnceCell<Rc<str>>,
    session: RefCell<Option<Session>>,
    state: RefCell<State>,
    degraded: Cell<Option<Degraded>>,
    flight: RefCell<Option<Flight>>,
    listeners: RefCell<Vec<Weak<Listener>>>,
    own_ledger: RefCell<BTreeMap<String, String>>,
    /// A login is under way.
    pub(crate) signing_in: Cell<bool>,
    /// The session that a login here is about to enter into the ledger.
    pub(crate) entering: RefCell<Option<Rc<str>>>,
    /// A logout came before the page knew its session.
    pub(crate) leaving: Cell<bool>,
    /// Somebody waits for better times on behalf of the session.
    pub(crate) recovering: Cell<bool>,
    /// Whose page this was last.
    pub(crate) last_user: RefCell<Option<Rc<str>>>,
    /// The sessions that were ended here, whatever the ledger says of them yet.
    pub(crate) left: RefCell<BTreeSet<Rc<str>>>,
    /// Why the last attempt of the session had no usable answer.
    pub(crate) trouble: Cell<Option<Error>>,
    pub(crate) unwritten: RefCell<Option<Unwritten>>,
    /// Another tab's flight that this one waits for, and since when on the monotonic clock.
    pub(crate) watched: RefCell<Option<(OpenFlight, u64)>>,
    pub(crate) check: RefCell<Option<Check>>,
    pub(crate) questions: RefCell<Vec<Weak<Question>>>,
    pub(crate) listening: RefCell<Option<P::Listening>>,
}

type Listener = dyn Fn(State);

/// Calls its listener as long as it is held.
pub struct Subscription(#[expect(dead_code, reason = "held for its drop")] Rc<Listener>);

impl<P: Platform> Client<P> {
    /// A client for the API at `base`, which names things as `contract` says. Reads and sends
    /// nothing yet.
    pub fn new(platform: P, base: BaseUrl, contract: Contract, custody: Custody) -> Self {
        let vault = Vault::new(&base, custody.access);
        Self(Rc::new(Inner {
            platform,
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
            flight: RefCell::new(None),
            listeners: RefCell::new(Vec::new()),
            own_ledger: RefCell::default(),
            signing_in: Cell::new(false),
            entering: RefCell::default(),
            leaving: Cell::new(false),
            recovering: Cell::new(false),
            last_user: RefCell::new(None),
            left: RefCell::default(),
            trouble: Cell::new(None),
            unwritten: RefCell::new(None),
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

    /// Sends `request` with the session's access token, refreshing it first if its time is up.
    ///
    /// After a 401 (or what the contract maps to it) the request goes out once more, with a newer
    /// token; a second 401 is the answer. A request that failed on the network is never repeated.
    pub async fn send(&self, request: &Request) -> Result<Answer, Error> {
        let url = self.base().resolve(&request.target)?;
        if !request.is_sound() {
            return Err(Error::MalformedHeader);
        }
        let (carried, refreshed) = self.credentials().await?;
        let answer = self.transmit(request, url.clone(), &carried).await;
        #[cfg(feature = "sabotage")]
        let answer = match answer {
            Err(_) if !self.rules().on(Rule::OnlyAfter401) => {
                self.transmit(request, url.clone(), &carried).await
            }
            answer => answer,
        };
        let answer = answer?;
        if !self.contract().is_expired(&answer) {
            return Ok(answer);
        }
        let next = Session::on_401(self.0.session.borrow().as_ref(), &carried, self.rules());
        let carried = match next {
            On401::Drop => return Err(Error::SessionChanged),
            On401::SendAgain(newer) => newer,
            // A 401 to a token that has just come from the server: another would fare no better.
            On401::Refresh if refreshed => return Ok(answer),
            On401::Refresh => {
                self.refresh(carried.session.clone(), carried.generation).await?;
                self.carried_on(&carried.session)?
            }
        };
        #[cfg(feature = "sabotage")]
        if !self.rules().on(Rule::OneRetry) {
            let answer = self.transmit(request, url.clone(), &carried).await?;
            if !self.contract().is_expired(&answer) {
                return Ok(answer);
            }
        }
        self.transmit(request, url, &carried).await
    }

    /// The access token to send, and whether it took a refresh: as it is if it is fresh or ageing,
    /// after a refresh if it is stale.
    async fn credentials(&self) -> Result<(Carried, bool), Error> {
        let session = self.session().ok_or(Error::NotSignedIn)?;
        let now = self.platform().now();
        let age = session.access.as_ref().map(|access| access.age(now, self.rules()));
        if let Some(Age::Fresh | Age::Ageing) = age
            && let Some(carried) = session.carry()
        {
            if age == Some(Age::Ageing) && session.renewable {
                // No user waits for it, and nobody is told if it fails: the token in hand is good.
                let _outcome = self.join_flight(session.id, session.generation);
            }
            return Ok((carried, false));
        }
        let outcome = self.refresh(session.id.clone(), session.generation).await;
        if let Err(Error::SessionChanged) = outcome
            && let Some(adopted) = self.session().filter(|now| now.user == session.user)
        {
            // The same user signed in anew, and nothing of this request is out yet.
            let now = self.platform().now();
            let usable = adopted.access.as_ref().is_some_and(|a| a.age(now, self.rules()) != Age::Stale);
            if !usable {
                self.refresh(adopted.id.clone(), adopted.generation).await?;
            }
            return Ok((self.carried_on(&adopted.id)?, !usable));
        }
        outcome?;
        Ok((self.carried_on(&session.id)?, true))
    }

    /// The token of `session` after a refresh of it.
    fn carried_on(&self, session: &str) -> Result<Carried, Error> {
        let current = self.0.session.borrow();
        current.as_ref().filter(|s| &*s.id == session).and_then(Session::carry).ok_or(Error::SessionChanged)
    }

    async fn transmit(&self, request: &Request, url: String, carried: &Carried) -> Result<Answer, Error> {
        let method = request.method;
        let cache = self.0.session.borrow().as_ref().map(|session| session.unstored.mode(method, &url));
        let cache = cache.unwrap_or(CacheMode::NoStore);
        let request = HttpRequest::bearer(request, url.clone(), &carried.token, cache, REQUEST_BODY_LIMIT);
        let answer = self.exchange(request, REQUEST_DEADLINE).await;
        if !self.is_current(&carried.session) && self.rules().on(Rule::DropLateAnswers) {
            // The answer is another user's business now, or nobody's.
            return Err(Error::SessionChanged);
        }
        self.note(answer.as_ref());
        let answer = answer?;
        if let Some(session) = self.0.session.borrow_mut().as_mut() {
            session.unstored.learn(method, &url, cache, &answer);
        }
        if (200..300).contains(&answer.status) {
            self.confirm();
        }
        Ok(answer)
    }

    /// One request and its whole answer, within `deadline` milliseconds.
    pub(crate) async fn exchange(&self, request: HttpRequest, deadline: u32) -> Result<Answer, Error> {
        let deadline = if self.rules().on(Rule::CallDeadline) { deadline } else { u32::MAX };
        let answer = with_deadline(self.platform(), deadline, self.platform().http(request)).await;
        Ok(answer.ok_or(Error::TimedOut)??)
    }

    /// Learns from an answer, or its lack, whether the server can be used.
    pub(crate) fn note(&self, answer: Result<&Answer, &Error>) {
        let degraded = match answer {
            Ok(answer) if matches!(answer.status, 502..=504) => Some(Degraded::ServerUnavailable),
            Err(Error::Unreachable | Error::TimedOut | Error::Interrupted) => Some(Degraded::Unreachable),
            Ok(_) | Err(_) => None,
        };
        if self.0.degraded.replace(degraded) != degraded && matches!(self.state(), State::SignedIn { .. }) {
            self.show_session();
        }
    }

    /// The server has answered for the session in this life of the page.
    fn confirm(&self) {
        if let Some(session) = self.0.session.borrow_mut().as_mut() {
            session.confirmed = true;
        }
        self.show_session();
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
        // Listeners may subscribe, or drop a subscription, from within.
        self.0.listeners.borrow_mut().retain(|listener| listener.strong_count() > 0);
        let listeners = self.0.listeners.borrow().clone();
        for listener in listeners.iter().filter_map(Weak::upgrade) {
            listener(state.clone());
            if *self.0.state.borrow() != state {
                // The listener caused the next change, of which all have been told: this is the past.
                return;
            }
        }
    }

    pub(crate) fn platform(&self) -> &P {
        &self.0.platform
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

impl<P: Platform> Clone for Client<P> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<P: Platform> PartialEq for Client<P> {
    /// Whether both are handles to the same session.
    fn eq(&self, other: &Self) -> bool {
        Rc::ptr_eq(&self.0, &other.0)
    }
}

impl<P: Platform> fmt::Debug for Client<P> {
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
pub(crate) async fn with_deadline<P: Platform, F: Future>(
    platform: &P,
    milliseconds: u32,
    future: F,
) -> Option<F::Output> {
    match select(pin!(future), pin!(platform.sleep(milliseconds))).await {
        Either::Left((outcome, _)) => Some(outcome),
        Either::Right(((), _)) => None,
    }
}
