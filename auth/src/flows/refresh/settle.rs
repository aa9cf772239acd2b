//! Steps 4 to 6 of a refresh: what its answer, or the lack of one, comes to.

use std::rc::Rc;

use super::{PAUSE, Refresher, Round};
use crate::custody::RefreshCustody;
use crate::platform::{Instant, LedgerError};
use crate::protocol::attempt::{Attempt, Found, Unwritten};
use crate::protocol::ids::Sid;
use crate::protocol::outcome::{Committed, Failure, Patience, Received, Verdict, back_off, commit, terminal};
use crate::protocol::rows::Page;
use crate::protocol::session::{Access, Session};
use crate::wire::{self, Answer, EndReason, Error, Grant, Meaning, Place, RefreshToken};

impl Refresher {
    /// Step 4. Commit: compares and stores in one transaction; releases the waiters only then; and removes
    /// older generations' entries last.
    pub(super) async fn commit(
        self: &Rc<Self>,
        session: &Session,
        attempt: Attempt,
        grant: Grant,
        received: Instant,
    ) -> Result<(), Error> {
        let access = Access { token: grant.access, received, lifetime: grant.lifetime, handed_over: false };
        let token = grant.refresh.unwrap_or_else(|| attempt.token.clone());
        let unwritten = Unwritten { attempt, token, idempotent: grant.idempotent };
        match self.store(session, &unwritten).await {
            Ok(Committed::Stored { generation, readable }) => {
                self.moved_on(&session.id, generation, access, readable);
                self.engine.vault.drop_older(&session.id, generation);
            }
            Ok(Committed::MovedOn(generation)) => {
                self.moved_on(&session.id, generation, access, true);
            }
            Err(_) if !self.engine.is_current(&session.id) => {
                // The session was ended here meanwhile. Its answer is not kept as unwritten, because only the current
                // session's is. The server is told here, because no other flow has this token.
                self.engine.apply(|_, effects| effects.revoke.push(unwritten.token.into()));
                return Err(Error::SessionChanged);
            }
            refused @ (Ok(Committed::Unwritable) | Err(_)) => {
                let survives = self.survives(&unwritten.attempt);
                self.moved_on(&session.id, unwritten.attempt.leaves(), access, survives);
                self.engine.apply(|belief, _| belief.set_unwritten(&session.id, unwritten));
                if refused.is_err() {
                    self.write_later(session.id.clone());
                }
            }
            Ok(Committed::Gone(reason)) => {
                // The answer is dropped, so the server is told to end its family.
                self.engine.apply(|_, effects| effects.revoke.push(unwritten.token.into()));
                return Err(self.stopped(session, reason).await);
            }
        }
        Ok(())
    }

    /// Whether a reload repeats an attempt whose answer could not be stored, and gets the session back.
    fn survives(&self, attempt: &Attempt) -> bool {
        let is_there = match self.engine.custody.refresh {
            RefreshCustody::Local => {
                matches!(self.engine.vault.get(&attempt.session, attempt.generation), Found::Token(_))
            }
            RefreshCustody::Database | RefreshCustody::Cookie | RefreshCustody::Memory => true,
        };
        attempt.harmless && is_there
    }

    async fn store(&self, session: &Session, unwritten: &Unwritten) -> Result<Committed, LedgerError> {
        let (engine, attempt) = (self.engine.clone(), unwritten.attempt.clone());
        let received = Received {
            token: unwritten.token.clone(),
            idempotent: unwritten.idempotent,
            in_row: session.is_this_tabs() || engine.custody.refresh != RefreshCustody::Local,
            spare: engine.mint(),
        };
        let write = move |page: &mut Page| {
            // A logout here holds although the ledger has not heard of it yet.
            if engine.believes(|belief| belief.has_ended(&attempt.session)) {
                return Committed::Gone(EndReason::LoggedOutElsewhere);
            }
            let put = |generation, token: &_| engine.vault.put(&attempt.session, generation, token);
            let has = |generation| matches!(engine.look_up(&attempt.session, generation), Found::Token(_));
            commit(page, &attempt, &received, put, has)
        };
        self.engine.insist(session, write).await
    }

