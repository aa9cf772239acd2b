//! Logging in: the request, and what follows from its answer.

mod before;
mod call;

use std::rc::Rc;

use futures_util::future::FutureExt as _;

use self::before::{left_behind, older_tokens};
use self::call::{accepts, answer_in_time, first_access_token, granted, is_by_cookie_alone};
use crate::custody::RefreshCustody;
use crate::engine::{Engine, TRIES};
use crate::flows::enter::{NewSession, Replaced, enter};
use crate::flows::logout::{end_row, leave_behind, leave_behind_unknown};
use crate::flows::look::Looks;
use crate::platform::{Guard, Instant, random_text};
use crate::protocol::ids::{Sid, User};
use crate::protocol::rows::Row;
use crate::protocol::session::{Access, Session, Tenure};
use crate::wire::{self, Answer, EndReason, Error, FormFields, Grant, Tokens};

/// Logs in and begins a session. The name goes without the white space around it, because keyboards and clipboards add
/// that. The password is sent byte for byte, and the engine keeps it nowhere.
pub(crate) async fn login(
    looks: &Rc<Looks>,
    username: &str,
    password: &str,
    asked: &[String],
) -> Result<(), Error> {
    let engine = looks.engine();
    let username = username.trim_matches(is_blank);
    let asked: Vec<_> = asked.iter().map(|value| value.trim_matches(is_blank).to_owned()).collect();
    let mut asks = engine.contract.asks.iter().enumerate();
    let empty = FormFields {
        username: username.is_empty(),
        password: password.is_empty(),
        other: asks.any(|(at, field)| !field.optional && asked.get(at).is_none_or(String::is_empty)),
    };
    if empty != FormFields::default() {
        return Err(Error::EmptyFields(empty));
    }
    let one_login = OneLogin::take(engine).ok_or(Error::AlreadySigningIn)?;
    let called = call(engine, username, password, &asked).await;
    // A task of its own from here on, because the server may have begun a session that only this login knows.
    let login = finish(looks.clone(), username.to_owned(), called, one_login).boxed_local().shared();
    engine.spawn(login.clone().map(drop));
    login.await
}

