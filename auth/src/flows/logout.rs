//! How a session ends here: at once in this tab, then in the ledger and the other tabs, then at the server.

use std::cell::RefCell;
use std::ops::Range;
use std::rc::Rc;

use crate::custody::RefreshCustody;
use crate::engine::{Engine, TRIES, can_tell, can_tell_with, pause_before, tell_of_logout};
use crate::platform::LedgerError;
use crate::protocol::attempt::Found;
use crate::protocol::belief::Belief;
use crate::protocol::ids::Sid;
use crate::protocol::rows::{Page, Row};
use crate::protocol::session::{Session, Tenure};
use crate::wire::{AccessToken, EndReason, RefreshToken, Tokens};

/// How long a ledger without an answer is asked for the session that is to end, in milliseconds.
pub(crate) const UNTIL_NAMED: u64 = 120_000;
/// The pause between two such questions, in milliseconds.
const PAUSE: u32 = 250;

/// The tokens that the server can be told with, the newest first.
#[derive(Default)]
struct Known {
    /// The refresh token that no commit could store.
    unwritten: Option<RefreshToken>,
    /// The one that storage shows.
    stored: Option<RefreshToken>,
    access: Option<AccessToken>,
}

/// Ends the session here, at once, and tells the ledger, the other tabs and the server in the background: this works
/// offline, with an expired access token, and while a refresh is under way.
pub(crate) fn log_out(engine: &Rc<Engine>) {
    let Some(session) = engine.session() else {
        return want_logout(engine);
    };
    let id = session.id.clone();
    let shared = !session.is_this_tabs();
    let known = known_of(engine, &session);
    if shared && !vault_holds(engine, &session) {
        // Only a transaction can take the token out of the row. If the page goes before that, the note ends the session.
        engine.vault.note_logout(&id);
    }
    // A reload may have left an access token alone, and not every logout takes that.
    let tokens = Tokens { refresh: known.stored.clone(), access: known.access.clone() };
    let told = shared || !can_tell(engine) || can_tell_with(engine, &tokens);
    let reason = if told { EndReason::LoggedOut } else { EndReason::LoggedOutHereOnly };
    engine.apply(|belief, effects| {
        belief.end_here(&id);
        belief.close(&id, reason, effects);
    });
    if !shared {
        tell(engine, &id, tokens);
        return;
    }
    // If the logout takes a refresh token, a session without one is not reported, because the server could not name it.
    let logout = engine.contract.logout.as_ref();
    let is_named = session.is_renewable() || logout.is_some_and(|logout| logout.refresh_token.is_none());
    let this = engine.clone();
    engine.spawn(async move {
        if !end_everywhere(&this, &id, known).await && is_named && can_tell(&this) {
            // There was no token to tell the server with.
            this.apply(|belief, _| belief.told(&id, false));
        }
    });
}

/// A logout while the page has no session. If the page restores, it waits for the ledger to name the session. The note ends the
/// tab's own one if the page goes before that.
fn want_logout(engine: &Rc<Engine>) {
    engine.apply(|belief, _| belief.want_logout());
    if engine.believes(Belief::is_logout_wanted)
        && let Some((Some(own), _)) = engine.tab.noted()
    {
        engine.vault.note_logout(&own);
    }
}

/// Ends in the ledger and at the server a session that was logged out before the ledger could hear of it.
pub(crate) fn finish_logout(engine: &Rc<Engine>, sid: Sid) {
    let this = engine.clone();
    engine.spawn(async move {
        end_everywhere(&this, &sid, Known::default()).await;
    });
}

/// Ends in the ledger a session that a login without the ledger has replaced. Nobody has logged out of it, so nobody is told
/// how that goes.
pub(crate) fn leave_behind(engine: &Rc<Engine>, sid: Sid) {
    if !engine.apply(|belief, _| belief.end_here(&sid)) {
        return;
    }
    let stored = engine.vault.newest(&sid);
    engine.apply(|_, effects| {
        effects.forget.push(sid.clone());
        effects.revoke.extend(stored.map(Tokens::from));
    });
    let this = engine.clone();
    engine.spawn(async move {
        let (_, token) = end_row(&this, &sid, 0..TRIES).await;
        this.apply(|_, effects| {
            effects.revoke.extend(token.map(Tokens::from));
            effects.announce = true;
        });
    });
}

