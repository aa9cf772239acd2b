//! Step 2 of a refresh: decide, and wait for what storage does not show yet.

use std::rc::Rc;

use super::{Refresher, SEND_WITHIN};
use crate::flows::look::adopt;
use crate::platform::{Instant, LedgerError};
use crate::ports::siblings::HAND_OVER_OR_REFRESH;
use crate::ports::vault::{CATCH_UP, View};
use crate::protocol::attempt::{Attempt, Found};
use crate::protocol::decide::{Decision, Facts, Lock, Watched, decide};
use crate::protocol::ids::Sid;
use crate::protocol::rows::{Flight, Page};
use crate::protocol::session::Session;
use crate::wire::Rotation;

/// How often the wait begins anew because storage moved.
const RENEWALS: u32 = 2;

impl Refresher {
    /// Step 2. Decide: one transaction, and what has to be waited for between two of them. Returns also the moment of the last one,
    /// at which the flight began.
    pub(super) async fn decide(
        self: &Rc<Self>,
        session: &Session,
        known: u32,
        lock: Lock,
    ) -> Result<(Decision, Instant), LedgerError> {
        let (mut known, mut caught_up, mut renewals) = (known, None, 0);
        loop {
            let (decision, at) = self.decision(session, known, lock, caught_up.clone()).await?;
            match decision {
                Decision::Adopt(generation) => {
                    if adopt(&self.engine, &session.id, generation, HAND_OVER_OR_REFRESH).await {
                        return Ok((decision, at));
                    }
                    // What was waited for was another generation's token.
                    (known, caught_up) = (generation, None);
                }
                Decision::CatchUp(_) if renewals > RENEWALS => return Err(LedgerError::Aborted),
                Decision::CatchUp(generation) => {
                    renewals += 1;
                    caught_up = self.catch_up(&session.id, generation).await;
                }
                decision => return Ok((decision, at)),
            }
        }
    }

    /// Waits until this tab's view of storage shows the token of `generation`. If it does not, within
    /// the catch-up bound: what it shows of the session instead. A view that changes meanwhile is one
    /// that another tab has just written to, so the wait begins anew; storage that throws has shown nothing.
    async fn catch_up(&self, session: &Sid, generation: u32) -> Option<View> {
        let mut view = self.engine.vault.view(session);
        let (mut looks, mut renewals) = (0, 0);
        while looks < CATCH_UP.0 {
            if matches!(self.engine.look_up(session, generation), Found::Token(_)) {
                return None;
            }
            self.engine.platform.sleep(CATCH_UP.1).await;
            looks += 1;
            let now = self.engine.vault.view(session);
            if now.is_none() || now == view {
                continue;
            }
            if renewals < RENEWALS {
                (looks, renewals) = (0, renewals + 1);
            }
            view = now;
        }
        view
    }

    /// Remembers since when this tab sees another's flight.
    pub(super) fn watch(&self, flight: Flight) {
        let now = self.engine.platform.now();
        let mut watched = self.watched.borrow_mut();
        if watched.as_ref().is_none_or(|(before, _)| *before != flight) {
            *watched = Some((flight, now));
        }
    }

    async fn decision(
        self: &Rc<Self>,
        session: &Session,
        known: u32,
        lock: Lock,
        caught_up: Option<View>,
    ) -> Result<(Decision, Instant), LedgerError> {
        let mut facts = Facts {
            wall: 0,
            session: session.id.clone(),
            known,
            owner: self.owner().to_owned(),
            lock,
            watched: None,
            fixed: self.engine.contract.rotation == Rotation::Never,
            caught_up: false,
            this_tabs: session.is_this_tabs(),
        };
        let this = self.clone();
        let decide = move |page: &mut Page| {
            // Read here: another tab's transaction may have come between.
            let engine = &this.engine;
            let now = engine.platform.now();
            facts.wall = now.wall;
            facts.watched = this
                .watched
                .borrow()
                .clone()
                .map(|(flight, since)| Watched { flight, elapsed: now.waited_since(since) });
            // What was waited for in vain may be coming, if storage has moved since.
            facts.caught_up = facts.this_tabs
                || caught_up.is_some_and(|view| Some(view) == engine.vault.view(&facts.session));
            // What this tab's own row lacks was never in the vault, which may throw for ever.
            let vault = |generation| match facts.this_tabs {
                true => Found::Missing,
                false => engine.look_up(&facts.session, generation),
            };
            (decide(page, &facts, vault, || engine.mint()), now)
        };
        self.engine.transact(session, decide).await
    }

    /// Whether the decision for `attempt` does not hold any more.
    pub(super) fn is_out_of_date(&self, session: &Session, attempt: &Attempt, decided_at: Instant) -> bool {
        // The ledger has shown another transaction of this tab that the token is spent.
        let spent = self.engine.ledger.has_read_beyond(&session.id, attempt.leaves());
        // The token before goes only while its successor is lost: another tab may have put it back.
        let back = attempt.previous && !self.lacks(&session.id, attempt.leaves());
        // The tab's own flight may run out before the attempt's deadline.
        let late = !attempt.harmless && self.engine.platform.now().since(decided_at) > SEND_WITHIN;
        spent || back || late
    }

    /// Whether storage shows that it does not hold the token. What cannot be read is not lost.
    pub(super) fn lacks(&self, session: &Sid, generation: u32) -> bool {
        matches!(self.engine.look_up(session, generation), Found::Missing)
    }
}
