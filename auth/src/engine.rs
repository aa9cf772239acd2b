//! The engine: its parts, and the one place where a change of belief is carried out.

use std::cell::RefCell;
use std::future::Future;
use std::rc::{Rc, Weak};

use futures_util::future::LocalBoxFuture;

use crate::custody::{Custody, RefreshCustody};
use crate::platform::{LedgerError, Platform, random_text, with_deadline};
use crate::ports::ledger::Ledger;
use crate::ports::scope::Scope;
use crate::ports::siblings::Siblings;
use crate::ports::tab_storage::TabStorage;
use crate::ports::vault::Vault;
use crate::protocol::attempt::Found;
use crate::protocol::belief::Belief;
use crate::protocol::effects::Effects;
use crate::protocol::ids::Sid;
use crate::protocol::rows::{Key, Page};
use crate::protocol::session::{Kept, Session};
use crate::protocol::state::{Degraded, State};
use crate::wire::{Answer, BaseUrl, Contract, Error, HttpError, HttpRequest, Place};

mod one_cookie;
mod tell;

pub(crate) use tell::{TRIES, can_tell, can_tell_with, pause_before, revoke, tell_of_logout};

/// The longest time that a lock is waited for, in milliseconds.
pub(crate) const LOCK_BOUND: u32 = 12_000;

/// What the flows share.
pub(crate) struct Engine {
    pub(crate) platform: Rc<dyn Platform>,
    pub(crate) base: BaseUrl,
    pub(crate) contract: Contract,
    pub(crate) custody: Custody,
    pub(crate) ledger: Ledger,
    pub(crate) vault: Vault,
    pub(crate) tab: TabStorage,
    pub(crate) siblings: Rc<Siblings>,
    belief: RefCell<Belief>,
    listeners: RefCell<Vec<Weak<Listener>>>,
}

type Listener = dyn Fn(State);

