//! One refresh of one generation: decide, send, commit. Read it next to the protocol's text, whose
//! order and words it keeps.

use std::rc::Rc;

use futures_util::future::{FutureExt as _, LocalBoxFuture, Shared};

use crate::client::{Client, with_deadline};
use crate::error::{EndReason, Error};
use crate::http::Answer;
use crate::platform::{Instant, Platform};
use crate::session::Access;
use crate::token::RefreshToken;
use crate::vault::Held;
use crate::wire::{self, Grant};

/// The longest time between sending an attempt and the end of its answer's body, in milliseconds.
pub(crate) const ATTEMPT_DEADLINE: u32 = 10_000;
/// The longest time a caller waits for refreshes, in milliseconds.
const LONGEST_WAIT: u32 = 15_000;
/// How often a terminal answer may turn out to concern a token that another tab has replaced.
const ROUNDS: usize = 3;

/// The one refresh under way in this tab. Later callers share its outcome.
pub(crate) struct Flight {
    session: Rc<str>,
    generation: u32,
    outcome: Shared<LocalBoxFuture<'static, Result<(), Error>>>,
}

impl<P: Platform> Client<P> {
    /// Refreshes `generation` of `session`, or joins the flight that does.
    ///
    /// The flight is a task of its own: a caller that goes away does not cancel it, since its
    /// answer carries the only copy of the next refresh token.
    pub(crate) async fn refresh(&self, session: Rc<str>, generation: u32) -> Result<(), Error> {
        let under_way = self.flight().borrow().as_ref().and_then(|flight| {
            let same = flight.session == session && flight.generation == generation;
            same.then(|| flight.outcome.clone())
        });
        let outcome = under_way.unwrap_or_else(|| self.take_off(session, generation));
        with_deadline(self.platform(), LONGEST_WAIT, outcome).await.unwrap_or(Err(Error::TimedOut))
    }

    fn take_off(
        &self,
        session: Rc<str>,
        generation: u32,
    ) -> Shared<LocalBoxFuture<'static, Result<(), Error>>> {
        let client = self.clone();
        let named = session.clone();
        let outcome = async move {
            let outcome = client.fly(&named).await;
            let mut flight = client.flight().borrow_mut();
            if flight.as_ref().is_some_and(|f| f.session == named && f.generation == generation) {
                *flight = None;
            }
            outcome
        };
        let outcome = outcome.boxed_local().shared();
        *self.flight().borrow_mut() = Some(Flight { session, generation, outcome: outcome.clone() });
        self.platform().spawn(outcome.clone().map(drop));
        outcome
    }

    async fn fly(&self, session: &Rc<str>) -> Result<(), Error> {
        for _ in 0..ROUNDS {
            let attempt = self.decide(session)?;
            let sent = self.platform().now();
            let answer = self.attempt(&attempt).await;
            if self.is_current(session) {
                self.note(answer.as_ref());
            }
            let answer = answer?;
            if (200..300).contains(&answer.status) {
                let grant = Grant::read(&answer, self.contract())?;
                return self.commit(&attempt, grant, sent.midpoint(answer.received));
            }
            let spent = answer.status == 409;
            if !spent && !self.contract().is_terminal(&answer) {
                return Err(Error::from_token_answer(&answer));
            }
            if self.is_behind(&attempt) {
                continue;
            }
            return Err(self.terminal(&attempt, &answer, spent));
        }
        Err(Error::SessionChanged)
    }

    /// Looks up the token to send. What storage holds decides, not what this tab remembers.
    fn decide(&self, session: &Rc<str>) -> Result<Attempt, Error> {
        let held = self.vault().held(self.platform());
        let ended = match held {
            None => EndReason::LoggedOutElsewhere,
            Some(held) if held.session != *session => EndReason::ReplacedElsewhere,
            Some(Held { token: None, .. }) => EndReason::Expired,
            Some(Held { token: Some(token), generation, user, session }) => {
                return Ok(Attempt { session, user, generation, token });
            }
        };
        Err(self.end(session, ended))
    }

    async fn attempt(&self, attempt: &Attempt) -> Result<Answer, Error> {
        let contract = self.contract();
        // A server without refresh means that the session ends with its access token.
        let Some(endpoint) = &contract.refresh else {
            return Err(self.end(&attempt.session, EndReason::Expired));
        };
        let request = wire::carrying(self.base(), contract, endpoint, &attempt.token)?;
        self.exchange(request, ATTEMPT_DEADLINE).await
    }

    /// Stores first, releases the waiters after. Check and write happen in one task, without an
    /// `await` between them.
    fn commit(&self, attempt: &Attempt, grant: Grant, received: Instant) -> Result<(), Error> {
        let held = self.vault().held(self.platform());
        let of_session = held.filter(|held| held.session == attempt.session);
        if !self.is_current(&attempt.session) || of_session.is_none() {
            // Logged out, or replaced, while the answer was on its way: nobody will hold this token,
            // so the server is told to forget it.
            self.revoke(grant.refresh.unwrap_or_else(|| attempt.token.clone()), false);
            return Err(match self.is_current(&attempt.session) {
                true => self.end(&attempt.session, EndReason::LoggedOutElsewhere),
                false => Error::SessionChanged,
            });
        }
        let access = Access { token: grant.access, received, lifetime: grant.lifetime };
        match of_session {
            // Another tab has committed meanwhile: its refresh token is the session's; this one's
            // access token is good all the same. Nothing is revoked: it may be the current one.
            Some(held) if held.generation > attempt.generation => self.moved_on(&held, access),
            _ => {
                let token = Some(grant.refresh.unwrap_or_else(|| attempt.token.clone()));
                // What storage holds may be edited: no number there may stop the page.
                let generation = attempt.generation.saturating_add(1);
                let (session, user) = (attempt.session.clone(), attempt.user.clone());
                let held = Held { session, user, generation, token };
                self.vault().hold(self.platform(), &held);
                self.moved_on(&held, access);
            }
        }
        Ok(())
    }

    fn moved_on(&self, held: &Held, access: Access) {
        self.vault().keep(self.platform(), held, &access);
        self.update_session(|session| {
            session.generation = held.generation;
            session.access = Some(access);
            session.confirmed = true;
        });
    }

    /// Whether another tab has replaced the attempt's token since.
    fn is_behind(&self, attempt: &Attempt) -> bool {
        let held = self.vault().held(self.platform());
        held.is_some_and(|held| held.session == attempt.session && held.generation > attempt.generation)
    }

    fn terminal(&self, attempt: &Attempt, answer: &Answer, spent: bool) -> Error {
        let reason = match spent {
            // 409: this token is spent, and so is its successor. Somebody else holds what came after.
            true => EndReason::Reuse,
            false => EndReason::named(wire::text_field(&answer.body, "reason").flatten().as_deref()),
        };
        let ended = self.end(&attempt.session, reason);
        if spent {
            self.revoke(attempt.token.clone(), false);
        }
        ended
    }
}

/// A refresh token on its way, and what it belongs to.
struct Attempt {
    session: Rc<str>,
    user: Rc<str>,
    generation: u32,
    token: RefreshToken,
}
