//! How the protocol reaches the ledger: typed, and with a deadline. The ledger knows no client.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use crate::platform::{Decide, LedgerError, Platform, with_deadline};
use crate::ports::scope::Scope;
use crate::protocol::ids::Sid;
use crate::protocol::rows::{Now, Page, Row, VERSION, is_newer};

/// The longest time a transaction may take, in milliseconds.
pub(crate) const TRANSACTION_DEADLINE: u32 = 2_000;
/// How often one that was aborted is repeated, with the same values.
const REPEATS: u32 = 3;
/// The pause before that, in milliseconds.
const PAUSE: u32 = 50;
/// How many transactions one reading takes at most. The first may only name the session, and `now` may change before the next.
const READINGS: u32 = 5;

/// The profile's ledger, which all tabs share.
pub(crate) struct Ledger {
    platform: Rc<dyn Platform>,
    scope: Scope,
    last_read: Rc<RefCell<LastRead>>,
}

/// What this tab read last.
#[derive(Default)]
struct LastRead {
    /// The session that `now` named.
    named: Option<Sid>,
    /// A row's session, and its generation.
    row: Option<(Sid, u32)>,
}

impl Ledger {
    pub(crate) fn new(platform: Rc<dyn Platform>, scope: Scope) -> Self {
        Self { platform, scope, last_read: Rc::default() }
    }

    /// The same ledger by the names of earlier builds, if these differ.
    pub(crate) fn earlier(&self) -> Option<Self> {
        Some(Self::new(self.platform.clone(), self.scope.earlier()?))
    }

    pub(crate) fn scope(&self) -> &Scope {
        &self.scope
    }

