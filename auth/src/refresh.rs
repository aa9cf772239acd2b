//! Refreshing generation g of a session: queue, decide, send, commit, release. Read it next to the
//! protocol's text, whose order and words it keeps.

use std::rc::Rc;

use futures_util::future::{FutureExt as _, LocalBoxFuture, Shared, WeakShared};

use crate::client::{Client, with_deadline};
use crate::contract::Rotation;
use crate::custody::RefreshCustody;
use crate::decide::{
    Attempt, Committed, Decision, Facts, Received, Turn, Verdict, Watched, back_off, commit, decide, terminal,
};
use crate::error::{EndReason, Error};
use crate::http::Answer;
use crate::ledger::{Flight as OpenFlight, Page};
use crate::platform::{Instant, LedgerError, Platform};
use crate::rules::Rule;
use crate::session::{Access, Age, Book, Session};
use crate::token::RefreshToken;
use crate::vault::Found;
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
/// How long a token is waited for that this tab's view of storage lacks: so many looks, so many
/// milliseconds apart. Looks are counted, since a page that was frozen has seen nothing meanwhile.
const CATCH_UP: (u32, u32) = (10, 100);
/// How often the wait begins anew because storage moved.
const RENEWALS: u32 = 2;
/// The pause while another tab's flight is open or the ledger refuses, in milliseconds.
const PAUSE: u32 = 250;
/// How long better times are waited for after the callers are gone, in milliseconds: a page recovers
/// from ten bad minutes without a click.
const RECOVERY: u64 = 900_000;

/// The one refresh under way in this tab. Later callers share its outcome.
pub(crate) struct Flight {
    session: Rc<str>,
    generation: u32,
    /// Weak: its task keeps it alive, and with it the client.
    outcome: WeakShared<Attempts>,
}

type Attempts = LocalBoxFuture<'static, Result<(), Error>>;
type Outcome = Shared<Attempts>;

/// An answer whose commit the ledger or the vault refused. It is committed before anything is sent.
pub(crate) struct Unwritten {
    attempt: Attempt,
    token: RefreshToken,
    idempotent: Option<bool>,
}

