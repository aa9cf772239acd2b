//! Refreshing generation g of a session: queue, decide, send, commit, release. Read it next to docs/protocol.md, whose
//! steps it keeps. Step 2 is in `prepare.rs`, steps 4 to 6 in `settle.rs`; the rules themselves, as functions on the
//! ledger's rows, are in `protocol/decide.rs` and `protocol/outcome.rs`.

mod prepare;
mod recover;
mod settle;

use std::cell::{Cell, OnceCell, RefCell};
use std::rc::Rc;

use futures_util::future::{FutureExt as _, LocalBoxFuture, Shared, WeakShared};

use crate::engine::{Engine, LOCK_BOUND};
use crate::flows::look::Looks;
use crate::platform::{Guard, random_text, with_deadline};
use crate::protocol::attempt::Attempt;
use crate::protocol::decide::{Decision, Lock};
use crate::protocol::ids::Sid;
use crate::protocol::rows::Flight;
use crate::protocol::session::Session;
use crate::wire::{self, Answer, EndReason, Error, Grant, Instant, Place};

/// The longest time a caller waits for refreshes, in milliseconds.
pub(crate) const LONGEST_WAIT: u32 = 15_000;
/// The longest time between a decision and its attempt, in milliseconds: a page may freeze in between,
/// and its flight must outlast the attempt, a late timer included.
const SEND_WITHIN: u64 = 2_000;
/// The pause while another tab's flight is open or the ledger refuses, in milliseconds.
const PAUSE: u32 = 250;

/// Refreshes this tab's session.
pub(crate) struct Refresher {
    engine: Rc<Engine>,
    looks: Rc<Looks>,
    /// The random name of this tab's life in its flights. It is drawn at its first use, because a server that renders
    /// the page has no random numbers.
    owner: OnceCell<String>,
    under_way: RefCell<Option<UnderWay>>,
    /// Another tab's flight that this tab waits for, and when this tab first saw it.
    watched: RefCell<Option<(Flight, Instant)>>,
    /// The session that this tab refreshes again later without a caller, because a refresh failed.
    recovering: RefCell<Option<Sid>>,
}

/// The one refresh under way in this tab. Later callers share its outcome.
struct UnderWay {
    session: Sid,
    generation: u32,
    /// When a caller last asked for it.
    wanted: Rc<Cell<Instant>>,
    /// Weak: its task keeps it alive, and with it the engine.
    outcome: WeakShared<Attempts>,
}

type Attempts = LocalBoxFuture<'static, Result<(), Error>>;
type Outcome = Shared<Attempts>;

/// How a round of the protocol ended.
enum Round {
    Done(Result<(), Error>),
    /// Once more from step 1, for generation `known`, after so many milliseconds.
    Again {
        known: u32,
        after: u32,
        because: Error,
    },
}

impl Refresher {
    pub(crate) fn new(looks: Rc<Looks>) -> Rc<Self> {
        let engine = looks.engine().clone();
        Rc::new(Self {
            engine,
            owner: OnceCell::new(),
            looks,
            under_way: RefCell::default(),
            watched: RefCell::default(),
            recovering: RefCell::default(),
        })
    }

    /// Refreshes `generation` of `session`, or joins the refresh that does, for as long as a caller waits.
    pub(crate) async fn refresh(self: &Rc<Self>, session: Sid, generation: u32) -> Result<(), Error> {
        let outcome = self.join(session, generation);
        let in_time = with_deadline(&*self.engine.platform, LONGEST_WAIT, outcome).await;
        in_time.unwrap_or_else(|| Err(self.trouble()))
    }

    fn owner(&self) -> &str {
        self.owner.get_or_init(|| random_text(&*self.engine.platform))
    }

    /// The error for a caller that waited in vain.
    fn trouble(&self) -> Error {
        self.engine.believes(|belief| belief.trouble())
    }

