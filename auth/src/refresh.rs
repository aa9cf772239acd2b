//! Refreshing generation g of a session: queue, decide, send, commit, release. Read it next to the
//! protocol's text, whose order and words it keeps. Step 2 is in `prepare.rs`, steps 4 to 6 in
//! `settle.rs`; the rules themselves, as functions on the ledger's rows, are in `decide.rs` and
//! `outcome.rs`.

mod prepare;
mod recover;
mod settle;

use std::cell::Cell;
use std::rc::Rc;

use futures_util::future::{FutureExt as _, LocalBoxFuture, Shared, WeakShared};

use crate::client::{Client, with_deadline};
use crate::decide::{Attempt, Decision, Turn};
use crate::error::{EndReason, Error};
use crate::http::Answer;
use crate::platform::Guard;
use crate::rules::Rule;
use crate::session::{Book, Session};
use crate::token::RefreshToken;
use crate::wire::{self, Grant};

/// The longest time between sending an attempt and the end of its answer's body, in milliseconds.
pub(crate) const ATTEMPT_DEADLINE: u32 = 10_000;
/// The longest time that the lock is waited for, in milliseconds.
const LOCK_BOUND: u32 = 12_000;
/// The longest time a caller waits for refreshes, in milliseconds.
pub(crate) const LONGEST_WAIT: u32 = 15_000;
/// The longest time between a decision and its attempt, in milliseconds: a page may freeze in between,
/// and its flight must outlast the attempt, a late timer included.
const SEND_WITHIN: u64 = 2_000;
/// The pause while another tab's flight is open or the ledger refuses, in milliseconds.
const PAUSE: u32 = 250;

/// The one refresh under way in this tab. Later callers share its outcome.
pub(crate) struct Flight {
    session: Rc<str>,
    generation: u32,
    /// When somebody asked for it last, on the monotonic clock.
    wanted: Rc<Cell<u64>>,
    /// Weak: its task keeps it alive, and with it the client.
    outcome: WeakShared<Attempts>,
}

type Attempts = LocalBoxFuture<'static, Result<(), Error>>;
type Outcome = Shared<Attempts>;

/// An answer whose commit the ledger or the vault refused. It is committed before anything is sent.
#[derive(Clone)]
pub(crate) struct Unwritten {
    attempt: Attempt,
    token: RefreshToken,
    idempotent: Option<bool>,
}

impl Unwritten {
    pub(crate) fn is_of(&self, session: &str) -> bool {
        *self.attempt.session == *session
    }

    pub(crate) fn token(&self) -> RefreshToken {
        self.token.clone()
    }
}

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

impl Client {
    /// Refreshes `generation` of `session`, or joins the flight that does, for as long as a caller
    /// waits.
    pub(crate) async fn refresh(&self, session: Rc<str>, generation: u32) -> Result<(), Error> {
        let outcome = self.join_flight(session, generation);
        let bound = if self.rules().on(Rule::CallerBound) { LONGEST_WAIT } else { u32::MAX };
        let in_time = with_deadline(self.platform(), bound, outcome).await;
        in_time.unwrap_or_else(|| Err(self.trouble()))
    }

    /// What a caller hears that waited in vain.
    fn trouble(&self) -> Error {
        self.0.trouble.get().unwrap_or(Error::Unavailable)
    }

    /// One flight at a time per tab and session: that of a later generation brings what is asked for,
    /// that of an earlier one ends first, since it may be about to send the very token. It is a task of
    /// its own: a caller that goes away does not cancel it, since its answer carries the only copy of the
    /// next refresh token.
    pub(crate) fn join_flight(&self, session: Rc<str>, generation: u32) -> Outcome {
        let now = self.platform().now().monotonic;
        let under_way = self.flight().borrow().as_ref().and_then(|flight| {
            let same = flight.session == session && self.rules().on(Rule::OneFlight);
            let outcome = flight.outcome.upgrade().filter(|_| same)?;
            flight.wanted.set(now);
            Some((flight.generation, outcome))
        });
        match under_way {
            Some((later, outcome)) if later >= generation => outcome,
            earlier => self.take_off(session, generation, earlier.map(|(_, outcome)| outcome)),
        }
    }

    fn take_off(&self, session: Rc<str>, generation: u32, earlier: Option<Outcome>) -> Outcome {
        let client = self.clone();
        let named = session.clone();
        let wanted = Rc::new(Cell::new(self.platform().now().monotonic));
        let asked = wanted.clone();
        let outcome = async move {
            if let Some(earlier) = earlier {
                let _of_another_generation = earlier.await;
                asked.set(client.platform().now().monotonic);
            }
            let outcome = client.fly(&named, generation, &asked).await;
            let mut flight = client.flight().borrow_mut();
            flight.take_if(|f| f.session == named && f.generation == generation);
            drop(flight);
            if let Err(error) = outcome
                && error.retry_helps()
                && client.is_current(&named)
            {
                client.recover_later(named);
            }
            outcome
        };
        let outcome = outcome.boxed_local().shared();
        if let Some(weak) = outcome.downgrade() {
            *self.flight().borrow_mut() = Some(Flight { session, generation, wanted, outcome: weak });
        }
        self.spawn(outcome.clone().map(drop));
        outcome
    }

