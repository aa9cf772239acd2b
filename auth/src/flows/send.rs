//! Authenticated requests: the token in hand, one retry after a 401, no answer across sessions.

mod turns;

use std::cell::RefCell;
use std::rc::Rc;

use self::turns::{Turn, Turns};
use crate::engine::Engine;
use crate::flows::look::join;
use crate::flows::refresh::Refresher;
use crate::platform::{Instant, with_deadline};
use crate::protocol::ids::Sid;
use crate::protocol::session::{Age, Carried, On401, RefusedToken, Session};
use crate::wire::{self, AccessToken, Answer, Error, HttpRequest, Request, Unstored};

/// The longest time that an application request may take, and the longest that it waits for its turn, in milliseconds.
const REQUEST_DEADLINE: u32 = 30_000;
/// A token is new for so many milliseconds. So one that has just arrived counts as new even if its login took almost 30 s,
/// because the age counts from the middle of that call.
const NEW: u64 = 15_000;
/// How long a request waits before it goes out again with a new token that was refused, in milliseconds: clocks that are
/// kept in time differ by less.
const NOT_YET: u32 = 1_000;
/// The most bytes of an application answer that are read.
const REQUEST_BODY_LIMIT: usize = 32 * 1024 * 1024;

/// Sends this tab's requests.
pub(crate) struct Sender {
    engine: Rc<Engine>,
    refresher: Rc<Refresher>,
    /// What is known of one session. The next session begins anew.
    known: RefCell<Option<(Sid, Known)>>,
}

#[derive(Default)]
struct Known {
    /// What was learnt about the browser's cache.
    unstored: Unstored,
    turns: Rc<Turns>,
    /// The access token that was refused, while another one is asked for.
    refused: Option<AccessToken>,
}

impl Sender {
    pub(crate) fn new(engine: Rc<Engine>, refresher: Rc<Refresher>) -> Self {
        Self { engine, refresher, known: RefCell::default() }
    }

    /// Sends `request` with the session's access token, refreshing it first if its time is up.
    pub(crate) async fn send(&self, request: &Request) -> Result<Answer, Error> {
        let engine = &self.engine;
        let url = engine.base.resolve(&request.target)?;
        if !request.is_sound() {
            return Err(Error::MalformedHeader);
        }
        let began = engine.platform.now();
        let mut carried = self.credentials(began).await?;
        let (mut tokens, mut has_waited) = (1, false);
        loop {
            let turn = self.turn(&mut carried, tokens > 1 || has_waited).await?;
            let answer = self.transmit(request, &url, &carried).await?;
            drop(turn);
            let is_renewable = engine.session().is_some_and(|session| session.is_renewable());
            if !engine.contract.is_expired(&answer, is_renewable) {
                return Ok(answer);
            }
            let is_new = engine.platform.now().since(carried.access.received) < NEW;
            let refused = RefusedToken {
                is_of_this_call: self.is_of_call(&carried, began),
                may_be_early: is_new && !has_waited,
            };
            match engine.believes(|belief| Session::on_401(belief.session(), &carried, refused, tokens)) {
                On401::Drop => return Err(Error::SessionChanged),
                On401::Answer => return Ok(answer),
                On401::SendAgain(newer) => carried = newer,
                On401::Refresh => carried = self.replaced(&carried).await?,
                On401::Wait => {
                    has_waited = true;
                    engine.platform.sleep(NOT_YET).await;
                    self.carried_on(&carried.session)?;
                    continue;
                }
            }
            tokens += 1;
        }
    }

    /// Waits until fewer requests are on their way. The token may have been refused to one of them meanwhile, and is replaced
    /// before it is sent again. A request that was out already stays with its session. Another one begins anew, because its
    /// token's time may be up by then, or the same user may have signed in anew.
    async fn turn(&self, carried: &mut Carried, was_out: bool) -> Result<Turn, Error> {
        let user = self.engine.session().map(|session| session.user);
        loop {
            let turns = self.known(carried, |known| known.turns.clone());
            if let Some(turn) = turns.free() {
                return Ok(turn);
            }
            let turn = with_deadline(&*self.engine.platform, REQUEST_DEADLINE, turns.wait()).await;
            let turn = turn.ok_or(Error::TimedOut)?;
            let before = carried.session.clone();
            let may_go_on = |now: &Session| match was_out {
                true => now.id == before,
                false => user.as_ref().is_some_and(|user| now.user.is(user)),
            };
            self.engine.session().filter(may_go_on).ok_or(Error::SessionChanged)?;
            *carried = self.credentials(self.engine.platform.now()).await?;
            if carried.session != before {
                if was_out {
                    return Err(Error::SessionChanged);
                }
                continue;
            }
            if self.known(carried, |known| known.refused.as_ref() != Some(&carried.access.token)) {
                return Ok(turn);
            }
            drop(turn);
            *carried = self.replaced(carried).await?;
        }
    }