    /// Joins the session's refresh that is under way, or begins one. A refresh of a later generation serves this
    /// caller too. A refresh of an earlier generation ends before the new one begins, because it may be about to send
    /// the same token.
    pub(crate) fn join(self: &Rc<Self>, session: Sid, generation: u32) -> Outcome {
        let now = self.engine.platform.now();
        let found = self.under_way.borrow().as_ref().and_then(|under_way| {
            let outcome = under_way.outcome.upgrade().filter(|_| under_way.session == session)?;
            under_way.wanted.set(now);
            Some((under_way.generation, outcome))
        });
        match found {
            Some((later, outcome)) if later >= generation => outcome,
            earlier => self.begin(session, generation, earlier.map(|(_, outcome)| outcome)),
        }
    }

    /// Begins a refresh after `earlier`. It is a task of its own, because its caller may go away.
    fn begin(self: &Rc<Self>, session: Sid, generation: u32, earlier: Option<Outcome>) -> Outcome {
        let (this, named) = (self.clone(), session.clone());
        let wanted = Rc::new(Cell::new(self.engine.platform.now()));
        let asked = wanted.clone();
        let outcome = async move {
            if let Some(earlier) = earlier {
                let _of_another_generation = earlier.await;
                asked.set(this.engine.platform.now());
            }
            let outcome = this.rounds(&named, generation, &asked).await;
            let is_this = |now: &mut UnderWay| now.session == named && now.generation == generation;
            let ended = this.under_way.borrow_mut().take_if(is_this);
            drop(ended);
            if let Err(error) = outcome
                && error.retry_helps()
                && this.engine.is_current(&named)
            {
                this.recover_later(named);
            }
            outcome
        };
        let outcome = outcome.boxed_local().shared();
        if let Some(weak) = outcome.downgrade() {
            *self.under_way.borrow_mut() = Some(UnderWay { session, generation, wanted, outcome: weak });
        }
        self.engine.spawn(outcome.clone().map(drop));
        outcome
    }

    /// Goes through rounds of the protocol until one is done, or until the last caller has waited for `LONGEST_WAIT`.
    async fn rounds(
        self: &Rc<Self>,
        session: &Sid,
        generation: u32,
        wanted: &Cell<Instant>,
    ) -> Result<(), Error> {
        let mut known = generation;
        loop {
            let Some(current) = self.engine.session().filter(|current| current.id == *session) else {
                return Err(Error::SessionChanged);
            };
            let (guard, lock) = self.queue(&current).await;
            let round = self.round(&current, known, lock).await;
            // 7. Release: the lock is held for one round.
            drop(guard);
            match round {
                Round::Done(outcome) => return outcome,
                Round::Again { known: next, after, because } => {
                    let waited = self.engine.platform.now().waited_since(wanted.get());
                    if waited.saturating_add(after.into()) > LONGEST_WAIT.into() {
                        return Err(because);
                    }
                    known = next;
                    self.engine.platform.sleep(after).await;
                }
            }
        }
    }

    /// Step 1. Queue: waits for the session's lock, for `LOCK_BOUND` at most. The lock saves requests. Safety does not
    /// depend on it, so the refresh goes on without it when the bound runs out, unless the server has one cookie for all
    /// sessions.
    async fn queue(&self, session: &Session) -> (Option<Guard>, Lock) {
        if session.is_this_tabs() {
            return (None, Lock::NoLocks);
        }
        let lock = self.engine.platform.lock(&self.engine.lock_name(&session.id));
        match with_deadline(&*self.engine.platform, LOCK_BOUND, lock).await {
            Some(Some(guard)) => (Some(guard), Lock::Held),
            Some(None) => (None, Lock::NoLocks),
            None => (None, Lock::RanOut),
        }
    }

