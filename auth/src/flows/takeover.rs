//! What a page finds at its start that an earlier build has left. Earlier builds scoped all names by the API's origin
//! alone. If this app's names are longer, the session that lies under the short ones moves to its own, once.

use std::cell::Cell;
use std::rc::Rc;

use crate::custody::RefreshCustody;
use crate::engine::{Engine, revoke};
use crate::flows::refresh::LONGEST_WAIT;
use crate::platform::{Instant, LedgerError};
use crate::ports::ledger::{Ledger, now_entry, write};
use crate::ports::tab_storage::TabStorage;
use crate::ports::vault::Vault;
use crate::protocol::decide::LONGEST_FLIGHT;
use crate::protocol::ids::{Sid, User};
use crate::protocol::rows::{Now, Page, Row};
use crate::wire::{EndReason, RefreshToken};

/// How often a session of an earlier build is taken over, and the pause in between, in milliseconds.
const TRIES: u32 = 5;
const PAUSE: u32 = 250;

/// Takes over what an earlier build left. If the app has a session of its own, or keeps none, the other one ends here and
/// at the server. A page that started long ago does not wait for a silent ledger, because its next start tries again.
pub(crate) async fn take_over(engine: &Rc<Engine>, started: Instant) {
    let Some(earlier) = Earlier::of(engine).map(Rc::new) else { return };
    let mut owed = None;
    for _ in 0..TRIES {
        let tried = earlier.take_over(engine, &mut owed).await;
        let late = engine.platform.now().since(started) >= LONGEST_WAIT.into();
        if late || !matches!(tried, Err(LedgerError::Aborted | LedgerError::Broken)) {
            break;
        }
        engine.platform.sleep(PAUSE).await;
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

    /// One try. A try whose commit was not heard of leaves its duties to the next one: `owed` is the token that the
    /// server must still be told with.
    async fn take_over(
        self: &Rc<Self>,
        engine: &Rc<Engine>,
        owed: &mut Option<RefreshToken>,
    ) -> Result<(), LedgerError> {
        let page = self.ledger.current_page(None).await?;
        if !is_unclaimed(&page) {
            return Ok(());
        }
        if let Some(row) = page.live() {
            let in_vault = || self.vault.get(&row.sid, row.generation).token();
            let Some(token) = row.refresh_token().or_else(in_vault) else { return Ok(()) };
            let own = engine.ledger.current_page(None).await?;
            let wanted = own.now.is_none() && !self.vault.notes_logout(&row.sid);
            if wanted && engine.custody.refresh != RefreshCustody::Memory {
                self.move_to(engine, row, token).await?;
            } else {
                *owed = Some(token);
                self.end(&row.sid).await?;
                if wanted {
                    engine.apply(|belief, _| belief.no_longer_kept());
                }
            }
        }
        if let Some(token) = owed.take() {
            revoke(engine, token, None);
        }
        if let Some(now) = &page.now {
            self.tab.forget_session(&now.sid);
        }
        self.sweep().await
    }

    async fn end(&self, sid: &Sid) -> Result<(), LedgerError> {
        let end = |page: &mut Page| {
            page.row.iter_mut().for_each(|row: &mut Row| row.end(EndReason::ReplacedElsewhere, false));
        };
        self.ledger.transact(Some(sid), end).await
    }

    /// Removes the tokens and notes that lie under the short names without a session, because nobody else will.
    async fn sweep(self: &Rc<Self>) -> Result<(), LedgerError> {
        if self.vault.is_empty() {
            return Ok(());
        }
        let this = self.clone();
        // Within a transaction no login of an earlier build is under way, whose entry would have no row yet.
        let sweep = move |page: &mut Page| {
            if is_unclaimed(page) && page.live().is_none() && !page.newer {
                this.vault.sweep(None);
            }
        };
        self.ledger.transact(self.ledger.last_named().as_ref(), sweep).await
    }

    /// Moves row, `now` and token in one transaction, unless something else has happened to them meanwhile.
    async fn move_to(
        self: &Rc<Self>,
        engine: &Rc<Engine>,
        row: &Row,
        token: RefreshToken,
    ) -> Result<(), LedgerError> {
        let keys = self.ledger.now_keys().into_iter().chain([self.ledger.scope().row(&row.sid)]);
        let own = engine.ledger.now_keys().into_iter().chain([engine.ledger.scope().row(&row.sid)]);
        let keys = keys.chain(own).collect();
        let (this, engine, seen) = (self.clone(), engine.clone(), row.clone());
        let moved = Rc::new(Cell::new(false));
        let noted = moved.clone();
        let ledger = &self.ledger;
        let decide = move |entries: &mut [Option<String>]| {
            let [old_now, old_beside, old_row, now, beside, own_row] = entries else { return };
            let now = now_entry(now, beside);
            let old =
                Page::read(now_entry(old_now, old_beside).as_deref(), old_row.as_deref(), Some(&seen.sid));
            // A tab of the earlier build may have refreshed, may be refreshing, or may have logged out meanwhile.
            let wall = engine.platform.now().wall;
            let is_out =
                |row: &Row| row.flight.as_ref().is_some_and(|f| f.span.left(wall, LONGEST_FLIGHT) > 0);
            let still = old.live().filter(|row| row.generation == seen.generation && !is_out(row));
            if still.is_none() || now.is_some() || this.vault.notes_logout(&seen.sid) {
                return;
            }
            let in_row = engine.custody.refresh == RefreshCustody::Database
                || !engine.vault.put(&seen.sid, seen.generation, &token).written;
            let mut ended = seen.clone();
            ended.end(EndReason::ReplacedElsewhere, false);
            let token = in_row.then(|| token.reveal().to_owned());
            let base = Some(engine.ledger.scope().address().to_owned());
            write(own_row, Some(Row { token, flight: None, ..seen.clone() }.write()));
            write(now, Some(Now { sid: seen.sid, before: None, base }.write()));
            write(old_row, Some(ended.write()));
            noted.set(true);
        };
        ledger.entries(keys, Box::new(decide)).await?;
        if moved.get() { Ok(()) } else { Err(LedgerError::Aborted) }
    }
}

/// A `now` with a base belongs to the app that wrote it, and is left alone.
fn is_unclaimed(page: &Page) -> bool {
    page.now.as_ref().is_none_or(|now| now.base.is_none())
}