    /// What the last commit could not write comes before anything is sent again.
    pub(super) async fn write_the_unwritten(self: &Rc<Self>, sid: &Sid) -> Result<(), LedgerError> {
        // The session keeps it until it is committed, because no refresh may send the spent token meanwhile.
        let Some(session) = self.engine.session().filter(|session| session.id == *sid) else { return Ok(()) };
        let Some(unwritten) = &session.unwritten else { return Ok(()) };
        let committed = self.store(&session, unwritten).await?;
        if committed == Committed::Unwritable {
            return Ok(());
        }
        let mine = self.engine.apply(|belief, _| belief.take_unwritten(sid, &unwritten.token));
        match committed {
            Committed::Stored { generation, readable } => {
                if readable {
                    self.engine.apply(|belief, _| belief.stored(sid));
                }
                self.engine.vault.drop_older(sid, generation);
            }
            // An answer that is not `mine` went with a session that was ended here. Its logout tells the server.
            Committed::Gone(_) if mine => {
                self.engine.apply(|_, effects| effects.revoke.push(unwritten.token.clone().into()));
            }
            Committed::MovedOn(_) | Committed::Gone(_) | Committed::Unwritable => {}
        }
        Ok(())
    }

    /// The waiters' access token. The session survives a reload if it is `stored`.
    fn moved_on(&self, sid: &Sid, generation: u32, access: Access, stored: bool) {
        self.engine.apply(|belief, effects| belief.refreshed(sid, generation, access, stored, effects));
    }

    /// An answer that brings no tokens, or none: the end, or trouble.
    pub(super) async fn refused(
        self: &Rc<Self>,
        session: &Session,
        attempt: &Attempt,
        answer: Option<&Answer>,
        error: Error,
    ) -> Round {
        let meaning = answer.and_then(|answer| self.engine.contract.refresh_refusal(answer));
        let end = match (answer, meaning.map(Meaning::end)) {
            // Without a key a 409 is no word on the token ("Idempotent rotation"). A proxy's 409 is no JSON object.
            (Some(answer), _)
                if answer.status == 409 && attempt.idempotent && answer.read(|_| Some(())).is_some() =>
            {
                Some(match attempt.previous {
                    // The lost token is spent as well: by an attempt whose answer was lost, or by a thief.
                    true => EndReason::Lost,
                    // The token and its successor are both spent, so another party holds the next one.
                    false => EndReason::Reuse,
                })
            }
            // No rule says more than that the token was not seen, or is not good.
            (Some(answer), _)
                if attempt.token.is_in_cookie()
                    && matches!(
                        meaning,
                        None | Some(Meaning::PageNotAccepted | Meaning::NotAccepted | Meaning::Expired)
                    )
                    && wire::misses_cookie(answer) =>
            {
                Some(EndReason::NoCookie)
            }
            // The server gave another token for it, so the one that was sent is spent. Sent again it would look stolen.
            (Some(answer), _)
                if matches!(error, Error::UnusableToken | Error::NoRefreshCookie | Error::Unintelligible)
                    && !attempt.harmless
                    && self.renews(&attempt.token, answer) =>
            {
                Some(EndReason::UnusableToken)
            }
            (Some(answer), Some(Some(reason))) => Some(wire::end_named(answer).unwrap_or(reason)),
            _ => None,
        };
        if let Some(reason) = end {
            return self.terminal(session, attempt, answer, reason).await;
        }
        let error = match (meaning, answer) {
            (Some(meaning), Some(answer)) => Error::from_meaning(meaning, answer.status),
            _ => error,
        };
        self.no_usable_answer(session, attempt, answer, error).await
    }

    fn renews(&self, token: &RefreshToken, answer: &Answer) -> bool {
        wire::has_refresh_token(answer, &self.engine.contract, Place::of(token))
    }

