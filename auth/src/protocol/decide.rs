//! What a refresh decides before it sends (step 2 of docs/protocol.md), as functions on the ledger's rows: data
//! in, decision out. Each runs within one transaction; `flows/refresh.rs` walks from one to the next.

use std::cell::Cell;

use crate::protocol::attempt::{Attempt, Found};
use crate::protocol::ids::Sid;
use crate::protocol::rows::{Flight, Key, Page, Row};
use crate::protocol::times::Span;
use crate::wire::{EndReason, RefreshToken};

/// The longest time between sending an attempt and the end of its answer's body, in milliseconds. After each attempt
/// in a row that had no answer in time, the next one is given as much again, up to the longest: a server that is slower
/// than the first deadline is waited for at last. Where a repeat may end the session, the first attempt is given the
/// longest, because a server that has acted and is slow would take the repeat for theft.
pub(crate) const ATTEMPT_DEADLINE: u32 = 10_000;
const LONGEST_DEADLINE: u32 = 30_000;
/// For how much longer than its attempt's deadline a flight keeps other tabs out, in milliseconds: for the
/// transaction before the attempt, and for late timers.
const FLIGHT_MARGIN: u32 = 3_000;
/// No flight is longer, in milliseconds.
pub(crate) const LONGEST_FLIGHT: u32 = LONGEST_DEADLINE + FLIGHT_MARGIN;
/// How long a tab waits for another tab's flight although sending as well would do no harm, in milliseconds.
/// Without locks this keeps five tabs from asking five times.
const COURTESY: u32 = 2_000;

/// Another tab's flight, and for how many milliseconds of its own monotonic clock this tab has seen it.
#[derive(Clone, Debug)]
pub(crate) struct Watched {
    pub(crate) flight: Flight,
    pub(crate) elapsed: u64,
}

/// How the queue was left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lock {
    /// With the lock: its holder before is done, or gone.
    Held,
    /// This browser has no Web Locks.
    NoLocks,
    /// The bound ran out: a tab still holds it.
    RanOut,
}

/// What a decision depends on besides the rows.
pub(crate) struct Facts {
    pub(crate) wall: u64,
    pub(crate) session: Sid,
    /// The generation that the tab wants to leave behind.
    pub(crate) known: u32,
    /// This life of this tab.
    pub(crate) owner: String,
    pub(crate) lock: Lock,
    /// The flight that this tab has been waiting for.
    pub(crate) watched: Option<Watched>,
    /// Whether the contract says that the server does not rotate.
    pub(crate) fixed: bool,
    /// Whether the tab has waited for the token in vain.
    pub(crate) caught_up: bool,
    /// Whether the session lives in this tab alone.
    pub(crate) this_tabs: bool,
}

/// What to do next.
#[derive(Debug)]
pub(crate) enum Decision {
    /// The session is over, or another one is current.
    Gone(EndReason),
    /// The row is newer: its access token may be had from a sibling.
    Adopt(u32),
    /// All tabs wait for so many milliseconds.
    Wait { left: u32, limited: bool },
    /// Another tab's flight is open, for so many milliseconds more at most.
    Busy { flight: Flight, left: u32 },
    /// This tab's view of storage does not show the token of this generation yet.
    CatchUp(u32),
    /// Storage throws.
    Unreadable,
    /// The session cannot be renewed, so this decision has ended it.
    Ended(EndReason),
    /// Send this.
    Send(Attempt),
}