    /// One decision: reads `now` and the row of `sid`, and writes what `decide` made of them.
    pub(crate) async fn transact<T: 'static>(
        &self,
        sid: Option<&Sid>,
        decide: impl FnOnce(&mut Page) -> T + 'static,
    ) -> Result<T, LedgerError> {
        let decided = Rc::new(Cell::new(None));
        let slot = decided.clone();
        self.decide_once(sid, Box::new(move |page| slot.set(Some(decide(page))))).await?;
        decided.take().ok_or(LedgerError::Aborted)
    }

    /// `now` and the row that it names; that of `own` if it names none.
    pub(crate) async fn current_page(&self, own: Option<&Sid>) -> Result<Page, LedgerError> {
        let mut sid = own.cloned();
        for _ in 0..READINGS {
            let page = self.read(sid.as_ref()).await?;
            match &page.now {
                Some(now) if sid.as_ref() != Some(&now.sid) => sid = Some(now.sid.clone()),
                _ => return Ok(page),
            }
        }
        Err(LedgerError::Aborted)
    }

    /// Whether the ledger has shown this tab that `session` is beyond `generation`.
    pub(crate) fn has_read_beyond(&self, session: &Sid, generation: u32) -> bool {
        let last_read = self.last_read.borrow();
        last_read.row.as_ref().is_some_and(|(sid, read)| sid == session && *read > generation)
    }

    /// The session that `now` named when this tab last read it.
    pub(crate) fn last_named(&self) -> Option<Sid> {
        self.last_read.borrow().named.clone()
    }

    /// Boxed, because each closure's own copy of a transaction's way through the browser is kilobytes.
    async fn decide_once(
        &self,
        sid: Option<&Sid>,
        decide: Box<dyn FnOnce(&mut Page)>,
    ) -> Result<(), LedgerError> {
        let keys = self.keys(sid);
        let (sid, last_read) = (sid.cloned(), self.last_read.clone());
        let on_entries = move |entries: &mut [Option<String>]| {
            let [now, beside, row] = entries else { return };
            let newer = is_newer(now.as_deref(), VERSION) || is_newer(row.as_deref(), VERSION);
            let now = now_entry(now, beside);
            let mut page = Page { newer, ..Page::read(now.as_deref(), row.as_deref(), sid.as_ref()) };
            // What was read is committed. What is decided may yet be aborted.
            last_read.borrow_mut().remember(&page);
            decide(&mut page);
            write(now, page.now.as_ref().map(Now::write));
            write(row, page.row.as_ref().map(Row::write));
        };
        self.entries(keys, Box::new(on_entries)).await.map_err(blocked)
    }

    /// `now` and the row of `sid`, as they are. Nothing is written.
    async fn read(&self, sid: Option<&Sid>) -> Result<Page, LedgerError> {
        let (sid, last_read) = (sid.cloned(), self.last_read.clone());
        let keys = self.keys(sid.as_ref());
        let found = Rc::new(Cell::new(None));
        let slot = found.clone();
        let on_entries = move |entries: &mut [Option<String>]| {
            let [now, beside, row] = entries else { return };
            let newer = is_newer(now.as_deref(), VERSION) || is_newer(row.as_deref(), VERSION);
            let now = now_entry(now, beside).as_deref();
            let page = Page { newer, ..Page::read(now, row.as_deref(), sid.as_ref()) };
            last_read.borrow_mut().remember(&page);
            slot.set(Some(page));
        };
        self.entries(keys, Box::new(on_entries)).await.map_err(blocked)?;
        found.take().ok_or(LedgerError::Aborted)
    }

    fn keys(&self, sid: Option<&Sid>) -> Vec<String> {
        self.now_keys().into_iter().chain([self.scope.row(sid)]).collect()
    }

    /// As [`transact`](Self::transact), repeated with the same values if it is aborted.
    pub(crate) async fn insist<T: 'static>(
        &self,
        sid: &Sid,
        decide: impl Fn(&mut Page) -> T + 'static,
    ) -> Result<T, LedgerError> {
        let decided = Rc::new(Cell::new(None));
        let slot = decided.clone();
        self.repeat(sid, Rc::new(move |page| slot.set(Some(decide(page))))).await?;
        decided.take().ok_or(LedgerError::Aborted)
    }

    async fn repeat(&self, sid: &Sid, decide: Rc<dyn Fn(&mut Page)>) -> Result<(), LedgerError> {
        let attempt = || {
            let decide = decide.clone();
            self.decide_once(Some(sid), Box::new(move |page| decide(page)))
        };
        let mut outcome = attempt().await;
        for _ in 0..REPEATS {
            if outcome != Err(LedgerError::Aborted) {
                break;
            }
            self.platform.sleep(PAUSE).await;
            outcome = attempt().await;
        }
        outcome
    }

    /// A transaction on any entries, within its deadline. The only one to give [`LedgerError::Broken`].
    pub(crate) async fn entries(&self, keys: Vec<String>, decide: Decide) -> Result<(), LedgerError> {
        let transaction = self.platform.transact(keys, decide);
        let outcome = with_deadline(&*self.platform, TRANSACTION_DEADLINE, transaction).await;
        outcome.unwrap_or(Err(LedgerError::Aborted))
    }

    /// The names of `now`, and of the place beside it.
    pub(crate) fn now_keys(&self) -> [String; 2] {
        [self.scope.name("now"), self.scope.name("now:v1")]
    }
}

/// A broken ledger counts as blocked, because it may be whole again while the session lives.
fn blocked(error: LedgerError) -> LedgerError {
    match error {
        LedgerError::Broken => LedgerError::Aborted,
        denied_or_aborted => denied_or_aborted,
    }
}

impl LastRead {
    fn remember(&mut self, page: &Page) {
        self.named = page.now.as_ref().map(|now| now.sid.clone());
        if let Some(row) = &page.row {
            self.row = Some((row.sid.clone(), row.generation));
        }
    }
}

/// The entry that holds this version's `now`: the one beside it while a newer build's lies there.
pub(crate) fn now_entry<'a>(
    now: &'a mut Option<String>,
    beside: &'a mut Option<String>,
) -> &'a mut Option<String> {
    if is_newer(now.as_deref(), VERSION) { beside } else { now }
}

/// Writes an entry, unless a newer build's record lies there.
pub(crate) fn write(entry: &mut Option<String>, text: Option<String>) {
    if !is_newer(entry.as_deref(), VERSION) {
        *entry = text;
    }
}
