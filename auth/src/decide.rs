//! What a refresh decides, as functions on the ledger's rows: data in, decision out. Each runs within
//! one transaction; `refresh.rs` walks from one to the next.

use std::rc::Rc;

use crate::error::EndReason;
use crate::ledger::{Flight, Key, Page, Row, Span, Wait};
use crate::rules::{Rule, Rules};
use crate::token::RefreshToken;
use crate::vault::Found;

/// The longest backoff, in milliseconds; the shortest is half a second.
pub(crate) const BACKOFF: u32 = 30_000;
/// The longest wait that a server may ask for, in milliseconds.
const RETRY_AFTER: u32 = 300_000;
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
    Wait { left: u32, asked: bool },
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

impl Attempt {
    /// The generation that it leaves behind: the row's, also where it is made with the token before.
    pub(crate) fn leaves(&self) -> u32 {
        self.generation.saturating_add(u32::from(self.previous))
    }
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
        let left = wait.span.left(facts.wall, if wait.asked { RETRY_AFTER } else { BACKOFF });
        if left > 0 {
            return Decision::Wait { left, asked: wait.asked };
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
        return Decision::Wait { left, asked: false };
    }
    let generation = if rules.on(Rule::DecideByLedger) { row.generation } else { facts.known };
    let attempt = match lookup(row, generation, &vault) {
        Found::Token(token) => attempt(row, generation, token, row.key.clone(), facts.fixed),
        Found::Unreadable => return Decision::Unreadable,
        Found::Missing if !facts.caught_up => return Decision::CatchUp(generation),
        Found::Missing => {
            match unchanged(row, &vault, facts.fixed).or_else(|| previous(row, &vault, rules)) {
                Some(attempt) => attempt,
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
    let key = if rules.on(Rule::KeyBeforeAttempt) { attempt.key.clone() } else { mint() };
    Decision::Send(Attempt { key, ..attempt })
}

/// For how long another tab's flight is open. The wall clock alone proves nothing, since it may have been
/// set: either the lock is free as well, which the flight's owner held, or this tab has seen that very
/// flight for as long as one lasts.
fn still_open(flight: &Flight, facts: &Facts) -> u32 {
    let left = flight.span.left(facts.wall, FLIGHT);
    if !facts.rules.on(Rule::ProvenOver) {
        return left;
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
fn current<'a>(page: &'a mut Page, session: &str, rules: Rules) -> Result<&'a mut Row, EndReason> {
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

/// A server that does not rotate: an older generation's token is the same.
fn unchanged(row: &Row, vault: impl Fn(u32) -> Found, fixed: bool) -> Option<Attempt> {
    const BACK: u32 = 8;
    let older = (1..=BACK).filter(|_| fixed).filter_map(|back| row.generation.checked_sub(back));
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

/// What became of an attempt's answer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Committed {
    /// The row is at this generation now, or was already and lacked the token. Whether the token can
    /// be read back.
    Stored { generation: u32, readable: bool },
    /// Same session, moved on: the access token is good, the refresh token is dropped.
    MovedOn(u32),
    /// The vault cannot be written: the row was left, the attempt will be repeated.
    Unwritable,
    /// Ended, or another session: everything is dropped.
    Gone(EndReason),
}

/// What an answer brought, and where it goes.
pub(crate) struct Received {
    /// The refresh token; the attempt's own if the answer had none.
    pub(crate) token: RefreshToken,
    /// What the answer said of idempotent rotation.
    pub(crate) idempotent: Option<bool>,
    /// Whether the refresh token goes into the row.
    pub(crate) in_row: bool,
    /// A key for a row that lacks its next one.
    pub(crate) spare: Key,
}

/// Step 4: compares (session, generation, key) with the row, and stores with `put` before the row
/// says so. `has` tells whether the vault shows the token of a generation.
pub(crate) fn commit(
    page: &mut Page,
    attempt: &Attempt,
    received: &Received,
    put: impl Fn(u32, &RefreshToken) -> (bool, bool),
    has: impl Fn(u32) -> bool,
    rules: Rules,
) -> Committed {
    let row = match current(page, &attempt.session, rules) {
        Ok(row) => row,
        Err(reason) => return Committed::Gone(reason),
    };
    let next = attempt.generation.saturating_add(1);
    let same_generation = row.generation == attempt.generation || !rules.on(Rule::CommitByGeneration);
    let by_key = rules.on(Rule::CommitByKey) && rules.on(Rule::KeyBeforeAttempt);
    if same_generation && (row.key == attempt.key || !by_key) {
        let (in_row, readable) = if received.in_row {
            (true, true)
        } else {
            let (written, readable) = put(next, &received.token);
            if !written && attempt.harmless {
                return Committed::Unwritable;
            }
            // Sent again, the spent token would look like theft to this server: better in the row.
            (!written, readable || !written)
        };
        // A token that stays the same keeps its key: no token is ever sent with two.
        if received.token != attempt.token {
            row.previous_key = Some(row.key.clone());
            row.key = row.next.take().unwrap_or_else(|| received.spare.clone());
            if !rules.on(Rule::OneKey) {
                row.key = received.spare.clone();
            }
        }
        row.generation = next;
        row.token = in_row.then(|| received.token.reveal().to_owned());
        row.idempotent = received.idempotent.unwrap_or(row.idempotent);
        (row.flight, row.not_before, row.failures) = (None, None, 0);
        return Committed::Stored { generation: next, readable };
    }
    let same_attempt = row.generation == next && row.previous_key.as_ref() == Some(&attempt.key);
    // Only an idempotent server gives the same token twice.
    if same_attempt && attempt.idempotent && row.token.is_none() && !has(next) {
        let (written, readable) = put(next, &received.token);
        if !rules.on(Rule::OneKey) {
            row.key = received.spare.clone();
        }
        return if written {
            Committed::Stored { generation: next, readable }
        } else {
            Committed::Unwritable
        };
    }
    Committed::MovedOn(row.generation)
}

/// What a terminal answer or a 409 means.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// It is about the current token: the session was ended.
    Ended,
    /// The winner is elsewhere.
    Ahead,
    /// Ended before, or another session.
    Gone(EndReason),
}

/// Step 6. `has` tells whether the vault shows the token of a generation.
pub(crate) fn terminal(
    page: &mut Page,
    attempt: &Attempt,
    reason: EndReason,
    has: impl Fn(u32) -> bool,
    rules: Rules,
) -> Verdict {
    let row = match current(page, &attempt.session, rules) {
        Ok(row) => row,
        Err(reason) => return Verdict::Gone(reason),
    };
    let by_key = rules.on(Rule::KeyBeforeAttempt);
    let equal = row.generation == attempt.generation && (row.key == attempt.key || !by_key);
    // The lost token's predecessor was refused: no way is left to what the row stands for.
    let lost = attempt.previous
        && row.generation == attempt.generation.saturating_add(1)
        && row.previous_key.as_ref() == Some(&attempt.key)
        && !has(row.generation);
    if equal || lost || !rules.on(Rule::EndByCompare) {
        row.end(reason, false);
        return Verdict::Ended;
    }
    Verdict::Ahead
}

/// Step 5: moves `not_before` by full-jitter backoff, or by what the server asked for, and says for
/// how long. `random` is any number; a row that has moved on is left alone.
pub(crate) fn back_off(
    page: &mut Page,
    attempt: &Attempt,
    owner: &str,
    wall: u64,
    retry_after: Option<u32>,
    random: u32,
) -> u32 {
    let jittered = |failures: u32| random % ((500_u32 << failures.min(6)).min(BACKOFF) + 1);
    let asked = retry_after.map(|seconds| seconds.saturating_mul(1_000).min(RETRY_AFTER));
    let Some(row) = page.row.as_mut().filter(|row| row.ended.is_none()) else { return 0 };
    row.flight.take_if(|flight| flight.owner == owner);
    let about_it = row.generation == attempt.generation || attempt.previous;
    if !about_it {
        return 0;
    }
    let length = asked.unwrap_or_else(|| jittered(row.failures));
    row.failures = row.failures.saturating_add(1);
    row.not_before = Some(Wait { span: Span::new(wall, length), asked: asked.is_some() });
    length
}
