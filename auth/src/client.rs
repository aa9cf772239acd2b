//! The client: login, logout, authenticated requests.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::future::Future;
use std::pin::pin;
use std::rc::{Rc, Weak};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use futures_util::future::{Either, select};

use crate::cache::Unstored;
use crate::contract::Contract;
use crate::error::{EndReason, Error, Fields};
use crate::http::{Answer, CacheMode, HttpRequest, Request};
use crate::platform::{Instant, Platform};
use crate::refresh::{ATTEMPT_DEADLINE, Flight};
use crate::session::{Access, Age, Carried, Degraded, On401, Session, State};
use crate::target::BaseUrl;
use crate::token::RefreshToken;
use crate::vault::{Custody, Found, Held, Vault};
use crate::wire::{self, Grant};

/// The longest time an application request may take, in milliseconds.
const REQUEST_DEADLINE: u32 = 30_000;
/// The most bytes of an application answer that are read.
const REQUEST_BODY_LIMIT: usize = 16 * 1024 * 1024;

/// A session at one API. Cloning gives another handle to the same session.
///
/// Make one for each page and call [`start`](Self::start) once.
pub struct Client<P: Platform>(Rc<Inner<P>>);

struct Inner<P> {
    platform: P,
    base: BaseUrl,
    contract: Contract,
    vault: Vault,
    session: RefCell<Option<Session>>,
    state: RefCell<State>,
    degraded: Cell<Option<Degraded>>,
    flight: RefCell<Option<Flight>>,
    signing_in: Cell<bool>,
    listeners: RefCell<Vec<Weak<Listener>>>,
}

type Listener = dyn Fn(State);

