//! What a page finds at its start that a deployment with another custody has left.

use std::rc::Rc;

use crate::custody::RefreshCustody;
use crate::engine::{self, Engine, Logout, pause_before, revoke};
use crate::flows::logout::end_row;
use crate::platform::LedgerError;
use crate::ports::ledger::Ledger;
use crate::protocol::ids::Sid;
use crate::protocol::rows::Row;
use crate::wire::{EndReason, RefreshToken};

/// What the places of another custody, and other sessions, have left: the session's token moves to where this custody
/// keeps it, the tokens of other sessions go.
pub(crate) async fn settle_in(engine: &Rc<Engine>) {
    if engine.custody.refresh == RefreshCustody::Memory {
        return end_stored(engine).await;
    }
    let this = engine.clone();
    let named = engine.ledger.last_named();
    let sid = named.clone();
    // A login writes its vault entry within its transaction. So no entry is without its row during this one.
    let settled = engine.ledger.transact(named.as_ref(), move |page| {
        let live = page.live().map(|row| row.sid.clone());
        let current = page.now.as_ref().map(|now| now.sid.clone());
        let gone = current == sid && live.is_none();
        if !page.newer {
            this.vault.sweep(current.as_ref().filter(|_| !gone));
        }
        if let Some(now) = &mut page.now {
            // A session of an earlier build is claimed for this app, because other apps may look under the same names.
            now.base.get_or_insert_with(|| this.ledger.scope().address().to_owned());
        }
        let row = page.row.as_mut().filter(|row| Some(&row.sid) == live.as_ref())?;
        if let Some(token) = readable_token(&this, row) {
            row.end(EndReason::LoggedOut, true);
            return Some(Settled::Ended(row.sid.clone(), token));
        }
        move_token(&this, row).map(Settled::Moved)
    });
    let settled = settled.await.ok().flatten();
    if let Some(Settled::Ended(sid, token)) = settled {
        no_longer_kept(engine, &sid);
        return revoke(engine, token, Some(Logout { owed: Some(sid) }));
    }
    if let Some(Settled::Moved(moved)) = settled {
        let (this, sid) = (engine.clone(), moved.clone());
        // A tab with the earlier custody may have moved the token back meanwhile. Within a transaction the row tells.
        let emptied = engine.ledger.transact(Some(&moved), move |page| {
            if let Some(row) = page.row.as_ref().filter(|row| row.token.is_some()) {
                this.vault.drop_older(&sid, row.generation.saturating_add(1));
            }
        });
        let _left_for_the_next_start = emptied.await;
    }
}

/// What became of the session that the ledger names.
enum Settled {
    /// Its token has left the vault.
    Moved(Sid),
    /// It is over, and this was its token.
    Ended(Sid, RefreshToken),
}

/// The refresh token of a session that script can read, where the custody keeps tokens in cookies.
fn readable_token(engine: &Engine, row: &Row) -> Option<RefreshToken> {
    let token = row.refresh_token().or_else(|| engine.vault.newest(&row.sid))?;
    (engine.custody.refresh == RefreshCustody::Cookie && !token.is_in_cookie()).then_some(token)
}

/// The page says that it ended the session that an earlier custody had stored.
fn no_longer_kept(engine: &Rc<Engine>, sid: &Sid) {
    engine.apply(|belief, effects| {
        belief.close(sid, EndReason::NoLongerKept, effects);
        belief.no_longer_kept();
        effects.announce = true;
    });
}

/// Moves a row's token to where the custody keeps it. The session whose token has left the vault.
fn move_token(engine: &Engine, row: &mut Row) -> Option<Sid> {
    match (engine.custody.refresh, &row.token) {
        // A move that was committed may have left its entry behind.
        (RefreshCustody::Database | RefreshCustody::Cookie, Some(_)) => {
            let entries = engine.vault.view(&row.sid).unwrap_or_default();
            (!entries.is_empty()).then(|| row.sid.clone())
        }
        (RefreshCustody::Database | RefreshCustody::Cookie, None) => {
            let token = engine.vault.get(&row.sid, row.generation).token()?;
            row.token = Some(token.reveal().to_owned());
            Some(row.sid.clone())
        }
        (RefreshCustody::Local, Some(_)) => {
            let token = row.refresh_token()?;
            if engine.vault.put(&row.sid, row.generation, &token).readable {
                row.token = None;
            }
            None
        }
        _ => None,
    }
}

/// The custody is `memory`, and the ledger holds a session of another one: it is ended, here and at the server.
async fn end_stored(engine: &Rc<Engine>) {
    let mut page = engine.ledger.current_page(None).await;
    for n in 0..engine::TRIES {
        if page.as_ref().err() != Some(&LedgerError::Aborted) {
            break;
        }
        engine.platform.sleep(pause_before(engine, n)).await;
        page = engine.ledger.current_page(None).await;
    }
    if let Some(sid) = page.ok().and_then(|page| page.live().map(|row| row.sid.clone())) {
        let (heard, token) = end_row(engine, &sid, 0..engine::TRIES).await;
        if !heard {
            return;
        }
        no_longer_kept(engine, &sid);
        if let Some(token) = token {
            revoke(engine, token, Some(Logout { owed: Some(sid) }));
        }
    }
    if !engine.vault.is_empty() {
        let this = engine.clone();
        let _left_for_the_next_start = sweep_all(&engine.ledger, move || this.vault.sweep(None)).await;
    }
}

/// Calls `sweep` within a transaction if the ledger still names the session that it named last, and that one is over.
/// Then nothing that lies in the vault belongs to a session.
pub(crate) async fn sweep_all(ledger: &Ledger, sweep: impl Fn() + 'static) -> Result<(), LedgerError> {
    let named = ledger.last_named();
    let sid = named.clone();
    let swept = ledger.transact(named.as_ref(), move |page| {
        let is_named = page.now.as_ref().map(|now| &now.sid) == sid.as_ref();
        if is_named && page.live().is_none() && !page.newer {
            sweep();
        }
    });
    swept.await
}
