//! Step 2 of a refresh: decide, and wait for what is not to be seen yet.

use crate::client::Client;
use crate::contract::Rotation;
use crate::custody::RefreshCustody;
use crate::decide::{Decision, Facts, Turn, Watched, decide};
use crate::ledger::{Flight, Page};
use crate::platform::{Instant, LedgerError};
use crate::rules::Rule;
use crate::session::{Book, Session};
use crate::vault::{Found, View};

/// How long a token is waited for that this tab's view of storage lacks: so many looks, so many
/// milliseconds apart. Looks are counted, since a page that was frozen has seen nothing meanwhile.
const CATCH_UP: (u32, u32) = (10, 100);
/// How often the wait begins anew because storage moved.
const RENEWALS: u32 = 2;

impl Client {
    /// Step 2. Decide: one transaction, and what has to be waited for between two of them. With the
    /// moment of the last one, at which the flight began.
    pub(super) async fn decide(
        &self,
        session: &Session,
        known: u32,
        turn: Turn,
    ) -> Result<(Decision, Instant), LedgerError> {
        let mut known = known;
        let alone = || (session.book == Book::Own).then(Vec::new);
        let mut caught_up = alone();
        let mut renewals = 0;
        loop {
            let (decision, at) = self.decision(session, known, turn, caught_up.clone()).await?;
            match decision {
                Decision::Adopt(generation) => {
                    if self.adopt(session, generation).await {
                        return Ok((decision, at));
                    }
                    // What was waited for was another generation's token.
                    (known, caught_up) = (generation, alone());
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
    /// that somebody has just written to, so the wait begins anew; storage that throws has shown nothing.
    async fn catch_up(&self, session: &str, generation: u32) -> Option<View> {
        let mut view = self.vault().view(self.platform(), session);
        let (mut looks, mut renewals) = (0, 0);
        let most = if self.rules().on(Rule::RenewCatchUp) { RENEWALS } else { 0 };
        while looks < CATCH_UP.0 {
            if self.shows(session, generation) {
                return None;
            }
            self.platform().sleep(CATCH_UP.1).await;
            looks += 1;
            let now = self.vault().view(self.platform(), session);
            if now.is_none() || now == view {
                continue;
            }
            if renewals < most {
                (looks, renewals) = (0, renewals + 1);
            }
            view = now;
        }
        view
    }

    /// Remembers since when this tab sees another's flight.
    pub(super) fn watch(&self, flight: Flight) {
        let now = self.platform().now().monotonic;
        let mut watched = self.0.watched.borrow_mut();
        if watched.as_ref().is_none_or(|(before, _)| *before != flight) {
            *watched = Some((flight, now));
        }
    }

    async fn decision(
        &self,
        session: &Session,
        known: u32,
        turn: Turn,
        caught_up: Option<View>,
    ) -> Result<(Decision, Instant), LedgerError> {
        let mut facts = Facts {
            wall: 0,
            session: session.id.clone(),
            known,
            owner: self.owner(),
            turn,
            watched: None,
            fixed: self.contract().rotation == Rotation::Never,
            caught_up: false,
            alone: session.book == Book::Own,
            rules: self.rules(),
        };
        let client = self.clone();
        let decide = move |page: &mut Page| {
            // Read here: another tab's transaction may have come between.
            let now = client.platform().now();
            facts.wall = now.wall;
            facts.watched = client
                .0
                .watched
                .borrow()
                .clone()
                .map(|(flight, since)| Watched { flight, elapsed: now.monotonic.saturating_sub(since) });
            // What was waited for in vain may be coming, if storage has moved since.
            facts.caught_up = caught_up.is_some_and(|view| {
                facts.alone || Some(view) == client.vault().view(client.platform(), &facts.session)
            }) || !facts.rules.on(Rule::CatchUp);
            // What this tab's own ledger lacks was never in the vault, which may throw for ever.
            let vault = |generation| match facts.alone {
                true => Found::Missing,
                false => client.look_up(&facts.session, generation),
            };
            (decide(page, &facts, vault, || client.mint()), now)
        };
        self.transact(session.book, &session.id, decide).await
    }

    fn look_up(&self, session: &str, generation: u32) -> Found {
        match self.0.custody.refresh {
            RefreshCustody::Local => self.vault().get(self.platform(), session, generation),
            RefreshCustody::Database | RefreshCustody::Memory => Found::Missing,
        }
    }

    pub(super) fn shows(&self, session: &str, generation: u32) -> bool {
        matches!(self.look_up(session, generation), Found::Token(_))
    }

    /// Whether storage shows that it does not hold the token. What cannot be read is not lost.
    pub(super) fn lacks(&self, session: &str, generation: u32) -> bool {
        matches!(self.look_up(session, generation), Found::Missing)
    }
}
