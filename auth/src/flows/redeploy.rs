//! What a page finds at its start that an earlier build, or the same build with another custody, has left.

use std::cell::Cell;
use std::rc::Rc;

use crate::custody::RefreshCustody;
use crate::engine::{self, Engine, Logout, pause_before, revoke};
use crate::flows::logout::end_row;
use crate::platform::LedgerError;
use crate::ports::ledger::{Ledger, now_entry, write};
use crate::ports::tab_storage::TabStorage;
use crate::ports::vault::Vault;
use crate::protocol::attempt::Found;
use crate::protocol::ids::{Sid, User};
use crate::protocol::rows::{Now, Page, Row};
use crate::wire::{EndReason, RefreshToken};

/// How often a session of an earlier build is taken over, and the pause in between, in milliseconds.
const TRIES: u32 = 5;
const PAUSE: u32 = 250;

/// What the places of another custody, and other sessions, have left: the session's token moves to where this custody
/// keeps it, the tokens of other sessions go.
pub(crate) async fn settle_in(engine: &Rc<Engine>) {
    if engine.custody.refresh == RefreshCustody::Memory {
        return end_stored(engine).await;
    }
    let this = engine.clone();
    let named = engine.ledger.last_named();
    let sid = named.clone();
    // Within a transaction no login is under way, whose entry would have no row yet.
    let settled = engine.ledger.transact(named.as_ref(), move |page| {
        let live = page.live().map(|row| row.sid.clone());
        let current = page.now.as_ref().map(|now| now.sid.clone());
        let gone = current == sid && live.is_none();
        this.vault.sweep(current.as_ref().filter(|_| !gone));
        let row = page.row.as_mut().filter(|row| Some(&row.sid) == live.as_ref());
        row.and_then(|row| move_token(&this, row))
    });
    if let Ok(Some(moved)) = settled.await {
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

/// Moves a row's token to where the custody keeps it. The session whose token has left the vault.
fn move_token(engine: &Engine, row: &mut Row) -> Option<Sid> {
    match (engine.custody.refresh, &row.token) {
        // A move that was committed may have left its entry behind.
        (RefreshCustody::Database, Some(_)) => {
            let entries = engine.vault.view(&row.sid).unwrap_or_default();
            (!entries.is_empty()).then(|| row.sid.clone())
        }
        (RefreshCustody::Database, None) => {
            let Found::Token(token) = engine.vault.get(&row.sid, row.generation) else { return None };
            row.token = Some(token.reveal().to_owned());
            Some(row.sid.clone())
        }
        (RefreshCustody::Local, Some(token)) => {
            let token = RefreshToken::parse(token)?;
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
    let Some(sid) = page.ok().and_then(|page| page.live().map(|row| row.sid.clone())) else { return };
    let (heard, token) = end_row(engine, &sid, 0..engine::TRIES).await;
    if !heard {
        return;
    }
    engine.vault.sweep(None);
    engine.apply(|belief, _| belief.no_longer_kept());
    if let Some(token) = token {
        revoke(engine, token, Some(Logout { owed: Some(sid) }));
    }
}

/// Earlier builds scoped all names by the API's origin alone. If this app's names are longer, the session that lies
/// under the short ones moves to its own, once. If the app has a session of its own, that other one ends.
///
/// A `now` with a base belongs to the app that wrote it, and is left alone.
pub(crate) async fn take_over(engine: &Rc<Engine>) {
    let Some(earlier) = Earlier::of(engine) else { return };
    for _ in 0..TRIES {
        match earlier.take_over(engine).await {
            Err(LedgerError::Aborted | LedgerError::Broken) => engine.platform.sleep(PAUSE).await,
            Ok(()) | Err(LedgerError::Denied) => break,
        }
    }
}

/// The user whose page this tab notes that it is, by the names of this build or of an earlier one.
pub(crate) fn noted(engine: &Engine) -> Option<User> {
    let own = engine.tab.noted().map(|(_, user)| user);
    own.or_else(|| Earlier::of(engine)?.tab.noted_by_an_earlier_build())
}

/// Ledger, vault and tab storage by the names of earlier builds.
struct Earlier {
    ledger: Ledger,
    vault: Vault,
    tab: TabStorage,
}

impl Earlier {
    fn of(engine: &Engine) -> Option<Self> {
        let ledger = engine.ledger.earlier()?;
        let (vault, tab) = (
            Vault::new(engine.platform.clone(), ledger.scope()),
            TabStorage::new(engine.platform.clone(), ledger.scope(), engine.custody.access),
        );
        Some(Self { ledger, vault, tab })
    }

    async fn take_over(&self, engine: &Rc<Engine>) -> Result<(), LedgerError> {
        let page = self.ledger.current_page(None).await?;
        let unclaimed = page.now.as_ref().is_some_and(|now| now.base.is_none());
        let Some(row) = page.live().filter(|_| unclaimed).cloned() else { return Ok(()) };
        let Some(token) = self.token(&row) else { return Ok(()) };
        let own = engine.ledger.current_page(None).await?;
        let wanted = own.now.is_none() && !self.vault.notes_logout(&row.sid);
        if wanted && engine.custody.refresh != RefreshCustody::Memory {
            // Another tab may have been quicker, or an earlier build's tab may have refreshed meanwhile.
            if !self.move_to(engine, &row, &token).await? {
                return Err(LedgerError::Aborted);
            }
        } else {
            let end = |page: &mut Page| {
                page.row.iter_mut().for_each(|row: &mut Row| row.end(EndReason::ReplacedElsewhere, false));
            };
            self.ledger.transact(Some(&row.sid), end).await?;
            revoke(engine, token, None);
        }
        self.vault.forget(&row.sid);
        self.vault.strike_logout(&row.sid);
        self.tab.forget_session(&row.sid);
        Ok(())
    }

    fn token(&self, row: &Row) -> Option<RefreshToken> {
        let in_row = row.token.as_deref().and_then(RefreshToken::parse);
        in_row.or_else(|| match self.vault.get(&row.sid, row.generation) {
            Found::Token(token) => Some(token),
            Found::Missing | Found::Unreadable => None,
        })
    }

    /// Moves row, `now` and token in one transaction. Whether the session has moved.
    async fn move_to(
        &self,
        engine: &Rc<Engine>,
        row: &Row,
        token: &RefreshToken,
    ) -> Result<bool, LedgerError> {
        let keys = self.ledger.now_keys().into_iter().chain([self.ledger.scope().row(&row.sid)]);
        let own = engine.ledger.now_keys().into_iter().chain([engine.ledger.scope().row(&row.sid)]);
        let keys = keys.chain(own).collect();
        let (this, token, seen) = (engine.clone(), token.clone(), row.clone());
        let moved = Rc::new(Cell::new(false));
        let noted = moved.clone();
        let decide = move |entries: &mut [Option<String>]| {
            let [old_now, old_beside, old_row, now, beside, own_row] = entries else { return };
            let now = now_entry(now, beside);
            let old =
                Page::read(now_entry(old_now, old_beside).as_deref(), old_row.as_deref(), Some(&seen.sid));
            let moved_on = old.live().is_none_or(|row| row.generation != seen.generation);
            if moved_on || now.is_some() {
                return;
            }
            let in_row = this.custody.refresh == RefreshCustody::Database;
            let stored = in_row || this.vault.put(&seen.sid, seen.generation, &token).written;
            let mut ended = seen.clone();
            ended.end(EndReason::ReplacedElsewhere, false);
            let token = (in_row || !stored).then(|| token.reveal().to_owned());
            let base = Some(this.ledger.scope().address().to_owned());
            write(own_row, Some(Row { token, flight: None, ..seen.clone() }.write()));
            write(now, Some(Now { sid: seen.sid, before: None, base }.write()));
            write(old_row, Some(ended.write()));
            noted.set(true);
        };
        engine.ledger.entries(keys, Box::new(decide)).await?;
        Ok(moved.get())
    }
}
