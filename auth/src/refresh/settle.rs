//! Steps 4 to 6 of a refresh: what its answer, or the lack of one, comes to.

use std::rc::Rc;

use super::{PAUSE, Round, Unwritten};
use crate::client::Client;
use crate::custody::RefreshCustody;
use crate::decide::Attempt;
use crate::error::{EndReason, Error};
use crate::http::Answer;
use crate::ledger::Page;
use crate::outcome::{Committed, Patience, Received, Verdict, back_off, commit, terminal};
use crate::platform::{Instant, LedgerError};
use crate::rules::Rule;
use crate::session::{Access, Book, Session};
use crate::token::RefreshToken;
use crate::wire::{self, Grant};

impl Client {
    /// Step 4. Commit: compares and stores in one transaction; releases the waiters only then; and removes
    /// older generations' entries last.
    pub(super) async fn commit(
        &self,
        session: &Session,
        attempt: Attempt,
        grant: Grant,
        received: Instant,
    ) -> Result<(), Error> {
        let access = Access { token: grant.access, received, lifetime: grant.lifetime };
        let token = grant.refresh.unwrap_or_else(|| attempt.token.clone());
        let unwritten = Unwritten { attempt, token, idempotent: grant.idempotent };
        if !self.rules().on(Rule::StoreBeforeRelease) {
            let client = self.clone();
            let (session, generation) = (session.clone(), unwritten.attempt.generation.saturating_add(1));
            self.moved_on(&session, generation, access, true);
            self.spawn(async move {
                let _late = client.store(&session, &unwritten).await;
            });
            return Ok(());
        }
        match self.store(session, &unwritten).await {
            Ok(Committed::Stored { generation, readable }) => {
                self.moved_on(session, generation, access, readable);
                self.vault().drop_older(self.platform(), &session.id, generation);
            }
            Ok(Committed::MovedOn(generation)) => {
                self.moved_on(session, generation, access, true);
                if !self.rules().on(Rule::NeverRevokeSiblings) {
                    self.revoke(unwritten.token, false, None);
                }
            }
            Err(_) if !self.is_current(&session.id) => {
                // Ended here meanwhile: nobody will write it, since what is still to be written is the current
                // session's, and nobody else can tell the server.
                self.revoke(unwritten.token, false, None);
                return Err(Error::SessionChanged);
            }
            refused @ (Ok(Committed::Unwritable) | Err(_)) => {
                self.moved_on(session, unwritten.attempt.leaves(), access, false);
                let kept = Some(unwritten).filter(|_| self.rules().on(Rule::KeepUnwritten));
                *self.0.unwritten.borrow_mut() = kept;
                if refused.is_err() {
                    self.write_later(session.clone());
                }
            }
            Ok(Committed::Gone(reason)) => {
                // Nobody will hold this token, so the server is told to forget it.
                self.revoke(unwritten.token, false, None);
                return Err(self.stopped(session, reason).await);
            }
        }
        Ok(())
    }

    async fn store(&self, session: &Session, unwritten: &Unwritten) -> Result<Committed, LedgerError> {
        let (client, book, rules) = (self.clone(), session.book, self.rules());
        let attempt = unwritten.attempt.clone();
        let received = Rc::new(Received {
            token: unwritten.token.clone(),
            idempotent: unwritten.idempotent,
            in_row: book == Book::Own || self.0.custody.refresh != RefreshCustody::Local,
            spare: self.mint(),
        });
        let checked = if rules.on(Rule::OneTask) { None } else { Some(self.page(book, &session.id).await?) };
        let write = move |page: &mut Page| {
            // A logout here holds although the ledger has not heard of it yet.
            if client.0.left.borrow().contains(&attempt.session) && rules.on(Rule::LogoutWins) {
                return Committed::Gone(EndReason::LoggedOutElsewhere);
            }
            if let Some((now, row)) = &checked {
                (page.now, page.row) = (now.clone(), row.clone());
            }
            let put = |generation, token: &RefreshToken| {
                if !rules.on(Rule::RemoveLast) {
                    client.vault().drop_older(client.platform(), &attempt.session, generation);
                }
                client.vault().put(client.platform(), &attempt.session, generation, token)
            };
            let has = |generation| client.shows(&attempt.session, generation);
            commit(page, &attempt, &received, put, has, rules)
        };
        self.insist(book, &session.id, write).await
    }

    /// What the last commit could not write comes before anything is sent again.
    pub(super) async fn write_the_unwritten(&self, session: &Session) -> Result<(), LedgerError> {
        // It stays known while it is being written: nobody may send the spent token meanwhile.
        let of_session = |unwritten: &&Unwritten| unwritten.is_of(&session.id);
        let Some(unwritten) = self.0.unwritten.borrow().as_ref().filter(of_session).cloned() else {
            return Ok(());
        };
        let committed = self.store(session, &unwritten).await?;
        if committed == Committed::Unwritable {
            return Ok(());
        }
        let mine = self.0.unwritten.borrow_mut().take_if(|kept| kept.token == unwritten.token);
        match committed {
            Committed::Stored { generation, readable } => {
                self.stored(session, readable);
                self.vault().drop_older(self.platform(), &session.id, generation);
            }
            // Who ended the session here meanwhile tells the server itself.
            Committed::Gone(_) if mine.is_some() => self.revoke(unwritten.token, false, None),
            Committed::MovedOn(_) | Committed::Gone(_) | Committed::Unwritable => {}
        }
        Ok(())
    }