    /// Rounds of the protocol, for as long as a caller may wait: elapsed time, as on the callers' timers.
    async fn fly(&self, session: &Rc<str>, generation: u32, wanted: &Cell<u64>) -> Result<(), Error> {
        let mut known = generation;
        loop {
            let Some(current) = self.session().filter(|current| current.id == *session) else {
                return Err(Error::SessionChanged);
            };
            let (lock, turn) = self.queue(&current).await;
            let round = self.round(&current, known, turn).await;
            // 7. Release: held for no longer than one attempt.
            drop(lock);
            match round {
                Round::Done(outcome) => return outcome,
                Round::Again { known: next, after, because } => {
                    let waited = self.platform().now().monotonic.saturating_sub(wanted.get());
                    if waited.saturating_add(after.into()) > LONGEST_WAIT.into() {
                        return Err(because);
                    }
                    known = next;
                    self.platform().sleep(after).await;
                }
            }
        }
    }

    /// Step 1. Queue: the cross-tab lock, if there is one, for no longer than its bound. Economy, not
    /// safety: when the bound runs out, go on; never steal.
    async fn queue(&self, session: &Session) -> (Option<Guard>, Turn) {
        if session.book == Book::Own {
            return (None, Turn::NoLocks);
        }
        let name = self.ledger_key(&format!("lock:{}", session.id));
        let lock = self.platform().lock(&name);
        if !self.rules().on(Rule::LockBound) {
            return (lock.await, Turn::Held);
        }
        match with_deadline(self.platform(), LOCK_BOUND, lock).await {
            Some(Some(lock)) => (Some(lock), Turn::Held),
            Some(None) => (None, Turn::NoLocks),
            None => (None, Turn::RanOut),
        }
    }

    async fn round(&self, session: &Session, known: u32, turn: Turn) -> Round {
        // A server without refresh means that the session ends with its access token.
        if self.contract().refresh.is_none() {
            return Round::Done(Err(self.end(session, EndReason::Expired).await));
        }
        let again = |after, because| Round::Again { known, after, because };
        match self.write_the_unwritten(session).await {
            Ok(()) => {}
            Err(_) => return again(PAUSE, Error::Unavailable),
        }
        let Ok((decision, decided_at)) = self.decide(session, known, turn).await else {
            return again(PAUSE, Error::Unavailable);
        };
        let attempt = match decision {
            Decision::Send(attempt) => attempt,
            Decision::Adopt(_) => return Round::Done(Ok(())),
            Decision::Stop(reason) => return Round::Done(Err(self.stopped(session, reason).await)),
            Decision::Lost(reason) => {
                let ended = self.close(&session.id, reason);
                self.announce();
                return Round::Done(Err(ended));
            }
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
        // 3. Send, unless the session was ended here meanwhile, the ledger has shown another transaction of
        // this tab that the token is spent, or the own flight may run out before the attempt's deadline.
        if !self.is_current(&session.id) {
            return Round::Done(Err(Error::SessionChanged));
        }
        let spent = self.has_read_beyond(&session.id, attempt.leaves());
        if spent && self.rules().on(Rule::DecideByLedger) {
            return again(0, Error::Unavailable);
        }
        // The token before goes only while its successor is lost: another tab may have put it back.
        let back = attempt.previous && !self.lacks(&session.id, attempt.leaves());
        if back && self.rules().on(Rule::SecondLook) {
            return again(0, Error::Unavailable);
        }
        let elapsed = self.platform().now().since(decided_at);
        if !attempt.harmless && elapsed > SEND_WITHIN && self.rules().on(Rule::FlightTime) {
            return again(0, Error::Unavailable);
        }
        let sent = self.platform().now();
        let answer = self.attempt(&attempt).await;
        if self.is_current(&session.id) {
            self.note(answer.as_ref());
        }
        let error = match &answer {
            Ok(answer) if (200..300).contains(&answer.status) => match Grant::read(answer, self.contract()) {
                Ok(grant) => {
                    let received = self.made_at(sent, answer);
                    return Round::Done(self.commit(session, attempt, grant, received).await);
                }
                Err(error) => error,
            },
            Ok(answer) if answer.status == 409 || self.contract().is_terminal(answer) => {
                return self.terminal(session, &attempt, answer).await;
            }
            Ok(answer) => Error::from_token_answer(answer),
            Err(error) => *error,
        };
        self.no_usable_answer(session, &attempt, answer.as_ref().ok(), error).await
    }

    /// Step 3. Send token and key; the key only to a server that announced it, since an unknown header
    /// would fail another server's CORS check.
    async fn attempt(&self, attempt: &Attempt) -> Result<Answer, Error> {
        let contract = self.contract();
        let endpoint = contract.refresh.as_ref().ok_or(Error::NotSignedIn)?;
        let mut request = wire::carrying(self.base(), contract, endpoint, &attempt.token)?;
        if attempt.idempotent || !self.rules().on(Rule::KeyIfAnnounced) {
            request.headers.push(("idempotency-key", attempt.key.0.clone()));
        }
        self.exchange(request, ATTEMPT_DEADLINE).await
    }

    pub(crate) fn random(&self) -> u32 {
        let mut bytes = [0; 4];
        self.platform().random(&mut bytes);
        u32::from_le_bytes(bytes)
    }
}