/// Whether a person sees nothing where `c` stands: white space, controls, and the characters of Unicode's category "format"
/// that texts are copied with (directional marks, joiners, soft hyphen, byte order mark).
fn is_blank(c: char) -> bool {
    let format = matches!(c,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{2064}' | '\u{2066}'..='\u{206f}' | '\u{feff}');
    format || c.is_whitespace() || c.is_control()
}

/// The login's request and its answer. The turn to use the browser's one cookie lasts until the login is done.
async fn call(
    engine: &Rc<Engine>,
    username: &str,
    password: &str,
    asked: &[String],
) -> (Option<Guard>, Result<(Answer, Instant), Error>) {
    let Ok(turn) = engine.cookie_turn().await else { return (None, Err(Error::TimedOut)) };
    if is_by_cookie_alone(engine) && turn.is_none() {
        // Another tab's login may replace the cookie before the first refresh, whose answer would be that user's. A browser without
        // Web Locks cannot keep such a session, as on a page without HTTPS.
        return (None, Err(Error::SessionEnded(EndReason::NoCookie)));
    }
    match wire::login(&engine.base, &engine.contract, engine.place(), username, password, asked) {
        Ok(request) => (turn, answer_in_time(engine, request).await),
        Err(error) => (None, Err(error)),
    }
}

/// What follows from a login's call.
async fn finish(
    looks: Rc<Looks>,
    username: String,
    (turn, answer): (Option<Guard>, Result<(Answer, Instant), Error>),
    one_login: OneLogin,
) -> Result<(), Error> {
    let outcome = sign_in(&looks, &username, answer).await;
    drop((turn, one_login));
    if outcome.is_err() && outcome != Err(Error::StorageSilent) {
        // The tab looks, because it took up no session during the login, and another tab may have logged in. A login
        // that is taken back looks later, after it has ended its row.
        looks.until_seen();
    }
    outcome
}

async fn sign_in(
    looks: &Rc<Looks>,
    username: &str,
    answer: Result<(Answer, Instant), Error>,
) -> Result<(), Error> {
    let engine = looks.engine();
    // The browser takes a cookie with the headers, whatever becomes of the body.
    let has_new_cookie = match &answer {
        Ok((answer, _)) => accepts(engine, answer),
        Err(error) => matches!(error, Error::Interrupted | Error::TooLarge),
    };
    let begun = match answer {
        Ok((answer, received)) => signed_in(looks, username, &answer, received).await,
        Err(error) => Err(error),
    };
    if begun.is_err() && has_new_cookie {
        engine.lose_cookie().await;
    }
    begun
}

/// What follows from a login's answer.
async fn signed_in(
    looks: &Rc<Looks>,
    username: &str,
    answer: &Answer,
    received: Instant,
) -> Result<(), Error> {
    let engine = looks.engine();
    let is_alone = is_by_cookie_alone(engine) && accepts(engine, answer);
    let (grant, received) =
        if is_alone { first_access_token(engine).await? } else { (granted(engine, answer)?, received) };
    begin(looks, username, grant, received).await
}

/// Where the session lives is fixed here: in this tab alone if there is no ledger or no vault to share.
async fn begin(looks: &Rc<Looks>, name: &str, grant: Grant, received: Instant) -> Result<(), Error> {
    let engine = looks.engine();
    let sid = Sid::minted(&random_text(&*engine.platform));
    let user = User { name: name.into(), id: grant.user(&engine.contract).map(Into::into) };
    let token = grant.refresh.or_else(|| engine.cookie_of(&sid));
    let token = token.filter(|_| engine.contract.refresh.is_some());
    let mut row = Row::new(sid.clone(), user.clone(), engine.mint(), engine.platform.now().wall);
    row.idempotent = grant.idempotent;
    row.renewable = token.is_some();
    engine.apply(|belief, _| belief.entering(sid.clone()));
    let new = NewSession { row: row.clone(), token: token.clone() };
    let replaced = Rc::default();
    let entered = enter(engine, new, &replaced).await;
    // Only the ledger says whose the one cookie is.
    let entered = entered.filter(|entered| entered.stored || !engine.keeps_one_cookie());
    let Some(entered) = entered else {
        let tokens = token.map_or_else(|| grant.access.into(), Tokens::from);
        take_back(looks, sid, tokens, replaced.take());
        return Err(Error::StorageSilent);
    };
    // Nothing below waits: what the ledger says and what the tab shows change together.
    let tenure = if entered.stored {
        Tenure::Shared { renewable: token.is_some(), stored: true }
    } else {
        let meant = engine.custody.refresh == RefreshCustody::Memory;
        row.token = token.as_ref().map(|token| token.reveal().to_owned());
        Tenure::ThisTab { notice: token.is_some() && !meant, row: token.is_some().then(|| Rc::new(row)) }
    };
    // A server may have one access token for all sessions of a user.
    let older =
        older_tokens(engine, &sid, &entered).filter(|older| older.access.as_ref() != Some(&grant.access));
    let left_behind = left_behind(engine, &entered);
    let session = Session {
        id: sid,
        user,
        generation: 0,
        access: Some(Access { token: grant.access, received, lifetime: grant.lifetime, handed_over: false }),
        confirmed: true,
        tenure,
        unwritten: None,
    };
    let unheard = entered.unheard;
    // A logout came before the page knew its session, and ends what the ledger holds, but not this login.
    let leaves_unknown = !entered.stored && engine.believes(|belief| belief.is_logout_wanted());
    engine.apply(|belief, effects| {
        belief.logged_in(session, unheard, effects);
        let (replaced, token) = entered.replaced.unzip();
        effects.forget.extend(replaced);
        effects.announce = true;
        effects.revoke.extend([older, token.flatten().map(Into::into)].into_iter().flatten());
    });
    if let Some(sid) = left_behind {
        leave_behind(engine, sid);
    }
    if leaves_unknown {
        leave_behind_unknown(engine);
    }
    if unheard {
        // Since the unheard try another tab may have refreshed the row or logged in.
        looks.until_seen();
    }
    Ok(())
}

/// Ends a login of which the ledger gave no word in time: it may have been committed all the same, and other tabs
/// may use it by now. As at every logout the row comes first, then the server. What it had `replaced`, if so, is
/// over as well.
fn take_back(looks: &Rc<Looks>, sid: Sid, tokens: Tokens, replaced: Replaced) {
    let (looks, engine) = (looks.clone(), looks.engine().clone());
    engine.apply(|belief, _| belief.end_here(&sid));
    engine.clone().spawn(async move {
        let (_, newest) = end_row(&engine, &sid, 0..TRIES).await;
        // A try that was aborted has replaced nothing: then the session before lives, and `now` names it.
        let before = replaced.as_ref().map(|(before, _)| before.clone());
        let page = engine.ledger.current_page(before.as_ref()).await;
        let is_over = page.is_ok_and(|page| page.live().is_none_or(|row| Some(&row.sid) != before.as_ref()));
        engine.apply(|belief, effects| {
            effects.forget.push(sid);
            effects.revoke.push(newest.map_or(tokens, Tokens::from));
            if let Some((before, older)) = replaced.filter(|_| is_over) {
                effects.revoke.extend(belief.session_of(&before).and_then(Session::last_tokens));
                belief.close(&before, EndReason::Revoked, effects);
                effects.revoke.extend(older.map(Tokens::from));
            }
            effects.announce = true;
        });
        looks.until_seen();
    });
}

/// Logins take turns: one is under way at a time.
struct OneLogin(Rc<Engine>);

impl OneLogin {
    fn take(engine: &Rc<Engine>) -> Option<Self> {
        engine.apply(|belief, _| belief.begin_login()).then(|| Self(engine.clone()))
    }
}

impl Drop for OneLogin {
    fn drop(&mut self) {
        self.0.apply(|belief, _| belief.end_login());
    }
}