    /// The waiters' access token, `kept` if its refresh token is where it was meant to go.
    fn moved_on(&self, session: &Session, generation: u32, access: Access, kept: bool) {
        self.0.trouble.set(None);
        self.take_up(&session.id, generation, access, |current| {
            // A session that lives in this tab alone for want of a vault stays so.
            current.kept = if current.book == Book::Shared { kept } else { current.kept };
            current.confirmed = true;
        });
    }

    /// The refresh token is where it was meant to go, at last. The access token keeps its number, since requests
    /// with it may be under way.
    fn stored(&self, session: &Session, kept: bool) {
        if let Some(mut current) = self.session().filter(|current| current.id == session.id) {
            current.kept |= kept;
            self.set_session(Some(current));
            self.show_session();
        }
    }

    /// When a token was made, as far as can be known: half-way between request and answer.
    pub(crate) fn made_at(&self, sent: Instant, answer: &Answer) -> Instant {
        match self.rules().on(Rule::Midpoint) {
            true => sent.midpoint(answer.received),
            false => answer.received,
        }
    }

    /// Step 5. No usable answer: the session stays, and nobody tries again before the ledger says so.
    pub(super) async fn no_usable_answer(
        &self,
        session: &Session,
        attempt: &Attempt,
        answer: Option<&Answer>,
        error: Error,
    ) -> Round {
        if self.is_current(&session.id) {
            self.0.trouble.set(Some(error));
        }
        let patience = answer.and_then(|answer| {
            let limited = answer.status == 429;
            wire::retry_after(answer).map(|seconds| Patience { seconds, limited })
        });
        let (client, random, owner) = (self.clone(), self.random(), self.owner());
        let (known, attempt) = (attempt.leaves(), attempt.clone());
        let back_off = move |page: &mut Page| {
            let wall = client.platform().now().wall;
            let again = page.row.as_mut().filter(|row| row.generation == attempt.generation);
            if let Some(row) = again.filter(|_| !client.rules().on(Rule::SameAttempt)) {
                row.key = client.mint();
            }
            back_off(page, &attempt, &owner, wall, patience, random, client.rules())
        };
        let after = self.transact(session.book, &session.id, back_off).await.unwrap_or(random % PAUSE);
        if error.retry_helps() {
            Round::Again { known, after, because: error }
        } else {
            // A server that is not what the page was told, or does not let it in: the caller's answer.
            Round::Done(Err(error))
        }
    }

    /// Step 6. Terminal answer or 409: the end, if it is about the current token.
    pub(super) async fn terminal(&self, session: &Session, attempt: &Attempt, answer: &Answer) -> Round {
        let spent = answer.status == 409;
        let reason = match spent {
            // The lost token is spent as well: by an attempt whose answer was lost, or by somebody else.
            true if attempt.previous => EndReason::Lost,
            // Spent, and so is its successor: somebody else holds what came after.
            true => EndReason::Reuse,
            false => EndReason::named(wire::text_field(&answer.body, "reason").flatten().as_deref()),
        };
        let (client, about, rules) = (self.clone(), attempt.clone(), self.rules());
        let blind = spent && !rules.on(Rule::ConflictIsNoEnd);
        let verdict = move |page: &mut Page| {
            let verdict = terminal(page, &about, reason, |g| !client.lacks(&about.session, g), rules);
            if let (Verdict::Ahead, true, Some(row)) = (&verdict, blind, page.row.as_mut()) {
                row.end(reason, false);
                return Verdict::Ended;
            }
            verdict
        };
        let verdict = self.insist(session.book, &session.id, verdict).await;
        // The end that is found may be this tab's own, which was committed and heard of too late, or that of a tab
        // which had no token to tell the server with.
        let over = matches!(verdict, Ok(Verdict::Ended | Verdict::Gone(_)));
        if spent && over && self.rules().on(Rule::TellOfReuse) {
            self.revoke(attempt.token.clone(), false, None);
        }
        match verdict {
            Ok(Verdict::Ended) => {
                let ended = self.close(&session.id, reason);
                self.announce();
                Round::Done(Err(ended))
            }
            Ok(Verdict::Gone(reason)) => Round::Done(Err(self.stopped(session, reason).await)),
            Ok(Verdict::Ahead) => {
                Round::Again { known: attempt.leaves(), after: 0, because: Error::Unavailable }
            }
            Err(_) => Round::Again { known: attempt.leaves(), after: PAUSE, because: Error::Unavailable },
        }
    }

    /// The ledger says that the session is over, or another one current.
    pub(super) async fn stopped(&self, session: &Session, reason: EndReason) -> Error {
        if !self.is_current(&session.id) {
            return Error::SessionChanged;
        }
        // Whoever ended it may have stopped before it could say so.
        self.announce();
        if reason != EndReason::ReplacedElsewhere {
            return self.close(&session.id, reason);
        }
        self.check_ledger().await;
        match self.session() {
            Some(adopted) if adopted.id != session.id => Error::SessionChanged,
            // The login is this page's own, which has not heard of it yet and shows it when it has.
            Some(_) if self.0.signing_in.get() => Error::SessionChanged,
            Some(_) => self.close(&session.id, reason),
            None => Error::SessionEnded(reason),
        }
    }
}
