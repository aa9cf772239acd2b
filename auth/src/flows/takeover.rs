//! What a page finds at its start that an earlier build has left. Earlier builds scoped all names by the API's origin
//! alone. If this app's names are longer, the session that lies under the short ones moves to its own, once.

use std::cell::Cell;
use std::rc::Rc;

use crate::custody::RefreshCustody;
use crate::engine::{Engine, revoke};
use crate::flows::redeploy::sweep_all;
use crate::flows::refresh::LONGEST_WAIT;
use crate::platform::{Instant, LedgerError, with_deadline};
use crate::ports::ledger::{Ledger, now_entry, write};
use crate::ports::siblings::Siblings;
use crate::ports::tab_storage::TabStorage;
use crate::ports::vault::Vault;
use crate::protocol::decide::LONGEST_FLIGHT;
use crate::protocol::ids::User;
use crate::protocol::rows::{Now, Page, Row};
use crate::wire::{EndReason, RefreshToken};

/// The pause before the next try, in milliseconds.
const PAUSE: u32 = 250;
/// How often a refresh token that storage does not show is looked for.
const TOKEN_LOOKS: u32 = 5;
/// How long a try waits for the lock of an earlier build's refresh, in milliseconds.
const EARLIER_LOCK_BOUND: u32 = 1_000;

/// Takes over what an earlier build left. If the app has a session of its own, or its custody is `memory`, the other
/// session ends here and at the server. A page waits for `LONGEST_WAIT` from its start at most. Its next start tries
/// again.
pub(crate) async fn take_over(engine: &Rc<Engine>, started: Instant) {
    let Some(earlier) = Earlier::of(engine).map(Rc::new) else { return };
    let (mut untold, mut looks) = (None, 0);
    loop {
        let tried = earlier.take_over(engine, &mut untold, &mut looks).await;
        let waited = engine.platform.now().waited_since(started);
        let late = waited >= LONGEST_WAIT.into();
        if late || !matches!(tried, Err(LedgerError::Aborted | LedgerError::Broken)) {
            break;
        }
        engine.platform.sleep(PAUSE).await;
    }
    // The last try may have ended the row, and not heard of it.
    if let Some(token) = untold {
        revoke(engine, token);
    }
}

/// The user whose page this tab notes that it is, by the names of this build or of an earlier one.
pub(crate) fn noted(engine: &Engine) -> Option<User> {
    let own = engine.tab.noted().map(|(_, user)| user);
    own.or_else(|| Earlier::of(engine)?.tab.noted_by_an_earlier_build())
}

/// Ledger, vault, tab storage and tabs by the names of earlier builds.
struct Earlier {
    ledger: Ledger,
    vault: Vault,
    tab: TabStorage,
    siblings: Siblings,
}

impl Earlier {
    fn of(engine: &Engine) -> Option<Self> {
        let ledger = engine.ledger.earlier()?;
        let (platform, scope) = (|| engine.platform.clone(), ledger.scope());
        let (vault, siblings) = (Vault::new(platform(), scope), Siblings::new(platform(), scope, true));
        let tab = TabStorage::new(platform(), scope, engine.custody.access);
        Some(Self { ledger, vault, tab, siblings })
    }

    /// One try. `untold` is the token that the server must still be told with, because a try whose commit was not heard of
    /// leaves that to the next one.
    async fn take_over(
        self: &Rc<Self>,
        engine: &Rc<Engine>,
        untold: &mut Option<RefreshToken>,
        looks: &mut u32,
    ) -> Result<(), LedgerError> {
        let page = self.ledger.current_page(None).await?;
        if page.now.as_ref().is_some_and(|now| now.base.is_some()) {
            // It belongs to the app that wrote it.
            return Ok(());
        }
        if let Some(row) = page.live() {
            // Whoever holds this lock has an attempt with the token out.
            let lock = engine.platform.lock(&self.ledger.scope().lock(&row.sid));
            let lock = with_deadline(&*engine.platform, EARLIER_LOCK_BOUND, lock).await;
            let Some(_held_until_the_end) = lock else { return Err(LedgerError::Aborted) };
            // Its holder may have refreshed or ended the session meanwhile.
            let sid = row.sid.clone();
            let again = self.ledger.current_page(None).await?;
            let Some(row) = again.live().filter(|row| row.sid == sid) else {
                return Err(LedgerError::Aborted);
            };
            let Some(token) = self.token(row) else {
                // Storage may show it late. A session whose token is not seen is left alone, because it may live in another
                // tab.
                *looks += 1;
                return if *looks < TOKEN_LOOKS { Err(LedgerError::Aborted) } else { Ok(()) };
            };
            self.take_over_row(engine, row, token, untold).await?;
        }
        if let Some(token) = untold.take() {
            revoke(engine, token);
            if engine.custody.refresh == RefreshCustody::Memory {
                let user = page.row.as_ref().map(|row| &row.user);
                engine.apply(|belief, effects| belief.no_longer_kept(user, effects));
            }
        }
        if let Some(now) = &page.now {
            self.tab.forget_session(&now.sid);
        }
        if self.vault.is_empty() {
            return Ok(());
        }
        let this = self.clone();
        sweep_all(&self.ledger, move || this.vault.sweep(None)).await
    }

