//! A look into the ledger, for a page that starts or comes back, and when another tab has acted.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use futures_util::future::{FutureExt as _, LocalBoxFuture, Shared, WeakShared};

use crate::custody::RefreshCustody;
use crate::engine::Engine;
use crate::flows::logout::{finish_logout, log_out};
use crate::platform::LedgerError;
use crate::ports::siblings::{HAND_OVER, Heard, Siblings};
use crate::protocol::belief::{Belief, Next, Reading};
use crate::protocol::ids::Sid;
use crate::protocol::rows::Page;
use crate::wire::Error;

/// How many looks a ledger without an answer gets, within half a minute. Also how many readings one look makes at most
/// while other callers ask for a look.
const LOOKS: u32 = 8;
/// The first pause between looks, in milliseconds. Each is twice as long as the one before.
const PAUSE: u32 = 250;

/// The one look under way in this tab.
pub(crate) struct Looks {
    engine: Rc<Engine>,
    under_way: RefCell<Option<UnderWay>>,
}

struct UnderWay {
    /// Weak, because its task keeps it alive, and with it the engine. It has a refresh's type, so that the page has one copy of
    /// the shared task.
    outcome: WeakShared<LocalBoxFuture<'static, Result<(), Error>>>,
    /// Whether another caller asked meanwhile. What was read may be too old for that caller.
    again: Rc<Cell<bool>>,
}

impl Looks {
    pub(crate) fn new(engine: Rc<Engine>) -> Rc<Self> {
        Rc::new(Self { engine, under_way: RefCell::default() })
    }

    pub(crate) fn engine(&self) -> &Rc<Engine> {
        &self.engine
    }

    /// Hears the other tabs from now on.
    pub(crate) fn listen(self: &Rc<Self>) {
        let this = Rc::downgrade(self);
        Siblings::listen(&self.engine.siblings, move |heard| {
            let Some(this) = this.upgrade() else { return };
            match heard {
                Heard::Changed => this.until_seen(),
                Heard::Asked { question, sid, generation } => {
                    let session = this.engine.session();
                    let asked = session.filter(|s| s.id == sid && s.generation == generation);
                    if let Some(session) = asked {
                        this.engine.siblings.offer(&question, &session);
                    }
                }
            }
        });
    }

    /// Looks in the background until the ledger answers, because no message comes a second time.
    pub(crate) fn until_seen(self: &Rc<Self>) {
        let this = self.clone();
        self.engine.spawn(async move {
            for n in 0..LOOKS {
                if this.look().await {
                    break;
                }
                this.engine.platform.sleep(PAUSE << n).await;
            }
        });
    }

    /// One look, which calls at the same time share. Returns whether the ledger gave an answer.
    pub(crate) async fn look(self: &Rc<Self>) -> bool {
        // A look that fails may have begun long ago, so this caller joins the next one too before it begins its own.
        for _ in 0..2 {
            let Some(outcome) = self.join_look() else { break };
            if outcome.await.is_ok() {
                return true;
            }
        }
        let (this, again) = (self.clone(), Rc::new(Cell::new(false)));
        let asked = again.clone();
        let outcome = async move {
            let mut seen = Err(Error::Unavailable);
            for _ in 0..LOOKS {
                let next = this.once().await;
                if next == Next::Unseen {
                    break;
                }
                if !asked.replace(false) && next != Next::ReadAgain {
                    seen = Ok(());
                    break;
                }
                // What was read is too old already for the callers that have come meanwhile.
            }
            *this.under_way.borrow_mut() = None;
            seen
        };
        let outcome = outcome.boxed_local().shared();
        if let Some(weak) = outcome.downgrade() {
            *self.under_way.borrow_mut() = Some(UnderWay { outcome: weak, again });
        }
        self.engine.spawn(outcome.clone().map(drop));
        outcome.await.is_ok()
    }

    /// The look that is under way, if there is one. It reads again, for this caller too.
    fn join_look(&self) -> Option<Shared<LocalBoxFuture<'static, Result<(), Error>>>> {
        let under_way = self.under_way.borrow();
        let under_way = under_way.as_ref()?;
        under_way.again.set(true);
        under_way.outcome.upgrade()
    }

    async fn once(&self) -> Next {
        let engine = &self.engine;
        let (epoch, session, unknown) =
            engine.believes(|belief| (belief.epoch(), belief.session().cloned(), belief.is_unknown()));
        if session.as_ref().is_some_and(|session| session.is_this_tabs()) {
            return Next::Done;
        }
        let mut page = match engine.custody.refresh {
            RefreshCustody::Memory => Err(LedgerError::Denied),
            RefreshCustody::Local | RefreshCustody::Database | RefreshCustody::Cookie => {
                engine.ledger.current_page(session.as_ref().map(|session| &session.id)).await
            }
        };
        if let Ok(Page { row: Some(row), .. }) = &mut page {
            // A deployment may have taken the refresh away.
            row.renewable &= engine.contract.refresh.is_some();
        }
        let live = page.as_ref().ok().and_then(Page::live).map(|row| row.sid.clone());
        // A logout that this page waits with takes its own way.
        let is_wanted = engine.believes(Belief::is_logout_wanted);
        let noted = live.filter(|sid| !is_wanted && engine.vault.notes_logout(sid));
        let reading = Reading {
            epoch,
            page,
            kept: if unknown { engine.kept() } else { None },
            noted: engine.tab.noted().and_then(|(sid, _)| sid),
            noted_logout: noted.is_some(),
            at: engine.platform.now(),
        };
        let next = engine.apply(|belief, effects| belief.reconcile(reading, effects));
        if let Some(sid) = noted
            && engine.apply(|belief, _| belief.end_here(&sid))
        {
            // A logout holds although its page went before the ledger heard of it.
            finish_logout(engine, sid);
        }
        match next {
            Next::LogOut => {
                log_out(engine);
                Next::Done
            }
            Next::Ask(sid, generation) => {
                join(engine, &sid, generation).await;
                Next::Done
            }
            next => next,
        }
    }
}

/// A session without an access token joins with a sibling's. If no sibling has one, the session is shown all the same if it can
/// be refreshed.
pub(crate) async fn join(engine: &Rc<Engine>, sid: &Sid, generation: u32) {
    adopt(engine, sid, generation, HAND_OVER).await;
    engine.apply(|belief, effects| match belief.session_of(sid) {
        Some(session) if session.is_renewable() || session.access.is_some() => belief.show(),
        _ => belief.give_up(sid, effects),
    });
}

/// Asks the siblings for the access token of exactly `generation`, waits for at most `within` milliseconds, and takes
/// it. Whether one came.
pub(crate) async fn adopt(engine: &Rc<Engine>, sid: &Sid, generation: u32, within: u32) -> bool {
    let Some(handed) = engine.siblings.ask(sid, generation, within).await else { return false };
    engine.apply(|belief, effects| {
        belief.handed_over(sid, generation, handed.access, handed.confirmed, effects);
    });
    true
}