/// The same for the session that a logout was for before the page knew it: the one that the ledger names when it answers.
/// The page shows the login by then, so it does not tell how that logout goes.
pub(crate) fn leave_behind_unknown(engine: &Rc<Engine>) {
    let this = engine.clone();
    engine.spawn(async move {
        let Some(row) = live_row(&this).await else { return };
        if this.is_current(&row.sid) || this.believes(|belief| belief.is_entering(&row.sid)) {
            // It began in this page after the logout.
            return;
        }
        leave_behind(&this, row.sid);
    });
}

/// The newest refresh token of `session` that this tab's own row or the vault shows. A later deployment may have moved the token
/// of any custody into the vault.
pub(crate) fn stored_token(engine: &Engine, session: &Session) -> Option<RefreshToken> {
    match &session.tenure {
        Tenure::ThisTab { row, .. } => row.as_ref()?.refresh_token(),
        Tenure::Shared { .. } => engine.vault.newest(&session.id),
    }
}

fn known_of(engine: &Engine, session: &Session) -> Known {
    Known {
        unwritten: session.unwritten_token(),
        stored: stored_token(engine, session),
        access: session.access.as_ref().map(|access| access.token.clone()),
    }
}

/// Tells the server with `tokens`, if they suffice. Returns whether they do.
fn tell(engine: &Rc<Engine>, sid: &Sid, tokens: Tokens) -> bool {
    let suffices = can_tell_with(engine, &tokens);
    if suffices {
        tell_of_logout(engine, sid, tokens);
    }
    suffices
}

fn vault_holds(engine: &Engine, session: &Session) -> bool {
    let token = || engine.vault.get(&session.id, session.generation);
    engine.custody.refresh == RefreshCustody::Local && matches!(token(), Found::Token(_))
}

/// Ends the session in its row, wipes the vault once more, and tells the tabs, then the server. Returns whether there was a
/// token to tell the server with.
async fn end_everywhere(engine: &Rc<Engine>, sid: &Sid, mut known: Known) -> bool {
    let mut told: Option<Tokens> = None;
    // A silent ledger holds up neither tabs nor server. What it gives at last may be another token.
    for tries in [0..1, 1..TRIES] {
        let (heard, found) = end_row(engine, sid, tries).await;
        engine.apply(|_, effects| {
            effects.forget.push(sid.clone());
            effects.announce = true;
        });
        let newest = known.unwritten.take().or(found).or(known.stored.take());
        let again = told.as_ref().is_some_and(|told| newest.is_none() || told.refresh == newest);
        let tokens = Tokens { refresh: newest, access: known.access.clone() };
        if !again && tell(engine, sid, tokens.clone()) {
            told = Some(tokens);
        }
        if heard {
            break;
        }
    }
    told.is_some()
}

/// The row of the session that the ledger names, if that one lives. A ledger that gives no answer is asked again.
pub(crate) async fn live_row(engine: &Rc<Engine>) -> Option<Row> {
    let began = engine.platform.now();
    loop {
        let page = engine.ledger.current_page(None).await;
        let waited = engine.platform.now().waited_since(began);
        if page.as_ref().err() != Some(&LedgerError::Aborted) || waited >= UNTIL_NAMED {
            return page.ok()?.live().cloned();
        }
        engine.platform.sleep(PAUSE).await;
    }
}

/// Ends the row. Returns whether the ledger took that, or never will, and the token that the row held or points at.
pub(crate) async fn end_row(
    engine: &Rc<Engine>,
    sid: &Sid,
    tries: Range<u32>,
) -> (bool, Option<RefreshToken>) {
    // The token that a try found which was committed, and not heard of, is in no row any more.
    let found = Rc::new(RefCell::new(None));
    for n in tries {
        if n > 0 {
            engine.platform.sleep(pause_before(engine, n)).await;
        }
        let (this, id, seen) = (engine.clone(), sid.clone(), found.clone());
        let end = move |page: &mut Page| {
            let Some(row) = page.row.as_mut() else { return };
            let token = row.refresh_token().or_else(|| this.vault.newest(&id));
            row.end(EndReason::LoggedOut);
            if token.is_some() {
                *seen.borrow_mut() = token;
            }
        };
        match engine.ledger.transact(Some(sid), end).await {
            Ok(()) => {
                engine.vault.strike_logout(sid);
                return (true, found.take());
            }
            Err(LedgerError::Denied) => return (true, found.take()),
            Err(_) => {}
        }
    }
    (false, found.take())
}