    /// Moves or ends the session of a live row, and tells the tabs of the earlier build.
    async fn take_over_row(
        self: &Rc<Self>,
        engine: &Rc<Engine>,
        row: &Row,
        token: RefreshToken,
        untold: &mut Option<RefreshToken>,
    ) -> Result<(), LedgerError> {
        let own = engine.ledger.current_page(None).await?;
        if own.now.as_ref().is_some_and(|now| now.sid == row.sid) {
            // Another tab has just moved it.
            return Err(LedgerError::Aborted);
        }
        let wanted = own.now.is_none() && !self.vault.notes_logout(&row.sid);
        if wanted && engine.custody.refresh != RefreshCustody::Memory {
            self.move_to(engine, row, token).await?;
        } else {
            *untold = Some(token);
            self.ledger.transact(Some(&row.sid), end).await?;
        }
        self.siblings.announce();
        Ok(())
    }

    fn token(&self, row: &Row) -> Option<RefreshToken> {
        row.refresh_token().or_else(|| self.vault.get(&row.sid, row.generation).token())
    }

    /// Moves row, `now` and token in one transaction, unless something else has happened to them meanwhile.
    async fn move_to(
        self: &Rc<Self>,
        engine: &Rc<Engine>,
        row: &Row,
        token: RefreshToken,
    ) -> Result<(), LedgerError> {
        let keys = self.ledger.now_keys().into_iter().chain([self.ledger.scope().row(Some(&row.sid))]);
        let own = engine.ledger.now_keys().into_iter().chain([engine.ledger.scope().row(Some(&row.sid))]);
        let keys = keys.chain(own).collect();
        let (this, engine, sid, generation) = (self.clone(), engine.clone(), row.sid.clone(), row.generation);
        let moved = Rc::new(Cell::new(false));
        let slot = moved.clone();
        let ledger = &self.ledger;
        let decide = move |entries: &mut [Option<String>]| {
            let [old_now, old_beside, old_row, now, beside, own_row] = entries else { return };
            let now = now_entry(now, beside);
            let old = Page::read(now_entry(old_now, old_beside).as_deref(), old_row.as_deref(), Some(&sid));
            // A tab of the earlier build may have refreshed, may be refreshing, or may have logged out meanwhile.
            let wall = engine.platform.now().wall;
            let is_out =
                |row: &Row| row.flight.as_ref().is_some_and(|f| f.span.left(wall, LONGEST_FLIGHT) > 0);
            let still = old.live().filter(|row| row.generation == generation && !is_out(row)).cloned();
            let (Some(row), None, false) = (still, now.as_ref(), this.vault.notes_logout(&sid)) else {
                return;
            };
            let mut ended = row.clone();
            ended.end(EndReason::ReplacedElsewhere);
            // The start's own transaction moves it to where the custody keeps it.
            let token = Some(token.reveal().to_owned());
            let base = Some(engine.ledger.scope().address().to_owned());
            write(own_row, Some(Row { token, ..row }.write()));
            write(now, Some(Now { sid, before: None, base }.write()));
            write(old_row, Some(ended.write()));
            slot.set(true);
        };
        ledger.entries(keys, Box::new(decide)).await?;
        if moved.get() { Ok(()) } else { Err(LedgerError::Aborted) }
    }
}

fn end(page: &mut Page) {
    page.row.iter_mut().for_each(|row| row.end(EndReason::ReplacedElsewhere));
}