/// Calls its listener as long as it is held.
pub struct Subscription(#[expect(dead_code, reason = "held for its drop")] Rc<Listener>);

impl Engine {
    pub(crate) fn new(
        platform: Rc<dyn Platform>,
        base: BaseUrl,
        contract: Contract,
        custody: Custody,
    ) -> Self {
        let scope = Scope::new(&base, &contract);
        let shared = custody.refresh != RefreshCustody::Memory;
        Self {
            vault: Vault::new(platform.clone(), &scope),
            tab: TabStorage::new(platform.clone(), &scope, custody.access),
            siblings: Rc::new(Siblings::new(platform.clone(), &scope, shared)),
            ledger: Ledger::new(platform.clone(), scope),
            belief: RefCell::default(),
            listeners: RefCell::default(),
            platform,
            base,
            contract,
            custody,
        }
    }

    /// Reads the belief.
    pub(crate) fn believes<T>(&self, read: impl FnOnce(&Belief) -> T) -> T {
        read(&self.belief.borrow())
    }

    /// Changes the belief, carries out what must follow, in one fixed order, and tells the listeners once if the
    /// public state has changed.
    pub(crate) fn apply<T: Default>(
        self: &Rc<Self>,
        change: impl FnOnce(&mut Belief, &mut Effects) -> T,
    ) -> T {
        let mut outcome = T::default();
        let mut change = Some(change);
        self.apply_once(&mut |belief, effects| {
            if let Some(change) = change.take() {
                outcome = change(belief, effects);
            }
        });
        outcome
    }

    /// Compiled once, because a copy for each change is a kilobyte of a first visit.
    fn apply_once(self: &Rc<Self>, change: &mut dyn FnMut(&mut Belief, &mut Effects)) {
        let before = self.state();
        let mut effects = Effects::default();
        change(&mut self.belief.borrow_mut(), &mut effects);
        self.carry_out(effects);
        self.tell_listeners(&before);
    }

    fn carry_out(self: &Rc<Self>, effects: Effects) {
        for sid in &effects.forget {
            self.vault.forget(sid);
            self.tab.forget_session(sid);
        }
        if effects.forget_access {
            self.tab.forget();
        }
        let (session, whose) = self.believes(|belief| (belief.session().cloned(), belief.whose().cloned()));
        // In custody `memory` no page takes up another's session, so none notes whose it is.
        if let Some(user) = whose.filter(|_| effects.note && self.custody.refresh != RefreshCustody::Memory) {
            self.tab.note(session.as_ref().map(|session| &session.id), &user);
        }
        if let Some(session) = session.filter(|_| effects.keep) {
            self.tab.keep(&session);
        }
        if effects.announce {
            self.siblings.announce();
        }
        for tokens in effects.revoke {
            revoke(self, tokens);
        }
    }

    fn tell_listeners(&self, before: &State) {
        let state = self.state();
        if state == *before {
            return;
        }
        // Listeners may subscribe, or drop a subscription, from within.
        self.listeners.borrow_mut().retain(|listener| listener.upgrade().is_some());
        let listeners = self.listeners.borrow().clone();
        for listener in listeners.iter().filter_map(Weak::upgrade) {
            listener(state.clone());
            if self.state() != state {
                // The listener caused the next change, of which all have been told: this is the past.
                return;
            }
        }
    }

    pub(crate) fn subscribe(&self, listener: Box<Listener>) -> Subscription {
        let listener: Rc<Listener> = listener.into();
        self.listeners.borrow_mut().push(Rc::downgrade(&listener));
        Subscription(listener)
    }

    pub(crate) fn state(&self) -> State {
        self.believes(Belief::state)
    }

    /// The session, as it is now.
    pub(crate) fn session(&self) -> Option<Session> {
        self.believes(|belief| belief.session().cloned())
    }

    pub(crate) fn is_current(&self, sid: &Sid) -> bool {
        self.believes(|belief| belief.session_of(sid).is_some())
    }

    /// One decision about a session, by the ledger that it is in.
    pub(crate) async fn transact<T: 'static>(
        &self,
        session: &Session,
        decide: impl FnOnce(&mut Page) -> T + 'static,
    ) -> Result<T, LedgerError> {
        match session.is_this_tabs() {
            true => Ok(self.decide_here(&session.id, decide)),
            false => self.ledger.transact(Some(&session.id), decide).await,
        }
    }

    /// As [`transact`](Self::transact), repeated with the same values if it is aborted.
    pub(crate) async fn insist<T: 'static>(
        &self,
        session: &Session,
        decide: impl Fn(&mut Page) -> T + 'static,
    ) -> Result<T, LedgerError> {
        match session.is_this_tabs() {
            true => Ok(self.decide_here(&session.id, decide)),
            false => self.ledger.insist(&session.id, decide).await,
        }
    }

    /// `decide` may read the belief, so it runs while nothing is borrowed.
    fn decide_here<T>(&self, sid: &Sid, decide: impl FnOnce(&mut Page) -> T) -> T {
        let mut page = self.belief.borrow_mut().take_page(sid);
        let decided = decide(&mut page);
        self.belief.borrow_mut().put_page(sid, page);
        decided
    }

    /// What the tab kept over a reload. A deployment may have taken the refresh away since.
    pub(crate) fn kept(&self) -> Option<Kept> {
        let kept = self.tab.kept()?;
        Some(Kept { renewable: kept.renewable && self.contract.refresh.is_some(), ..kept })
    }

    /// Where new sessions are to have their refresh tokens.
    pub(crate) fn place(&self) -> Place {
        if self.custody.refresh == RefreshCustody::Cookie { Place::Cookie } else { Place::Body }
    }

    /// A refresh token that is outside of the row. In custody `database` and `cookie` it is one that a tab with another custody,
    /// from before a redeploy, has put there.
    pub(crate) fn look_up(&self, session: &Sid, generation: u32) -> Found {
        match self.custody.refresh {
            RefreshCustody::Local | RefreshCustody::Database | RefreshCustody::Cookie => {
                self.vault.get(session, generation)
            }
            RefreshCustody::Memory => Found::Missing,
        }
    }

    /// Boxes `task` for [`Platform::spawn`].
    pub(crate) fn spawn(&self, task: impl Future<Output = ()> + 'static) {
        self.platform.spawn(Box::pin(task));
    }

    /// One request and its whole answer, within `deadline` milliseconds.
    pub(crate) async fn exchange(&self, request: HttpRequest, deadline: u32) -> Result<Answer, Error> {
        let answer = with_deadline(&*self.platform, deadline, self.http(request)).await;
        Ok(answer.ok_or(Error::TimedOut)??)
    }

    /// Sends one request as the contract says.
    pub(crate) fn http(&self, request: HttpRequest) -> LocalBoxFuture<'static, Result<Answer, HttpError>> {
        self.platform.http(HttpRequest { cookies: request.cookies || self.contract.cookies, ..request })
    }

    /// Learns from an answer to a request of `sid`, or its lack, whether the server can be used.
    pub(crate) fn heard(self: &Rc<Self>, sid: &Sid, answer: Result<&Answer, &Error>) {
        let degraded = match answer {
            Ok(answer) if matches!(answer.status, 502..=504) => Some(Degraded::ServerUnavailable),
            Err(Error::Unreachable | Error::TimedOut | Error::Interrupted) => Some(Degraded::Unreachable),
            Ok(_) | Err(_) => None,
        };
        let now = self.platform.now();
        self.apply(|belief, _| belief.heard(sid, degraded, now));
    }

    /// A new idempotency key: 128 random bits.
    pub(crate) fn mint(&self) -> Key {
        Key(random_text(&*self.platform))
    }

    pub(crate) fn random(&self) -> u32 {
        let mut bytes = [0; 4];
        self.platform.random(&mut bytes);
        u32::from_le_bytes(bytes)
    }
}

impl std::fmt::Debug for Subscription {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Subscription")
    }
}