    /// Step 5. No usable answer: the session stays, and no tab tries again before the row's `not_before`.
    pub(super) async fn no_usable_answer(
        self: &Rc<Self>,
        session: &Session,
        attempt: &Attempt,
        answer: Option<&Answer>,
        error: Error,
    ) -> Round {
        // Markup is a captive portal's or a proxy's, which a login would meet as well.
        let refused = answer.is_some_and(|answer| !answer.is_markup())
            && !matches!(error, Error::ServerError { .. } | Error::TooManyRequests { .. });
        self.engine.apply(|belief, _| belief.set_trouble(&session.id, error, refused));
        let patience = answer.and_then(|answer| {
            let limited = answer.status == 429;
            wire::retry_after(answer).map(|seconds| Patience { seconds, limited })
        });
        let failure = Failure { patience, timed_out: error == Error::TimedOut };
        let random = self.engine.random();
        let known = attempt.leaves();
        let (this, about) = (self.clone(), attempt.clone());
        // A repeat after a commit that was not heard of counts the failure twice, which only makes the tabs more patient.
        let back_off = move |page: &mut Page| {
            let wall = this.engine.platform.now().wall;
            let after = back_off(page, &about, this.owner(), wall, failure, random);
            (after, page.row.as_ref().map_or(0, |row| row.failures))
        };
        let (after, failures) = self.engine.insist(session, back_off).await.unwrap_or((random % PAUSE, 0));
        let suspicious = attempt.idempotent && error == Error::Unreachable && failures > 1;
        if suspicious && self.is_key_refused().await {
            self.unlearn(session, attempt).await;
            return Round::Again { known, after: 0, because: error };
        }
        if error.retry_helps() {
            Round::Again { known, after, because: error }
        } else {
            // No repeat can change this answer, so the caller gets it.
            Round::Done(Err(error))
        }
    }

    /// Step 6. Terminal answer or 409: the end, if it is about the current token.
    pub(super) async fn terminal(
        self: &Rc<Self>,
        session: &Session,
        attempt: &Attempt,
        answer: Option<&Answer>,
        reason: EndReason,
    ) -> Round {
        let spent = answer.is_some_and(|answer| answer.status == 409);
        let (this, about) = (self.clone(), attempt.clone());
        let verdict = move |page: &mut Page| {
            terminal(page, &about, reason, |generation| !this.lacks(&about.session, generation))
        };
        let verdict = self.engine.insist(session, verdict).await;
        // The end that is found may be this tab's own, which was committed and heard of too late, or that of a tab
        // which had no token to tell the server with.
        let over = matches!(verdict, Ok(Verdict::Ended | Verdict::Gone(_)));
        // A token that came with one that cannot be used is of no use either.
        let brought = answer.and_then(|answer| {
            wire::tokens_of(answer, &self.engine.contract, Place::of(&attempt.token)).refresh
        });
        let revoke = brought.or_else(|| spent.then(|| attempt.token.clone()));
        if let Some(token) = revoke.filter(|_| over) {
            self.engine.apply(|_, effects| effects.revoke.push(token.into()));
        }
        let again = |after, because| Round::Again { known: attempt.leaves(), after, because };
        match verdict {
            Ok(Verdict::Ended) => Round::Done(Err(self.ended(&session.id, reason))),
            Ok(Verdict::Gone(reason)) => Round::Done(Err(self.stopped(session, reason).await)),
            Ok(Verdict::Ahead) => again(0, Error::Unavailable),
            Err(_) => again(PAUSE, Error::StorageStuck),
        }
    }

    /// Ends `session` in the ledger and here, unless the ledger says that it is over already. A session of this tab alone may have
    /// no row.
    pub(super) async fn end(&self, session: &Session, reason: EndReason) -> Error {
        let sid = session.id.clone();
        let end = move |page: &mut Page| page.current(&sid).map(|row| row.end(reason));
        match self.engine.insist(session, end).await {
            Ok(Err(over)) if !session.is_this_tabs() => self.stopped(session, over).await,
            _ => self.ended(&session.id, reason),
        }
    }

    /// The ledger says that a session is over: so it is here, and in the other tabs.
    pub(super) fn ended(&self, sid: &Sid, reason: EndReason) -> Error {
        self.engine.apply(|belief, effects| {
            belief.close(sid, reason, effects);
            effects.announce = true;
        });
        Error::SessionEnded(reason)
    }

    /// The ledger says that the session is over, or another one current.
    pub(super) async fn stopped(&self, session: &Session, reason: EndReason) -> Error {
        let engine = &self.engine;
        if !engine.is_current(&session.id) {
            return Error::SessionChanged;
        }
        // The tab that ended it may have stopped before it could say so.
        engine.siblings.announce();
        let close = || {
            engine.apply(|belief, effects| belief.close(&session.id, reason, effects));
            Error::SessionEnded(reason)
        };
        if reason != EndReason::ReplacedElsewhere {
            return close();
        }
        self.looks.look().await;
        match engine.session() {
            Some(adopted) if adopted.id != session.id => Error::SessionChanged,
            // The login is this page's own, which has not heard of it yet and shows it when it has.
            Some(_) if engine.believes(|belief| belief.is_logging_in()) => Error::SessionChanged,
            Some(_) => close(),
            None => Error::SessionEnded(reason),
        }
    }
}
