//! A login's call: how long its answer is waited for, what the answer means, and what becomes of one that nobody uses.

use std::rc::Rc;

use futures_util::future::LocalBoxFuture;

use crate::engine::{Engine, revoke};
use crate::platform::{Instant, with_deadline};
use crate::wire::{self, Answer, EndReason, Error, Grant, HttpError, HttpRequest, Place, Tokens};

/// The longest time that a login's answer is waited for, in milliseconds: as long as an application request's.
const DEADLINE: u32 = 30_000;
/// For how much longer a late answer is listened for, in milliseconds, so that its session does not outlive its login.
const LATE: u32 = 300_000;

/// Whether the server took the login. An answer may refuse it under any status.
pub(super) fn accepts(engine: &Engine, answer: &Answer) -> bool {
    answer.is_success() && !answer.is_markup() && engine.contract.login_refusal(answer).is_none()
}

/// Whether a login puts its only token into a cookie.
pub(super) fn is_by_cookie_alone(engine: &Engine) -> bool {
    engine.keeps_one_cookie() && engine.contract.refresh_cookie.as_ref().is_some_and(|cookie| cookie.alone)
}

/// The first access token of a session whose login brought a cookie alone: a refresh gives it.
pub(super) async fn first_access_token(engine: &Rc<Engine>) -> Result<(Grant, Instant), Error> {
    let contract = &engine.contract;
    let refresh = contract.refresh.as_ref().ok_or(Error::Unintelligible)?;
    let request = wire::by_cookie(&engine.base, contract, refresh)?;
    let (answer, received) = answer_in_time(engine, request).await?;
    if answer.status == 401 {
        // The server has just set the cookie, so the browser has refused it.
        return Err(Error::SessionEnded(EndReason::NoCookie));
    }
    Ok((Grant::read(&answer, contract, Place::Cookie)?, received))
}

/// An answer within the login's deadline, and when its tokens were made. One that comes later is listened for, and its session
/// ended at the server.
pub(super) async fn answer_in_time(
    engine: &Rc<Engine>,
    request: HttpRequest,
) -> Result<(Answer, Instant), Error> {
    let sent = engine.platform.now();
    let mut pending = Pending { engine: engine.clone(), answer: Some(engine.http(request)) };
    let in_time = with_deadline(&*engine.platform, DEADLINE, pending.answer()).await;
    let answer = in_time.ok_or(Error::TimedOut)??;
    let received = sent.midpoint(answer.received);
    Ok((answer, received))
}

/// A login's call without an answer yet. If nobody waits for that any more, because the time is up or the caller went away, it is
/// listened for, and the session that it brings is ended at the server.
struct Pending {
    engine: Rc<Engine>,
    answer: Option<LocalBoxFuture<'static, Result<Answer, HttpError>>>,
}

impl Pending {
    async fn answer(&mut self) -> Result<Answer, HttpError> {
        let Some(pending) = &mut self.answer else { return Err(HttpError::Unreachable) };
        let answer = pending.await;
        self.answer = None;
        answer
    }
}

impl Drop for Pending {
    fn drop(&mut self) {
        // With one cookie the call is given up, because a late answer would replace the cookie outside of its turn.
        let late = self.answer.take().filter(|_| !self.engine.keeps_one_cookie());
        let Some(late) = late else { return };
        let engine = self.engine.clone();
        self.engine.spawn(async move {
            if let Some(Ok(answer)) = with_deadline(&*engine.platform, LATE, late).await {
                refuse(&engine, &answer);
            }
        });
    }
}

pub(super) fn granted(engine: &Rc<Engine>, answer: &Answer) -> Result<Grant, Error> {
    let contract = &engine.contract;
    let granted = match answer.status {
        422 => Err(Error::InvalidFields(wire::invalid_fields(answer, contract))),
        _ => Grant::read(answer, contract, engine.place()).inspect_err(|_| refuse(engine, answer)),
    };
    // A success without an access token may be an error under the wrong status.
    let granted = match contract.login_refusal(answer).filter(|_| granted.is_err()) {
        Some(meaning) => Err(Error::from_meaning(meaning, answer.status)),
        None => granted,
    };
    if let Some(line) = wire::login_mismatch(answer, contract, engine.place(), granted.as_ref()) {
        engine.platform.hint(&line);
    }
    granted
}

/// Ends at the server the session that an unusable or late success opened there, if the answer has a token of it. Without
/// one the server would end whichever session the browser's cookies are of.
fn refuse(engine: &Rc<Engine>, answer: &Answer) {
    let tokens = wire::tokens_of(answer, &engine.contract, engine.place());
    if tokens != Tokens::default() {
        revoke(engine, tokens);
    }
}
