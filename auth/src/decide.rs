//! What a refresh decides before it sends (step 2), as functions on the ledger's rows: data in, decision
//! out. Each runs within one transaction; `refresh.rs` walks from one to the next.

use std::cell::Cell;
use std::rc::Rc;

use crate::error::EndReason;
use crate::ledger::{Flight, Key, Page, Row, Span};
use crate::rules::{Rule, Rules};
use crate::token::RefreshToken;
use crate::vault::Found;

/// How long a flight keeps other tabs out, in milliseconds: the attempt's deadline, the transaction
/// before it, and the staleness bound.
pub(crate) const FLIGHT: u32 = 13_000;
/// How long a flight is waited for where nobody needs to, in milliseconds: without locks it is what
/// keeps five tabs from asking five times.
const COURTESY: u32 = 2_000;

/// Another tab's flight, and for how many milliseconds of its own monotonic clock a tab has seen it.
#[derive(Clone, Debug)]
pub(crate) struct Watched {
    pub(crate) flight: Flight,
    pub(crate) elapsed: u64,
}

/// How the queue was left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Turn {
    /// With the lock: whoever held it before is done, or gone.
    Held,
    /// This browser has no Web Locks.
    NoLocks,
    /// The bound ran out: somebody still holds it.
    RanOut,
}

/// What a decision depends on besides the rows.
pub(crate) struct Facts {
    pub(crate) wall: u64,
    pub(crate) session: Rc<str>,
    /// The generation that the tab wants to leave behind.
    pub(crate) known: u32,
    /// This life of this tab.
    pub(crate) owner: Rc<str>,
    pub(crate) turn: Turn,
    /// The flight that this tab has been waiting for.
    pub(crate) watched: Option<Watched>,
    /// Whether the contract says that the server does not rotate.
    pub(crate) fixed: bool,
    /// Whether the token was waited for in vain.
    pub(crate) caught_up: bool,
    /// Whether the ledger is this tab's own.
    pub(crate) alone: bool,
    pub(crate) rules: Rules,
}

/// What to do next.
#[derive(Debug)]
pub(crate) enum Decision {
    /// Ended, or another session is current.
    Stop(EndReason),
    /// The row is newer: its access token may be had from a sibling.
    Adopt(u32),
    /// Nobody refreshes for so many milliseconds.
    Wait { left: u32, limited: bool },
    /// Another tab's flight is open, for so many milliseconds more at most.
    Busy { flight: Flight, left: u32 },
    /// The token of this generation is not to be seen yet.
    CatchUp(u32),
    /// Storage throws.
    Unreadable,
    /// The token is lost: the session was ended.
    Lost(EndReason),
    /// Send this.
    Send(Attempt),
}

/// One POST to the refresh endpoint: a token, its key, and what they belong to.
#[derive(Clone, Debug)]
pub(crate) struct Attempt {
    pub(crate) session: Rc<str>,
    pub(crate) generation: u32,
    pub(crate) token: RefreshToken,
    pub(crate) key: Key,
    /// Whether the server announced that it takes the key.
    pub(crate) idempotent: bool,
    /// Whether sending the token twice does no harm.
    pub(crate) harmless: bool,
    /// Whether the row is one generation ahead, its token lost.
    pub(crate) previous: bool,
}

impl Attempt {
    /// The generation that it leaves behind: the row's, also where it is made with the token before.
    pub(crate) fn leaves(&self) -> u32 {
        self.generation.saturating_add(u32::from(self.previous))
    }
}

/// Step 2. Looks up the token of the row's generation with `vault`; mints keys with `mint`.
pub(crate) fn decide(
    page: &mut Page,
    facts: &Facts,
    vault: impl Fn(u32) -> Found,
    mint: impl Fn() -> Key,
) -> Decision {
    let rules = facts.rules;
    let row = match current(page, &facts.session, rules) {
        Ok(row) => row,
        Err(reason) => return Decision::Stop(reason),
    };
    if row.generation > facts.known && rules.on(Rule::Adopt) {
        return Decision::Adopt(row.generation);
    }
    if let Some(wait) = row.not_before.filter(|_| rules.on(Rule::SharedBackoff)) {
        let left = wait.left(facts.wall);
        if left > 0 {
            return Decision::Wait { left, limited: wait.limited };
        }
    }
    // Whoever waits writes nothing, but for a clock that was set back, from which time counts anew.
    let mut bucket = row.bucket;
    bucket.fill(facts.wall);
    if row.bucket.is_ahead(facts.wall) {
        row.bucket = bucket;
    }
    let left = bucket.wait(facts.wall);
    if left > 0 && rules.on(Rule::RateGate) {
        return Decision::Wait { left, limited: false };
    }
    let generation = if rules.on(Rule::DecideByLedger) { row.generation } else { facts.known };
    let mut attempt = match lookup(row, generation, &vault) {
        Found::Token(token) => attempt(row, generation, token, row.key.clone(), facts.fixed),
        Found::Unreadable => return Decision::Unreadable,
        Found::Missing if !facts.caught_up => return Decision::CatchUp(generation),
        Found::Missing => {
            // What cannot be read is not lost.
            let unreadable = Cell::new(false);
            let vault = |generation| {
                let found = vault(generation);
                unreadable.set(unreadable.get() || matches!(found, Found::Unreadable));
                found
            };
            match unchanged(row, vault, facts.fixed).or_else(|| previous(row, vault, rules)) {
                Some(attempt) => attempt,
                None if unreadable.get() => return Decision::Unreadable,
                None => {
                    let reason = if facts.alone { EndReason::Expired } else { EndReason::Lost };
                    row.end(reason, false);
                    return Decision::Lost(reason);
                }
            }
        }
    };
    let one_at_a_time = if attempt.harmless { facts.turn == Turn::NoLocks } else { rules.on(Rule::Flight) };
    if one_at_a_time {
        if let Some(flight) = row.flight.as_ref().filter(|flight| *flight.owner != *facts.owner) {
            let left = if attempt.harmless { courtesy(flight, facts) } else { still_open(flight, facts) };
            if left > 0 {
                return Decision::Busy { flight: flight.clone(), left };
            }
        }
        let (owner, span) = (facts.owner.to_string(), Span::new(facts.wall, FLIGHT));
        row.flight = Some(Flight { owner, span, locked: facts.turn == Turn::Held });
    }
    if row.next.is_none() {
        row.next = Some(mint());
    }
    bucket.take();
    row.bucket = bucket;
    if !rules.on(Rule::KeyBeforeAttempt) {
        attempt.key = mint();
    }
    Decision::Send(attempt)
}

