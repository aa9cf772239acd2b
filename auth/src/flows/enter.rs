//! A login enters the ledger: vault entry, row, the old session's end and `now`, in one transaction.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use crate::custody::RefreshCustody;
use crate::engine::Engine;
use crate::platform::LedgerError;
use crate::ports::ledger::{now_entry, write};
use crate::protocol::ids::Sid;
use crate::protocol::rows::{Now, Page, Row};
use crate::wire::{EndReason, RefreshToken};

/// How often the transaction is tried.
const TRIES: u32 = 5;
/// The pause before it is tried again, in milliseconds.
const PAUSE: u32 = 200;

/// The session that was current, and its token.
pub(crate) type Replaced = Option<(Sid, Option<RefreshToken>)>;

/// What a login writes.
#[derive(Clone)]
pub(crate) struct NewSession {
    pub(crate) row: Row,
    pub(crate) token: Option<RefreshToken>,
}

/// What the transaction did.
pub(crate) struct Entered {
    /// Whether the session is in the ledger, and its refresh token where the custody wants it.
    pub(crate) stored: bool,
    pub(crate) replaced: Replaced,
    /// Whether an earlier try had committed it, and this tab had no word of that.
    pub(crate) unheard: bool,
}

impl Entered {
    pub(crate) fn nowhere() -> Self {
        Self { stored: false, replaced: None, unheard: false }
    }

    pub(crate) fn has_replaced(&self, session: &Sid) -> bool {
        self.replaced.as_ref().is_some_and(|(replaced, _)| replaced == session)
    }

    pub(crate) fn replaced_token(&self) -> Option<&RefreshToken> {
        self.replaced.as_ref().and_then(|(_, token)| token.as_ref())
    }
}

/// Enters a login into the ledger, in several tries. `replaced` gets what a try replaces, because a try without an answer
/// may have been committed. `None` if nobody knows whether one was.
pub(crate) async fn enter(
    engine: &Rc<Engine>,
    new: NewSession,
    replaced: &Rc<RefCell<Replaced>>,
) -> Option<Entered> {
    if engine.custody.refresh == RefreshCustody::Memory {
        return Some(Entered::nowhere());
    }
    let (mut began, mut error) = (None, LedgerError::Broken);
    for n in 0..TRIES {
        if n > 0 {
            engine.platform.sleep(PAUSE).await;
        }
        let tried = match named(engine).await {
            Ok(now) => {
                let began = began.get_or_insert_with(|| now.clone()).as_ref();
                if now.as_ref().is_some_and(|now| now.is_beyond(began, &new.row.sid)) {
                    return None;
                }
                replace(engine, now, new.clone(), replaced.clone()).await
            }
            Err(error) => Err(error),
        };
        match tried {
            Ok(Some(entered)) => return Some(entered),
            // A denied ledger counts as broken, unless an earlier try had no answer and may have written the row.
            Err(LedgerError::Denied) => break,
            Err(LedgerError::Broken) => {}
            // `now` changed between the reading and the transaction, or the ledger gave no answer.
            Ok(None) | Err(LedgerError::Aborted) => error = LedgerError::Aborted,
        }
    }
    (error == LedgerError::Broken).then(|| {
        // A transaction that came to nothing has left its entry.
        engine.vault.forget(&new.row.sid);
        Entered::nowhere()
    })
}

/// Reads `now` by [`Ledger::entries`](crate::ports::ledger::Ledger::entries), because only that tells a broken ledger from a
/// blocked one.
async fn named(engine: &Engine) -> Result<Option<Now>, LedgerError> {
    let found = Rc::new(Cell::new(None));
    let slot = found.clone();
    let read = move |entries: &mut [Option<String>]| {
        let [now, beside] = entries else { return };
        slot.set(Some(Page::read(now_entry(now, beside).as_deref(), None, None).now));
    };
    engine.ledger.entries(engine.ledger.now_keys().into(), Box::new(read)).await?;
    found.take().ok_or(LedgerError::Aborted)
}

