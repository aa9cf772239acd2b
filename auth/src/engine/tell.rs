//! How the server hears that a session is over. Nothing waits for it.

use std::rc::Rc;

use super::Engine;
use crate::protocol::decide::ATTEMPT_DEADLINE;
use crate::protocol::ids::Sid;
use crate::protocol::times::BACKOFF;
use crate::wire::{self, Answer, Contract, Endpoint, Error, Grant, HttpRequest, Meaning, Place, Tokens};

/// How often the server is told of an end. Also how often the ledger is told of one, and of an answer that it did not take.
pub(crate) const TRIES: u32 = 8;

/// Whether the server can be told of a logout. A logout that takes a refresh token needs `refresh`, because a session keeps
/// no refresh token without it.
pub(crate) fn can_tell(engine: &Engine) -> bool {
    let Contract { logout, refresh, .. } = &engine.contract;
    logout.as_ref().is_some_and(|logout| refresh.is_some() || logout.refresh_token.is_none())
}

/// Whether the server can be told with `tokens`, or need not be.
pub(crate) fn can_tell_with(engine: &Engine, tokens: &Tokens) -> bool {
    let contract = &engine.contract;
    contract.logout.as_ref().is_none_or(|logout| {
        (logout.refresh_token.is_none() || tokens.refresh.is_some())
            && (logout.access_token.is_none() || tokens.access.is_some() || can_renew(contract, tokens))
    })
}

fn can_renew(contract: &Contract, tokens: &Tokens) -> bool {
    contract.refresh.is_some() && tokens.refresh.is_some()
}

/// Tells the server, in the background, to end the session of `tokens`. Nobody is told how that goes, and no token
/// is kept for it beyond the page. An access token alone is sent only to a logout that takes one.
pub(crate) fn revoke(engine: &Rc<Engine>, tokens: impl Into<Tokens>) {
    let tokens = tokens.into();
    let takes_access = engine.contract.logout.as_ref().is_some_and(|logout| logout.access_token.is_some());
    if tokens.refresh.is_some() || (takes_access && can_tell_with(engine, &tokens)) {
        tell(engine, tokens, None);
    }
}

/// Tells the server of the logout of `sid`, in the background, and the user whether it has heard of it.
pub(crate) fn tell_of_logout(engine: &Rc<Engine>, sid: &Sid, tokens: Tokens) {
    tell(engine, tokens, Some(sid.clone()));
}

fn tell(engine: &Rc<Engine>, mut tokens: Tokens, logout: Option<Sid>) {
    let this = engine.clone();
    engine.spawn(async move {
        for n in 0..TRIES {
            let outcome = tell_in_turn(&this, &mut tokens).await;
            if let Some(sid) = &logout {
                this.apply(|belief, _| belief.told(sid, outcome.is_ok()));
            }
            match outcome {
                // Nobody can name it to the server any more.
                Ok(()) | Err(Error::SessionChanged) => return,
                Err(error) if !error.retry_helps() => return,
                Err(_) => this.platform.sleep(pause_before(&this, n)).await,
            }
        }
    });
}

/// Tells the server. [`Error::SessionChanged`] if its one cookie is another session's by now.
async fn tell_in_turn(engine: &Engine, tokens: &mut Tokens) -> Result<(), Error> {
    let _turn = engine.cookie_turn().await.map_err(|_| Error::Unavailable)?;
    match engine.has_cookie_of(tokens).await? {
        true => tell_server(engine, tokens).await,
        false => Err(Error::SessionChanged),
    }
}

async fn tell_server(engine: &Engine, tokens: &mut Tokens) -> Result<(), Error> {
    let contract = &engine.contract;
    let Some(endpoint) = &contract.logout else { return Ok(()) };
    let needs_access = endpoint.access_token.is_some();
    if needs_access && tokens.access.is_none() && !renew(engine, tokens).await? {
        return Ok(());
    }
    let mut answer = carry(engine, endpoint, tokens).await?;
    // The answer may call either token expired. The renewal shows which one: it is refused if the refresh token has expired
    // too.
    let has_expired =
        contract.is_expired(&answer, true) || contract.logout_refusal(&answer) == Some(Meaning::Expired);
    if needs_access && can_renew(contract, tokens) && has_expired {
        if !renew(engine, tokens).await? {
            return Ok(());
        }
        answer = carry(engine, endpoint, tokens).await?;
    }
    match contract.logout_refusal(&answer) {
        // A session that has already ended needs no logout.
        Some(meaning) if meaning.end().is_some() => Ok(()),
        Some(meaning) => Err(Error::from_meaning(meaning, answer.status)),
        None if !answer.is_success() => Err(Error::from_token_answer(&answer)),
        // A captive portal's page under status 200: the server has heard nothing.
        None if answer.is_markup() => Err(Error::Unintelligible),
        None => Ok(()),
    }
}

/// Gets a new access token for a logout that needs one. The session is over here, so its refresh token is needed for nothing
/// else. `false` if the server says that the session is over there as well.
async fn renew(engine: &Engine, tokens: &mut Tokens) -> Result<bool, Error> {
    let contract = &engine.contract;
    let refresh = contract.refresh.as_ref().ok_or(Error::NotSignedIn)?;
    let answer = carry(engine, refresh, tokens).await?;
    let place = tokens.refresh.as_ref().map_or(Place::Body, Place::of);
    match Grant::read(&answer, contract, place) {
        Ok(grant) => {
            tokens.access = Some(grant.access);
            tokens.refresh = grant.refresh.or(tokens.refresh.take());
            Ok(true)
        }
        Err(_) if contract.refresh_refusal(&answer).is_some_and(|meaning| meaning.end().is_some()) => {
            Ok(false)
        }
        Err(error) => Err(error),
    }
}

/// A call with the session's tokens, which may go on when the page is gone.
async fn carry(engine: &Engine, endpoint: &Endpoint, tokens: &Tokens) -> Result<Answer, Error> {
    let request = wire::carrying(&engine.base, &engine.contract, endpoint, tokens)?;
    // With the page goes the lock, and a late answer could delete the one cookie of the next login.
    let outlives_page = !engine.contract.has_one_cookie();
    engine.exchange(HttpRequest { outlives_page, ..request }, ATTEMPT_DEADLINE).await
}

/// Milliseconds between two tries: half a second and a random part, which grows with `n` from up to 1 s to up to 30 s.
pub(crate) fn pause_before(engine: &Engine, n: u32) -> u32 {
    engine.random() % ((1_000 << n.min(5)).min(BACKOFF)) + 500
}