/// Calls its listener as long as it is held.
pub struct Subscription(#[expect(dead_code, reason = "held for its drop")] Rc<Listener>);

impl<P: Platform> Client<P> {
    /// A client for the API at `base`, which names things as `contract` says. Reads and sends
    /// nothing yet.
    pub fn new(platform: P, base: BaseUrl, contract: Contract, custody: Custody) -> Self {
        let vault = Vault::new(&base, custody);
        Self(Rc::new(Inner {
            platform,
            base,
            contract,
            vault,
            session: RefCell::new(None),
            state: RefCell::new(State::Restoring),
            degraded: Cell::new(None),
            flight: RefCell::new(None),
            signing_in: Cell::new(false),
            listeners: RefCell::new(Vec::new()),
        }))
    }

    /// Takes up the session that an earlier life of the page stored, if there is one.
    ///
    /// An access token that may still be fresh causes no traffic. Otherwise the state stays
    /// [`State::Restoring`] until the server has answered, or cannot be reached.
    pub fn start(&self) {
        let stored = self.vault().held(self.platform());
        let found = self.vault().found(self.platform());
        let access = |id: &str, generation| {
            let same = |f: &Found| &*f.held.session == id && f.held.generation == generation;
            found.as_ref().filter(|f| same(f)).map(|f| f.access.clone())
        };
        let session = match (&stored, &found) {
            (Some(held), _) => Session::taken_up(held, access(&held.session, held.generation)),
            (None, Some(found)) if found.alone => {
                // This session never had a refresh token that outlived the page.
                self.vault().hold(self.platform(), &found.held);
                Session::taken_up(&found.held, Some(found.access.clone()))
            }
            _ => {
                if let Some(found) = found {
                    self.vault().forget(self.platform(), &found.held.session);
                }
                return self.set_state(State::SignedOut(None));
            }
        };
        let fresh = session.access.as_ref().is_some_and(|a| a.age(self.platform().now()) == Age::Fresh);
        let (id, generation) = (session.id.clone(), session.generation);
        *self.0.session.borrow_mut() = Some(session);
        if fresh {
            return self.show_session();
        }
        let client = self.clone();
        self.platform().spawn(async move {
            let outcome = client.refresh(id.clone(), generation).await;
            if outcome.is_err() && client.is_current(&id) {
                client.show_session();
            }
        });
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

    /// Logs in and begins a session. The password is sent byte for byte and kept nowhere.
    pub async fn login(&self, username: &str, password: &str) -> Result<(), Error> {
        let empty = Fields { username: username.trim().is_empty(), password: password.is_empty() };
        if empty != Fields::default() {
            return Err(Error::EmptyFields(empty));
        }
        let _turn = Turn::take(&self.0.signing_in).ok_or(Error::AlreadySigningIn)?;
        let request = wire::login(self.base(), self.contract(), username, password)?;
        let sent = self.platform().now();
        let answer = self.exchange(request, ATTEMPT_DEADLINE).await?;
        let grant = self.granted(&answer)?;
        let received = sent.midpoint(answer.received);
        self.begin(username, grant, received);
        Ok(())
    }

    /// Ends the session here, at once, and tells the server in the background: this works offline,
    /// with an expired access token, and while a refresh is under way.
    pub fn logout(&self) {
        let Some(session) = self.0.session.borrow().as_ref().map(|session| session.id.clone()) else {
            return;
        };
        let token = self.token_of(&session);
        // A reload may have left an access token alone, and an access token ends no session.
        let told = token.is_some() || self.contract().logout.is_none() || self.contract().refresh.is_none();
        self.end(&session, if told { EndReason::LoggedOut } else { EndReason::LoggedOutHereOnly });
        if let Some(token) = token {
            self.revoke(token, true);
        }
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
        let answer = self.transmit(request, url.clone(), &carried).await?;
        if !self.contract().is_expired(&answer) {
            return Ok(answer);
        }
        let next = Session::on_401(self.0.session.borrow().as_ref(), &carried);
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
        self.transmit(request, url, &carried).await
    }

    /// The access token to send, and whether it took a refresh: as it is if it may be fresh, after a
    /// refresh if it is stale.
    async fn credentials(&self) -> Result<(Carried, bool), Error> {
        let now = self.platform().now();
        let (id, generation, ready) = match self.0.session.borrow().as_ref() {
            None => return Err(Error::NotSignedIn),
            Some(session) => {
                let fresh = session.access.as_ref().is_some_and(|access| access.age(now) == Age::Fresh);
                (session.id.clone(), session.generation, session.carry().filter(|_| fresh))
            }
        };
        if let Some(carried) = ready {
            return Ok((carried, false));
        }
        self.refresh(id.clone(), generation).await?;
        Ok((self.carried_on(&id)?, true))
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
        if !self.is_current(&carried.session) {
            return Err(Error::SessionChanged);
        }
        self.note(answer.as_ref());
        if let Ok(answer) = &answer {
            self.update_session(|session| {
                session.confirmed |= (200..300).contains(&answer.status);
                session.unstored.learn(method, &url, cache, answer);
            });
        }
        answer
    }

    fn granted(&self, answer: &Answer) -> Result<Grant, Error> {
        match answer.status {
            200..300 => Grant::read(answer, self.contract()),
            _ if self.contract().is_wrong_credentials(answer) => Err(Error::WrongCredentials),
            422 => Err(Error::InvalidFields(wire::invalid_fields(answer, self.contract()))),
            _ => Err(Error::from_token_answer(answer)),
        }
    }

    fn begin(&self, user: &str, grant: Grant, received: Instant) {
        let replaced = self.0.session.borrow().as_ref().and_then(|session| self.token_of(&session.id));
        let mut id = [0; 16];
        self.platform().random(&mut id);
        let held = Held {
            session: URL_SAFE_NO_PAD.encode(id).into(),
            user: user.into(),
            generation: 0,
            token: grant.refresh,
        };
        let access = Access { token: grant.access, received, lifetime: grant.lifetime };
        self.vault().hold(self.platform(), &held);
        self.vault().keep(self.platform(), &held, &access);
        let Held { session: id, user, generation, .. } = held;
        *self.0.session.borrow_mut() = Some(Session {
            id,
            user,
            generation,
            access: Some(access),
            confirmed: true,
            unstored: Unstored::default(),
        });
        self.0.degraded.set(None);
        self.show_session();
        if let Some(token) = replaced {
            self.revoke(token, false);
        }
    }

    /// Ends `session` in this tab and forgets its tokens.
    pub(crate) fn end(&self, session: &str, reason: EndReason) -> Error {
        self.vault().forget(self.platform(), session);
        if self.is_current(session) {
            *self.0.session.borrow_mut() = None;
            self.0.degraded.set(None);
            self.set_state(State::SignedOut(Some(reason)));
        }
        Error::SessionEnded(reason)
    }

    /// Tells the server, in the background, to end the family of `token`. With `by_user`, a failure
    /// is told to the user, who asked for it.
    pub(crate) fn revoke(&self, token: RefreshToken, by_user: bool) {
        let client = self.clone();
        self.platform().spawn(async move {
            let told = client.tell_server(&token).await;
            let logged_out = State::SignedOut(Some(EndReason::LoggedOut));
            if by_user && told.is_err() && client.state() == logged_out {
                client.set_state(State::SignedOut(Some(EndReason::LoggedOutHereOnly)));
            }
        });
    }

    async fn tell_server(&self, token: &RefreshToken) -> Result<(), Error> {
        let Some(endpoint) = &self.contract().logout else { return Ok(()) };
        let request = wire::carrying(self.base(), self.contract(), endpoint, token)?;
        let answer = self.exchange(HttpRequest { outlives_page: true, ..request }, ATTEMPT_DEADLINE).await?;
        match answer.status {
            408 | 429 | 500..=599 => Err(Error::from_token_answer(&answer)),
            // A captive portal's page under status 200: the server has heard nothing.
            200..300 if answer.is_html() => Err(Error::Unintelligible),
            // Done, or the family is unknown, or the server has no such endpoint: nothing is owed.
            _ => Ok(()),
        }
    }

    /// One request and its whole answer, within `deadline` milliseconds.
    pub(crate) async fn exchange(&self, request: HttpRequest, deadline: u32) -> Result<Answer, Error> {
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

    pub(crate) fn update_session(&self, change: impl FnOnce(&mut Session)) {
        if let Some(session) = self.0.session.borrow_mut().as_mut() {
            change(session);
        }
        self.show_session();
    }

    pub(crate) fn is_current(&self, session: &str) -> bool {
        self.0.session.borrow().as_ref().is_some_and(|current| &*current.id == session)
    }

    fn token_of(&self, session: &str) -> Option<RefreshToken> {
        self.vault().held(self.platform()).filter(|held| &*held.session == session)?.token
    }

    fn show_session(&self) {
        let user = match self.0.session.borrow().as_ref() {
            Some(session) => session.confirmed.then(|| session.user.clone()),
            None => return,
        };
        let (degraded, kept) = (self.0.degraded.get(), self.vault().kept());
        self.set_state(State::SignedIn { user, degraded, kept });
    }

    fn set_state(&self, state: State) {
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

/// A flag that is set while somebody has the turn.
struct Turn<'a>(&'a Cell<bool>);

impl<'a> Turn<'a> {
    fn take(taken: &'a Cell<bool>) -> Option<Self> {
        (!taken.replace(true)).then_some(Self(taken))
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.set(false);
    }
}