/// `None` if `now` is no more what was `seen`.
async fn replace(
    engine: &Rc<Engine>,
    seen: Option<Now>,
    new: NewSession,
    last: Rc<RefCell<Replaced>>,
) -> Result<Option<Entered>, LedgerError> {
    let scope = engine.ledger.scope();
    let old = seen.as_ref().map(|now| now.sid.clone());
    let older = seen.as_ref().and_then(|now| now.before.as_ref());
    let rows = [scope.row(Some(&new.row.sid)), scope.row(old.as_ref()), scope.row(older)];
    let keys = engine.ledger.now_keys().into_iter().chain(rows).collect();
    let done = Rc::new(Cell::new(None));
    let (this, slot) = (engine.clone(), done.clone());
    let decide = move |entries: &mut [Option<String>]| {
        let [now, beside, own_row, old_row, older_row] = entries else { return };
        let now = now_entry(now, beside);
        let Page { now: named, row, .. } = Page::read(now.as_deref(), old_row.as_deref(), old.as_ref());
        if own_row.is_some() {
            // An earlier try of this very login was committed all the same, and others may have
            // moved on since: nothing is written twice. This one may be aborted, and found again.
            slot.set(Some(Entered { stored: true, replaced: last.borrow().clone(), unheard: true }));
            return;
        }
        if named != seen {
            return;
        }
        let mut row = row;
        if let Some((sid, token)) = end_replaced(&this, row.as_mut()) {
            // What an earlier try knew is kept, because storage may throw by now.
            let earlier = last.take().filter(|(before, _)| *before == sid).and_then(|(_, token)| token);
            *last.borrow_mut() = Some((sid, token.or(earlier)));
        }
        // If there is no session to end, an earlier try that was not heard of may have ended it.
        let replaced = last.borrow().clone();
        // After the old token was read, because the vault remembers only one token for the time when storage throws.
        let stored = put_first(&this, &new);
        let before = row.as_ref().map(|row| row.sid.clone());
        write(old_row, row.as_ref().map(Row::write));
        write(older_row, None);
        let in_row = this.custody.refresh.is_in_row();
        let token = new.token.filter(|_| in_row).map(|token| token.reveal().to_owned());
        let base = Some(this.ledger.scope().address().to_owned());
        // A login that is not stored leaves `now` alone. So the next login finds the ended row there, and the login after that one
        // deletes the row.
        if stored {
            write(now, Some(Now { sid: new.row.sid.clone(), before, base }.write()));
            write(own_row, Some(Row { token, ..new.row }.write()));
        }
        slot.set(Some(Entered { stored, replaced, unheard: false }));
    };
    engine.ledger.entries(keys, Box::new(decide)).await?;
    Ok(done.take())
}

/// Ends the row that a login replaces. Returns its session and its token, if it lived.
fn end_replaced(engine: &Engine, row: Option<&mut Row>) -> Replaced {
    let row = row.filter(|row| row.is_live())?;
    let replaced = (row.sid.clone(), last_token(engine, row));
    row.end(EndReason::ReplacedElsewhere);
    Some(replaced)
}

/// Whether the refresh token, if there is one, is where the custody wants it before the row says so.
fn put_first(engine: &Engine, new: &NewSession) -> bool {
    let Some(token) = &new.token else { return true };
    match engine.custody.refresh {
        RefreshCustody::Local => engine.vault.put(&new.row.sid, 0, token).written,
        RefreshCustody::Database | RefreshCustody::Cookie => true,
        RefreshCustody::Memory => false,
    }
}

/// The newest token of a row's session that this tab can see, unless the session was logged out here, and
/// the server told.
fn last_token(engine: &Engine, row: &Row) -> Option<RefreshToken> {
    if engine.believes(|belief| belief.has_ended(&row.sid)) {
        // The logout has told the server what the vault held. While the row lives, the ledger has not heard of that logout.
        return row.refresh_token();
    }
    let in_vault = || engine.vault.get(&row.sid, row.generation).token();
    row.refresh_token().or_else(in_vault).or_else(|| engine.vault.newest(&row.sid))
}