    /// The token after a refresh, because the server refuses the one before.
    async fn replaced(&self, carried: &Carried) -> Result<Carried, Error> {
        let refused = &carried.access.token;
        self.known(carried, |known| known.refused = Some(refused.clone()));
        let outcome = self.refresher.refresh(carried.session.clone(), carried.generation).await;
        if self.engine.is_current(&carried.session) {
            self.known(carried, |known| known.refused.take_if(|now| now == refused));
        }
        outcome?;
        self.carried_on(&carried.session)
    }

    /// Whether the server gave the token to this tab after the call `began`, and the ledger shows no later one: another
    /// token would fare no better.
    fn is_of_call(&self, carried: &Carried, began: Instant) -> bool {
        carried.access.received.monotonic >= began.monotonic
            && !self.engine.ledger.has_read_beyond(&carried.session, carried.generation)
    }

    /// The access token to send: as it is if it is fresh or ageing, after a refresh if it is stale.
    async fn credentials(&self, now: Instant) -> Result<Carried, Error> {
        let (engine, refresher) = (&self.engine, &self.refresher);
        let session = engine.session().ok_or(Error::NotSignedIn)?;
        if let Some(age @ (Age::Fresh | Age::Ageing)) = session.age(now)
            && let Some(carried) = session.carry()
        {
            if age == Age::Ageing && session.is_renewable() {
                // The request does not wait for it and ignores its failure, because the token in hand is good.
                let _outcome = refresher.join(session.id, session.generation);
            }
            return Ok(carried);
        }
        let outcome = self.renew(&session).await;
        if let Err(Error::SessionChanged) = outcome
            && let Some(adopted) = engine.session().filter(|now| now.user.is(&session.user))
        {
            // The same user signed in anew, and nothing of this request is out yet.
            if !adopted.is_usable(engine.platform.now()) {
                self.renew(&adopted).await?;
            }
            return self.carried_on(&adopted.id);
        }
        outcome?;
        self.carried_on(&session.id)
    }

    /// A newer token for `session`. One without a refresh token goes on where its access token is: in another tab, or
    /// nowhere.
    async fn renew(&self, session: &Session) -> Result<(), Error> {
        if session.is_renewable() || session.access.is_some() {
            return self.refresher.refresh(session.id.clone(), session.generation).await;
        }
        join(&self.engine, &session.id, session.generation).await;
        Ok(())
    }

    /// The token of `session` after a refresh of it.
    fn carried_on(&self, session: &Sid) -> Result<Carried, Error> {
        let carried = self.engine.believes(|belief| belief.session_of(session).and_then(Session::carry));
        carried.ok_or(Error::SessionChanged)
    }

    async fn transmit(&self, request: &Request, url: &str, carried: &Carried) -> Result<Answer, Error> {
        let (engine, method) = (&self.engine, request.method);
        let cache = self.known(carried, |known| known.unstored.mode(method, url));
        let header = wire::authorization(&engine.contract.scheme, carried.access.token.reveal());
        let is_optional = request.optional;
        let request = HttpRequest::authorized(request, url.to_owned(), header, cache, REQUEST_BODY_LIMIT);
        let answer = engine.exchange(request, REQUEST_DEADLINE).await;
        if !engine.is_current(&carried.session) {
            // The page does not have the request's session any more, so its caller must not get the answer.
            return Err(Error::SessionChanged);
        }
        // A server that lacks something may answer in a way that the browser hides (a 404 without CORS headers). That says
        // nothing of the server.
        if !(is_optional && matches!(answer, Err(Error::Unreachable))) {
            engine.heard(&carried.session, answer.as_ref());
        }
        let answer = answer?;
        self.known(carried, |known| known.unstored.learn(method, url, cache, &answer));
        if answer.is_success() {
            engine.apply(|belief, _| belief.confirm(&carried.session));
        }
        Ok(answer)
    }

    /// Reads or changes what is known of the session of `carried`.
    fn known<T>(&self, carried: &Carried, with: impl FnOnce(&mut Known) -> T) -> T {
        let mut known = self.known.borrow_mut();
        known.take_if(|(session, _)| *session != carried.session);
        let (_, known) = known.get_or_insert_with(|| (carried.session.clone(), Known::default()));
        with(known)
    }
}