impl Unwritten {
    pub(crate) fn is_of(&self, session: &str) -> bool {
        *self.attempt.session == *session
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

impl<P: Platform> Client<P> {
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

    /// One flight per tab, session and generation. It is a task of its own: a caller that goes away
    /// does not cancel it, since its answer carries the only copy of the next refresh token.
    pub(crate) fn join_flight(&self, session: Rc<str>, generation: u32) -> Outcome {
        let under_way = self.flight().borrow().as_ref().and_then(|flight| {
            let same = flight.session == session && flight.generation == generation;
            flight.outcome.upgrade().filter(|_| same && self.rules().on(Rule::OneFlight))
        });
        under_way.unwrap_or_else(|| self.take_off(session, generation))
    }

    fn take_off(&self, session: Rc<str>, generation: u32) -> Outcome {
        let client = self.clone();
        let named = session.clone();
        let outcome = async move {
            let outcome = client.fly(&named, generation).await;
            let mut flight = client.flight().borrow_mut();
            flight.take_if(|f| f.session == named && f.generation == generation);
            drop(flight);
            if let Err(error) = outcome
                && error.retry_helps()
            {
                client.recover_later(named);
            }
            outcome
        };
        let outcome = outcome.boxed_local().shared();
        if let Some(weak) = outcome.downgrade() {
            *self.flight().borrow_mut() = Some(Flight { session, generation, outcome: weak });
        }
        self.platform().spawn(outcome.clone().map(drop));
        outcome
    }

    /// Rounds of the protocol, for as long as a caller may wait.
    async fn fly(&self, session: &Rc<str>, generation: u32) -> Result<(), Error> {
        let started = self.platform().now();
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
                    let waited = self.platform().now().since(started);
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
    async fn queue(&self, session: &Session) -> (Option<P::Lock>, Turn) {
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
        let decided_at = self.platform().now();
        let attempt = match self.decide(session, known, turn).await {
            Err(_) => return again(PAUSE, Error::Unavailable),
            Ok(Decision::Send(attempt)) => attempt,
            Ok(Decision::Adopt(_)) => return Round::Done(Ok(())),
            Ok(Decision::Stop(reason)) => return Round::Done(Err(self.stopped(session, reason).await)),
            Ok(Decision::Lost(reason)) => {
                let ended = self.close(&session.id, reason);
                self.announce();
                return Round::Done(Err(ended));
            }
            Ok(Decision::Busy { flight, left }) => {
                self.watch(flight);
                return again(left.clamp(1, PAUSE), Error::Unavailable);
            }
            Ok(Decision::CatchUp(_) | Decision::Unreadable) => return again(PAUSE, Error::Unavailable),
            Ok(Decision::Wait { left, asked: false }) => return again(left, self.trouble()),
            Ok(Decision::Wait { left, asked: true }) => {
                return again(left, Error::TooManyRequests { retry_after: Some(left.div_ceil(1_000)) });
            }
        };
        // 3. Send, unless the session was ended here meanwhile, or the own flight may run out before the
        // attempt's deadline.
        if !self.is_current(&session.id) {
            return Round::Done(Err(Error::SessionChanged));
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

    /// Step 2. Decide: one transaction, and what has to be waited for between two of them.
    async fn decide(&self, session: &Session, known: u32, turn: Turn) -> Result<Decision, LedgerError> {
        let mut known = known;
        let mut caught_up = (session.book == Book::Own).then(Vec::new);
        let mut renewals = 0;
        loop {
            match self.decision(session, known, turn, caught_up.clone()).await? {
                Decision::Adopt(generation) => {
                    if self.has_newer(&session.id, known) || self.adopt(session, generation).await {
                        return Ok(Decision::Adopt(generation));
                    }
                    known = generation;
                }
                Decision::CatchUp(_) if renewals > RENEWALS => return Err(LedgerError::Aborted),
                Decision::CatchUp(generation) => {
                    renewals += 1;
                    caught_up = self.catch_up(&session.id, generation).await;
                }
                decision => return Ok(decision),
            }
        }
    }

    /// Waits until this tab's view of storage shows the token of `generation`. If it does not, within
    /// the catch-up bound: what it shows of the session instead. A view that changes meanwhile is one
    /// that somebody has just written to, so the wait begins anew.
    async fn catch_up(&self, session: &str, generation: u32) -> Option<Vec<String>> {
        let mut view = self.vault().view(self.platform(), session);
        let (mut looks, mut renewals) = (0, 0);
        while looks < CATCH_UP.0 {
            if self.shows(session, generation) {
                return None;
            }
            self.platform().sleep(CATCH_UP.1).await;
            looks += 1;
            let now = self.vault().view(self.platform(), session);
            if now != view && renewals < RENEWALS {
                (looks, renewals) = (0, renewals + 1);
            }
            view = now;
        }
        Some(view)
    }

    /// Remembers since when this tab sees another's flight.
    fn watch(&self, flight: OpenFlight) {
        let now = self.platform().now().monotonic;
        let mut watched = self.0.watched.borrow_mut();
        if watched.as_ref().is_none_or(|(before, _)| *before != flight) {
            *watched = Some((flight, now));
        }
    }

    async fn decision(
        &self,
        session: &Session,
        known: u32,
        turn: Turn,
        caught_up: Option<Vec<String>>,
    ) -> Result<Decision, LedgerError> {
        let mut facts = Facts {
            wall: 0,
            session: session.id.clone(),
            known,
            owner: self.owner(),
            turn,
            watched: None,
            fixed: self.contract().rotation == Rotation::Never,
            caught_up: false,
            alone: session.book == Book::Own,
            rules: self.rules(),
        };
        let client = self.clone();
        let decide = move |page: &mut Page| {
            // Read here: another tab's transaction may have come between.
            let now = client.platform().now();
            facts.wall = now.wall;
            facts.watched = client
                .0
                .watched
                .borrow()
                .clone()
                .map(|(flight, since)| Watched { flight, elapsed: now.monotonic.saturating_sub(since) });
            // What was waited for in vain may be coming, if storage has moved since.
            facts.caught_up = caught_up.is_some_and(|view| {
                facts.alone || view == client.vault().view(client.platform(), &facts.session)
            }) || !facts.rules.on(Rule::CatchUp);
            // What this tab's own ledger lacks was never in the vault, which may throw for ever.
            let vault = |generation| match facts.alone {
                true => Found::Missing,
                false => client.look_up(&facts.session, generation),
            };
            decide(page, &facts, vault, || client.mint())
        };
        self.transact(session.book, &session.id, decide).await
    }

    fn look_up(&self, session: &str, generation: u32) -> Found {
        match self.0.custody.refresh {
            RefreshCustody::Local => self.vault().get(self.platform(), session, generation),
            RefreshCustody::Database | RefreshCustody::Memory => Found::Missing,
        }
    }

    fn shows(&self, session: &str, generation: u32) -> bool {
        matches!(self.look_up(session, generation), Found::Token(_))
    }

    /// Whether this tab has come by a newer access token than that of `generation` itself.
    fn has_newer(&self, session: &str, generation: u32) -> bool {
        let current = self.session().filter(|current| *current.id == *session);
        current.is_some_and(|s| s.generation > generation && s.access.is_some())
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

    /// Step 4. Commit: compares and stores in one transaction; releases the waiters only then; and removes
    /// older generations' entries last.
    async fn commit(
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
            self.platform().spawn(async move {
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
            Ok(Committed::Unwritable) | Err(_) => {
                self.moved_on(session, unwritten.attempt.generation, access, false);
                *self.0.unwritten.borrow_mut() = Some(unwritten);
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
    async fn write_the_unwritten(&self, session: &Session) -> Result<(), LedgerError> {
        let of_session = |unwritten: &mut Unwritten| unwritten.is_of(&session.id);
        let Some(unwritten) = self.0.unwritten.borrow_mut().take_if(of_session) else { return Ok(()) };
        match self.store(session, &unwritten).await {
            Ok(Committed::Unwritable) => *self.0.unwritten.borrow_mut() = Some(unwritten),
            Ok(_) => {}
            Err(error) => {
                *self.0.unwritten.borrow_mut() = Some(unwritten);
                return Err(error);
            }
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

    /// When a token was made, as far as can be known: half-way between request and answer.
    pub(crate) fn made_at(&self, sent: Instant, answer: &Answer) -> Instant {
        match self.rules().on(Rule::Midpoint) {
            true => sent.midpoint(answer.received),
            false => answer.received,
        }
    }

    /// Step 5. No usable answer: the session stays, and nobody tries again before the ledger says so.
    async fn no_usable_answer(
        &self,
        session: &Session,
        attempt: &Attempt,
        answer: Option<&Answer>,
        error: Error,
    ) -> Round {
        if self.is_current(&session.id) {
            self.0.trouble.set(Some(error));
        }
        let retry_after = answer.and_then(wire::retry_after);
        let (client, random, owner) = (self.clone(), self.random(), self.owner());
        let (known, attempt) = (attempt.leaves(), attempt.clone());
        let back_off = move |page: &mut Page| {
            let wall = client.platform().now().wall;
            let again = page.row.as_mut().filter(|row| row.generation == attempt.generation);
            if let Some(row) = again.filter(|_| !client.rules().on(Rule::SameAttempt)) {
                row.key = client.mint();
            }
            back_off(page, &attempt, &owner, wall, retry_after, random)
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
    async fn terminal(&self, session: &Session, attempt: &Attempt, answer: &Answer) -> Round {
        let spent = answer.status == 409;
        let reason = match spent {
            // Spent, and so is its successor: somebody else holds what came after.
            true => EndReason::Reuse,
            false => EndReason::named(wire::text_field(&answer.body, "reason").flatten().as_deref()),
        };
        let (client, about, rules) = (self.clone(), attempt.clone(), self.rules());
        let blind = spent && !rules.on(Rule::ConflictIsNoEnd);
        let verdict = move |page: &mut Page| {
            let verdict = terminal(page, &about, reason, |g| client.shows(&about.session, g), rules);
            if let (Verdict::Ahead, true, Some(row)) = (&verdict, blind, page.row.as_mut()) {
                row.end(reason, false);
                return Verdict::Ended;
            }
            verdict
        };
        match self.insist(session.book, &session.id, verdict).await {
            Ok(Verdict::Ended) => {
                let ended = self.close(&session.id, reason);
                self.announce();
                if spent {
                    self.revoke(attempt.token.clone(), false, None);
                }
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
    async fn stopped(&self, session: &Session, reason: EndReason) -> Error {
        if !self.is_current(&session.id) {
            return Error::SessionChanged;
        }
        if reason != EndReason::ReplacedElsewhere {
            return self.close(&session.id, reason);
        }
        self.check_ledger().await;
        match self.session() {
            Some(adopted) if adopted.id != session.id => Error::SessionChanged,
            Some(_) => self.close(&session.id, reason),
            None => Error::SessionEnded(reason),
        }
    }

    /// Tries again while a page without callers waits for better times.
    fn recover_later(&self, session: Rc<str>) {
        if self.0.recovering.replace(true) {
            return;
        }
        let client = self.clone();
        self.platform().spawn(async move {
            let started = client.platform().now();
            let mut pause = 2_000;
            while client.platform().now().since(started) < RECOVERY {
                client.platform().sleep(pause / 2 + client.random() % (pause / 2)).await;
                pause = (pause * 2).min(crate::decide::BACKOFF);
                let now = client.platform().now();
                let Some(current) = client.session().filter(|current| current.id == session) else { break };
                let age = current.access.as_ref().map(|access| access.age(now, client.rules()));
                if age == Some(Age::Fresh) && !client.is_degraded() {
                    break;
                }
                match client.refresh(current.id, current.generation).await {
                    Err(error) if error.retry_helps() => {}
                    _ => break,
                }
            }
            client.0.recovering.set(false);
        });
    }

    pub(crate) fn random(&self) -> u32 {
        let mut bytes = [0; 4];
        self.platform().random(&mut bytes);
        u32::from_le_bytes(bytes)
    }
}
