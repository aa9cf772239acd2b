//! What a page finds at its start that a deployment with another custody has left.

use std::rc::Rc;

use futures_util::FutureExt as _;

use crate::custody::RefreshCustody;
use crate::engine::{Engine, TRIES, revoke};
use crate::flows::logout::{end_row, live_row};
use crate::platform::{LedgerError, with_deadline};
use crate::ports::ledger::{Ledger, TRANSACTION_DEADLINE};
use crate::ports::vault::CATCH_UP;
use crate::protocol::attempt::Found;
use crate::protocol::ids::Sid;
use crate::protocol::rows::Row;
use crate::wire::{EndReason, RefreshToken};

/// What the places of another custody, and other sessions, have left: a session that this custody does not keep ends, the
/// session's token moves to where this custody keeps it, the tokens of other sessions go.
pub(crate) async fn adopt_custody(engine: &Rc<Engine>) {
    match engine.custody.refresh {
        RefreshCustody::Memory => {
            if end_stored(engine.clone()).await {
                sweep_vault(engine).await;
            }
            return;
        }
        RefreshCustody::Cookie => {
            // The page does not wait for a ledger that gives no answer.
            let ending = end_stored(engine.clone()).map(drop).boxed_local().shared();
            engine.spawn(ending.clone());
            let _goes_on = with_deadline(&*engine.platform, TRANSACTION_DEADLINE, ending).await;
        }
        RefreshCustody::Local | RefreshCustody::Database => {}
    }
    let this = engine.clone();
    let named = engine.ledger.last_named();
    let sid = named.clone();
    // A login writes its vault entry within its transaction. So no entry is without its row during this one.
    let moved = engine.ledger.transact(named.as_ref(), move |page| {
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
        let row = page.row.as_mut().filter(|row| Some(&row.sid) == live.as_ref());
        row.and_then(|row| move_token(&this, row))
    });
    if let Ok(Some(moved)) = moved.await {
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

/// Whether this custody keeps no session with this token: `memory` keeps none, `cookie` none whose token script can read.
fn keeps_no_more(engine: &Engine, token: Option<&RefreshToken>) -> bool {
    match engine.custody.refresh {
        RefreshCustody::Memory => true,
        RefreshCustody::Cookie => token.is_some_and(|token| !token.is_in_cookie()),
        RefreshCustody::Local | RefreshCustody::Database => false,
    }
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

/// If the ledger holds a session that this custody does not keep, it is ended, here and at the server. `false` if the
/// ledger did not hear of the end.
async fn end_stored(engine: Rc<Engine>) -> bool {
    let Some(row) = live_row(&engine).await else { return true };
    let stored = token_of(&engine, &row).await;
    if !keeps_no_more(&engine, stored.as_ref()) {
        return true;
    }
    let Row { sid, user, .. } = row;
    let (heard, newest) = end_row(&engine, &sid, 0..TRIES).await;
    if heard {
        engine.apply(|belief, effects| {
            belief.close(&sid, EndReason::NoLongerKept, effects);
            belief.no_longer_kept(Some(&user), effects);
            effects.announce = true;
        });
        if let Some(token) = newest.or(stored) {
            revoke(&engine, token);
        }
    }
    heard
}

/// The row's token, which says whether the custody keeps the session. Another tab may have stored it a moment ago, so it is waited
/// for. If it does not come, one of an earlier generation says the same.
async fn token_of(engine: &Engine, row: &Row) -> Option<RefreshToken> {
    let mut token = row.refresh_token();
    if !row.renewable || token.is_some() {
        return token;
    }
    let (looks, pause) = CATCH_UP;
    for _ in 0..looks {
        if let Found::Token(newest) = engine.vault.get(&row.sid, row.generation) {
            return Some(newest);
        }
        token = engine.vault.newest(&row.sid).or(token);
        engine.platform.sleep(pause).await;
    }
    token
}

/// Nothing in the vault belongs to a session of custody `memory`.
async fn sweep_vault(engine: &Rc<Engine>) {
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