/// Step 2. Looks up the token of the row's generation with `vault`; mints keys with `mint`.
pub(crate) fn decide(
    page: &mut Page,
    facts: &Facts,
    vault: impl Fn(u32) -> Found,
    mint: impl Fn() -> Key,
) -> Decision {
    let row = match page.current(&facts.session) {
        Ok(row) => row,
        Err(reason) => return Decision::Gone(reason),
    };
    if !row.renewable {
        row.end(EndReason::Expired);
        return Decision::Ended(EndReason::Expired);
    }
    if row.generation > facts.known {
        return Decision::Adopt(row.generation);
    }
    if let Some(wait) = row.not_before {
        let left = wait.left(facts.wall);
        if left > 0 {
            return Decision::Wait { left, limited: wait.limited };
        }
    }
    // A tab that waits writes nothing, but for a clock that was set back, from which time counts anew.
    let mut bucket = row.bucket;
    bucket.fill(facts.wall);
    if row.bucket.is_ahead(facts.wall) {
        row.bucket = bucket;
    }
    let left = bucket.wait(facts.wall);
    if left > 0 {
        return Decision::Wait { left, limited: false };
    }
    let attempt = match lookup(row, row.generation, &vault) {
        Found::Token(token) => attempt(row, row.generation, token, row.key.clone(), facts.fixed),
        Found::Unreadable => return Decision::Unreadable,
        Found::Missing if !facts.caught_up => return Decision::CatchUp(row.generation),
        Found::Missing => {
            // A token that cannot be read is not lost.
            let unreadable = Cell::new(false);
            let vault = |generation| {
                let found = vault(generation);
                unreadable.set(unreadable.get() || matches!(found, Found::Unreadable));
                found
            };
            match unchanged(row, vault, facts.fixed).or_else(|| previous(row, vault)) {
                Some(attempt) => attempt,
                None if unreadable.get() => return Decision::Unreadable,
                None => {
                    let reason = if facts.this_tabs { EndReason::Expired } else { EndReason::Lost };
                    row.end(reason);
                    return Decision::Ended(reason);
                }
            }
        }
    };
    if !attempt.harmless || facts.lock == Lock::NoLocks {
        if let Some(flight) = row.flight.as_ref().filter(|flight| *flight.owner != *facts.owner) {
            let left = if attempt.harmless { courtesy(flight, facts) } else { still_open(flight, facts) };
            if left > 0 {
                return Decision::Busy { flight: flight.clone(), left };
            }
        }
        let span = Span::new(facts.wall, attempt.deadline + FLIGHT_MARGIN);
        row.flight = Some(Flight { owner: facts.owner.clone(), span, locked: facts.lock == Lock::Held });
    }
    if row.next.is_none() {
        row.next = Some(mint());
    }
    bucket.take();
    row.bucket = bucket;
    Decision::Send(attempt)
}

/// For how long another tab's flight is open. The wall clock alone proves nothing, because people set it: either
/// the lock is free as well, which the flight's owner held, or this tab has seen that very flight for as long as
/// one lasts. Neither is enough while that lock is held.
fn still_open(flight: &Flight, facts: &Facts) -> u32 {
    let left = flight.span.left(facts.wall, LONGEST_FLIGHT);
    let length = flight.span.length().min(LONGEST_FLIGHT);
    if flight.locked && facts.lock == Lock::RanOut {
        // The lock's holder may be the flight's owner, stopped with its attempt out, or with the answer in hand.
        return length;
    }
    if left == 0 && flight.locked && facts.lock == Lock::Held {
        return 0;
    }
    length.saturating_sub(watched(flight, facts))
}

/// For how long another tab's flight is worth waiting for, where it would do no harm to send as well.
fn courtesy(flight: &Flight, facts: &Facts) -> u32 {
    let length = flight.span.length().min(LONGEST_FLIGHT);
    let left = flight.span.left(facts.wall, LONGEST_FLIGHT).saturating_sub(length.saturating_sub(COURTESY));
    left.min(COURTESY.saturating_sub(watched(flight, facts)))
}

/// For how long this tab has seen the flight.
fn watched(flight: &Flight, facts: &Facts) -> u32 {
    let watched = facts.watched.as_ref().filter(|watched| watched.flight == *flight);
    watched.map_or(0, |watched| u32::try_from(watched.elapsed).unwrap_or(u32::MAX))
}

fn lookup(row: &Row, generation: u32, vault: impl Fn(u32) -> Found) -> Found {
    row.refresh_token().map_or_else(|| vault(generation), Found::Token)
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
fn previous(row: &Row, vault: impl Fn(u32) -> Found) -> Option<Attempt> {
    let generation = row.generation.checked_sub(1).filter(|_| row.idempotent)?;
    let key = row.previous_key.clone()?;
    match vault(generation) {
        Found::Token(token) => {
            Some(Attempt { previous: true, ..attempt(row, generation, token, key, false) })
        }
        Found::Missing | Found::Unreadable => None,
    }
}

fn attempt(row: &Row, generation: u32, token: RefreshToken, key: Key, fixed: bool) -> Attempt {
    // A server that knows the session by a key beside the cookie gives any token of its family the current one.
    let has_key = token.handle().is_some_and(|handle| handle.count() > 1);
    let harmless = row.idempotent || fixed || has_key;
    let patience = ATTEMPT_DEADLINE.saturating_mul(row.timeouts.saturating_add(1));
    Attempt {
        session: row.sid.clone(),
        generation,
        token,
        key,
        idempotent: row.idempotent,
        harmless,
        previous: false,
        deadline: if harmless { patience.min(LONGEST_DEADLINE) } else { LONGEST_DEADLINE },
    }
}

#[cfg(test)]
mod tests;