    async fn round(self: &Rc<Self>, session: &Session, known: u32, lock: Lock) -> Round {
        let again = |after, because| Round::Again { known, after, because };
        if self.engine.contract.refresh.is_none() || (session.is_this_tabs() && !session.is_renewable()) {
            return Round::Done(Err(self.end(session, EndReason::Expired).await));
        }
        if lock == Lock::RanOut && self.engine.contract.has_one_cookie() {
            return again(PAUSE, Error::Unavailable);
        }
        if self.write_the_unwritten(&session.id).await.is_err() {
            return again(PAUSE, Error::StorageStuck);
        }
        let Ok((decision, decided_at)) = self.decide(session, known, lock).await else {
            return again(PAUSE, Error::StorageStuck);
        };
        let attempt = match decision {
            Decision::Send(attempt) => attempt,
            Decision::Adopt(_) => return Round::Done(Ok(())),
            Decision::Gone(reason) => return Round::Done(Err(self.stopped(session, reason).await)),
            Decision::Ended(reason) => return Round::Done(Err(self.ended(&session.id, reason))),
            Decision::Busy { flight, left } => {
                self.watch(flight);
                return again(left.clamp(1, PAUSE), Error::Unavailable);
            }
            Decision::CatchUp(_) | Decision::Unreadable => return again(PAUSE, Error::Unavailable),
            Decision::Wait { left, limited: false } => return again(left, self.trouble()),
            Decision::Wait { left, limited: true } => {
                return again(left, Error::TooManyRequests { retry_after: Some(left.div_ceil(1_000)) });
            }
        };
        // 3. Send, unless the session was ended here meanwhile, or what was decided is out of date.
        if !self.engine.is_current(&session.id) {
            return Round::Done(Err(Error::SessionChanged));
        }
        if self.is_out_of_date(session, &attempt, decided_at) {
            return again(0, Error::Unavailable);
        }
        let cookie = self.engine.contract.refresh_cookie.as_ref();
        if attempt.token.is_in_cookie() && !cookie.is_some_and(|cookie| cookie.fits(&attempt.token)) {
            // It was made for another contract, and no call could carry it.
            return Round::Done(Err(self.end(session, EndReason::NoLongerKept).await));
        }
        let sent = self.engine.platform.now();
        let answer = self.attempt(&attempt).await;
        self.engine.heard(&session.id, answer.as_ref());
        let error = match &answer {
            Err(error) => *error,
            Ok(answer) => match Grant::read(answer, &self.engine.contract, Place::of(&attempt.token)) {
                // The answer to another session's cookie.
                Ok(grant) if grant.is_of_another_cookie(&attempt.token) => Error::Unintelligible,
                // A login that this page does not know of has replaced the one cookie.
                Ok(grant) if self.is_of_another_user(session, &grant) => {
                    return Round::Done(Err(self.end(session, EndReason::ReplacedElsewhere).await));
                }
                Ok(grant) => {
                    let received = sent.midpoint(answer.received);
                    return Round::Done(self.commit(session, attempt, grant, received).await);
                }
                Err(error) => error,
            },
        };
        self.refused(session, &attempt, answer.as_ref().ok(), error).await
    }

    fn is_of_another_user(&self, session: &Session, grant: &Grant) -> bool {
        let contract = &self.engine.contract;
        let users = session.user.id.as_deref().zip(grant.user(contract));
        contract.has_one_cookie() && users.is_some_and(|(known, said)| known != said)
    }

    /// Step 3. Send token and key; the key only to a server that announced it, since an unknown header
    /// would fail another server's CORS check.
    async fn attempt(&self, attempt: &Attempt) -> Result<Answer, Error> {
        let contract = &self.engine.contract;
        let endpoint = contract.refresh.as_ref().ok_or(Error::NotSignedIn)?;
        let mut request =
            wire::carrying(&self.engine.base, contract, endpoint, &attempt.token.clone().into())?;
        if attempt.idempotent {
            request.headers.push((wire::IDEMPOTENCY_KEY.into(), attempt.key.0.clone()));
        }
        self.engine.exchange(request, attempt.deadline).await
    }
}