/// For how long another tab's flight is open. The wall clock alone proves nothing, since it may have been
/// set: either the lock is free as well, which the flight's owner held, or this tab has seen that very
/// flight for as long as one lasts. Neither is enough while that lock is held.
fn still_open(flight: &Flight, facts: &Facts) -> u32 {
    let left = flight.span.left(facts.wall, FLIGHT);
    if !facts.rules.on(Rule::ProvenOver) {
        return left;
    }
    if flight.locked && facts.turn == Turn::RanOut {
        // Whoever holds the lock may be its owner, stopped with its attempt out, or with the answer in hand.
        return FLIGHT;
    }
    if left == 0 && flight.locked && facts.turn == Turn::Held {
        return 0;
    }
    FLIGHT.saturating_sub(watched(flight, facts))
}

/// For how long another tab's flight is worth waiting for, where it would do no harm to send as well.
fn courtesy(flight: &Flight, facts: &Facts) -> u32 {
    let left = flight.span.left(facts.wall, FLIGHT).saturating_sub(FLIGHT - COURTESY);
    left.min(COURTESY.saturating_sub(watched(flight, facts)))
}

/// For how long this tab has seen the flight.
fn watched(flight: &Flight, facts: &Facts) -> u32 {
    let watched = facts.watched.as_ref().filter(|watched| watched.flight == *flight);
    watched.map_or(0, |watched| u32::try_from(watched.elapsed).unwrap_or(u32::MAX))
}

/// The row of `session`, if the session lives and is the current one.
pub(crate) fn current<'a>(page: &'a mut Page, session: &str, rules: Rules) -> Result<&'a mut Row, EndReason> {
    let named = page.now.as_ref().is_some_and(|now| now.sid == session);
    let Some(row) = page.row.as_mut() else { return Err(gone(named, page.now.is_some())) };
    if let Some(reason) = row.ended_elsewhere().filter(|_| rules.on(Rule::LogoutWins)) {
        return Err(reason);
    }
    if !named && rules.on(Rule::CommitBySession) {
        return Err(gone(named, page.now.is_some()));
    }
    Ok(row)
}

/// Without a row or without `now` the ledger was wiped: a logout leaves both.
fn gone(named: bool, another: bool) -> EndReason {
    if another && !named { EndReason::ReplacedElsewhere } else { EndReason::Lost }
}

fn lookup(row: &Row, generation: u32, vault: impl Fn(u32) -> Found) -> Found {
    match row.token.as_deref().and_then(RefreshToken::parse) {
        Some(token) => Found::Token(token),
        None => vault(generation),
    }
}

/// A server that does not rotate, or has not lately: an older generation's token is the same.
fn unchanged(row: &Row, vault: impl Fn(u32) -> Found, fixed: bool) -> Option<Attempt> {
    const BACK: u32 = 8;
    let back = if fixed { BACK } else { row.unchanged.min(BACK) };
    let older = (1..=back).filter_map(|back| row.generation.checked_sub(back));
    older.into_iter().find_map(|generation| match vault(generation) {
        Found::Token(token) => Some(attempt(row, row.generation, token, row.key.clone(), fixed)),
        Found::Missing | Found::Unreadable => None,
    })
}

/// The generation before: its key repeats the attempt whose answer held the lost token.
fn previous(row: &Row, vault: impl Fn(u32) -> Found, rules: Rules) -> Option<Attempt> {
    let generation = row.generation.checked_sub(1).filter(|_| row.idempotent)?;
    let key = row.previous_key.clone()?;
    let key = if rules.on(Rule::PreviousKey) { key } else { row.key.clone() };
    match vault(generation) {
        Found::Token(token) => {
            Some(Attempt { previous: true, ..attempt(row, generation, token, key, false) })
        }
        Found::Missing | Found::Unreadable => None,
    }
}

fn attempt(row: &Row, generation: u32, token: RefreshToken, key: Key, fixed: bool) -> Attempt {
    Attempt {
        session: row.sid.as_str().into(),
        generation,
        token,
        key,
        idempotent: row.idempotent,
        harmless: row.idempotent || fixed,
        previous: false,
    }
}

#[cfg(test)]
mod tests;
